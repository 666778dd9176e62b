"""Preferences that imitation saved, in a pickle of its classes."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from commands import run
from pickled import Runs, pickled

import prefgym

FILE = Path("preferences.pkl")


@dataclass(frozen=True)
class TrajectoryWithRew:
    """A fragment, with the attributes that imitation gives it."""

    obs: Any
    acts: Any
    infos: Any
    terminal: Any
    rews: Any


class PreferenceDataset:
    """Pairs of fragments, with the attributes that imitation gives it."""

    def __init__(self, fragments1: list[Any], fragments2: list[Any], preferences: Any) -> None:  # noqa: ANN401
        self.fragments1, self.fragments2, self.max_size, self.preferences = fragments1, fragments2, None, preferences


@pytest.fixture(autouse=True)
def as_in_imitation(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let pickles name both classes as those of imitation."""
    places = {"imitation.data.types": TrajectoryWithRew}
    places |= {"imitation.algorithms.preference_comparisons": PreferenceDataset}
    for module in ("imitation", "imitation.data", "imitation.algorithms", *places):
        monkeypatch.setitem(sys.modules, module, ModuleType(module))
    for module, cls in places.items():
        monkeypatch.setattr(sys.modules[module], cls.__name__, cls, raising=False)
        monkeypatch.setattr(cls, "__module__", module)


def fragment(first: float, num_steps: int, terminal: bool = False, **changes: Any) -> TrajectoryWithRew:  # noqa: ANN401
    """Make a fragment whose numbers count from `first`; infos are objects, as environments return them."""
    values: dict[str, Any] = {
        "obs": np.arange(first, first + num_steps + 1, dtype=np.float32)[:, None],
        "acts": np.arange(first + 100, first + 100 + num_steps)[:, None],
        "rews": np.arange(first + 200, first + 200 + num_steps),
        "infos": np.array([{"TimeLimit.truncated": False, "speed": np.float64(2)}] * num_steps),
        "terminal": terminal,
    }
    return TrajectoryWithRew(**{**values, **changes})


def write(first: list[Any], second: list[Any], preferences: Any, protocol: int = 4) -> None:  # noqa: ANN401
    FILE.write_bytes(pickled(PreferenceDataset(first, second, np.array(preferences)), protocol))


@pytest.mark.parametrize("protocol", [2, 4, 5])
@pytest.mark.parametrize("flags", [[], ["--variable-horizon"]])
def test_fragments_come_in(flags: list[str], protocol: int, capsys: pytest.CaptureFixture[str]) -> None:
    """A preference is the share of the first; the shorter fragment is padded. What an end means is a flag."""
    write(
        [fragment(0, 3), fragment(10, 3), fragment(20, 3)],
        [fragment(40, 2, terminal=True), fragment(50, 3), fragment(60, 3)],
        [1.0, 0.5, 0.25],
        protocol,
    )
    assert run(capsys, "feedback", "import", "imitation", str(FILE), "--out", "new", *flags)[0] == 0
    read = prefgym.read_feedback("new")
    assert read.answers.choice.tolist() == [[1, 0], [0.5, 0.5], [0.25, 0.75]]
    assert read.answers.tie.tolist() == [False, True, False]
    options = read.queries.options
    assert options.reward is not None
    assert options.obs[0, :, :, 0].tolist() == [[0, 1, 2, 3], [40, 41, 42, 0]]
    assert options.action[0, :, :, 0].tolist() == [[100, 101, 102], [140, 141, 0]]
    assert options.reward[0].tolist() == [[200, 201, 202], [240, 241, 0]]
    assert options.length.tolist() == [[3, 2], [3, 3], [3, 3]]
    ends = options.terminated if flags else options.truncated
    assert ends.tolist() == [[False, True], [False, False], [False, False]]
    assert not (options.terminated & options.truncated).any()


@pytest.mark.parametrize(
    ("first", "preferences", "told"),
    [
        ([fragment(0, 3)], [2.0], "preferences must lie between 0"),
        ([fragment(0, 3)], [1.0, 0.0], "fragments1 has 1 rows, and preferences 2"),
        ([fragment(0, 3, obs=np.zeros((3, 1)))], [1.0], "fragments need one more observation than actions"),
        ([fragment(0, 3, acts=np.zeros((3, 2)))], [1.0], "fragments need one more observation than actions"),
        ([fragment(0, 3, acts=np.zeros(3, int))], [1.0], "acts has the shape (3,), expected (T, A)"),
        ([fragment(0, 3, rews=np.zeros(2))], [1.0], "fragments need one more observation than actions"),
        ([fragment(0, 3, obs=np.array([[np.nan]] * 4))], [1.0], "obs is not finite in row 0"),
        ([[1.0]], [1.0], "fragments are no trajectories"),
    ],
)
def test_what_does_not_fit_is_refused(
    first: list[Any], preferences: list[float], told: str, refused: Callable[..., str]
) -> None:
    write(first, [fragment(0, 3)], preferences)
    assert told in refused("imitation", str(FILE))


def test_a_fragment_that_is_named_many_times_takes_no_memory(refused: Callable[..., str]) -> None:
    """A few megabytes of pickle stand for more memory than any machine has."""
    one = fragment(0, 1_000_000, infos=None)
    write([one] * 50_000, [one] * 50_000, np.zeros(50_000))
    assert "the fragments of preferences.pkl would take" in refused("imitation", str(FILE))


def test_other_pickles_are_refused(refused: Callable[..., str]) -> None:
    FILE.write_bytes(pickled([1, 2]))
    assert "it is no PreferenceDataset of imitation" in refused("imitation", str(FILE))
    FILE.write_bytes(pickled(fragment(0, 3)))
    assert "it is no PreferenceDataset of imitation" in refused("imitation", str(FILE))
    assert not Path("ran").exists()
    write([fragment(0, 3, infos=[Runs()])], [fragment(0, 3)], [1.0])
    assert "system, and only arrays are read: nothing of it was run" in refused("imitation", str(FILE))
    assert not Path("ran").exists()
    write([], [], [])
    assert "preferences has the shape (0,)" in refused("imitation", str(FILE))
