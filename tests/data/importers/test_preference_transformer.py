"""Labels of Preference Transformer: pickles with numbers of steps in a dataset of D4RL."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from commands import run
from d4rl_arrays import write_dataset
from pickled import Runs, pickled

import prefgym

FOLDER = Path("hopper-medium-expert-v2")
FLAGS = ("--dataset", "hopper.npz", "--segment-length", "2")


def write_labels(labels: Any = (0, 1, -1), first: Any = (0, 7, 9), second: Any = (3, 1, 5)) -> None:  # noqa: ANN401
    """Write the three pickles; there are more numbers of steps than labels."""
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / "indices_num500").write_bytes(pickled(np.array([*first, 0, 0], np.int32)))
    (FOLDER / "indices_2_num500").write_bytes(pickled(np.array([*second, 0, 0], np.int32)))
    (FOLDER / "label_human").write_bytes(pickled(list(labels)))


def test_labels_come_in_with_their_segments(capsys: pytest.CaptureFixture[str]) -> None:
    """The dataset knows the observation after each step, so that segments keep all of their steps."""
    write_dataset()
    write_labels()
    code, output, _ = run(capsys, "feedback", "import", "preference-transformer", str(FOLDER), *FLAGS, "--out", "new")
    assert (code, output) == (0, "new: 3 queries to unnamed: 3 answered\n")
    read = prefgym.read_feedback("new")
    assert read.answers.choice.tolist() == [[1, 0], [0, 1], [0.5, 0.5]]
    assert read.answers.tie.tolist() == [False, False, True]
    options = read.queries.options
    assert options.reward is not None
    assert options.obs[..., 0].tolist() == [
        [[0, 1, 2], [3, 4, 5]],
        [[12, 13, 14], [1, 2, 3]],
        [[20, 21, 22], [10, 11, 12]],
    ]
    assert options.action[1].tolist() == [[[112], [113]], [[101], [102]]]
    assert options.reward[2].tolist() == [[220, 221], [210, 211]]
    assert options.terminated.tolist() == [[False, False], [True, False], [False, False]]
    assert options.length.unique().tolist() == [2]


@pytest.mark.parametrize(
    ("labels", "dataset", "told"),
    [
        ({"first": (0, 7, 4)}, {}, "hopper.npz has ends of episodes within labelled segments"),
        ({"first": (0, 7, 11)}, {}, "hopper.npz has 12 steps, and the labels are about others"),
        ({"first": (0, 7, -1)}, {}, "hopper.npz has 12 steps, and the labels are about others"),
        ({"labels": (0, 1, 2)}, {}, "the label must be 0, 1 or -1"),
        ({"labels": (0, 1, "2")}, {}, "label_human cannot be read: there is no array of numbers"),
        ({"labels": (0, 1, -1, 0, 0, 1)}, {}, "one for each of 6 labels"),
        ({}, {"actions": np.zeros((11, 1))}, "actions has 11 rows, and observations 12"),
        ({}, {"observations": np.zeros((12, 3))}, "next_observations must be (N, O)"),
        ({}, {"observations": np.zeros((12, 8, 8, 3))}, "observations has the shape (12, 8, 8, 3)"),
    ],
)
def test_what_does_not_fit_is_refused(
    labels: dict[str, Any], dataset: dict[str, Any], told: str, refused: Callable[..., str]
) -> None:
    write_dataset(**dataset)
    write_labels(**labels)
    assert told in refused("preference-transformer", str(FOLDER), *FLAGS)


def test_hostile_and_missing_files_are_refused(refused: Callable[..., str]) -> None:
    write_dataset()
    command = ("preference-transformer", str(FOLDER), *FLAGS)
    assert f"{FOLDER} has 0 files label_human*, and one is expected" in refused(*command)
    write_labels()
    (FOLDER / "label_human").write_bytes(pickled(Runs()))
    assert "and only arrays are read: nothing of it was run" in refused(*command)
    assert not Path("ran").exists()
    (FOLDER / "indices_num100").touch()
    (FOLDER / "label_human").write_bytes(pickled([0]))
    assert f"{FOLDER} has 2 files indices_num*, and one is expected" in refused(*command)
