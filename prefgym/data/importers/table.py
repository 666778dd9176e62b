"""Plain tables: trajectories in an `.npz` or Parquet file, and a CSV of answers about them."""

from dataclasses import dataclass
from pathlib import Path

import tyro

from prefgym.core.preferences import Preferences
from prefgym.data.importers.answers import answered_about, read_answers
from prefgym.data.importers.base import ImportCfg
from prefgym.data.importers.trajectories import read_trajectories


@dataclass(frozen=True, kw_only=True)
class TableImportCfg(ImportCfg):
    """Import trajectories of a file and a CSV of answers: first,second,choice."""

    trajectories: tyro.conf.Positional[Path]
    """The trajectories: an .npz with obs (M, T+1, O) and action (M, T, A), or a Parquet file with a row per step."""
    answers: tyro.conf.Positional[Path]
    """The CSV, whose options are numbers of trajectories from 0 on."""


def read_table(cfg: TableImportCfg) -> Preferences:
    """Read the trajectories and the answers about them.

    Raises:
        UserError: If a file is damaged, or the answers are about other trajectories.
    """
    answers = read_answers(cfg.answers)
    return answered_about(read_trajectories(cfg.trajectories), answers, cfg)
