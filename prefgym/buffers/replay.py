"""The replay buffer: a ring of the latest steps, relabelled after each fit of the learner."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Self

import torch
from torch import Generator, Tensor

from prefgym.common.memory import check_fits
from prefgym.common.states import State
from prefgym.core.protocols import Learner
from prefgym.core.relabel import learned_reward
from prefgym.core.rollout import Rollout
from prefgym.core.segments import Segments

ROWS_AT_ONCE = 2**16


@dataclass(frozen=True, eq=False, kw_only=True)
class Batch:
    """Steps, sampled or in recorded order; `...` are any batch axes."""

    obs: Tensor
    """Observation before the step. Shape: (..., O)."""
    action: Tensor
    """Action as executed. Shape: (..., A)."""
    next_obs: Tensor
    """Observation after the step, before any reset. Shape: (..., O)."""
    reward: Tensor
    """The present learned reward, or the environment's reward. Shape: (...,)."""
    terminated: Tensor
    """1 where the episode terminated; 0 elsewhere, also at time limits. Shape: (...,), float."""
    truncated: Tensor
    """1 where the episode was truncated. Shape: (...,), float."""

    @classmethod
    def of(cls, segments: Segments) -> Self:
        """List the valid steps of segments; the reward is 0 where they carry none. Batch shape: (M,)."""
        mask = segments.mask
        steps = torch.arange(segments.num_steps, device=mask.device)
        is_last = steps == segments.length.unsqueeze(-1) - 1
        reward = torch.zeros(mask.shape, device=mask.device) if segments.reward is None else segments.reward.float()
        return cls(
            obs=segments.obs[..., :-1, :][mask],
            action=segments.action[mask],
            next_obs=segments.obs[..., 1:, :][mask],
            reward=reward[mask],
            terminated=(is_last & segments.terminated.unsqueeze(-1))[mask].float(),
            truncated=(is_last & segments.truncated.unsqueeze(-1))[mask].float(),
        )

    def __getitem__(self, index: int) -> Self:
        """Pick one of many batches, along their first axis."""
        return type(self)(**{name: value[index] for name, value in vars(self).items()})

    @classmethod
    def cat(cls, parts: Sequence["Batch"]) -> Self:
        """Concatenate steps along their first axis."""
        return cls(**{f.name: torch.cat([getattr(part, f.name) for part in parts]) for f in fields(cls)})

    def segments(self) -> Segments:
        """View each step as a segment of its own. Batch shape: (...,)."""
        ended = self.terminated.bool(), self.truncated.bool()
        return Segments.of_steps(self.obs, self.action, self.next_obs, *ended)


class ReplayBuffer:
    """A ring of rows on a device; a row is one step of one environment, so that a batch is sampled by one gather."""

    def __init__(
        self,
        capacity: int,
        obs_dim: int,
        action_dim: int,
        device: torch.device | str = "cpu",
        *,
        num_seen: int | None = None,
    ) -> None:
        """Start empty.

        Args:
            capacity: Steps kept; the oldest are overwritten.
            obs_dim: O.
            action_dim: A.
            device: Device of the steps.
            num_seen: Number of leading dimensions of an observation that learners see; the others belong to the agent
                alone. None for all.
        """
        self.capacity, self._num_seen = capacity, num_seen
        self._columns = [obs_dim, action_dim, obs_dim, 1, 1, 1]
        self._reward_column = 2 * obs_dim + action_dim
        self._rows = torch.zeros(0, sum(self._columns), device=device)  # allocated in full at the first step
        self._next = 0
        self._num_envs = 1
        self.num_steps = 0

    def __len__(self) -> int:
        """Return how many steps are kept."""
        return min(self.num_steps, self.capacity)

    def add(self, rollout: Rollout) -> None:
        """Append a rollout: step by step, and within a step environment by environment."""
        self._num_envs = rollout.reward.shape[1]
        parts = (rollout.obs, rollout.executed, rollout.next_obs)
        self._append(*parts, rollout.reward, rollout.terminated, rollout.truncated)

    def extend(self, steps: Batch) -> None:
        """Append steps in their order."""
        self._append(steps.obs, steps.action, steps.next_obs, steps.reward, steps.terminated, steps.truncated)

    def _append(self, obs: Tensor, action: Tensor, next_obs: Tensor, *ended: Tensor) -> None:
        rows = torch.cat([obs, action, next_obs, *(x.unsqueeze(-1).float() for x in ended)], -1).float()
        num_steps = ended[0].numel()
        self._make_room()
        rows = rows.reshape(num_steps, -1)[-self.capacity :].to(self._rows.device)
        self._rows[(self._next + torch.arange(len(rows), device=rows.device)) % self.capacity] = rows
        self._next = (self._next + len(rows)) % self.capacity
        self.num_steps += num_steps

    def _make_room(self) -> None:
        if len(self._rows) < self.capacity:
            num_bytes = 4.0 * self.capacity * self._rows.shape[-1]
            if self._rows.device.type == "cpu":
                check_fits("the replay buffer", num_bytes, "lower --agent.capacity-steps")
            self._rows = self._rows.new_zeros(self.capacity, self._rows.shape[-1])

    def sample(self, shape: tuple[int, ...], generator: Generator) -> Batch:
        """Sample steps uniformly, with replacement."""
        return self.at(self._sample_rows(shape, generator))

    def sample_ahead(
        self, shape: tuple[int, ...], generator: Generator, num_steps: int, gamma: float
    ) -> tuple[Batch, Tensor]:
        """Sample steps uniformly, each with its n-step return.

        Args:
            shape: Shape of the batch.
            generator: Samples the steps.
            num_steps: n; fewer at the end of an episode, and at the latest step.
            gamma: Discount per step.

        Returns:
            Steps of k <= n steps each, whose reward is sum_(i < k) gamma^i r_(t+i), and gamma^k. Shape: `shape`.
        """
        rows = self._sample_rows(shape, generator)
        ahead = torch.arange(num_steps, device=rows.device)
        stride = self._num_envs  # to the next step of the same environment
        num_newer = (self._next - 1 - rows) % self.capacity
        # reward, terminated, truncated of each: (..., n)
        window = self._rows[(rows.unsqueeze(-1) + stride * ahead) % self.capacity, self._reward_column :]
        over = (window[..., 1:] > 0).any(-1) | (stride * (ahead + 1) > num_newer.unsqueeze(-1))
        # a step counts if the episode continued through all steps before it
        counts = torch.cat([torch.ones_like(over[..., :1]), ~over[..., :-1]], -1).cumprod(-1)
        num_counted = counts.sum(-1)
        reward = (gamma**ahead * window[..., 0] * counts).sum(-1)
        first, last = self.at(rows), self.at((rows + stride * (num_counted - 1)) % self.capacity)
        return replace(last, obs=first.obs, action=first.action, reward=reward), gamma**num_counted

    def mark_truncated(self) -> None:
        """Mark the latest step of each environment as truncated, since the next added step does not follow it."""
        latest = self._next - 1 - torch.arange(min(self._num_envs, len(self)))
        self._rows[latest % self.capacity, self._reward_column + 2] = 1.0

    def clear_rewards(self) -> None:
        """Set all rewards to 0."""
        self._rows[:, self._reward_column] = 0.0

    def _sample_rows(self, shape: tuple[int, ...], generator: Generator) -> Tensor:
        rows = torch.randint(len(self), (math.prod(shape),), generator=generator, device=self._rows.device)
        return rows.view(shape)

    def at(self, rows: Tensor) -> Batch:
        """Copy out steps by their rows."""
        return self._steps(self._rows.index_select(0, rows.flatten()).view(*rows.shape, -1))

    def steps(self, first: int, last: int) -> Batch:
        """View the rows from `first` to before `last`."""
        return self._steps(self._rows[first:last])

    def _steps(self, rows: Tensor) -> Batch:
        obs, action, next_obs, *ended = torch.split(rows, self._columns, -1)
        reward, terminated, truncated = (x.squeeze(-1) for x in ended)
        return Batch(
            obs=obs, action=action, next_obs=next_obs, reward=reward, terminated=terminated, truncated=truncated
        )

    def relabel(self, learner: Learner) -> None:
        """Relabel all steps with the present reward.

        Raises:
            NotFiniteError: If the reward is not finite.
        """
        for first in range(0, len(self), ROWS_AT_ONCE):
            last = min(first + ROWS_AT_ONCE, len(self))
            reward = learned_reward(learner, self._seen(self.steps(first, last)).segments())
            self._rows[first:last, self._reward_column] = reward.to(self._rows.device)

    def _seen(self, steps: Batch) -> Batch:
        """Drop the dimensions of observations that learners do not see."""
        return replace(steps, obs=steps.obs[..., : self._num_seen], next_obs=steps.next_obs[..., : self._num_seen])

    def state_dict(self) -> State:
        """Return the state to resume from."""
        counters = {"next": self._next, "steps": self.num_steps, "num_worlds": self._num_envs}
        return {"rows": self._rows[: len(self)], **counters}

    def load_state_dict(self, state: State) -> None:
        """Resume from a state that `state_dict` returned."""
        self._make_room()
        self._rows[: len(state["rows"])] = state["rows"].to(self._rows.device)
        self._next, self.num_steps = state["next"], state["steps"]
        self._num_envs = state["num_worlds"]
