"""Labels as Contrastive Preference Learning stores them.

Hejna et al., Contrastive Preference Learning: Learning from Human Feedback without RL, ICLR 2024, arXiv:2310.13639;
repository jhejna/cpl. The `.npz` has `obs` (N, T, O), `action` (N, T, A), `reward` (N, T), and scores of the segments
(N,) under several names, such as `rl_sum`, from the values of an expert. Its mode `comparison` compares segment i with
segment i + N/2, and prefers the higher score. An older form has `obs_1`, `obs_2` ... and `label`, as that of IPL.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
import tyro

from prefgym.common.errors import UserError
from prefgym.core.preferences import Comparison, Preferences
from prefgym.core.queries import Queries
from prefgym.data.importers.base import ImportCfg, between_observations, finite, same_length, side_by_side
from prefgym.data.importers.npz import read_npz


@dataclass(frozen=True, kw_only=True)
class CplImportCfg(ImportCfg):
    """Import segments with scores in the form of Contrastive Preference Learning; the two halves are compared."""

    file: tyro.conf.Positional[Path]
    """The file."""
    label: str = "rl_sum"
    """Array with the scores of the segments: the `label_key` of its configurations."""
    kind: Literal["human", "simulated", "vlm"] = "simulated"
    """Kind of the rater: a person, a program, or a vision-language model."""


def read_cpl(cfg: CplImportCfg) -> Preferences:
    """Read the segments and compare each of the first half with its partner in the second by their scores.

    Raises:
        UserError: If the file is damaged, its arrays do not fit each other, or there is one segment.
    """
    file = cfg.file
    arrays = read_npz(file, ("obs", "action", cfg.label), ("reward",))
    shown = {name: finite(file, name, arrays[name], axes) for name, axes in (("obs", "NTO"), ("action", "NTA"))}
    score = finite(file, cfg.label, arrays[cfg.label], "N")
    reward = finite(file, "reward", arrays["reward"], "NT") if "reward" in arrays else None
    same_length(file, **{cfg.label: score}, **shown)
    half = len(score) // 2  # an odd segment at the end has no partner
    if half == 0:
        raise UserError(f"{file}: one segment has no other to compare it with.")
    segments = between_observations(file, shown["obs"], shown["action"], reward)
    first, second = score[:half], score[half : 2 * half]
    best = torch.stack([first >= second, second >= first], -1)
    queries = Queries.of(side_by_side(file, segments[:half], segments[half : 2 * half]))
    return Preferences.of(queries, Comparison.of_best(best), cfg.info)
