"""Base policies of residual agents: found, loaded and saved, and queried in environments in which another one acts."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np
import torch
from torch import Tensor

from prefgym.common.registry import registry_of
from prefgym.common.spaces import action_bounds, single_spaces
from prefgym.common.states import State
from prefgym.core.arrays import Array, Env
from prefgym.core.capabilities import Capability, capabilities_of
from prefgym.core.protocols import Agent, Policy
from prefgym.core.segments import Segments
from prefgym.rl.policy_runner import FunctionPolicy, PolicyRunner
from prefgym.runs.folder import verify_part

ZERO = "zero"
FINAL = "checkpoints/final/policy"


BasePolicy = Policy | Callable[[Array], Array] | None
"""A base policy, or a function of observations; None for the one that a configuration names."""


def find_base(base_policy: BasePolicy, name: str, env: Env, device: torch.device) -> tuple[Policy, str | None]:
    """Return the base that is given, or load the one that a configuration names.

    Args:
        base_policy: A policy with SB3's `predict`, or a function of observations.
        name: Run folder, or `zero` for actions in the middle of their bounds.
        env: Where it acts.
        device: Where its networks are.

    Returns:
        The base, and a checksum of its weights, if that is known.

    Raises:
        ValueError: If there is neither base nor name, or `zero` beside a base, or it was learned in other spaces.
        UserError: If there is no such run, or it is damaged.
    """
    if base_policy is not None:
        if name == ZERO:
            raise ValueError(f"a base policy was given, and base is {ZERO!r}")
        if hasattr(base_policy, "predict"):  # a policy may be callable as well
            return cast(Policy, base_policy), None
        return FunctionPolicy(cast("Callable[[Array], Array]", base_policy)), None
    if not name:
        raise ValueError("it needs a base policy: pass --agent.base RUN or base_policy=")
    if name != ZERO:
        seal = verify_part(Path(name), FINAL)
        return load_policy(Path(name) / FINAL, env, device), seal
    low, high = action_bounds(single_spaces(env)[1])
    middle = ((low + high) / 2).numpy()
    return FunctionPolicy(lambda obs: np.tile(middle, (len(obs), 1))), None


def beside(path: Path | str) -> Path:
    """Return where a base is saved, without suffix: beside the agent that corrects it."""
    name = Path(path).with_suffix("").name.replace(".", "-")  # what follows a dot would be taken for a suffix
    return Path(path).with_name(f"{name}-base")


def save_base(base: Policy, path: Path | str) -> None:
    """Save a base beside `path` if it is an agent that `load_policy` can load again; others have files of their own."""
    if Capability.PORTABLE in capabilities_of(base):
        cast(Agent, base).save(beside(path))
        return
    for suffix in (".json", ".safetensors"):  # of another base that was saved here
        beside(path).with_suffix(suffix).unlink(missing_ok=True)


def load_base(path: Path | str, env: Env | None, device: torch.device | str) -> Policy:
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


def load_policy(path: Path, env: Env | None, device: torch.device | str) -> Policy:
    """Load a policy that a registered agent has saved."""
    # all but SB3's need no environments to predict
    return registry_of("agent").get(_agent_of(path)).load(path, cast(Env, env), device=str(device))


def _agent_of(path: Path) -> str:
    return json.loads(path.with_suffix(".json").read_text())["agent"]


def append_base_actions(episodes: Segments, base: Policy, unit: Callable[[Array], Tensor]) -> Segments:
    """Append to each observation of recorded episodes the action of the base there.

    Args:
        episodes: From their beginning, D of them; those that do not terminate end truncated.
        base: The base.
        unit: Maps its actions to -1..1.

    Returns:
        The same with observations of shape (D, T+1, O+A).
    """
    action = unit(PolicyRunner(base).follow(episodes.obs.numpy()))
    obs = torch.cat([episodes.obs.to(action), action], -1).cpu()
    # one that goes on is followed by another one here
    return replace(episodes, obs=obs, truncated=~episodes.terminated)


class BasePolicyRunner:
    """A base in environments in which another agent acts: its actions before and after each step."""

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
        """Return the actions of the base now, and keep its state. Shapes: (N, O) to (N, A)."""
        begins = np.ones(len(obs), np.bool_) if self._begins is None else self._begins
        self._here.append(self._unit(self._player.act(obs, begins)))
        return self._here[-1]

    def reached(self, next_obs: Array, done: Array) -> None:
        """Note the actions of the base after a step, before any reset. Shapes: (N, O), (N,)."""
        self._there.append(self._unit(self._player.peek(next_obs)))
        self._begins = done

    def rollout(self) -> tuple[Tensor, Tensor]:
        """Return the actions of the base before and after each step. Shapes: (T, N, A)."""
        return torch.stack(self._here), torch.stack(self._there)

    def forget(self) -> None:
        """Forget where the environments are, and the state of the base."""
        self._player.forget()
        self._begins = None

    def state_dict(self) -> State:
        """Return the state to resume from between two rollouts."""
        return {"player": self._player.state_dict(), "begins": self._begins}

    def load_state_dict(self, state: State) -> None:
        """Go on from what `state_dict` returned."""
        self._player.load_state_dict(state["player"])
        self._begins = None if state["begins"] is None else torch.as_tensor(state["begins"]).numpy()
