"""The reference arm gets what ours gets."""

import json
from pathlib import Path

from compare_ppo_sb3 import CompareCfg, PPOTable, equal, ours

from prefgym.agents.ppo import PPOCfg
from prefgym.agents.tuned import tuned


def test_rollouts_are_equally_long() -> None:
    theirs = equal(PPOCfg(num_envs=64, num_steps=32))
    assert (theirs.num_envs, theirs.ppo["n_steps"]) == (8, 256)  # 64 * 32 = 2048 = 8 * 256


def test_the_task_has_its_committed_settings() -> None:
    assert ours("Hopper") == PPOCfg(**tuned("prefgym/Hopper-v0", "ppo"))


def test_a_run_that_has_a_line_is_not_repeated(tmp_path: Path) -> None:
    grid = PPOTable(CompareCfg(tasks=("Hopper",), seeds=(0, 1), results=tmp_path / "results.jsonl"))
    runs = list(grid.cells())
    assert [(run.setting, run.seed) for run in runs] == [("equal", 0), ("zoo", 0), ("equal", 1), ("zoo", 1)]
    grid.grid.results.write_text(json.dumps(grid.wanted(runs[2])) + "\n")
    assert [run in grid.read() for run in runs] == [False, False, True, False]
