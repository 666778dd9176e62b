"""Rollouts: the steps that an agent collects between two updates."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from prefgym.common.states import State
from prefgym.core.segments import Segments


@dataclass(frozen=True, eq=False, kw_only=True)
class Rollout:
    """T steps of N environments, without the steps of autoresets."""

    obs: Tensor
    """Shape: (T, N, O)."""
    action: Tensor
    """As sampled by the policy. Shape: (T, N, A)."""
    executed: Tensor
    """The same, clipped to the action space, for environment, recorder and learners. Shape: (T, N, A)."""
    next_obs: Tensor
    """After the step, before any reset. Shape: (T, N, O)."""
    reward: Tensor
    """The environment's reward. Shape: (T, N)."""
    terminated: Tensor
    """Shape: (T, N), bool."""
    truncated: Tensor
    """Shape: (T, N), bool."""
    log_prob: Tensor
    """Log-probability of the action under the policy that sampled it. Shape: (T, N)."""

    @property
    def num_steps(self) -> int:
        """Return T N, the number of environment steps."""
        return self.reward.numel()

    def with_reward(self, reward: Tensor) -> "Rollout":
        """Replace the reward. Shape: (T, N)."""
        return replace(self, reward=reward)

    def steps(self) -> Segments:
        """View each step as a segment of its own. Batch shape: (T, N)."""
        return Segments.of_steps(self.obs, self.executed, self.next_obs, self.terminated, self.truncated)

    def fragments(self) -> tuple[Segments, Tensor]:
        """Split the rollout into fragments at the ends of episodes.

        Returns:
            The fragments, environment by environment, padded to T steps, and the fragment number of each
            step.
            Batch shape: (M,). Shape: (T, N).
        """
        num_steps, num_envs = self.terminated.shape
        # a fragment begins with the first step, and after each end; one environment after the other: (N, T)
        begins = torch.ones(num_envs, num_steps, dtype=torch.bool, device=self.terminated.device)
        begins[:, 1:] = (self.terminated | self.truncated)[:-1].T
        fragment = begins.flatten().cumsum(0).view_as(begins) - 1
        first = begins.flatten().nonzero().squeeze(-1)
        at = torch.arange(begins.numel(), device=first.device).view_as(begins) - first[fragment]
        length = fragment.flatten().bincount()

        def placed(values: Tensor, shift: int = 0) -> Tensor:
            room = torch.zeros(
                len(first), num_steps + shift, *values.shape[2:], dtype=values.dtype, device=values.device
            )
            room[fragment, at + shift] = values.transpose(0, 1)
            return room

        seen = placed(self.next_obs, 1)
        seen[:, 0] = self.obs.transpose(0, 1).flatten(0, 1)[first]
        last = first + length - 1
        segments = Segments(
            obs=seen,
            action=placed(self.executed),
            length=length,
            terminated=self.terminated.T.flatten()[last],
            truncated=self.truncated.T.flatten()[last],
        )
        return segments, fragment.T


def backward_sum(values: Tensor, decay: Tensor) -> Tensor:
    """Solve y_t = values_t + decay_t y_(t+1) with y_T = 0 along the first axis, in log2(T) vector operations.

    Each round lets every y_t reach twice as far ahead:

    >>> ones = torch.ones(4)
    >>> backward_sum(ones, 0.5 * ones)  # 1 + 1/2 + 1/4 + 1/8, 1 + 1/2 + 1/4, ...
    tensor([1.8750, 1.7500, 1.5000, 1.0000])
    """
    total, reach = values, decay
    shift = 1
    while shift < values.shape[0]:
        pad = torch.zeros_like(values[:shift])
        total = total + reach * torch.cat([total[shift:], pad])
        reach = reach * torch.cat([reach[shift:], pad])
        shift *= 2
    return total


def forward_sum(values: Tensor, decay: Tensor, carry: Tensor) -> Tensor:
    """Solve y_t = values_t + decay_t y_(t-1) with y_(-1) = carry along the first axis.

    >>> forward_sum(torch.ones(3), torch.tensor([1.0, 1.0, 0.0]), torch.tensor(5.0))
    tensor([6., 7., 1.])
    """
    first = values[:1] + decay[:1] * carry
    # backwards in time, y_t reaches y_(t-1) through decay_t
    return backward_sum(torch.cat([first, values[1:]]).flip(0), decay.flip(0)).flip(0)


class EpisodeReturns:
    """Sum the reward over whole episodes, across rollouts; the latest hundred returns are kept."""

    def __init__(self) -> None:
        self._running: Tensor | None = None
        self._finished = torch.zeros(0)

    def add(self, rollout: Rollout) -> None:
        """Add a rollout with its reward."""
        ended = rollout.terminated | rollout.truncated
        before = torch.cat([torch.zeros_like(ended[:1]), ended[:-1]])
        running = torch.zeros_like(rollout.reward[0]) if self._running is None else self._running.to(ended.device)
        total = forward_sum(rollout.reward, (~before).float(), running)
        self._finished = torch.cat([self._finished, total[ended].cpu()])[-100:]
        self._running = total[-1] * ~ended[-1]

    def state_dict(self) -> State:
        """Return the state to resume from."""
        return {"running": self._running, "finished": self._finished}

    def load_state_dict(self, state: State) -> None:
        """Resume from a state that `state_dict` returned."""
        self._running, self._finished = state["running"], state["finished"]

    @property
    def mean(self) -> float | None:
        """Return the mean over the finished episodes, or None before one finished."""
        return float(self._finished.mean()) if len(self._finished) else None
