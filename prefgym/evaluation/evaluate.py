"""True return: the task reward of a policy, on environments of its own, or what the task's measure counts."""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

import gymnasium as gym
import numpy as np
import numpy.typing as npt
from gymnasium.vector import AutoresetMode, VectorEnv

from prefgym.common.errors import UserError
from prefgym.common.finite import check_finite
from prefgym.core.protocols import Policy
from prefgym.rl.policy_runner import PolicyRunner
from prefgym.sim.gl import mujoco
from prefgym.sim.third_party import find, make_vector

FIRST_SEED = 10_000
OURS = "prefgym.envs.registration:make_vector_env"
"""What makes the environments that are simulated here."""
TRUE_RETURN = "true return"
"""What is measured where there is a task reward."""


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """The outcome of some episodes."""

    returns: tuple[float, ...]
    """Task return of each episode, or what its measure came to."""
    lengths: tuple[int, ...]
    """Steps of each episode."""
    metric: str = TRUE_RETURN
    """What the returns are."""
    successes: tuple[bool, ...] | None = None
    """Whether each episode ended in success; None where environments do not say."""

    @property
    def mean(self) -> float:
        """Return the mean task return."""
        return float(np.mean(self.returns))

    @property
    def std(self) -> float:
        """Return the deviation over episodes."""
        return float(np.std(self.returns))

    @property
    def success_rate(self) -> float | None:
        """Return the share of episodes that ended in success, where environments say so."""
        return None if self.successes is None else float(np.mean(self.successes))

    def in_words(self, digits: int) -> str:
        """Say what was measured: true returns with so many digits, what is counted with one more."""
        digits += self.metric != TRUE_RETURN
        success = "" if self.successes is None else f", success in {self.success_rate:.0%}"
        return f"{self.metric} {self.mean:.{digits}f} ± {self.std:.{digits}f}{success}"

    def metrics(self) -> dict[str, float]:
        """Return the numbers under the names they are logged with."""
        success = {} if self.success_rate is None else {"eval/success_rate": self.success_rate}
        return {
            "eval/mean_reward": self.mean,
            "eval/std_reward": self.std,
            "eval/mean_ep_length": float(np.mean(self.lengths)),
            **success,
        }


def evaluate(policy: Policy, env: VectorEnv[Any, Any, Any], seed: int = FIRST_SEED) -> Evaluation:
    """Run one episode in each environment of `env`, seeded `seed`, `seed` + 1, ..., with deterministic actions.

    Raises:
        NotFiniteError: Before the physics sees an action that is not finite.
    """
    returns = np.zeros(env.num_envs)
    lengths = np.zeros(env.num_envs, np.int64)
    success = np.zeros(env.num_envs, np.bool_)
    running = ended = np.ones(env.num_envs, np.bool_)
    player, told = PolicyRunner(policy), None
    obs, _ = env.reset(seed=seed)
    while running.any():
        action = player.act(obs, ended)
        check_finite("the agent's action", action, obs=obs)
        obs, reward, terminated, truncated, info = env.step(action)
        ended = terminated | truncated
        told = succeeded(info, ended)
        if told is not None:
            success[running] = told[running]
        returns[running] += reward[running]
        lengths += running
        running = running & ~ended
    return Evaluation(
        returns=tuple(returns.tolist()),
        lengths=tuple(lengths.tolist()),
        metric=metric_of(env),
        successes=None if told is None else tuple(success.tolist()),
    )


def succeeded(info: Mapping[str, Any], ended: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_] | None:
    """Tell in which environments a step led to success; None where environments do not say. Shape: (N,), bool.

    Args:
        info: Of a step in SAME_STEP mode.
        ended: Where an episode ended with it, so that `info` is of the next one. Shape: (N,), bool.
    """
    final = info.get("final_info", {})
    if "is_success" not in info and "is_success" not in final:
        return None
    nobody = np.zeros(len(ended))
    after, now = (np.asarray(told.get("is_success", nobody), np.bool_) for told in (final, info))
    return np.where(ended, after, now)


def metric_of(env: VectorEnv[Any, Any, Any]) -> str:
    """Name what is measured in an environment."""
    return env.metadata.get("metric", TRUE_RETURN)


@contextmanager
def making(env_id: str) -> Generator[None]:
    """Say why environments of an environment cannot be made.

    Raises:
        gymnasium.error.DependencyNotInstalled: If something that they need is missing, and that says it.
        UserError: If they cannot be made otherwise, since nobody has registered them, or something else is missing.
    """
    try:
        yield
    except gym.error.DependencyNotInstalled:
        raise
    except gym.error.UnregisteredEnv as error:
        told = f"{str(error).rstrip('.')}; prefgym --import MODULE imports what registers it"
        raise UserError(f"{env_id} cannot be made: {told}.") from error
    except (gym.error.Error, ImportError, mujoco.FatalError) as error:
        raise UserError(f"{env_id} cannot be made: {str(error).rstrip('.')}.") from error


def make_evaluation_env(
    env_id: str,
    num_envs: int,
    num_threads: int,
    *,
    render_mode: str | None = None,
    dtype: npt.DTypeLike = np.float32,
) -> VectorEnv[Any, Any, Any]:
    """Make envs that give the task reward, or what the task's measure counts, and are seeded as Gymnasium's own.

    Args:
        env_id: Any id.
        num_envs: Number of worlds.
        num_threads: Threads that step those that are simulated here.
        render_mode: As in `gym.make`.
        dtype: Type of the observations of environments that are simulated here; others have their own.

    Raises:
        gymnasium.error.DependencyNotInstalled: If something that they need is missing.
        UserError: If they cannot be made otherwise.
    """
    with making(env_id):
        if find(env_id).vector_entry_point == OURS:
            return gym.make_vec(
                env_id,
                num_envs,
                reward="metric",
                seeding="parity",
                num_threads=num_threads,
                dtype=dtype,
                autoreset_mode=AutoresetMode.SAME_STEP,
                render_mode=render_mode,
            )
        return make_vector(env_id, num_envs, AutoresetMode.SAME_STEP, render_mode)


def record_episode(
    policy: Policy, env: VectorEnv[Any, Any, Any], seed: int = FIRST_SEED
) -> dict[str, npt.NDArray[Any]]:
    """Run one deterministic episode in a single environment and keep all of it.

    Returns:
        `obs` (T+1, O), `action` (T, A), `reward` (T,), and what there is to look at: `state` (T+1, S) of envs that
        can tell it, or `frames` (T, H, W, 3) of those that were made to draw themselves.
    """
    obs, _ = env.reset(seed=seed)
    state = getattr(env.unwrapped, "physics_state", None)
    observations, actions, rewards = [obs[0]], list[Any](), list[float]()
    states, frames = [state()[0]] if state else list[Any](), list[Any]()
    player, begins, ended = PolicyRunner(policy), np.ones(1, np.bool_), False
    while not ended:
        if not state and env.render_mode is not None:
            frames.append(cast(Any, env.render())[0])
        action = player.act(obs, begins)
        obs, reward, terminated, truncated, info = env.step(action)
        begins = np.zeros(1, np.bool_)
        ended = bool(terminated[0] | truncated[0])
        observations.append(info["final_obs"][0] if ended and "final_obs" in info else obs[0])
        if state:
            states.append(state(final=True)[0])
        actions.append(action[0])
        rewards.append(float(reward[0]))
    arrays = {"state": states, "frames": frames, "obs": observations, "action": actions, "reward": rewards}
    return {name: np.asarray(values) for name, values in arrays.items() if values}
