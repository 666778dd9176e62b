"""Preferences that imitation saved.

Gleave et al., imitation: Clean Imitation Learning Implementations, arXiv:2211.11972. `PreferenceDataset.save` pickles
an object with `fragments1` and `fragments2`, trajectories with one more observation than actions, and `preferences`,
the probability that the first is preferred.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import tyro
from torch.nn.utils.rnn import pad_sequence

from prefgym.common.errors import UserError, read_as
from prefgym.common.memory import check_fits
from prefgym.core.preferences import Preferences
from prefgym.core.queries import Queries
from prefgym.core.segments import Segments
from prefgym.data.importers.base import ImportCfg, finite, same_length, shared_between_two, side_by_side
from prefgym.data.importers.pickles import Record, as_array, read_pickle

_DATASET = "imitation.algorithms.preference_comparisons.PreferenceDataset"
_FRAGMENTS = frozenset(("imitation.data.types.Trajectory", "imitation.data.types.TrajectoryWithRew"))


@dataclass(frozen=True, kw_only=True)
class ImitationImportCfg(ImportCfg):
    """Import a `PreferenceDataset` that imitation saved."""

    file: tyro.conf.Positional[Path]
    """The pickle."""
    variable_horizon: bool = False
    """Whether episodes end by terminations, as its `allow_variable_horizon` permits. The file has one mark for the end
    of an episode, which is that of a time limit otherwise."""


def read_imitation(cfg: ImitationImportCfg) -> Preferences:
    """Read the pairs of fragments; their infos are left out.

    Raises:
        UserError: If the pickle is damaged, holds anything else, or its fragments do not fit each other.
    """
    file = cfg.file
    dataset = read_pickle(file, _FRAGMENTS | {_DATASET})
    with read_as(f"{file} cannot be read"):
        if not isinstance(dataset, Record) or dataset.path != _DATASET:
            raise ValueError("it is no PreferenceDataset of imitation")
        fragments = [dataset.values["fragments1"], dataset.values["fragments2"]]
        first = finite(file, "preferences", as_array(dataset.values["preferences"]), "N")
        same_length(file, preferences=first, fragments1=fragments[0], fragments2=fragments[1])
        both = [one for side in fragments for one in side]
        segments = _segments(file, both, variable_horizon=cfg.variable_horizon)
        queries = Queries.of(side_by_side(file, segments[: len(first)], segments[len(first) :]))
        return Preferences.of(queries, shared_between_two(file, "preferences", 1 - first), cfg.info)


def _segments(file: Path, fragments: Sequence[Any], *, variable_horizon: bool) -> Segments:
    """Pad fragments to segments of one shape. Batch shape: (N,)."""
    if not all(isinstance(one, Record) and one.path in _FRAGMENTS for one in fragments):
        raise ValueError("fragments are no trajectories")
    rows = [one.values for one in fragments]
    # a pickle may name a fragment any number of times
    size = sum(as_array(row["obs"]).size + as_array(row["acts"]).size for row in rows)
    check_fits(f"the fragments of {file}", 3.0 * 4 * size, "import fewer pairs")
    obs = [finite(file, "obs", as_array(row["obs"]), "TO") for row in rows]
    action = [finite(file, "acts", as_array(row["acts"]), "TA") for row in rows]
    reward = [finite(file, "rews", as_array(row["rews"]), "T") for row in rows if "rews" in row]
    steps = [*map(len, action)]
    fits = [len(one) - 1 for one in obs] == steps and [*map(len, reward)] in ([], steps)
    if not fits or len({one.shape[1] for one in obs}) > 1 or len({one.shape[1] for one in action}) > 1:
        raise UserError(f"{file}: fragments need one more observation than actions, all of one size.")
    ended = torch.tensor([row["terminal"] is True for row in rows])
    return Segments(
        obs=pad_sequence(obs, batch_first=True),
        action=pad_sequence(action, batch_first=True),
        length=torch.tensor(steps),
        terminated=ended & variable_horizon,
        truncated=ended & (not variable_horizon),
        reward=pad_sequence(reward, batch_first=True) if reward else None,
    )
