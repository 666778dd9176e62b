"""The base of reward learners: a learner defines `fit` and `reward`, and inherits saving and restoring."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Self, TypeVar

import torch
from torch import Generator, Tensor, nn

from prefgym.common.spaces import Spaces
from prefgym.common.states import State, load_optimizer_state, optimizer_state
from prefgym.core.arrays import HasSpaces
from prefgym.core.capabilities import NONE, Capability
from prefgym.core.fit_report import FitReport
from prefgym.core.preferences import Preferences
from prefgym.core.segments import Segments
from prefgym.nn.weights import load_merged_state_dicts, merge_state_dicts
from prefgym.rewards.files import load_reward_files, save_reward

Part = TypeVar("Part")


class RewardLearner(ABC):
    """A reward learner that collects its weights and state from its attributes.

    Weights are the tensors and networks; the state to resume from adds optimisers and generators. Attributes whose
    names begin with an underscore belong to neither: they can be recomputed.
    """

    capabilities: ClassVar[frozenset[Capability]] = NONE
    is_fitted: bool = False
    """Whether it has been fitted; `fit` sets it."""

    spaces: Spaces | None = None
    """Spaces of its inputs, for the files of `save`; None if it has none."""

    @abstractmethod
    def fit(self, preferences: Preferences) -> FitReport:
        """Fit to all preferences so far, set `is_fitted`, and report the quality of the fit."""

    @abstractmethod
    def reward(self, segments: Segments) -> Tensor:
        """Predict the reward of each step, by each of E members, without a gradient. Shape: (E, ..., T)."""

    def weights(self) -> dict[str, Tensor]:
        """Return all learned tensors, by name."""
        tensors = {name: value.detach() for name, value in self._attributes(Tensor).items()}
        return {**tensors, **merge_state_dicts(self._networks())}

    def load_weights(self, weights: Mapping[str, Tensor]) -> None:
        """Load tensors that `weights` returned.

        Raises:
            ValueError: If the networks have other shapes.
        """
        load_merged_state_dicts(self._networks(), weights)
        for name, tensor in self._attributes(Tensor).items():
            loaded = weights[name].to(tensor, copy=True)
            if isinstance(tensor, nn.Parameter):
                tensor.data = loaded  # keep the tensor, since its optimiser refers to it
            else:
                setattr(self, name, loaded)
        self.is_fitted = True

    def save(self, path: Path | str) -> None:
        """Write weights (safetensors), configuration and spaces (JSON): `path`.safetensors and `path`.json.

        Raises:
            UserError: If they cannot be written.
        """
        save_reward(self, path)

    @classmethod
    def load(cls, path: Path | str, env: HasSpaces | None = None, *, device: str = "cpu") -> Self:
        """Load the learner that `save` wrote.

        Args:
            path: The path given to `save`.
            env: Environments, or spaces; None for those in the file.
            device: Device of its networks.

        Raises:
            FileNotFoundError: If one of the two files is missing.
            ValueError: If they belong to another learner, or another version of it.
        """
        learner = load_reward_files(path, env, device=device)
        if not isinstance(learner, cls):
            raise ValueError(f"{path} holds {type(learner).__name__}, not {cls.__name__}")
        return learner

    def state_dict(self) -> State:
        """Return the state to resume from; subclasses add their own."""
        optimizers = {name: optimizer_state(one) for name, one in self._optimizers().items()}
        generators = {name: one.get_state() for name, one in self._attributes(Generator).items()}
        return {"weights": self.weights(), **optimizers, **generators, "is_fitted": self.is_fitted}

    def load_state_dict(self, state: State) -> None:
        """Resume from a state that `state_dict` returned."""
        self.load_weights(state["weights"])
        for name, optimizer in self._optimizers().items():
            load_optimizer_state(optimizer, state[name])
        for name, generator in self._attributes(Generator).items():
            generator.set_state(state[name])
        self.is_fitted = state["is_fitted"]

    def _attributes(self, kind: type[Part]) -> dict[str, Part]:
        public = ((name, value) for name, value in vars(self).items() if not name.startswith("_"))
        return {name: value for name, value in public if isinstance(value, kind)}

    def _networks(self) -> dict[str, nn.Module]:
        return self._attributes(nn.Module)

    def _optimizers(self) -> dict[str, torch.optim.Optimizer]:
        return self._attributes(torch.optim.Optimizer)
