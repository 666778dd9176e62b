"""The recorder of environments on a device: the same rings, written without synchronisation with the host."""

from collections.abc import Mapping

import torch
from torch import Tensor

from prefgym.buffers.base_recorder import BaseRecorder
from prefgym.buffers.recorder import RecorderCfg
from prefgym.buffers.ring import Row, RowRing
from prefgym.buffers.statistics import DeviceEpisodeStatistics
from prefgym.common.states import State


class DeviceRecorder(BaseRecorder):
    """Records of N environments on a device, all of which step at once.

    Conditional writes go to all environments, with the old value where the condition is false, since indexing by a
    mask would synchronise with the device.

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
        self.cfg, self.device = cfg or RecorderCfg(), device
        layout = {
            "obs": ((obs_dim,), torch.float32),
            "action": ((action_dim,), torch.float32),
            "reward": ((), torch.float32),
            "factors": ((len(factor_names),), torch.float32),
            "state": ((state_dim if self.cfg.state else 0,), torch.float32),
            "kind": ((), torch.int8),
            "episode": ((), torch.int64),
            "step": ((), torch.int32),
        }
        room = {"capacity_steps": self.cfg.capacity_steps, "capacity_bytes": self.cfg.capacity_bytes}
        ring, statistics = RowRing(num_envs, layout, device=device, **room), DeviceEpisodeStatistics(num_envs, device)
        self._statistics = statistics
        super().__init__(ring, statistics, has_reward=has_reward, factor_names=factor_names)
        self._num_episodes = torch.zeros((), dtype=torch.int64, device=device)

    def begin(self, obs: Tensor, mask: Tensor | None = None, state: Tensor | None = None) -> None:
        """Start new episodes; those that were running are recorded as truncated.

        Args:
            obs: First observations. Shape: (N, O).
            mask: Environments in which an episode starts; None for all. Shape: (N,).
            state: Physics states. Shape: (N, S).
        """
        ring, step = self._ring, self._ring.columns["step"]
        mask = torch.ones_like(ring.head, dtype=torch.bool) if mask is None else mask
        has_steps = mask & (step[ring.head] > 0)
        cut = has_steps & (ring.kind[ring.head] == Row.OPEN)
        ring.kind[ring.head] = torch.where(cut, int(Row.TRUNCATED), ring.kind[ring.head]).to(torch.int8)
        self._statistics.finish(cut)
        ring.head = torch.where(has_steps, ring.after(), ring.head)  # an episode without a step is dropped
        ring.num_moves = ring.num_moves + has_steps
        self._write("obs", mask, obs)
        self._write("kind", mask, torch.full_like(ring.head, Row.OPEN))
        self._write("episode", mask, self._num_episodes + mask.cumsum(0) - 1)
        self._write("step", mask, torch.zeros_like(ring.head))
        if state is not None and self.has_states:
            self._write("state", mask, state)
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
        """Record one step of every environment; `next_obs` and `state` are those after the step, before any reset.

        All have the leading axis N.
        """
        ring, columns = self._ring, self._ring.columns
        head, after = ring.head, ring.after()
        ring.kind.index_fill_(0, head, int(Row.STEP))  # assigning a number would synchronise with the device
        columns["action"][head], columns["reward"][head] = action, reward.float()
        if factors:
            columns["factors"][head] = torch.stack([factors[name] for name in self.factor_names], -1).float()
        columns["obs"][after] = next_obs
        if state is not None and self.has_states:
            columns["state"][after] = state
        cut = torch.where(truncated, int(Row.TRUNCATED), int(Row.OPEN))
        ring.kind[after] = torch.where(terminated, int(Row.TERMINATED), cut).to(torch.int8)
        columns["episode"][after] = columns["episode"][head]
        columns["step"][after] = columns["step"][head] + 1
        ring.head, ring.num_moves = after, ring.num_moves + 1
        self._statistics.add(reward)
        self._statistics.finish(terminated | truncated)
        self.num_steps += self.num_envs

    def state_dict(self) -> State:
        """Return the state to resume from, without the rows, which are in shards."""
        return {**super().state_dict(), "num_episodes": self._num_episodes}

    def load_state_dict(self, state: State) -> None:
        """Resume from a state that `state_dict` returned; `load_shards` loads the rows."""
        super().load_state_dict(state)
        self._num_episodes = state["num_episodes"].to(self.device, copy=True)

    def _write(self, name: str, mask: Tensor, values: Tensor) -> None:
        """Write a row of each environment in `mask`."""
        column, head = self._ring.columns[name], self._ring.head
        old = column[head]
        column[head] = torch.where(mask.view(-1, *[1] * (old.dim() - 1)), values.to(old.dtype), old)
