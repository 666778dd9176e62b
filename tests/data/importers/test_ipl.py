"""Labels in the form of Inverse Preference Learning."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from commands import run

import prefgym
from prefgym.data.feedback import read_manifest


def write(**changes: Any) -> None:  # noqa: ANN401
    """Write four pairs of three steps, in 64 bits as the authors do: 0 is the first, 1 the second, 0.5 neither."""
    numbers = np.arange(4 * 3 * 2.0).reshape(4, 3, 2)
    arrays = {"obs_1": numbers, "obs_2": numbers + 100, "action_1": numbers[..., :1] + 200}
    arrays |= {"action_2": numbers[..., :1] + 300, "label": np.array([0.0, 1.0, 0.5, 0.25])}
    np.savez_compressed(
        "pairs.npz", **{name: value for name, value in {**arrays, **changes}.items() if value is not None}
    )


def test_pairs_come_in_by_one_command(capsys: pytest.CaptureFixture[str]) -> None:
    """Of three observations and actions, the last action goes: nothing was observed after it."""
    write()
    known = ("--env", "Hopper-v5", "--rater", "ada", "--licence", "MIT", "--source", "github.com/x", "--consent", "yes")
    code, output, _ = run(capsys, "feedback", "import", "ipl", "pairs.npz", "--out", "new", *known)
    assert (code, output) == (0, "new: 4 queries about Hopper-v5 to ada: 4 answered\n")
    read = prefgym.read_feedback("new")
    assert read.answers.choice.tolist() == [[1, 0], [0, 1], [0.5, 0.5], [0.75, 0.25]]
    assert read.answers.tie.tolist() == [False, False, True, False]
    assert [(info.name, info.kind) for info in read.raters] == [("ada", "human")]
    options = read.queries.options
    assert options.obs[1].tolist() == [[[6, 7], [8, 9], [10, 11]], [[106, 107], [108, 109], [110, 111]]]
    assert options.action[1].tolist() == [[[206], [208]], [[306], [308]]]
    assert options.length.unique().tolist() == [2] and not (options.terminated | options.truncated).any()
    assert options.reward is None and options.obs.dtype == torch.float32
    manifest = read_manifest(Path("new"))
    assert [manifest[name] for name in ("env", "source", "licence", "consent")] == [
        "Hopper-v5",
        "github.com/x",
        "MIT",
        "yes",
    ]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"label": np.array([0.0, 1.0])}, "obs_1 has 4 rows, and label 2"),
        ({"label": np.array([0.0, 1.0, 0.5, -1.0])}, "label must lie between 0, the first option, and 1, the second"),
        ({"label": np.array([0.0, 1.0, 0.5, np.nan])}, "label is not finite in row 3"),
        ({"label": np.zeros((4, 2))}, "label has the shape (4, 2), expected (N)"),
        ({"obs_2": np.zeros((4, 5, 2))}, "observations have (4, 5, 2) numbers and actions (4, 3, 1)"),
        ({"obs_1": np.full((4, 3, 2), 1e300)}, "obs_1 is not finite in row 0"),
        ({"obs_1": np.zeros((4, 3))}, "obs_1 has the shape (4, 3), expected (N, T, O)"),
        ({"obs_1": np.zeros((0, 3, 2))}, "obs_1 has the shape (0, 3, 2)"),
        ({"obs_1": np.zeros((4, 3, 5))}, "the segments of a pair differ in length, or in the size"),
        ({"action_2": np.array([{}] * 4, dtype=object)}, "the array action_2 does not hold plain numbers"),
        ({"action_2": None}, "pairs.npz has no array action_2"),
    ],
)
def test_what_does_not_fit_is_refused(changes: dict[str, Any], told: str, refused: Callable[..., str]) -> None:
    write(**changes)
    assert told in refused("ipl", "pairs.npz")


def test_what_is_no_archive_is_refused(refused: Callable[..., str]) -> None:
    assert "pairs.npz is missing" in refused("ipl", "pairs.npz")
    Path("pairs.npz").write_bytes(b"cos\nsystem\n(S'touch ran'\ntR.")
    assert "pairs.npz cannot be read" in refused("ipl", "pairs.npz")


def test_no_folder_is_overwritten(capsys: pytest.CaptureFixture[str]) -> None:
    write()
    Path("new").mkdir()
    code, _, error = run(capsys, "feedback", "import", "ipl", "pairs.npz", "--out", "new")
    assert (code, "new exists: name another folder" in error, [*Path("new").iterdir()]) == (2, True, [])
