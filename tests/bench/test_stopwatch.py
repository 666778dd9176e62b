"""Where time goes: worked out by hand on a clock of our own."""

from types import SimpleNamespace

import pytest

from prefgym.bench import stopwatch
from prefgym.bench.stopwatch import Stopwatch


def test_time_within_a_part_counts_for_the_innermost(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten seconds of which three belong to physics, and one of these to a policy: 7, 2 and 1."""
    now = iter([0.0, 4.0, 5.0, 6.0, 7.0, 10.0])
    monkeypatch.setattr(stopwatch, "time", SimpleNamespace(perf_counter=lambda: next(now)))
    watch = Stopwatch(lambda: None)
    with watch("rest"), watch("physics"), watch("policy"):
        pass
    assert dict(watch.seconds) == {"policy": 1.0, "physics": 2.0, "rest": 7.0}


def test_time_counts_where_a_part_ends_with_an_exception(monkeypatch: pytest.MonkeyPatch) -> None:
    """As that of an evaluation in which the goal is reached: 4 - 1 seconds, and 5 - 0 less these."""
    now = iter([0.0, 1.0, 4.0, 5.0])
    monkeypatch.setattr(stopwatch, "time", SimpleNamespace(perf_counter=lambda: next(now)))
    watch = Stopwatch(lambda: None)
    with pytest.raises(KeyError), watch("rest"), watch("evaluation"):
        raise KeyError
    assert dict(watch.seconds) == {"evaluation": 3.0, "rest": 2.0}


def test_calls_of_a_method_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two calls of two seconds each, and what they return."""
    now = iter([0.0, 2.0, 5.0, 7.0])
    monkeypatch.setattr(stopwatch, "time", SimpleNamespace(perf_counter=lambda: next(now)))
    watch, owner = Stopwatch(lambda: None), SimpleNamespace(double=lambda x: 2 * x)
    watch.around(owner, "double", "work")
    assert (owner.double(1), owner.double(x=2)) == (2, 4)
    assert dict(watch.seconds) == {"work": 4.0}
