"""Answers about the episodes of a Minari dataset."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from commands import run

import prefgym
from prefgym.data.minari import load_demos

minari = pytest.importorskip("minari")
DATASET = ("pole/random-v0", "answers.csv", "--datasets", "datasets")


@pytest.fixture
def dataset(capsys: pytest.CaptureFixture[str]) -> None:
    """Record four episodes of a pole that falls."""
    flags = ("--policy", "random", "--episodes", "4", "--num-envs", "2", "--dataset", DATASET[0], "--out", "datasets")
    assert run(capsys, "demos", "--env", "prefgym/InvertedPendulum-v0", *flags)[0] == 0


@pytest.mark.usefixtures("dataset")
def test_answers_come_in_with_their_steps(capsys: pytest.CaptureFixture[str]) -> None:
    episodes = [*minari.MinariDataset(Path("datasets", DATASET[0], "data")).iterate_episodes()]
    last = len(episodes[2].actions)
    Path("answers.csv").write_text(
        f"first,first_start,first_end,second,choice\n2,{last - 2},{last},0,first\n3,1,2,1,tie\n"
    )
    command = ("feedback", "import", "minari", *DATASET, "--out", "new", "--env", "prefgym/InvertedPendulum-v0")
    assert run(capsys, *command)[0] == 0
    read = prefgym.read_feedback("new")
    options = read.queries.options
    assert options.reward is not None
    assert read.answers.choice.tolist() == [[1, 0], [0.5, 0.5]]
    assert options.length.tolist() == [[2, len(episodes[0].actions)], [1, len(episodes[1].actions)]]
    np.testing.assert_array_equal(options.obs[0, 0, :3], np.float32(episodes[2].observations[-3:]))
    np.testing.assert_array_equal(options.action[0, 0, :2], np.float32(episodes[2].actions[-2:]))
    np.testing.assert_array_equal(options.reward[0, 0, :2], np.float32(episodes[2].rewards[-2:]))
    np.testing.assert_array_equal(options.action[1, 0, :1], np.float32(episodes[3].actions[1:2]))
    assert options.terminated.tolist() == [[True, True], [False, True]]
    assert set(options.factors) == set(load_demos(DATASET[0], Path("datasets")).factor_names)


@pytest.mark.usefixtures("dataset")
def test_answers_about_others_are_refused(refused: Callable[..., str]) -> None:
    Path("answers.csv").write_text("first,second,choice\n4,0,first\n")
    assert "line 2 is about a trajectory that there is not: the last one is 3" in refused("minari", *DATASET)
    Path("answers.csv").write_text("first,second,second_end,choice\n3,0,5000,first\n")
    assert "line 2 is about steps that its trajectory does not have" in refused("minari", *DATASET)
    next(Path("datasets").rglob("*.hdf5")).write_bytes(b"nothing of the kind")
    assert "the dataset pole/random-v0 cannot be learned from" in refused("minari", *DATASET)


def test_a_dataset_that_is_missing_is_refused(refused: Callable[..., str]) -> None:
    Path("answers.csv").write_text("first,second,choice\n1,0,first\n")
    assert "there is no dataset pole/random-v0" in refused("minari", *DATASET)
