"""Answers about the episodes of a Minari dataset (Younis et al., https://minari.farama.org)."""

from dataclasses import dataclass
from pathlib import Path

import tyro

from prefgym.core.preferences import Preferences
from prefgym.data.importers.answers import answered_about, read_answers
from prefgym.data.importers.base import ImportCfg
from prefgym.data.minari import load_demos


@dataclass(frozen=True, kw_only=True)
class MinariImportCfg(ImportCfg):
    """Import a CSV of answers about the episodes of a Minari dataset: first,first_start,first_end, ... choice."""

    dataset: tyro.conf.Positional[str]
    """Id of the dataset."""
    answers: tyro.conf.Positional[Path]
    """The CSV, whose options are numbers of episodes from 0 on."""
    datasets: Path | None = None
    """Folder of datasets; default: Minari's own."""


def read_minari(cfg: MinariImportCfg) -> Preferences:
    """Read the episodes and the answers about them.

    Raises:
        UserError: If the dataset or the CSV is missing or damaged, or the answers are about other episodes.
    """
    answers = read_answers(cfg.answers)
    return answered_about(load_demos(cfg.dataset, cfg.datasets, with_reward=True), answers, cfg)
