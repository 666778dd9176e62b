"""Arrays in the form of Contrastive Preference Learning."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from commands import run

import prefgym


def write(**changes: Any) -> None:  # noqa: ANN401
    """Write seven segments of three steps with scores: 0 and 3 are compared, 1 and 4, 2 and 5; 6 has no partner."""
    numbers = np.arange(7 * 3 * 2.0, dtype=np.float32).reshape(7, 3, 2)
    arrays = {"obs": numbers, "action": numbers[..., :1] + 200, "reward": numbers[..., 1], "state": np.zeros((7, 3, 9))}
    arrays |= {"rl_sum": np.array([5, 1, 2, 4, 3, 2, 9.0]), "rl_dir": np.array([0, 0, 0, 1, 1, 1, 1.0])}
    np.savez_compressed("pref.npz", **{**arrays, **changes})


@pytest.mark.parametrize(
    ("flags", "choice"), [([], [[1, 0], [0, 1], [0.5, 0.5]]), (["--label", "rl_dir"], [[0, 1], [0, 1], [0, 1]])]
)
def test_halves_are_compared_by_a_score(
    flags: list[str], choice: list[list[float]], capsys: pytest.CaptureFixture[str]
) -> None:
    write()
    assert run(capsys, "feedback", "import", "cpl", "pref.npz", "--out", "new", *flags)[0] == 0
    read = prefgym.read_feedback("new")
    assert read.answers.choice.tolist() == choice
    assert read.answers.tie.tolist() == [one == [0.5, 0.5] for one in choice]
    assert [(info.name, info.kind) for info in read.raters] == [("unnamed", "simulated")]
    options = read.queries.options
    assert options.reward is not None
    assert options.obs[1].tolist() == [[[6, 7], [8, 9], [10, 11]], [[24, 25], [26, 27], [28, 29]]]
    assert options.action[1].tolist() == [[[206], [208]], [[224], [226]]]
    assert options.reward[1].tolist() == [[7, 9], [25, 27]]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"rl_sum": np.zeros(6)}, "obs has 7 rows, and rl_sum 6"),
        ({"rl_sum": np.zeros((7, 3))}, "rl_sum has the shape (7, 3), expected (N)"),
        ({"reward": np.zeros((7, 2))}, "observations have"),
        ({"obs": np.zeros((7, 3, 4, 4, 3), np.uint8)}, "obs has the shape (7, 3, 4, 4, 3), expected (N, T, O)"),
        (
            {
                "obs": np.zeros((1, 3, 2)),
                "action": np.zeros((1, 3, 1)),
                "reward": np.zeros((1, 3)),
                "rl_sum": np.zeros(1),
            },
            "one segment has no other",
        ),
    ],
)
def test_what_does_not_fit_is_refused(changes: dict[str, Any], told: str, refused: Callable[..., str]) -> None:
    write(**changes)
    assert told in refused("cpl", "pref.npz")


def test_an_unknown_label_is_refused(refused: Callable[..., str]) -> None:
    write()
    assert "has no array rl_lp: it has action, obs, reward, rl_dir" in refused("cpl", "pref.npz", "--label", "rl_lp")
