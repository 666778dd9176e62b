"""Statistics of episodes: return and length of running episodes, and reward per step of the latest ones."""

from collections import deque
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from prefgym.common.states import State, Stateful

FloatArray = npt.NDArray[np.floating]
IntArray = npt.NDArray[np.int64]


class Statistics(Stateful, Protocol):
    """Statistics that a recorder reads."""

    def step_return(self) -> float:
        """Return the task reward per step over the latest episodes, or over all steps before one ended."""
        ...


class EpisodeStatistics:
    """Statistics of N environments in arrays; averages are over the latest `num_averaged` episodes."""

    def __init__(self, num_envs: int, num_averaged: int = 10) -> None:
        self._returns = np.zeros(num_envs)
        self._lengths = np.zeros(num_envs, np.int64)
        self._finished: deque[tuple[float, int]] = deque(maxlen=num_averaged)

    def add(self, reward: FloatArray, index: IntArray | slice, num_steps: int = 1) -> None:
        """Count steps in the environments at `index`, with the sums of their rewards. Shape: that of the index."""
        self._returns[index] += reward
        self._lengths[index] += num_steps

    def finish(self, index: IntArray) -> None:
        """End the episodes in the environments at `index`. Shape: (k,)."""
        self._finished.extend((float(self._returns[i]), int(self._lengths[i])) for i in index)
        self._returns[index] = 0.0
        self._lengths[index] = 0

    def step_return(self) -> float:
        """Return the task reward per step over the last `num_averaged` episodes, or over all steps before one ended."""
        if self._finished:
            return sum(total for total, _ in self._finished) / sum(length for _, length in self._finished)
        return float(self._returns.sum() / max(int(self._lengths.sum()), 1))

    def state_dict(self) -> State:
        """Return the state to resume from."""
        return {"returns": self._returns, "lengths": self._lengths, "finished": [list(pair) for pair in self._finished]}

    def load_state_dict(self, state: State) -> None:
        """Resume from a state that `state_dict` returned."""
        self._returns, self._lengths = (np.asarray(state[name]).copy() for name in ("returns", "lengths"))
        self._finished.clear()
        self._finished.extend((total, length) for total, length in state["finished"])


class DeviceEpisodeStatistics:
    """Statistics of N environments on a device, without synchronisation; averages are over the last episode of each."""

    def __init__(self, num_envs: int, device: torch.device) -> None:
        self._returns, self._lengths, self._last_return, self._last_length = torch.zeros(4, num_envs, device=device)

    def add(self, reward: Tensor) -> None:
        """Count a step in every environment. Shape: (N,)."""
        self._returns, self._lengths = self._returns + reward, self._lengths + 1

    def finish(self, ended: Tensor) -> None:
        """End the episodes of the masked environments. Shape: (N,), bool."""
        self._last_return = torch.where(ended, self._returns, self._last_return)
        self._last_length = torch.where(ended, self._lengths, self._last_length)
        self._returns, self._lengths = self._returns * ~ended, self._lengths * ~ended

    def step_return(self) -> float:
        """Return the task reward per step over each environment's last episode, or over all steps before one ended."""
        if finished := float(self._last_length.sum()):
            return float(self._last_return.sum()) / finished
        return float(self._returns.sum()) / max(float(self._lengths.sum()), 1.0)

    def state_dict(self) -> State:
        """Return the state to resume from."""
        names = ("returns", "lengths", "last_return", "last_length")
        return {name: getattr(self, f"_{name}") for name in names}

    def load_state_dict(self, state: State) -> None:
        """Resume from a state that `state_dict` returned."""
        device = self._returns.device
        self._returns, self._lengths, self._last_return, self._last_length = (
            state[name].to(device, copy=True) for name in ("returns", "lengths", "last_return", "last_length")
        )
