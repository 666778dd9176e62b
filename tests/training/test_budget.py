"""Budget accounting."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from prefgym.core.preferences import Comparison, Preferences, RaterInfo
from prefgym.core.queries import Queries
from prefgym.core.segments import Segments
from prefgym.training.budget import Budget, Counts, Schedule, ScheduleCfg


def make_queries(num: int, first_id: int) -> Queries:
    """Make questions that nobody looks at."""
    options = Segments(
        obs=torch.zeros(num, 2, 2, 1),
        action=torch.zeros(num, 2, 1, 1),
        length=torch.ones(num, 2, dtype=torch.long),
        terminated=torch.zeros(num, 2, dtype=torch.bool),
        truncated=torch.zeros(num, 2, dtype=torch.bool),
    )
    return Queries.of(options, first_id=first_id)


def answer(queries: Queries, skipped: torch.Tensor) -> Preferences:
    """Choose the first option, or skip."""
    chosen = torch.zeros(len(queries), dtype=torch.long)
    return Preferences.of(queries, Comparison.of(chosen, 2, skipped=skipped), RaterInfo(name="test"))


@given(data=st.data(), limit=st.integers(1, 30), counts=st.sampled_from(["asked", "answered"]))
def test_every_query_is_rewarded_for_once_whatever_comes_back(data: st.DataObject, limit: int, counts: Counts) -> None:
    """Asked = answered + skipped + pending, and the limit holds, under late, double, skipped and missing answers."""
    budget = Budget(limit, counts)
    kept: list[int] = []
    skips = 0
    sent: list[Queries] = []
    for _ in range(data.draw(st.integers(1, 6))):
        num = data.draw(st.integers(0, budget.left))
        if num:
            sent.append(budget.ask(make_queries(num, budget.num_asked)))
        if sent:
            queries = data.draw(st.sampled_from(sent))  # late or double
            skipped = torch.tensor(data.draw(st.lists(st.booleans(), min_size=len(queries), max_size=len(queries))))
            fresh = budget.receive(answer(queries, skipped))
            if fresh is not None:
                kept += fresh.query_id.tolist()
                skips += int((~fresh.answers.answered).sum())
    assert len(kept) == len(set(kept))
    assert budget.num_asked == budget.num_answered + skips + budget.num_pending
    assert (budget.num_asked if counts == "asked" else budget.num_answered + budget.num_pending) <= limit


def test_skips_are_charged_unless_only_answers_count() -> None:
    """Of 3 queries 1 is skipped: 7 of 10 are left when asking counts, 8 when answers do."""
    charged: tuple[tuple[Counts, int], ...] = (("asked", 7), ("answered", 8))
    for counts, left in charged:
        budget = Budget(10, counts)
        budget.receive(answer(budget.ask(make_queries(3, 0)), torch.tensor([True, False, False])))
        assert (budget.left, budget.num_asked, budget.num_answered) == (left, 3, 2)


def test_more_than_the_budget_is_refused() -> None:
    """The fourth of three queries cannot be asked."""
    with pytest.raises(ValueError, match="exceed the 3 left in the budget"):
        Budget(3).ask(make_queries(4, 0))
    with pytest.raises(ValueError, match="at least 1 query"):
        Budget(0)


def test_answers_to_questions_never_asked_are_dropped() -> None:
    """Nothing was asked, so nothing is taken in."""
    assert Budget(3).receive(answer(make_queries(2, 0), torch.tensor([False, False]))) is None


@given(limit=st.integers(1, 700), steps=st.integers(1, 10_000), num_sessions=st.integers(1, 30))
def test_a_schedule_asks_the_whole_budget(limit: int, steps: int, num_sessions: int) -> None:
    """However the steps go by, the sessions add up to the budget."""
    schedule = Schedule(ScheduleCfg(num_sessions=num_sessions), limit, steps)
    sizes: list[int] = []
    for step in [*range(0, steps, max(steps // 7, 1)), steps]:
        if size := schedule.due(step, limit - sum(sizes)):
            assert schedule.due(step, limit - sum(sizes)) == size  # until it is held
            schedule.mark_done(step)
            sizes.append(size)
    assert sum(sizes) == limit
    assert schedule.due(steps, limit) == 0


def test_later_sessions_make_up_for_skips_if_only_answers_count() -> None:
    """Of 9 queries in three sessions the first 3 are skipped: 9 are left for two sessions, which ask 5 and 4."""
    schedule = Schedule(ScheduleCfg(num_sessions=3, first=0.1, last=0.5), 9, 1000)
    budget = Budget(9, "answered")
    sizes: list[int] = []
    for step, skip in ((100, True), (300, False), (500, False)):
        num = schedule.due(step, budget.left)
        schedule.mark_done(step)
        sizes.append(num)
        budget.receive(answer(budget.ask(make_queries(num, budget.num_asked)), torch.full((num,), skip)))
    assert sizes == [3, 5, 4]
    assert budget.num_answered == 9
