"""The table of learning results: what is done stays done, under the configuration it was done with."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from learning_table import Cell, LearningTable, LearningTableCfg

from prefgym.bench.cells import Line

TINY = LearningTableCfg(
    tasks=("Reacher",), budgets=(0,), seeds=1, steps=4096, jobs=0, out=Path("runs"), results=Path("results.jsonl")
)


def test_a_finished_cell_is_not_run_again(capsys: pytest.CaptureFixture[str]) -> None:
    """One real cell leaves one line, with which the table is printed although the run's folder is gone."""
    grid = LearningTable(TINY)
    assert grid.make() == 0
    line = json.loads(TINY.results.read_text())
    assert (line["task"], line["rater"], line["seed"], len(line["returns"])) == ("Reacher", "none", 0, 20)
    shutil.rmtree(TINY.out)
    assert grid.make() == 0
    assert len(TINY.results.read_text().splitlines()) == 1
    assert capsys.readouterr().out.count("Reacher-none-0-0: ") == 1
    assert LearningTable(replace(TINY, steps=8192)).read() == {}  # another configuration is another table
    cell = Cell(task="Reacher", rater="none", budget=0, seed=0)
    assert line["settings"] == grid.settings(cell)
    del line["settings"]["agent_cfg.gamma"]  # as if that setting were newer than the line
    TINY.results.write_text(json.dumps(line))
    assert grid.read() == {cell: line}


def test_wall_times_are_compared_within_a_seed_and_a_commit() -> None:
    """Seed 0 took 60 s against 50; seed 1 ran at another commit, seed 2 has one arm."""
    times = {
        (0, 0): ("a", 50.0),
        (500, 0): ("a", 60.0),
        (0, 1): ("a", 50.0),
        (500, 1): ("b", 90.0),
        (500, 2): ("a", 1.0),
    }
    done: dict[Cell, Line] = {
        Cell(task="Hopper", rater="oracle" if budget else "none", budget=budget, seed=seed): {
            "git_revision": revision,
            "wall_time_s": seconds,
        }
        for (budget, seed), (revision, seconds) in times.items()
    }
    assert LearningTable(LearningTableCfg()).time_ratios(done, "Hopper", "oracle", 500).tolist() == [1.2]


@pytest.mark.parametrize(("seeds", "row"), [(3, ["3", "4", "3 4 5", "2.00", "", "1.50"]), (6, None)])
def test_an_interval_needs_six_seeds(seeds: int, row: list[str] | None) -> None:
    """Returns 3, 4, 5 against 1, 2, 3: the means are 4 and 2."""
    grid = LearningTable(LearningTableCfg(seeds=seeds))
    done: dict[Cell, Line] = {}
    for seed in range(seeds):
        for rater, budget, first, seconds in (("none", 0, 1, 2.0), ("oracle", 500, 3, 3.0)):
            cell = Cell(task="Hopper", rater=rater, budget=budget, seed=seed)
            done[cell] = {"final_return_mean": first + seed % 3, "git_revision": "a", "wall_time_s": seconds}
    written = grid.row(done, "Hopper", "oracle", 500)
    assert written == row if row else written[4].endswith(", ahead")
