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
from prefgym.common.spaces import action_bounds, single_spaces
from prefgym.common.states import State
from prefgym.core.arrays import Array, ArrayLike, Env, PolicyState
from prefgym.core.capabilities import Capability, DataSource
from prefgym.rl.files import config_from_json, env_of, read_agent, save_agent
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
    """Its configuration, all defaults."""
    learns_from: ClassVar[tuple[DataSource, ...]]
    """What it can learn from: the `reward` of its steps, or recorded `preferences` or `demonstrations`."""
    needs_bounds: ClassVar[bool] = True
    """Whether actions must lie within finite bounds."""

    def __init__(self, cfg: Cfg, env: Env, *, seed: int = 0, device: str = "cpu") -> None:
        """Read the spaces of the environments.

        Args:
            cfg: Hyperparameters.
            env: Environments whose spaces are one-dimensional Boxes.
            seed: Seed of weights and of all that is sampled.
            device: Where the networks are.

        Raises:
            ValueError: If actions have no bounds and need some.
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
        """Return everything that was learned."""

    @abstractmethod
    def load_weights(self, weights: Mapping[str, Tensor]) -> None:
        """Load what `weights` returned."""

    def executed(self, action: Tensor) -> Tensor:
        """Return what the environments are given for a sampled action. Shape as given."""
        return action.clamp(self.action_low, self.action_high)

    def predict(
        self,
        observation: ArrayLike,
        state: PolicyState = None,
        episode_start: Array | None = None,
        deterministic: bool = False,
    ) -> tuple[Array, PolicyState]:
        """Choose actions within bounds. Shape: (A,) or (N, A), as `observation` has.

        Args:
            observation: Of one environment or of several.
            state: Returned as it is; only agents that plan ahead, or act on top of a base policy, have one.
            episode_start: Of use to these only. Shape: (N,), bool.
            deterministic: Whether the most likely action is chosen.
        """
        del episode_start
        obs = self.tensor(observation)
        with torch.no_grad():
            action, _ = self.act(obs.reshape(-1, obs.shape[-1]), deterministic)
            return self.executed(action).reshape(*obs.shape[:-1], -1).cpu().numpy(), state

    def gradient_step(self, optimizer: torch.optim.Optimizer, loss: Tensor, **inputs: Tensor) -> None:
        """Take one step down a loss.

        Args:
            optimizer: Of the parameters that are to learn.
            loss: A number.
            **inputs: What it was computed from, to be looked at if it is not finite.

        Raises:
            NotFiniteError: If it is not.
        """
        check_finite("the loss of the agent", loss, **inputs)
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()

    def tensor(self, array: ArrayLike) -> Tensor:
        """Return an array as float32 on the agent's device, in memory of torch's own.

        Matrix products differ in their last bits with how their inputs are aligned, and NumPy aligns to 16 bytes only.
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
            path: As given to `save`.
            env: Where `learn` will act; none is needed to predict.
            device: Where the networks are.

        Raises:
            FileNotFoundError: If one of the two files is missing.
            ValueError: If they are of another agent, of another version of it, or of one for other environments.
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
            NotFiniteError: If what was learned is not finite, which is not worth going on from.
        """
        weights, generator = self.weights(), self.generator.get_state()
        for name, weight in weights.items():
            check_finite(f"what the agent has learned ({name})", weight)
        return {"weights": weights, "generator": generator, "steps": self.num_timesteps}

    def load_state_dict(self, state: State) -> None:
        """Go on from what `state_dict` returned."""
        self.load_weights(state["weights"])
        self.generator.set_state(state["generator"])
        self.num_timesteps = state["steps"]
