"""The state of a Stable-Baselines3 algorithm: networks, optimisers, counters, and generators shared by the process."""

import random
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from prefgym.common.states import State, load_optimizer_state, optimizer_state

if TYPE_CHECKING:
    from stable_baselines3.common.base_class import BaseAlgorithm

Part = nn.Module | torch.optim.Optimizer

_COUNTERS = ("num_timesteps", "_n_updates", "_episode_num", "_current_progress_remaining")


def model_state(model: "BaseAlgorithm") -> State:
    """Return weights, optimisers and counters, by SB3's names."""
    parts, tensors = _learned(model)
    return {
        "learned": {name: _part_state(part) for name, part in parts.items()},
        "tensors": {name: value.detach() for name, value in tensors.items() if value is not None},
        # on- and off-policy algorithms count different things
        "counters": {name: getattr(model, name) for name in _COUNTERS if hasattr(model, name)},
    }


def load_model_state(model: "BaseAlgorithm", state: State) -> None:
    """Restore the state that `model_state` returned."""
    parts, tensors = _learned(model)
    for name, part in parts.items():
        if isinstance(part, torch.optim.Optimizer):
            load_optimizer_state(part, state["learned"][name])
        else:
            part.load_state_dict(state["learned"][name])
    for name, value in tensors.items():
        if value is not None:
            value.data = state["tensors"][name].to(value.device)
    for name, value in state["counters"].items():
        setattr(model, name, value)


def shared_generators(model: "BaseAlgorithm") -> State:
    """Return the state of the generators of the process, and of the action space: SB3 samples from these."""
    return {
        "python": list(cast("tuple[int, ...]", random.getstate()[1])),
        "numpy": np.random.get_state(legacy=False),
        "torch": torch.get_rng_state(),
        "actions": _action_generator(model).state,
    }


def load_shared_generators(model: "BaseAlgorithm", state: State) -> None:
    """Restore the state that `shared_generators` returned."""
    random.setstate((3, tuple(state["python"]), None))
    np.random.set_state(_numpy_state(state["numpy"]))
    torch.set_rng_state(state["torch"])
    _action_generator(model).state = state["actions"]


def _action_generator(model: "BaseAlgorithm") -> np.random.BitGenerator:
    return cast(Any, model).action_space.np_random.bit_generator


def _numpy_state(state: Mapping[str, Any]) -> dict[str, Any]:
    return {**state, "state": {**state["state"], "key": np.asarray(state["state"]["key"])}}


def _part_state(part: Part) -> State:
    return optimizer_state(part) if isinstance(part, torch.optim.Optimizer) else part.state_dict()


def _learned(model: "BaseAlgorithm") -> tuple[dict[str, Part], dict[str, Tensor | None]]:
    """Return networks and optimisers, and the tensors beside them, by SB3's names."""
    with_state, tensors = model._get_torch_save_params()  # pyright: ignore[reportPrivateUsage]

    def find_in(path: str) -> Any:  # noqa: ANN401 - SB3 names them by text
        part: object = model
        for attribute in path.split("."):
            part = getattr(part, attribute)
        return part

    return {name: find_in(name) for name in with_state}, {name: find_in(name) for name in tensors}
