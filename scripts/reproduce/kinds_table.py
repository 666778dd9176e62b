"""Train HalfCheetah from each kind of feedback alone, and from raters of several kinds, and print the table.

    python scripts/reproduce/kinds_table.py --jobs 2

Each arm has the same PPO, the default reward model and a budget of 500 answers; a silence is an answer. An answer is
about two segments (`comparison`), four (`ranking`), or one. Arms are compared with `comparison`, the oracle's choices.
`task reward` trains without feedback on the reward of the task, and `silent` asks a rater that never reacts, so its
reward model learns nothing. A cell is one training in a process with one thread, and adds one line to the results file;
cells that have a line there with the same settings are not run again. The whole table has 78 cells of about 50 s each,
33 minutes with two processes, if nothing else runs.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import tyro
from rich.table import Table

from prefgym import raters
from prefgym.bench.cells import Line
from prefgym.bench.grid import GridCfg, TrainingGrid
from prefgym.buffers.recorder import RecorderCfg
from prefgym.common.limits import Count
from prefgym.evaluation.statistics import Scores, average, label_of, ratio
from prefgym.training.api import train_cfg
from prefgym.training.config import EvalCfg, TrainCfg

ENV = "prefgym/HalfCheetah-v0"
REFERENCE = "comparison"


@dataclass(frozen=True, kw_only=True)
class Arm:
    """A rater."""

    rater: str
    """Its name."""
    settings: dict[str, Any] = field(default_factory=dict[str, Any])
    """Its settings that differ from the defaults."""
    budget: int = 500
    """Queries that it is shown."""


ARMS = {
    REFERENCE: Arm(rater="oracle"),
    "ranking": Arm(rater="oracle", settings={"gives": "ranking"}),
    "rating": Arm(rater="oracle", settings={"gives": "rating"}),
    "thumbs": Arm(rater="oracle", settings={"gives": "thumbs"}),
    "mark": Arm(rater="oracle", settings={"gives": "mark"}),
    "soft": Arm(rater="soft"),
    "weighted": Arm(rater="weighted", settings={"weights": {"forward": 1.0, "ctrl": 2.0}}),
    "principles": Arm(
        rater="principles",
        settings={"principles": {f"above {x}": f"forward:above:{x}" for x in (0, 0.25, 0.5, 1, 2, 3, 4)}},
    ),
    "foresight": Arm(rater="foresight"),
    "rare thumbs": Arm(rater="thumbs"),
    "rare thumbs, 10,000 shown": Arm(rater="thumbs", budget=10_000),
    "silent": Arm(rater="thumbs", settings={"reacting": 0.0, "hostile": 0.0}),
    "task reward": Arm(rater="none"),
}
"""Raters that are compared. `rare thumbs` react to one segment of twenty, in one case of ten with the opposite."""


KINDS = (REFERENCE, "ranking", "rating", "thumbs", "mark")
"""Arms that differ in the kind of feedback alone."""


@dataclass(frozen=True, kw_only=True)
class KindsTableCfg(GridCfg):
    """The cells of the table."""

    arms: tuple[str, ...] = tuple(ARMS)
    """Raters."""
    seeds: Count = 6
    """Seeds 0, 1, ... of every cell."""
    steps: Count = 200_000
    """Environment steps."""
    out: Path = Path("runs/kinds")
    """Folder of the runs."""
    results: Path = Path("benchmarks/kinds.jsonl")
    """Results file, a line for each finished cell."""


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One run."""

    arm: str
    seed: int

    @property
    def name(self) -> str:
        """Name its folder."""
        return f"{self.arm.replace(', ', '-').replace(' ', '-')}-{self.seed}"


class KindsTable(TrainingGrid[Cell]):
    """Raters by seeds."""

    results = (*TrainingGrid.results, "num_asked", "steps")

    def __init__(self, cfg: KindsTableCfg) -> None:
        super().__init__(cfg)
        self.cfg = cfg

    def cells(self) -> Iterator[Cell]:
        """List the cells, those of the kinds before those of other raters, all of a seed before those of the next."""
        for alone in (True, False):
            arms = [arm for arm in self.cfg.arms if (arm in KINDS) == alone]
            for seed, arm in product(range(self.cfg.seeds), arms):
                yield Cell(arm=arm, seed=seed)

    def config(self, cell: Cell) -> TrainCfg:
        """Return the configuration of a cell."""
        arm = ARMS[cell.arm]
        config = train_cfg(
            ENV,
            rater=arm.rater,
            budget=arm.budget,
            steps=self.cfg.steps,
            seed=cell.seed,
            threads=1,
            report=False,
            recorder=RecorderCfg(state=False),
            eval=EvalCfg(every=self.cfg.steps, at_sessions=False),  # the last policy alone
        )
        return replace(config, rater_cfg=raters.cfg(arm.rater, **arm.settings)) if arm.settings else config

    def returns(self, done: dict[Cell, Line], arm: str) -> Scores:
        """Collect the true returns of the finished seeds of an arm."""
        cells = (Cell(arm=arm, seed=seed) for seed in range(self.cfg.seeds))
        return np.array([done[cell]["final_return_mean"] for cell in cells if cell in done])

    def table(self, done: dict[Cell, Line]) -> Table:
        """Lay out average, seeds, and the ratio to the reference with its interval."""
        found = {arm: scores for arm in self.cfg.arms if len(scores := self.returns(done, arm))}
        table = Table(title=f"true return of ppo on HalfCheetah after {self.cfg.steps:,} steps")
        names = ("arm", "shown", label_of([*map(len, found.values())]), "all seeds", f"ratio to `{REFERENCE}`")
        for name in names:
            table.add_column(name)
        for arm, scores in found.items():
            compares = arm != REFERENCE and REFERENCE in found
            to_reference = str(ratio(scores, found[REFERENCE], np.random.default_rng(0))) if compares else ""
            shown = "" if ARMS[arm].rater == "none" else f"{ARMS[arm].budget:,}"
            table.add_row(arm, shown, f"{average(scores):.0f}", " ".join(f"{x:.0f}" for x in scores), to_reference)
        return table


if __name__ == "__main__":
    sys.exit(KindsTable(tyro.cli(KindsTableCfg, description=__doc__)).make() > 0)
