"""Labels of Uni-RLHF: pickles with numbers of steps, and the length of segments in their names."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from commands import run
from d4rl_arrays import write_dataset
from pickled import pickled

import prefgym

FOLDER = Path("hopper-medium-v2_human_labels")


def write_labels(labels: Any, kind: str = "human_label", length: str = "_len_2") -> None:  # noqa: ANN401
    """Write the three pickles."""
    FOLDER.mkdir(exist_ok=True)
    name = f"domain_mujoco_env_hopper-medium-v2_num_2000{length}_56a4.pkl"
    for what, numbers in (
        (kind, labels),
        ("indices_1", np.array([0, 7, 9])),
        ("indices_2", np.array([3, 1, 5], np.int32)),
    ):
        (FOLDER / f"{what}_{name}").write_bytes(pickled(numbers))


@pytest.mark.parametrize(
    ("labels", "kind"),
    [(np.array([0, 1, -1]), "human_label"), (np.array([[1.0, 0.0], [0.0, 1.0], [0.5, 0.5]]), "fake_label")],
)
def test_labels_come_in_with_their_segments(labels: Any, kind: str, capsys: pytest.CaptureFixture[str]) -> None:  # noqa: ANN401
    """Of people: which; of a script: the share of each."""
    write_dataset()
    write_labels(labels, kind)
    command = ("feedback", "import", "uni-rlhf", str(FOLDER), "--dataset", "hopper.npz", "--out", "new")
    assert run(capsys, *command)[0] == 0
    read = prefgym.read_feedback("new")
    assert read.answers.choice.tolist() == [[1, 0], [0, 1], [0.5, 0.5]]
    assert read.answers.tie.tolist() == [False, False, True]
    assert read.queries.options.obs[1, :, :, 0].tolist() == [[12, 13, 14], [1, 2, 3]]
    assert read.queries.options.action[1].tolist() == [[[112], [113]], [[101], [102]]]


@pytest.mark.parametrize(
    ("labels", "length", "told"),
    [
        (np.array([0, 1, 2]), "_len_2", "the label must be 0, 1 or -1, or the shares of both segments"),
        (np.array([[1.0, 1.0]] * 3), "_len_2", "the label must be 0, 1 or -1, or the shares of both segments"),
        (np.array([[1.5, -0.5]] * 3), "_len_2", "the label must lie between 0"),
        (np.array([0, 1, -1]), "", "does not name the length of its segments"),
        (np.array([0, 1, -1]), "_len_200", "hopper.npz has 12 steps, and the labels are about others"),
        (np.array([0, 1, -1, 1]), "_len_2", "one for each of 4 labels"),
        (np.array([0, 1, None]), "_len_2", "there is no array of numbers"),
    ],
)
def test_what_does_not_fit_is_refused(labels: Any, length: str, told: str, refused: Callable[..., str]) -> None:  # noqa: ANN401
    write_dataset()
    write_labels(labels, length=length)
    assert told in refused("uni-rlhf", str(FOLDER), "--dataset", "hopper.npz")
