"""Names of earlier versions: flags, settings, rewards, results and folders that are still read."""

from pathlib import Path

import gymnasium as gym
import pytest

import prefgym  # noqa: F401 - registers the environments
from prefgym import agents, samplers
from prefgym.bench.cells import read_lines
from prefgym.cli.flags import parse_train
from prefgym.common.from_json import config_from_json
from prefgym.report.data import RunData, load_run
from prefgym.rewards.health import troubles
from prefgym.training.history import initial_folder


def test_old_flags_are_taken(capsys: pytest.CaptureFixture[str]) -> None:
    """Each is named once."""
    flags = ("--env", "prefgym/Hopper-v0", "--agent", "residual", "--agent.num-ahead=5", "--sampler.no-cut")
    cfg = parse_train(flags)
    assert cfg.agent_cfg == agents.cfg("residual", n_step=5)
    assert cfg.sampler_cfg == samplers.cfg("disagreement", keep_short=False)
    assert capsys.readouterr().err.splitlines() == [
        "--agent.num-ahead is called --agent.n-step now",
        "--sampler.no-cut is called --sampler.no-keep-short now",
    ]


def test_old_cards_are_read() -> None:
    """Only the names differ."""
    cfg = config_from_json(agents.cfg("residual"), {"num_ahead": 4, "num_judges": 1})
    assert (cfg.n_step, cfg.num_target_critics) == (4, 1)


def test_the_old_name_of_the_metric_is_taken() -> None:
    """In environments of one and of many."""
    assert gym.make_vec("prefgym/HopperBackflip-v0", 2, reward="measure").metadata["metric"] == "backflips"
    assert gym.make("prefgym/HopperBackflip-v0", reward="measure").metadata["metric"] == "backflips"


def test_old_folders_and_results_are_read(tmp_path: Path) -> None:
    """A result, a line of a results file, and the folder of initial preferences."""
    (tmp_path / "result.json").write_text('{"wish": "Flip.", "measure": "backflips"}')
    run: RunData = load_run(tmp_path)
    assert (run.fact("task_description"), run.metric) == ("Flip.", "backflips")
    file = tmp_path / "lines.jsonl"
    file.write_text('{"piece_win_rate": 0.5, "settings": {"agent_cfg.num_judges": "2", "sampler_cfg.cut": "False"}}\n')
    settings = {"agent_cfg.num_target_critics": "2", "sampler_cfg.keep_short": "False"}
    assert read_lines(file) == [{"fragment_win_rate": 0.5, "settings": settings}]
    assert initial_folder(tmp_path) == tmp_path / "preferences" / "initial"
    (tmp_path / "preferences" / "brought").mkdir(parents=True)
    assert initial_folder(tmp_path) == tmp_path / "preferences" / "brought"


def test_old_metrics_are_judged() -> None:
    """As under their new names."""
    old = {"health/num_foreseen": 50.0, "health/foresight": 0.4, "health/paid_change": 1.0}
    assert "predicted only 40% of the last 50 choices" in troubles(old)["Reward behind the answers"]
