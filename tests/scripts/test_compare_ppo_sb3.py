"""The reference arm gets what ours gets."""

import runpy
from pathlib import Path
from typing import Any

from prefgym.agents.ppo import PPOCfg

SCRIPT: dict[str, Any] = runpy.run_path(str(Path(__file__).parents[2] / "scripts" / "compare_ppo_sb3.py"))


def test_rollouts_are_equally_long() -> None:
    ours = PPOCfg(num_envs=64, num_steps=32)
    theirs = SCRIPT["equal"](ours)
    assert (theirs.num_envs, theirs.ppo["n_steps"]) == (8, 256)  # 64 * 32 = 2048 = 8 * 256


def test_a_run_that_has_a_line_is_not_repeated(tmp_path: Path) -> None:
    cfg = SCRIPT["CompareCfg"](seeds=(0, 1), out=tmp_path / "results.jsonl")
    runs = list(SCRIPT["wanted"](cfg))
    assert len(runs) == 4
    cfg.out.write_text(runs[2].key() + "\n")
    finished = SCRIPT["done"](cfg.out)
    assert [run.key() in finished for run in runs] == [False, False, True, False]
