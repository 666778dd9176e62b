"""Labels as Inverse Preference Learning stores them.

Hejna, Sadigh, Inverse Preference Learning: Preference-based RL without a Reward Function, NeurIPS 2023,
arXiv:2305.15363; its repository, jhejna/inverse-preference-learning, has labels of Preference Transformer in this form,
too. The `.npz` has `obs_1` and `obs_2` (N, T, O), `action_1` and `action_2` (N, T, A), and `label` (N,), the share of
the choice on the second segment.
"""

from dataclasses import dataclass
from pathlib import Path

import tyro

from prefgym.core.preferences import Preferences
from prefgym.core.queries import Queries
from prefgym.data.importers.base import (
    ImportCfg,
    between_observations,
    finite,
    same_length,
    shared_between_two,
    side_by_side,
)
from prefgym.data.importers.npz import read_npz


@dataclass(frozen=True, kw_only=True)
class IplImportCfg(ImportCfg):
    """Import labels in the form of Inverse Preference Learning: pairs of segments, and the share of the second."""

    file: tyro.conf.Positional[Path]
    """The file, such as num100_human_train.npz."""


def read_ipl(cfg: IplImportCfg) -> Preferences:
    """Read the pairs; segments have T-1 steps, since no observation follows the last action.

    Raises:
        UserError: If the file is damaged, or its arrays do not fit each other.
    """
    file, names = cfg.file, ("obs_1", "obs_2", "action_1", "action_2")
    arrays = read_npz(file, (*names, "label"))
    shown = {name: finite(file, name, arrays[name], "NTO" if name.startswith("obs") else "NTA") for name in names}
    label = finite(file, "label", arrays["label"], "N")
    same_length(file, label=label, **shown)
    options = [between_observations(file, shown[f"obs_{side}"], shown[f"action_{side}"]) for side in (1, 2)]
    queries = Queries.of(side_by_side(file, *options))
    return Preferences.of(queries, shared_between_two(file, "label", label), cfg.info)
