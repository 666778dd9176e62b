"""Reading a run folder: complete, incomplete, torn and broken."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

from prefgym.report.data import Metrics, load_run


def test_everything_is_read(run_dir: Path) -> None:
    run = load_run(run_dir)
    assert run.name == "demo"
    assert run.command == "prefgym train --steps 10_000"
    assert run.config["agent"] == "ppo"
    assert run.number("final_return_mean") == 4123.4
    assert run.number("budget") == 10
    assert len(run.metrics.rows) == 10
    assert run.held_out is not None
    assert run.held_out.probability.shape == run.held_out.share.shape == (40,)
    assert run.reward_pairs is not None
    assert run.reward_pairs.true.shape == (40,)
    assert run.final_episode is not None
    assert run.final_episode.state is not None
    assert run.final_episode.state.shape == (41, 28)
    assert run.learns_from_labels


def test_an_empty_folder_is_a_run_about_which_nothing_is_known(tmp_path: Path) -> None:
    run = load_run(tmp_path)
    assert run.command is None
    assert run.config_text == ""
    assert run.fact("env") is None
    assert run.number("steps") is None
    assert run.held_out is run.reward_pairs is run.final_episode is None
    assert len(run.metrics.curve("eval/mean_reward")) == 0


def test_curves_take_the_lines_that_have_both() -> None:
    rows = ({"time/total_timesteps": 20.0, "a": 1.0}, {"time/total_timesteps": 10.0, "a": 2.0}, {"a": 3.0}, {"b": 1.0})
    curve = Metrics(rows=rows).curve("a")
    np.testing.assert_array_equal(curve.x, [10, 20])
    np.testing.assert_array_equal(curve.y, [2, 1])
    assert Metrics(rows=rows).last("a") == 3.0


def test_of_two_lines_about_one_step_the_later_holds() -> None:
    rows = ({"time/total_timesteps": 10.0, "a": 1.0}, {"time/total_timesteps": 10.0, "a": 2.0})
    np.testing.assert_array_equal(Metrics(rows=rows).curve("a").y, [2])


def test_a_session_starts_where_it_is_first_mentioned(run_dir: Path) -> None:
    np.testing.assert_array_equal(load_run(run_dir).metrics.session_starts(), [3000, 6000, 9000])


def test_half_a_last_line_is_no_error(run_dir: Path) -> None:
    with (run_dir / "metrics.jsonl").open("a") as file:
        file.write('{"time/total_ti')
    assert len(load_run(run_dir).metrics.rows) == 10


def test_what_is_no_finite_number_is_left_out(run_dir: Path) -> None:
    row = {"time/total_timesteps": 1.0, "reward_model/accuracy": math.nan, "note": "text", "eval/mean_reward": math.inf}
    (run_dir / "metrics.jsonl").write_text(json.dumps(row) + "\n")
    assert load_run(run_dir).metrics.rows == ({"time/total_timesteps": 1.0},)
    (run_dir / "report" / "held_out.json").write_text('{"probability": [0.5, NaN], "choice": [1, 0]}')
    held_out = load_run(run_dir).held_out
    assert held_out is not None
    np.testing.assert_array_equal(held_out.probability, [0.5])


@pytest.mark.parametrize(
    ("name", "text", "complaint"),
    [
        ("metrics.jsonl", "{\n{}\n", "line 1, is not valid JSON"),
        ("metrics.jsonl", "[1]\n{}\n", "line 1, is no JSON object"),
        ("result.json", "{", "it cannot be read"),
        ("result.json", "[]", "it cannot be read"),
        ("config.yaml", "a: [", "is not valid YAML"),
        ("config.yaml", "just text", "holds no settings"),
        (
            "report/held_out.json",
            '{"probability": [1], "choice": [1, 0]}',
            "1 values of probability and 2 values of choice",
        ),
        ("report/final_episode.safetensors", "torn", "it cannot be read"),
    ],
)
def test_a_broken_file_is_named(run_dir: Path, name: str, text: str, complaint: str) -> None:
    (run_dir / name).write_text(text)
    with pytest.raises(ValueError, match=complaint) as caught:
        load_run(run_dir)
    assert Path(name).name in str(caught.value)


def test_loading_runs_no_code(run_dir: Path) -> None:
    (run_dir / "config.yaml").write_text("!!python/object/apply:os.mkdir ['made']")
    with pytest.raises(ValueError, match="aliases and tags are not allowed"):
        load_run(run_dir)
    assert not Path("made").exists()


def test_a_command_may_be_a_list_of_words(run_dir: Path) -> None:
    (run_dir / "manifest.json").write_text(json.dumps({"command": ["prefgym", "train", "--out", "my runs"]}))
    assert load_run(run_dir).command == "prefgym train --out 'my runs'"
