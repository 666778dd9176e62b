"""Play episodes of runs by their last policies, and tell how long they last and what their steps are rewarded.

    python scripts/reproduce/episodes_of.py runs/self-play/Walker2d-peak-end-*

A rater like `oracle` goes by all steps; one like `peak-end` by the best one and the last. What is rewarded is the task
reward, whatever the run learned from.
"""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import tyro
from head_to_head import Judge, play
from rich.console import Console
from rich.table import Table
from torch import Tensor

from prefgym import raters
from prefgym.common.errors import UserError
from prefgym.common.limits import Count, check
from prefgym.core.scores import PeakEnd
from prefgym.core.segments import Segments
from prefgym.rl.policy_runner import PolicyRunner
from prefgym.runs.folder import read_config
from prefgym.training.load import load_policy


@dataclass(frozen=True, kw_only=True)
class EpisodesOfCfg:
    """Whose episodes are told of."""

    runs: tyro.conf.Positional[tuple[Path, ...]]
    """Run folders."""
    episodes: Count = 200
    """Episodes of each."""

    __post_init__ = check


class Told(NamedTuple):
    """What is told of each episode; all of shape (N,)."""

    length: Tensor
    """Steps."""
    mean: Tensor
    """Task reward per step."""
    best: Tensor
    """Task reward of the best step."""
    last: Tensor
    """Task reward of the last step."""


def main(cfg: EpisodesOfCfg) -> int:
    """Print a line for each run; return 2 if one cannot be read."""
    table = Table(title=f"means over {cfg.episodes} episodes; what steps are rewarded by the task")
    for name in ("run", "steps", "a step", "best step", "last step"):
        table.add_column(name)
    try:
        for run in cfg.runs:
            table.add_row(
                run.name, *(f"{told.double().mean():.1f}" for told in told_of(episodes_of(run, cfg.episodes)))
            )
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    Console(width=140).print(table)
    return 0


def episodes_of(run: Path, num_episodes: int) -> Segments:
    """Play episodes by the last policy of a run, with its noise. Batch shape: (N,).

    Raises:
        UserError: If there is no such run, or it has no policy.
    """
    act = PolicyRunner(load_policy(run), deterministic=False).act
    return play(Judge(read_config(run)["env"], "oracle", raters.cfg("oracle")), act, num_episodes, fragment_length=1)[0]


def told_of(episodes: Segments) -> Told:
    """Tell of each episode how long it is and what its steps are rewarded.

    Args:
        episodes: With task reward. Batch shape: (N,).
    """
    assert episodes.reward is not None  # whoever may look at the task reward records it
    total = (episodes.reward * episodes.mask).sum(-1)
    return Told(episodes.length, total / episodes.length, PeakEnd(1.0)(episodes), PeakEnd(0.0)(episodes))


if __name__ == "__main__":
    sys.exit(main(tyro.cli(EpisodesOfCfg, description=__doc__)))
