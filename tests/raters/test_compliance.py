"""The compliance check finds what it is for, and the late rater is as unreliable as it says."""

from collections import Counter
from collections.abc import Callable
from itertools import chain

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from prefgym.core.kinds import Ranking, Thumbs
from prefgym.core.preferences import Comparison, Preferences, RaterInfo
from prefgym.core.protocols import Rater
from prefgym.core.queries import Queries
from prefgym.raters.immediate import as_rater
from prefgym.testing import LateRater, LateRaterCfg, check_rater, example_segments

Change = Callable[[Preferences], Preferences]


class FirstRater:
    """Choose the first option of every query; what is handed out can be tampered with."""

    def __init__(self, tamper: Change = lambda preferences: preferences) -> None:
        self.tamper = tamper
        self.waiting: list[Preferences] = []

    def submit(self, queries: Queries) -> None:
        """Answer at once."""
        answers = Comparison.of(torch.zeros(len(queries), dtype=torch.long), queries.num_options)
        self.waiting.append(Preferences.of(queries, answers, RaterInfo(name="first")))

    def collect(self) -> Preferences | None:
        """Return all answers."""
        waiting, self.waiting = self.waiting, []
        return self.tamper(Preferences.cat(waiting)) if waiting else None


class MoodyRater(FirstRater):
    """Draw answers from a generator that belongs to nobody."""

    def submit(self, queries: Queries) -> None:
        """Toss a coin."""
        answers = Comparison.of(torch.randint(2, (len(queries),)), queries.num_options)
        self.waiting.append(Preferences.of(queries, answers, RaterInfo(name="moody")))


def run(rater: Rater, num_queries: int, num_calls: int) -> list[list[int]]:
    """Submit queries once and list the numbers of those that each call of collect returns."""
    rater.submit(Queries.of(example_segments(num_queries, 2)))
    parts = [rater.collect() for _ in range(num_calls)]
    return [[] if part is None else part.query_id.tolist() for part in parts]


def test_a_rater_that_complies_passes() -> None:
    """No complaint about the simplest rater there is."""
    check_rater(FirstRater)


def test_what_is_wrong_is_found() -> None:
    """Lost, doubled and exchanged answers are complained about, and so is a missing method."""
    with pytest.raises(AssertionError, match="63 of 64 queries came back"):
        check_rater(lambda: FirstRater(lambda answers: answers[:-1]))
    with pytest.raises(AssertionError, match="each answer must come back once"):
        check_rater(lambda: FirstRater(lambda answers: Preferences.cat([answers, answers[:1]])))
    with pytest.raises(AssertionError, match=r"have submit\(queries\) and collect\(\)"):
        check_rater(lambda: object())  # pyright: ignore[reportArgumentType, reportReturnType]


def ranks(queries: Queries) -> Preferences[Ranking]:
    """Rank options as they are."""
    order = torch.arange(queries.num_options).expand(len(queries), -1)
    return Preferences.of(queries, Ranking.of(order), RaterInfo(name="ranks"))


class Ranks:
    """Rank options as they are, and say so."""

    gives = (Ranking,)

    def __call__(self, queries: Queries) -> Preferences[Ranking]:
        """Answer at once."""
        assert queries.num_options == 4
        return ranks(queries)


class Likes:
    """Like everything, and say so."""

    gives = (Thumbs,)

    def __call__(self, queries: Queries) -> Preferences[Thumbs]:
        """Answer at once."""
        ones = torch.ones(len(queries), dtype=torch.long)
        return Preferences.of(queries, Thumbs(status=0 * ones, reaction=ones), RaterInfo(name="likes"))


@pytest.mark.parametrize("rater", [Ranks, Likes])
def test_a_callable_that_gives_another_kind_passes(rater: type[Ranks | Likes]) -> None:
    """It is asked about as many segments as its kind is about."""
    check_rater(rater)
    check_rater(lambda: LateRater(as_rater(rater()), LateRaterCfg(lost=0.0, twice=0.0)))


def test_what_is_given_has_to_be_declared() -> None:
    """A function that declares nothing gives comparisons."""
    with pytest.raises(AssertionError, match=r"feedback of ranking, and feedback of comparison, or .*`gives = \(Rank"):
        check_rater(lambda: ranks)


def test_a_generator_of_nobody_is_found() -> None:
    """Answers that differ from one run to the next are complained about."""
    with torch.random.fork_rng(), pytest.raises(AssertionError, match="same way"):
        check_rater(MoodyRater)


@given(seed=st.integers(0, 2**31), delay=st.integers(0, 6))
def test_late_answers_all_come_in_the_end(seed: int, delay: int) -> None:
    """Without losses every query comes back once, within `delay` calls after the first."""
    cfg = LateRaterCfg(delay=delay, lost=0.0, twice=0.0)
    calls = run(LateRater(FirstRater(), cfg, seed=seed), 30, delay + 1)
    assert sorted(chain.from_iterable(calls)) == list(range(30))


def test_late_answers_are_spread_and_out_of_order() -> None:
    """They come over several calls, not in the order in which they were asked."""
    calls = run(LateRater(FirstRater(), LateRaterCfg(delay=3, lost=0.0, twice=0.0)), 200, 4)
    assert all(calls)
    assert calls[0] != sorted(calls[0])


def test_some_answers_are_lost_and_some_come_twice() -> None:
    """With 1000 queries: about 100 never, and about 100 of the others twice."""
    calls = run(LateRater(FirstRater(), LateRaterCfg(lost=0.1, twice=0.1)), 1000, 6)
    counts = Counter(chain.from_iterable(calls))
    lost, twice = 1000 - len(counts), sum(count == 2 for count in counts.values())
    # binomial: 1000 * 0.1 = 100 +- 9.5 lost, 900 * 0.1 = 90 +- 9 twice; 4.5 deviations on either side
    assert 57 < lost < 143
    assert 49 < twice < 131
    assert max(counts.values()) == 2


@pytest.mark.usefixtures("no_global_rng")
def test_lateness_depends_on_the_seed_alone() -> None:
    """The same seed loses, doubles and delays the same answers."""
    one, same, other = (run(LateRater(FirstRater(), seed=seed), 50, 6) for seed in (1, 1, 2))
    assert one == same != other


@pytest.mark.parametrize("bad", [{"delay": -1}, {"lost": 1.5}, {"twice": -0.1}])
def test_settings_have_ranges(bad: dict[str, float]) -> None:
    """A setting out of range is an error that names it."""
    with pytest.raises(ValueError, match=next(iter(bad))):
        LateRaterCfg(**bad)  # pyright: ignore[reportArgumentType]
