"""Play episodes of runs by their last policies, and print their lengths and rewards.

    python scripts/reproduce/episodes_of.py runs/self-play/Walker2d-peak-end-*

A rater like `oracle` judges by all steps; one like `peak-end` by the best one and the last. Rewards are the task's,
whatever the run learned from.
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
from prefgym.runs.config_file import read_config
from prefgym.training.load import load_policy


@dataclass(frozen=True, kw_only=True)
class EpisodesOfCfg:
    """The runs, and the number of episodes."""

    runs: tyro.conf.Positional[tuple[Path, ...]]
    """Run folders."""
    episodes: Count = 200
    """Episodes of each."""

    __post_init__ = check


class Summary(NamedTuple):
    """Numbers of each episode; all of shape (N,)."""

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
    table = Table(title=f"means over {cfg.episodes} episodes; task reward")
    for name in ("run", "steps", "a step", "best step", "last step"):
        table.add_column(name)
    try:
        for run in cfg.runs:
            table.add_row(
                run.name, *(f"{column.double().mean():.1f}" for column in summarize(episodes_of(run, cfg.episodes)))
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


def summarize(episodes: Segments) -> Summary:
    """Return the length of each episode, and the task reward of its steps.

    Args:
        episodes: With task reward. Batch shape: (N,).
    """
    assert episodes.reward is not None  # the rater looks at the task reward, so it is recorded
    total = (episodes.reward * episodes.mask).sum(-1)
    return Summary(episodes.length, total / episodes.length, PeakEnd(1.0)(episodes), PeakEnd(0.0)(episodes))


if __name__ == "__main__":
    sys.exit(main(tyro.cli(EpisodesOfCfg, description=__doc__)))
