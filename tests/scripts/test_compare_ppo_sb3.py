"""The reference arm gets what ours gets."""

import runpy
from dataclasses import replace
from pathlib import Path
from typing import Any

from prefgym.agents.ppo import PPOCfg
from prefgym.agents.tuned import tuned

SCRIPT: dict[str, Any] = runpy.run_path(str(Path(__file__).parents[2] / "scripts" / "compare_ppo_sb3.py"))


def test_rollouts_are_equally_long() -> None:
    ours = PPOCfg(num_envs=64, num_steps=32)
    theirs = SCRIPT["equal"](ours)
    assert (theirs.num_envs, theirs.ppo["n_steps"]) == (8, 256)  # 64 * 32 = 2048 = 8 * 256


def test_the_task_has_its_committed_settings() -> None:
    cfg = SCRIPT["CompareCfg"](env="Hopper-v5", ours=PPOCfg(gamma=0.5))
    assert cfg.ppo() == replace(PPOCfg(**tuned("prefgym/Hopper-v0", "agent", "ppo")), gamma=0.5)


def test_a_run_that_has_a_line_is_not_repeated(tmp_path: Path) -> None:
    cfg = SCRIPT["CompareCfg"](seeds=(0, 1), out=tmp_path / "results.jsonl")
    runs = list(SCRIPT["wanted"](cfg))
    assert len(runs) == 4
    cfg.out.write_text(runs[2].key() + "\n")
    finished = SCRIPT["done"](cfg.out)
    assert [run.key() in finished for run in runs] == [False, False, True, False]
