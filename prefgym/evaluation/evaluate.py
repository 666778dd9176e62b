"""True return of a policy on separate environments; in a task without a reward, its metric."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import numpy.typing as npt
from gymnasium.vector import VectorEnv

from prefgym.common.finite import check_finite
from prefgym.core.protocols import Policy
from prefgym.rl.policy_runner import PolicyRunner
from prefgym.sim.capabilities import physics_of
from prefgym.sim.third_party import as_picture

FIRST_SEED = 10_000
TRUE_RETURN = "true return"
"""Name of the metric of a task with a reward."""


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """Results of evaluation episodes."""

    returns: tuple[float, ...]
    """True return of each episode, or its metric in a task without a reward."""
    lengths: tuple[int, ...]
    """Steps of each episode."""
    metric: str = TRUE_RETURN
    """Name of the metric that `returns` holds."""
    early: tuple[bool, ...] = ()
    """Whether each episode ended before its time limit, as a fall does; empty if that is not known."""
    successes: tuple[bool, ...] | None = None
    """Whether each episode ended in success; None if environments do not report success."""

    @property
    def mean(self) -> float:
        """Return the mean task return."""
        return float(np.mean(self.returns))

    @property
    def std(self) -> float:
        """Return the standard deviation over episodes."""
        return float(np.std(self.returns))

    @property
    def median(self) -> int:
        """Return the index of the episode with the median return, the lower one of an even number."""
        return int(np.argsort(self.returns, kind="stable")[(len(self.returns) - 1) // 2])

    @property
    def success_rate(self) -> float | None:
        """Return the share of episodes that ended in success; None if environments do not report success."""
        return None if self.successes is None else float(np.mean(self.successes))

    def in_words(self, digits: int) -> str:
        """Return the result as text: true returns with `digits` decimals, other metrics with one more."""
        digits += self.metric != TRUE_RETURN
        success = "" if self.successes is None else f", success in {self.success_rate:.0%}"
        early = f", {sum(self.early)} of {len(self.early)} end early" if self.early else ""
        return f"{self.metric} {self.mean:.{digits}f} ± {self.std:.{digits}f}{early}{success}"

    def metrics(self) -> dict[str, float]:
        """Return the metrics by their names in the log."""
        success = {} if self.success_rate is None else {"eval/success_rate": self.success_rate}
        early = {"eval/num_early": float(sum(self.early))} if self.early else {}
        return {
            "eval/mean_reward": self.mean,
            "eval/std_reward": self.std,
            "eval/mean_ep_length": float(np.mean(self.lengths)),
            "eval/num_episodes": float(len(self.returns)),
            **early,
            **success,
        }


def evaluate(policy: Policy, env: VectorEnv[Any, Any, Any], seed: int = FIRST_SEED) -> Evaluation:
    """Run one episode in each environment of `env`, seeded `seed`, `seed` + 1, ..., with deterministic actions.

    Raises:
        NotFiniteError: Before the physics sees an action that is not finite.
    """
    returns = np.zeros(env.num_envs)
    lengths = np.zeros(env.num_envs, np.int64)
    success, early = np.zeros(env.num_envs, np.bool_), np.zeros(env.num_envs, np.bool_)
    running = ended = np.ones(env.num_envs, np.bool_)
    player, reported = PolicyRunner(policy), None
    obs, _ = env.reset(seed=seed)
    while running.any():
        action = player.act(obs, ended)
        check_finite("the agent's action", action, obs=obs)
        obs, reward, terminated, truncated, info = env.step(action)
        ended = terminated | truncated
        reported = succeeded(info, ended)
        if reported is not None:
            success[running] = reported[running]
        returns[running] += reward[running]
        lengths += running
        early |= running & terminated
        running = running & ~ended
    return Evaluation(
        returns=tuple(returns.tolist()),
        lengths=tuple(lengths.tolist()),
        metric=metric_of(env),
        early=tuple(early.tolist()),
        successes=None if reported is None else tuple(success.tolist()),
    )


def succeeded(info: Mapping[str, Any], ended: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_] | None:
    """Return in which environments a step led to success; None if they do not report it. Shape: (N,), bool.

    Args:
        info: Infos of a step in SAME_STEP mode.
        ended: Whether the step ended the episode, so that `info` belongs to the next one. Shape: (N,), bool.
    """
    final = info.get("final_info", {})
    if "is_success" not in info and "is_success" not in final:
        return None
    nobody = np.zeros(len(ended))
    after, now = (np.asarray(infos.get("is_success", nobody), np.bool_) for infos in (final, info))
    return np.where(ended, after, now)


def metric_of(env: VectorEnv[Any, Any, Any]) -> str:
    """Return the name of the evaluation metric of an environment."""
    return env.metadata.get("metric", TRUE_RETURN)


def record_episode(
    policy: Policy, env: VectorEnv[Any, Any, Any], seed: int = FIRST_SEED, index: int = 0
) -> dict[str, npt.NDArray[Any]]:
    """Record one of the episodes that `evaluate` runs in the same environments, to the same bits.

    Args:
        policy: Policy, without exploration noise.
        env: Environments; with as many as in the evaluation, sums are rounded in the same way.
        seed: Seed of the first one.
        index: Which of them is recorded.

    Returns:
        `obs` (T+1, O), `action` (T, A), `reward` (T,), and for pictures `state` (T+1, S) of environments with physics
        states, and `frames` (T, H, W, 3) of those with a render mode.
    """
    obs, _ = env.reset(seed=seed)
    physics = physics_of(env)
    observations, actions, rewards = [np.array(obs[index])], list[Any](), list[float]()
    states, frames = [physics.physics_state()[index]] if physics else list[Any](), list[Any]()
    player, ended = PolicyRunner(policy), np.ones(env.num_envs, np.bool_)
    while not (actions and ended[index]):
        if env.render_mode is not None:
            frames.append(as_picture(cast(Any, env.render())[index]))
        action = player.act(obs, ended)
        obs, reward, terminated, truncated, info = env.step(action)
        ended = terminated | truncated
        observations.append(np.array((info["final_obs"] if ended[index] and "final_obs" in info else obs)[index]))
        if physics:
            states.append(physics.physics_state(final=True)[index])
        actions.append(np.array(action[index]))
        rewards.append(float(reward[index]))
    arrays = {"state": states, "frames": frames, "obs": observations, "action": actions, "reward": rewards}
    return {name: np.asarray(values) for name, values in arrays.items() if values}
