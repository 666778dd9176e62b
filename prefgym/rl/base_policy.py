"""Base policies of residual agents: load and save them, and query them in the environments of another agent."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np
import torch
from torch import Tensor

from prefgym.common.errors import read_as
from prefgym.common.files import named, read_json
from prefgym.common.registry import registry_of
from prefgym.common.schema import checked
from prefgym.common.spaces import action_bounds, single_spaces
from prefgym.common.states import State
from prefgym.core.arrays import Array, Env
from prefgym.core.capabilities import Capability, capabilities_of
from prefgym.core.protocols import Agent, Policy
from prefgym.core.segments import Segments
from prefgym.rl.policy_runner import FunctionPolicy, PolicyRunner
from prefgym.runs.config_file import check_import
from prefgym.runs.manifest import verify_part
from prefgym.runs.schema import AgentCard

ZERO = "zero"
FINAL = "checkpoints/final/policy"


BasePolicy = Policy | Callable[[Array], Array] | None
"""A base policy, or a function of observations; None for the base policy that a configuration names."""


def find_base(base_policy: BasePolicy, name: str, env: Env, device: torch.device) -> tuple[Policy, str | None]:
    """Return the given base policy, or load the one that a configuration names.

    Args:
        base_policy: A policy with SB3's `predict`, or a function of observations.
        name: Run folder, or `zero` for actions in the middle of their bounds.
        env: Environments in which it acts.
        device: Device of its networks.

    Returns:
        The base policy, and a checksum of its weights, if there is one.

    Raises:
        ValueError: If there is neither base policy nor name, both a base policy and `zero`, or its spaces differ.
        UserError: If there is no such run, or it is damaged.
    """
    if base_policy is not None:
        if name == ZERO:
            raise ValueError(f"base_policy= and base {ZERO!r} exclude each other: leave one of them out")
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
    """Return the path of a saved base policy, without suffix: beside its agent."""
    return named(path, "-base")


def save_base(base: Policy, path: Path | str) -> None:
    """Save a base policy beside `path` if `load_policy` can load it again; others have files of their own."""
    if Capability.PORTABLE in capabilities_of(base):
        cast(Agent, base).save(beside(path))
        return
    for suffix in (".json", ".safetensors"):  # of another base policy that was saved here
        named(beside(path), suffix).unlink(missing_ok=True)


def load_base(path: Path | str, env: Env | None, device: torch.device | str) -> Policy:
    """Load the base policy that was saved beside `path`.

    Raises:
        ValueError: If there is none, or it is of Stable-Baselines3 and `env` is None.
    """
    if not named(beside(path), ".json").is_file():
        raise ValueError(f"{path} has no base policy saved beside it: pass base_policy=")
    if env is None and _agent_of(beside(path)) == "sb3":
        raise ValueError(f"{path} has a base policy of Stable-Baselines3, which needs environments: pass env=")
    return load_policy(beside(path), env, device)


def load_policy(path: Path, env: Env | None, device: torch.device | str) -> Policy:
    """Load a policy that a registered agent has saved."""
    agent = _agent_of(path)
    with read_as(f"{path} was not written by this version of prefgym"):
        # all but SB3's need no environments to predict
        return registry_of("agent").get(agent).load(path, cast(Env, env), device=str(device))


def _agent_of(path: Path) -> str:
    file = named(path, ".json")
    agent = checked(AgentCard, read_json(file), file).agent
    check_import(agent, file)
    return agent


def append_base_actions(episodes: Segments, base: Policy, unit: Callable[[Array], Tensor]) -> Segments:
    """Append the action of the base policy to each observation of recorded episodes.

    Args:
        episodes: D whole episodes; those that do not terminate are truncated.
        base: Base policy.
        unit: Function that maps its actions to -1..1.

    Returns:
        The episodes with observations of shape (D, T+1, O+A).
    """
    action = unit(PolicyRunner(base).follow(episodes.obs.numpy()))
    obs = torch.cat([episodes.obs.to(action), action], -1).cpu()
    # the next row belongs to another episode
    return replace(episodes, obs=obs, truncated=~episodes.terminated)


class BasePolicyRunner:
    """A base policy in the environments of another agent: its actions before and after each step."""

    def __init__(self, base: Policy, unit: Callable[[Array], Tensor]) -> None:
        """Begin with the first episodes.

        Args:
            base: Base policy.
            unit: Function that maps its actions to -1..1.
        """
        self._player, self._unit = PolicyRunner(base), unit
        self._begins: Array | None = None
        self.begin_rollout()

    def begin_rollout(self) -> None:
        """Collect anew."""
        self._here, self._there = list[Tensor](), list[Tensor]()

    def act(self, obs: Array) -> Tensor:
        """Return the actions of the base policy, and keep its state. Shapes: (N, O) to (N, A)."""
        begins = np.ones(len(obs), np.bool_) if self._begins is None else self._begins
        self._here.append(self._unit(self._player.act(obs, begins)))
        return self._here[-1]

    def reached(self, next_obs: Array, done: Array) -> None:
        """Record the actions of the base policy after a step, before any reset. Shapes: (N, O), (N,)."""
        self._there.append(self._unit(self._player.peek(next_obs)))
        self._begins = done

    def rollout(self) -> tuple[Tensor, Tensor]:
        """Return the actions of the base policy before and after each step. Shapes: (T, N, A)."""
        return torch.stack(self._here), torch.stack(self._there)

    def forget(self) -> None:
        """Drop the current observations, and the state of the base policy."""
        self._player.forget()
        self._begins = None

    def state_dict(self) -> State:
        """Return the state to resume from between two rollouts."""
        return {"player": self._player.state_dict(), "begins": self._begins}

    def load_state_dict(self, state: State) -> None:
        """Restore the state that `state_dict` returned."""
        self._player.load_state_dict(state["player"])
        self._begins = None if state["begins"] is None else torch.as_tensor(state["begins"]).numpy()
