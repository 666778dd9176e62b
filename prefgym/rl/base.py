"""The base of our agents: spaces, prediction, gradient steps, files and state."""

from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Generic, Self, cast

import numpy as np
import torch
from torch import Tensor
from typing_extensions import TypeVar

from prefgym.common.finite import check_finite
from prefgym.common.from_json import config_from_json
from prefgym.common.spaces import action_bounds, single_spaces
from prefgym.common.states import State
from prefgym.core.arrays import Array, ArrayLike, Env, PolicyState
from prefgym.core.capabilities import Capability, DataSource
from prefgym.rl.files import env_of, read_agent, save_agent
from prefgym.rl.sb3_verbs import Sb3Verbs, StopTraining
from prefgym.rl.settings import AgentSettings

__all__ = ["BaseAgent", "StopTraining"]

Cfg = TypeVar("Cfg", bound=AgentSettings, default=Any)


class BaseAgent(Sb3Verbs, Generic[Cfg]):
    """An agent made of `act` and `advance`: torch in and out, on any device."""

    capabilities: ClassVar[frozenset[Capability]] = frozenset({Capability.PORTABLE})
    name: ClassVar[str]
    """As registered."""
    default: ClassVar[AgentSettings]
    """Default configuration."""
    learns_from: ClassVar[tuple[DataSource, ...]]
    """Sources of learning: the `reward` of its steps, or recorded `preferences` or `demonstrations`."""
    needs_bounds: ClassVar[bool] = True
    """Whether actions must lie within finite bounds."""

    def __init__(self, cfg: Cfg, env: Env, *, seed: int = 0, device: str = "cpu") -> None:
        """Read the spaces of the environments.

        Args:
            cfg: Hyperparameters.
            env: Environments whose spaces are one-dimensional Boxes.
            seed: Seed of weights and samples.
            device: Device of the networks.

        Raises:
            ValueError: If the agent needs bounded actions, and the space has no bounds.
        """
        self.cfg, self.env, self.device = cfg, env, torch.device(device)
        self.observation_space, self.action_space = single_spaces(env)
        self.obs_dim, self.action_dim = self.observation_space.shape[0], self.action_space.shape[0]
        self.action_low, self.action_high = (bound.to(self.device) for bound in action_bounds(self.action_space))
        if self.needs_bounds and not (self.action_high - self.action_low).isfinite().all():
            raise ValueError(f"{self.name} needs actions within finite bounds, but they are in {self.action_space}")
        self.generator = torch.Generator(self.device).manual_seed(seed)

    @abstractmethod
    def act(self, obs: Tensor, deterministic: bool = False) -> tuple[Tensor, Tensor]:
        """Sample actions and their log-probabilities. Shapes: (N, A), (N,)."""

    @abstractmethod
    def weights(self) -> dict[str, Tensor]:
        """Return all learned weights by name."""

    @abstractmethod
    def load_weights(self, weights: Mapping[str, Tensor]) -> None:
        """Load weights that `weights` returned."""

    def executed(self, action: Tensor) -> Tensor:
        """Return the action that environments execute for a sampled one. Shape as given."""
        return action.clamp(self.action_low, self.action_high)

    def predict(
        self,
        observation: ArrayLike,
        state: PolicyState = None,
        episode_start: Array | None = None,
        deterministic: bool = False,
    ) -> tuple[Array, PolicyState]:
        """Return actions within bounds. Shape: (A,) or (N, A), like `observation`.

        Args:
            observation: Observation of one environment, or observations of several.
            state: Returned unchanged; only agents that plan ahead, or act on top of a base policy, have a state.
            episode_start: Used by these agents only. Shape: (N,), bool.
            deterministic: Whether to return the most likely action.
        """
        del episode_start
        obs = self.tensor(observation)
        with torch.no_grad():
            action, _ = self.act(obs.reshape(-1, obs.shape[-1]), deterministic)
            return self.executed(action).reshape(*obs.shape[:-1], -1).cpu().numpy(), state

    def gradient_step(self, optimizer: torch.optim.Optimizer, loss: Tensor, **inputs: Tensor) -> None:
        """Take one gradient step on a loss.

        Args:
            optimizer: Optimizer of the parameters.
            loss: Scalar loss.
            **inputs: Inputs of the loss, which the error carries if the loss is not finite.

        Raises:
            NotFiniteError: If the loss is NaN or infinite.
        """
        check_finite("the loss of the agent", loss, **inputs)
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()

    def tensor(self, array: ArrayLike) -> Tensor:
        """Return an array as float32 on the agent's device, in memory that torch allocates.

        The last bits of matrix products depend on the alignment of their inputs, and NumPy aligns to 16 bytes only.
        """
        array = array if isinstance(array, Tensor) else np.asarray(array)
        return torch.as_tensor(array).to(self.device, torch.float32, copy=True)

    # --- files -------------------------------------------------------------------------------------------------------

    def save(self, path: Path | str) -> None:
        """Write weights (safetensors), configuration and spaces (JSON)."""
        save_agent(path, self.name, self.cfg, self.env, self.weights())

    @classmethod
    def load(cls, path: Path | str, env: Env | None = None, device: str = "cpu") -> Self:
        """Load the agent that `save` wrote.

        Args:
            path: The path given to `save`.
            env: Environments for `learn`; `predict` needs none.
            device: Device of the networks.

        Raises:
            FileNotFoundError: If one of the two files is missing.
            ValueError: If they belong to another agent, another version of it, or environments with other spaces.
        """
        weights, card = read_agent(path, cls.name, env)
        cfg = cast(Cfg, config_from_json(cls.default, card["cfg"]))
        agent = cls(cfg, env or env_of(card), device=device)
        agent.load_weights(weights)
        return agent

    # --- resuming ----------------------------------------------------------------------------------------------------

    def state_dict(self) -> State:
        """Return the state to resume from; an algorithm adds its own.

        Raises:
            NotFiniteError: If a weight is NaN or infinite.
        """
        weights, generator = self.weights(), self.generator.get_state()
        for name, weight in weights.items():
            check_finite(f"weight {name} of the agent", weight)
        return {"weights": weights, "generator": generator, "steps": self.num_timesteps}

    def load_policy_state(self, state: State) -> None:
        """Load only what `predict` needs of a state that `state_dict` returned."""
        self.load_weights(state["weights"])

    def load_state_dict(self, state: State) -> None:
        """Restore the state that `state_dict` returned."""
        self.load_weights(state["weights"])
        self.generator.set_state(state["generator"])
        self.num_timesteps = state["steps"]
