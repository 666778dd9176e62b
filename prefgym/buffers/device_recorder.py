"""The recorder of environments on a device: the same rings, of tensors, written without a look at the host."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from prefgym.buffers.recorder import RecorderCfg, Row, recent_depth
from prefgym.common.states import State
from prefgym.core.segments import Segments

_COLUMNS = ("obs", "action", "reward", "factors", "state", "kind", "episode", "step")
_COUNTERS = ("head", "num_moves", "num_episodes", "returns", "lengths", "last_return", "last_length")


class DeviceRecorder:
    """A ring of rows for each of N environments, laid out as those of `Recorder` are; all environments step at once.

    Whatever depends on what happened in an env is written everywhere, and where nothing happened once more what was
    there: choosing environments would wait for the device.

    Raises:
        ValueError: If the capacities leave fewer than two rows an environment.
    """

    def __init__(
        self,
        num_envs: int,
        obs_dim: int,
        action_dim: int,
        *,
        device: torch.device,
        has_reward: bool = True,
        factor_names: tuple[str, ...] = (),
        state_dim: int = 0,
        cfg: RecorderCfg | None = None,
    ) -> None:
        self.cfg, self.has_reward, self.device = cfg or RecorderCfg(), has_reward, device
        self.num_envs, self.factor_names = num_envs, factor_names
        self.sizes = obs_dim, action_dim
        self._make_rows(state_dim if self.cfg.state else 0)
        self.num_steps = 0
        zeros = torch.zeros(num_envs, device=device)
        self._num_episodes = torch.zeros((), dtype=torch.int64, device=device)
        self._returns, self._lengths = zeros.clone(), zeros.clone()
        self._last_return, self._last_length = zeros.clone(), zeros.clone()  # of the last episode of each environment

    def _make_rows(self, state_dim: int) -> None:
        obs_dim, action_dim = self.sizes
        num_factors = len(self.factor_names)
        row_bytes = 4 * (obs_dim + action_dim + num_factors + state_dim + 1) + 8 + 4 + 1
        self.num_rows = min(self.cfg.capacity_steps, self.cfg.capacity_bytes // row_bytes) // self.num_envs
        if self.num_rows < 2:
            room = f"{self.num_rows} rows of {row_bytes} bytes for each of {self.num_envs} environments"
            raise ValueError(f"the recorder's capacity leaves {room}")
        rows = self.num_envs * self.num_rows
        self._obs = torch.zeros(rows, obs_dim, device=self.device)
        self._action = torch.zeros(rows, action_dim, device=self.device)
        self._reward = torch.zeros(rows, device=self.device)
        self._factors = torch.zeros(rows, num_factors, device=self.device)
        self._state = torch.zeros(rows, state_dim, device=self.device)
        self._kind = torch.zeros(rows, dtype=torch.int8, device=self.device)
        self._episode = torch.zeros(rows, dtype=torch.int64, device=self.device)
        self._step = torch.zeros(rows, dtype=torch.int32, device=self.device)
        self._first_row = torch.arange(self.num_envs, device=self.device) * self.num_rows
        self._head: Tensor = self._first_row.clone()  # the row of each environment's current observation
        self._num_moves: Tensor = torch.zeros_like(self._head)  # of each environment's head, so far
        self._num_moves_saved: Tensor = self._num_moves.clone()  # and at the last shard

    def begin(self, obs: Tensor, mask: Tensor | None = None, state: Tensor | None = None) -> None:
        """Start new episodes; those that were running are recorded as truncated.

        Args:
            obs: First observations. Shape: (N, O).
            mask: Environments in which an episode starts; None for all. Shape: (N,).
            state: Physics states. Shape: (N, S).
        """
        mask = torch.ones_like(self._head, dtype=torch.bool) if mask is None else mask
        has_steps = mask & (self._step[self._head] > 0)
        cut = has_steps & (self._kind[self._head] == Row.OPEN)
        self._kind[self._head] = torch.where(cut, int(Row.TRUNCATED), self._kind[self._head]).to(torch.int8)
        self._finish(cut)
        self._head = torch.where(has_steps, self._after(), self._head)  # an episode without a step is dropped
        self._num_moves = self._num_moves + has_steps
        self._write("_obs", mask, obs)
        self._write("_kind", mask, torch.full_like(self._head, Row.OPEN))
        self._write("_episode", mask, self._num_episodes + mask.cumsum(0) - 1)
        self._write("_step", mask, torch.zeros_like(self._head))
        if state is not None and self.has_states:
            self._write("_state", mask, state)
        self._num_episodes = self._num_episodes + mask.sum()

    def add(
        self,
        action: Tensor,
        reward: Tensor,
        next_obs: Tensor,
        terminated: Tensor,
        truncated: Tensor,
        *,
        factors: Mapping[str, Tensor] | None = None,
        state: Tensor | None = None,
    ) -> None:
        """Record one step of every environment; `next_obs` and `state` are what it led to, before any reset.

        All have the leading axis N.
        """
        head, after = self._head, self._after()
        self._kind.index_fill_(0, head, int(Row.STEP))  # a number that is assigned would wait for the device
        self._action[head], self._reward[head] = action, reward.float()
        if factors:
            self._factors[head] = torch.stack([factors[name] for name in self.factor_names], -1).float()
        self._obs[after] = next_obs
        if state is not None and self.has_states:
            self._state[after] = state
        cut = torch.where(truncated, int(Row.TRUNCATED), int(Row.OPEN))
        self._kind[after] = torch.where(terminated, int(Row.TERMINATED), cut).to(torch.int8)
        self._episode[after] = self._episode[head]
        self._step[after] = self._step[head] + 1
        self._returns, self._lengths = self._returns + reward, self._lengths + 1
        self._head, self._num_moves = after, self._num_moves + 1
        self._finish(terminated | truncated)
        self.num_steps += self.num_envs

    def starts(self, length: int, *, keep_short: bool = True, last_steps: int | None = None) -> Tensor:
        """List the steps at which a segment of at most `length` steps may start: see `Recorder`. Shape: (M,), int64."""
        depth = recent_depth(last_steps, self.num_envs, length, self.num_rows)
        rows = self._latest_rows(depth)
        is_step, index = self._kind[rows] == Row.STEP, torch.arange(depth, device=self.device)
        # the first row from here on that is not a step: the end of the episode
        end = torch.where(is_step, depth, index).flip(1).cummin(1).values.flip(1)
        fits = end - index >= length
        if keep_short:
            fits |= self._kind[rows.gather(1, end.clamp_max(depth - 1))] == Row.TERMINATED
        return rows[is_step & fits]

    def fragments(self, num_steps: int) -> Tensor:
        """List where the fragments begin that the latest steps are made of: see `Recorder`. Shape: (M,), int64.

        Raises:
            ValueError: If not so many steps are kept.
        """
        rows = self._latest_rows(min(self.num_rows, 2 * num_steps + 1))
        is_step = self._kind[rows] == Row.STEP
        is_latest = is_step & (is_step.flip(1).cumsum(1).flip(1) <= num_steps)
        if int(is_latest.sum(1).min()) < num_steps:
            raise ValueError(f"the recorder does not keep {num_steps} steps of each environment: give it more capacity")
        begins = is_latest.clone()
        begins[:, 1:] &= ~is_latest[:, :-1]
        return rows[begins]

    def segments(self, starts: Tensor, length: int, *, truth: bool = True) -> Segments:
        """Copy out the segments that begin at `starts`, on the device: see `Recorder`. Batch shape: as given."""
        first = starts.to(self.device).unsqueeze(-1)
        base, index = first // self.num_rows * self.num_rows, torch.arange(length + 1, device=self.device)
        rows = base + (first - base + index) % self.num_rows
        ended = self._kind[rows] != Row.STEP
        ended[..., -1] = True
        steps = ended.to(torch.uint8).argmax(-1)  # valid steps: (...,)
        last_kind = self._kind[rows.gather(-1, steps.unsqueeze(-1)).squeeze(-1)]
        seen, taken = index <= steps.unsqueeze(-1), index[:-1] < steps.unsqueeze(-1)

        def pick(array: Tensor, keep: Tensor) -> Tensor:
            picked = array[rows[..., : keep.shape[-1]]]
            return picked * keep.view(*keep.shape, *[1] * (picked.dim() - keep.dim()))

        first = first.squeeze(-1)
        return Segments(
            obs=pick(self._obs, seen),
            action=pick(self._action, taken),
            length=steps,
            terminated=last_kind == Row.TERMINATED,
            truncated=last_kind == Row.TRUNCATED,
            reward=pick(self._reward, taken) if truth and self.has_reward else None,
            factors={
                name: pick(self._factors[:, column], taken)
                for column, name in enumerate(self.factor_names if truth else ())
            },
            state=pick(self._state, seen).double() if truth and self.has_states else None,
            origin=torch.stack([self._episode[first], self._step[first].long()], -1),
        )

    def episodes(self, length: int | None = None, *, truth: bool = True) -> Segments:
        """Copy out all episodes of which the beginning is kept: see `Recorder`.

        Raises:
            ValueError: If there is none.
        """
        starts = self.starts(1)
        steps = self._step[starts]
        if not (steps == 0).any():
            raise ValueError("there is no episode of which the beginning is recorded")
        return self.segments(starts[steps == 0], length or int(steps.max()) + 1, truth=truth)

    @property
    def has_states(self) -> bool:
        """Return whether physics states are kept."""
        return self._state.shape[1] > 0

    def step_return(self) -> float:
        """Return the task reward per step over the last episode of each env, or over all steps before one ended."""
        if finished := float(self._last_length.sum()):
            return float(self._last_return.sum()) / finished
        return float(self._returns.sum()) / max(float(self._lengths.sum()), 1.0)

    def shard(self) -> tuple[State, int]:
        """Copy the rows written since the last shard: see `Recorder`."""
        num_new = (self._num_moves - self._num_moves_saved + 1).clamp_max(self.num_rows)
        ages = torch.arange(int(num_new.max()), device=self.device)
        slots = ((self._head - self._first_row).unsqueeze(-1) - ages) % self.num_rows
        rows = (self._first_row.unsqueeze(-1) + slots)[ages < num_new.unsqueeze(-1)]
        self._num_moves_saved = self._num_moves.clone()
        picked = {name: array[rows] for name, array in self._columns().items()}
        return {"rows": rows, **picked}, int(self._num_moves.max())

    @property
    def horizon(self) -> int:
        """Return up to where everything has been overwritten, in the units in which shards end."""
        return int(self._num_moves.min()) - self.num_rows

    def state_dict(self) -> State:
        """Return the state to resume from but the rows, which are in shards."""
        return {name: getattr(self, f"_{name}") for name in _COUNTERS} | {"num_steps": self.num_steps}

    def load_state_dict(self, state: State) -> None:
        """Go on from what `state_dict` returned; the rows come from `load_shards`."""
        for name in _COUNTERS:
            setattr(self, f"_{name}", state[name].to(self.device, copy=True))
        self._num_moves_saved = self._num_moves.clone()
        self.num_steps = state["num_steps"]

    def load_shards(self, shards: Sequence[State]) -> None:
        """Write the rows of shards, the oldest first."""
        for shard in shards:
            for name, array in self._columns().items():
                array[shard["rows"].to(self.device)] = shard[name].to(self.device)

    def _columns(self) -> dict[str, Tensor]:
        return {name: getattr(self, f"_{name}") for name in _COLUMNS}

    def _latest_rows(self, depth: int) -> Tensor:
        """List the latest rows of each environment, the current one last. Shape: (N, depth)."""
        ages = torch.arange(depth - 1, -1, -1, device=self.device)
        slots = (self._head - self._first_row).unsqueeze(-1) - ages
        return self._first_row.unsqueeze(-1) + slots % self.num_rows

    def _after(self) -> Tensor:
        """Return the row that follows each environment's current one. Shape: (N,)."""
        return self._first_row + (self._head - self._first_row + 1) % self.num_rows

    def _write(self, name: str, mask: Tensor, values: Tensor) -> None:
        """Write a row of each environment in `mask`."""
        column: Any = getattr(self, name)
        old = column[self._head]
        column[self._head] = torch.where(mask.view(-1, *[1] * (old.dim() - 1)), values.to(old.dtype), old)

    def _finish(self, ended: Tensor) -> None:
        self._last_return = torch.where(ended, self._returns, self._last_return)
        self._last_length = torch.where(ended, self._lengths, self._last_length)
        self._returns, self._lengths = self._returns * ~ended, self._lengths * ~ended
