"""The table of learning results: what is done stays done, under the configuration it was done with."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from learning_table import Cell, LearningTableCfg, main, read_results, relevant, time_ratios, wanted


def test_a_finished_cell_is_not_run_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One real cell leaves one line, with which the table is printed although the run's folder is gone."""
    cfg = LearningTableCfg(
        tasks=("Reacher",), budgets=(0,), seeds=1, steps=4096, out=tmp_path / "runs", results=tmp_path / "results.jsonl"
    )
    main(cfg)
    told = json.loads(cfg.results.read_text())
    assert (told["env"], told["rater"], told["seed"], len(told["returns"])) == ("prefgym/Reacher-v0", "none", 0, 20)
    shutil.rmtree(cfg.out)
    assert main(cfg) == 0
    assert len(cfg.results.read_text().splitlines()) == 1
    assert capsys.readouterr().out.count("Reacher-none-0-0: ") == 1
    assert read_results(replace(cfg, steps=8192)) == {}  # another configuration is another table
    cell = Cell(task="Reacher", rater="none", budget=0, seed=0)
    assert told["settings"] == wanted(cfg, cell)
    del told["settings"]["agent_cfg.gamma"]  # as if that setting were newer than the line
    cfg.results.write_text(json.dumps(told))
    assert read_results(cfg) == {cell: told}


def test_without_a_rater_it_does_not_matter_how_rewards_are_fitted() -> None:
    """Of these settings only environment and agent took part; with a rater all did."""
    told = {"env": "a", "rater": "none", "budget": "500", "schedule.last": "0.7", "reward_cfg.fit.crop": "0.0"}
    told |= {"agent_cfg.gamma": "0.99"}
    assert relevant(told) == {"env": "a", "rater": "none", "agent_cfg.gamma": "0.99"}
    assert relevant(told | {"rater": "oracle"}) == told | {"rater": "oracle"}


def test_wall_times_are_compared_within_a_seed_and_a_commit() -> None:
    """Seed 0 took 60 s against 50; seed 1 ran at another commit, seed 2 has one arm."""
    times = {
        (0, 0): ("a", 50.0),
        (500, 0): ("a", 60.0),
        (0, 1): ("a", 50.0),
        (500, 1): ("b", 90.0),
        (500, 2): ("a", 1.0),
    }
    done = {
        Cell(task="Hopper", rater="oracle" if budget else "none", budget=budget, seed=seed): {
            "git_revision": revision,
            "wall_time_s": seconds,
        }
        for (budget, seed), (revision, seconds) in times.items()
    }
    assert time_ratios(LearningTableCfg(), done, "Hopper", "oracle", 500).tolist() == [1.2]
