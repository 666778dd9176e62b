"""Base policies: what is corrected stays as it is, acts beside the correction, and goes into files beside it."""

import json
from abc import abstractmethod
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Self, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from prefgym.common.finite import check_finite
from prefgym.common.registry import registry_of
from prefgym.common.spaces import (
    Spaces,
    action_bounds,
    check_arrays,
    denormalize_action,
    normalize_action,
    single_spaces,
)
from prefgym.common.states import State, Stateful
from prefgym.core.protocols import Policy
from prefgym.core.rollout import Rollout
from prefgym.core.segments import Segments
from prefgym.rl.base import StopTraining, config_from_json
from prefgym.rl.off_policy import ReplayAgent
from prefgym.rl.policy_runner import FunctionPolicy, PolicyRunner
from prefgym.runs.folder import verify_part
from prefgym.sim.nested import to_numpy

Array = npt.NDArray[Any]

ZERO = "zero"
FINAL = "checkpoints/final/policy"


BasePolicy = Policy | Callable[[Array], Array] | None
"""A base as it is given by hand; None for the one that a configuration names."""


def find_base(base_policy: BasePolicy, name: str, env: Any, device: torch.device) -> tuple[Policy, str | None]:  # noqa: ANN401
    """Return the base that was given by hand, or make the one that a configuration names.

    Args:
        base_policy: Anything with SB3's `predict`, or a function of observations.
        name: Run folder, or `zero` for actions in the middle of their bounds.
        env: Where it acts.
        device: Where its networks are.

    Returns:
        The base, and a checksum of what it has learned, if that is known.

    Raises:
        ValueError: If there is neither base nor name, or `zero` beside a base, or it was learned in other spaces.
        UserError: If there is no such run, or it is damaged.
    """
    if base_policy is not None:
        if name == ZERO:
            raise ValueError(f"a base policy was given, and base is {ZERO!r}")
        return cast(
            Policy, base_policy if hasattr(base_policy, "predict") else FunctionPolicy(cast(Any, base_policy))
        ), None
    if not name:
        raise ValueError("it corrects a policy, and none was named: see --agent.base")
    if name != ZERO:
        seal = verify_part(Path(name), FINAL)
        return load_policy(Path(name) / FINAL, env, device), seal
    low, high = action_bounds(single_spaces(env)[1])
    middle = ((low + high) / 2).numpy()
    return FunctionPolicy(lambda obs: np.tile(middle, (len(obs), 1))), None


def beside(path: Path | str) -> Path:
    """Say where a base is saved, without suffix: beside what corrects it."""
    name = Path(path).with_suffix("").name.replace(".", "-")  # what follows a dot would be taken for a suffix
    return Path(path).with_name(f"{name}-base")


def save_base(base: Policy, path: Path | str) -> None:
    """Save a base beside `path` if one of our agents has learned it; what others' files are like is theirs."""
    if isinstance(base, Stateful) and hasattr(base, "learn"):
        cast(Any, base).save(beside(path))
        return
    for suffix in (".json", ".safetensors"):  # of another one that was saved here
        beside(path).with_suffix(suffix).unlink(missing_ok=True)


def load_base(path: Path | str, env: Any, device: torch.device | str) -> Policy:  # noqa: ANN401
    """Load the base that was saved beside `path`.

    Raises:
        ValueError: If none was, or it is one of Stable-Baselines3's and `env` is None.
    """
    if not beside(path).with_suffix(".json").is_file():
        raise ValueError(f"{path} corrects a policy that was not saved with it: give it as base_policy=")
    if env is None and _agent_of(beside(path)) == "sb3":
        raise ValueError(
            f"{path} corrects a policy of Stable-Baselines3's, which needs environments: give them as env="
        )
    return load_policy(beside(path), env, device)


def load_policy(path: Path, env: Any, device: torch.device | str) -> Policy:  # noqa: ANN401
    """Load a policy that any of our agents has saved."""
    return cast(Any, registry_of("agent").get(_agent_of(path))).load(path, env, device=str(device))


def _agent_of(path: Path) -> str:
    return json.loads(path.with_suffix(".json").read_text())["agent"]


def append_base_actions(episodes: Segments, base: Policy, unit: Callable[[Array], Tensor]) -> Segments:
    """Add to each observation of recorded episodes what a base would do there.

    Args:
        episodes: From their beginning, D of them; those that do not terminate end truncated.
        base: The base.
        unit: Maps its actions to -1..1.

    Returns:
        The same with observations of shape (D, T+1, O+A).
    """
    told = unit(PolicyRunner(base).follow(episodes.obs.numpy()))
    obs = torch.cat([episodes.obs.to(told), told], -1).cpu()
    # one that goes on is followed by another one here
    return replace(episodes, obs=obs, truncated=~episodes.terminated)


class BasePolicyRunner:
    """A base in environments in which another one acts: what it would do in each step, and where each step has led."""

    def __init__(self, base: Policy, unit: Callable[[Array], Tensor]) -> None:
        """Begin with the first episodes.

        Args:
            base: The base.
            unit: Maps its actions to -1..1.
        """
        self._player, self._unit = PolicyRunner(base), unit
        self._begins: Array | None = None
        self.begin_rollout()

    def begin_rollout(self) -> None:
        """Collect anew."""
        self._here, self._there = list[Tensor](), list[Tensor]()

    def act(self, obs: Array) -> Tensor:
        """Say what the base does now, and let it remember. Shapes: (N, O) to (N, A)."""
        begins = np.ones(len(obs), np.bool_) if self._begins is None else self._begins
        self._here.append(self._unit(self._player.act(obs, begins)))
        return self._here[-1]

    def reached(self, next_obs: Array, done: Array) -> None:
        """Note what the base would do where a step has led, before any reset. Shapes: (N, O), (N,)."""
        self._there.append(self._unit(self._player.peek(next_obs)))
        self._begins = done

    def rollout(self) -> tuple[Tensor, Tensor]:
        """Return what it would have done in each step, and where each has led. Shapes: (T, N, A)."""
        return torch.stack(self._here), torch.stack(self._there)

    def forget(self) -> None:
        """Forget where the environments are, and what the base was about to do."""
        self._player.forget()
        self._begins = None

    def state_dict(self) -> State:
        """Return the state to resume from between two rollouts."""
        return {"player": self._player.state_dict(), "begins": self._begins}

    def load_state_dict(self, state: State) -> None:
        """Go on from what `state_dict` returned."""
        self._player.load_state_dict(state["player"])
        self._begins = None if state["begins"] is None else torch.as_tensor(state["begins"]).numpy()


class BasedAgent(ReplayAgent):
    """An agent that acts on top of a base: it sees observations that end with what the base does there, in -1..1.

    Its configuration has `base` and `demos` beside what agents have that remember what they did.
    """

    def __init__(self, cfg: Any, env: Any, base_policy: BasePolicy, *, seed: int = 0, device: str = "cpu") -> None:  # noqa: ANN401
        """Find the base; the rest as for all online agents.

        Args:
            cfg: Hyperparameters.
            env: Where `learn` acts; its spaces are one-dimensional Boxes.
            base_policy: The base; None for the one that `cfg` names.
            seed: Seed of weights and of all that is drawn.
            device: Where networks and replay buffers are.

        Raises:
            ValueError: If there is no base, or actions are not bounded.
            UserError: If there is no such run as `cfg` names, or it is damaged.
        """
        check_arrays(env, self.name)
        super().__init__(cfg, env, seed=seed, device=device)
        self.base, self.base_seal = find_base(base_policy, cfg.base, env, self.device)
        self.base_runner = BasePolicyRunner(self.base, self._unit)

    @abstractmethod
    def mark_truncated(self) -> None:
        """Remember that what comes next does not follow on what came last."""

    def reached(self, next_obs: Array, done: Array) -> None:
        """Note what the base would do where a step has led, before any reset. Shapes: (N, O), (N,)."""
        self.base_runner.reached(next_obs, done)

    def collect(self, env: Any, callback: Any = None) -> Rollout:  # noqa: ANN401
        """Step every environment `num_steps` times, and keep what the base did."""
        self.base_runner.begin_rollout()
        try:
            return super().collect(env, callback)
        except StopTraining:
            self.mark_truncated()  # these steps are not remembered
            raise

    def start_over(self) -> None:
        """Forget where the environments are, and what the base was about to do."""
        super().start_over()
        self.base_runner.forget()
        self.mark_truncated()

    def executed(self, action: Tensor) -> Tensor:
        """Stretch actions from -1..1 to what the environments take. Shape as given."""
        return denormalize_action(action, self.action_low, self.action_high)

    def _unit(self, action: Array) -> Tensor:
        """Map actions of the base to -1..1. Shape as given."""
        check_finite("the action of the base policy", action)
        return normalize_action(self.tensor(action), self.action_low, self.action_high).clamp(-1, 1)

    def predict(
        self,
        observation: Any,  # noqa: ANN401
        state: Any = None,  # noqa: ANN401
        episode_start: Any = None,  # noqa: ANN401
        deterministic: bool = False,
    ) -> tuple[np.ndarray, Any]:
        """Choose actions within bounds; `state` is what the base remembers. Shape: (A,) or (N, A)."""
        obs = np.asarray(to_numpy(observation))
        rows = obs.reshape(-1, obs.shape[-1])
        base, state = self.base.predict(rows, state, episode_start, deterministic=True)
        with torch.no_grad():
            action, _ = self.act(torch.cat([self.tensor(rows), self._unit(np.asarray(base))], -1), deterministic)
            return self.executed(action).reshape(*obs.shape[:-1], -1).cpu().numpy(), state

    def save(self, path: Path | str) -> None:
        """Write weights and configuration, and beside them the base (`path`-base), if it can be saved."""
        super().save(path)
        save_base(self.base, path)

    @classmethod
    def load(
        cls,
        path: Path | str,
        env: Any = None,  # noqa: ANN401
        device: str = "cpu",
        base_policy: BasePolicy = None,
    ) -> Self:
        """Make the agent that `save` wrote; it remembers no demonstrations.

        Args:
            path: As given to `save`.
            env: Where `learn` will act; none is needed to predict, but for a base of Stable-Baselines3's.
            device: Where the networks are.
            base_policy: What is corrected, if it was not saved.

        Raises:
            FileNotFoundError: If a file is missing.
            ValueError: If they are of another agent, version or environments, or there is no base.
        """
        weights, card = cls.read(path, env)
        cfg = config_from_json(cls.default, card["cfg"])
        if base_policy is None and cfg.base != ZERO:
            base_policy = load_base(path, env, device)
        spaces = env or Spaces.of_card(card["spaces"])
        agent = cast(Any, cls)(replace(cfg, demos=""), spaces, base_policy=base_policy, device=device)
        agent.cfg = cfg
        agent.load_weights(weights)
        return agent
