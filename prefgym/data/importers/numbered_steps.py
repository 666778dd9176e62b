"""Windows by the number of their first step, in the arrays of D4RL's `qlearning_dataset`.

Labels about D4RL (Fu et al., arXiv:2004.07219) hold no observations: they name steps of the dataset. Its arrays are

    numpy.savez("hopper.npz", **d4rl.qlearning_dataset(gym.make("hopper-medium-expert-v2")))

which leaves out the last step of episodes that ran into their time limit, as the numbers of the labels do.
"""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from prefgym.common.errors import UserError
from prefgym.common.memory import check_fits
from prefgym.core.segments import Segments
from prefgym.data.importers.base import Array, finite, same_length
from prefgym.data.importers.npz import read_npz


@dataclass(frozen=True, kw_only=True)
class NumberedSteps:
    """N steps, one after the other."""

    file: Path
    """The file."""
    obs: Tensor
    """Before each step. Shape: (N, O)."""
    next_obs: Tensor
    """After it. Shape: (N, O)."""
    action: Tensor
    """Shape: (N, A)."""
    terminated: Tensor
    """Whether the episode terminated at the step. Shape: (N,), bool."""
    reward: Tensor | None
    """Task reward. Shape: (N,)."""

    def windows(self, start: Array, num_steps: int) -> Segments:
        """Copy out windows of one length, each within an episode.

        Args:
            start: Numbers of first steps. Shape: (B,).
            num_steps: Steps T of a window.

        Raises:
            UserError: If a window leaves the dataset or its episode, so that the labels are of another dataset.
        """
        begin, total = torch.as_tensor(start.astype("int64")), len(self.action)
        if bool(((begin < 0) | (begin + num_steps > total)).any()):
            raise UserError(f"{self.file} has {total} steps, and the labels are about others: pass their dataset.")
        row = 4 * (num_steps + 1) * (self.obs.shape[1] + self.action.shape[1] + 1)
        check_fits(f"{len(begin)} segments", float(len(begin) * row), "import fewer answers")
        # breaks before step n; a window may have none between its first and its last step
        continues = (self.obs[1:] == self.next_obs[:-1]).all(-1)
        breaks = torch.cat([torch.zeros(1, dtype=torch.long), (~continues).long().cumsum(0)])
        last = begin + num_steps - 1
        if bool((breaks[last] > breaks[begin]).any()):
            raise UserError(f"{self.file} has ends of episodes within labelled segments: pass the labelled dataset.")
        rows = begin.unsqueeze(-1) + torch.arange(num_steps)
        return Segments(
            obs=torch.cat([self.obs[rows], self.next_obs[last].unsqueeze(-2)], -2),
            action=self.action[rows],
            length=torch.full((len(begin),), num_steps),
            terminated=self.terminated[last],
            truncated=torch.zeros(len(begin), dtype=torch.bool),
            reward=None if self.reward is None else self.reward[rows],
        )


def read_numbered_steps(file: Path) -> NumberedSteps:
    """Read the arrays of `qlearning_dataset`: `observations`, `next_observations`, `actions`, `terminals`, `rewards`.

    Raises:
        UserError: If the file is damaged, or its arrays do not fit each other.
    """
    arrays = read_npz(file, ("observations", "next_observations", "actions", "terminals"), ("rewards",))
    shown = {name: finite(file, name, value, "N" if value.ndim == 1 else "NX") for name, value in arrays.items()}
    same_length(file, **shown)
    obs, next_obs, action, terminals = (
        shown[name] for name in ("observations", "next_observations", "actions", "terminals")
    )
    if obs.shape != next_obs.shape or action.dim() != 2 or terminals.dim() != 1:
        raise UserError(f"{file}: observations and next_observations must be (N, O), actions (N, A), terminals (N,).")
    return NumberedSteps(
        file=file, obs=obs, next_obs=next_obs, action=action, terminated=terminals > 0, reward=shown.get("rewards")
    )
