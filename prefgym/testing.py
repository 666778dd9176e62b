"""Compliance checks and doubles for those who write parts of their own."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, cast

import torch
from torch import Tensor

from prefgym.datasets import pack_preferences, unpack_preferences
from prefgym.limits import Natural, Share, check
from prefgym.preferences import Answers, Preferences, RaterInfo, Status
from prefgym.protocols import Rater
from prefgym.queries import Queries
from prefgym.segments import Segments
from prefgym.sim.compliance import check_vector_env as check_vector_env
from prefgym.states import State, Stateful


def example_segments(
    *batch: int,
    num_steps: int = 5,
    obs_dim: int = 3,
    action_dim: int = 2,
    seed: int = 0,
    equal_lengths: bool = False,
) -> Segments:
    """Make segments of random numbers, padded as recorded ones are.

    Args:
        *batch: Batch shape.
        num_steps: Longest segment, in steps.
        obs_dim: Size of an observation.
        action_dim: Size of an action.
        seed: Seed of the numbers.
        equal_lengths: Whether all segments have `num_steps` steps; otherwise shorter ones end in a termination.
    """
    generator = torch.Generator().manual_seed(seed)
    length = torch.randint(1, num_steps + 1, batch, generator=generator)
    length = torch.full_like(length, num_steps) if equal_lengths else length
    steps = torch.arange(num_steps + 1)
    seen, taken = steps <= length.unsqueeze(-1), steps[:-1] < length.unsqueeze(-1)
    return Segments(
        obs=torch.randn(*batch, num_steps + 1, obs_dim, generator=generator) * seen.unsqueeze(-1),
        action=torch.randn(*batch, num_steps, action_dim, generator=generator) * taken.unsqueeze(-1),
        length=length,
        terminated=length < num_steps,
        truncated=torch.zeros_like(length, dtype=torch.bool),
        reward=torch.randn(*batch, num_steps, generator=generator) * taken,
    )


def example_preferences(name: str = "example", first_id: int = 0, **sizes: Any) -> Preferences:  # noqa: ANN401
    """Make four answers to queries about random segments: a tie, a skip and two choices.

    Args:
        name: Who answered.
        first_id: Number of the first query.
        **sizes: As for `example_segments`.
    """
    options = example_segments(4, 2, **sizes)
    assert options.reward is not None  # it is among the random numbers
    state = torch.randn(*options.obs.shape[:-1], 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    options = replace(options, state=state, factors={"speed": options.reward * 2})
    tie, skip = torch.tensor([True, False, False, False]), torch.tensor([False, True, False, False])
    answers = Answers.of(torch.tensor([0, 1, 1, 0]), 2, tie=tie, skipped=skip)
    queries = Queries.of(options, first_id=first_id, asked_at=77)
    return Preferences.of(queries, answers, RaterInfo(name=name, settings={"beta": 2.0}))


@dataclass(frozen=True, kw_only=True)
class LateRaterCfg:
    """How unreliable a `LateRater` is.

    Raises:
        ValueError: If a value lies outside its range.
    """

    delay: Natural = 5
    """Calls of `collect` after which an answer is there at the latest."""
    lost: Share = 0.1
    """Probability that a query is never answered."""
    twice: Share = 0.1
    """Probability that an answer comes a second time."""

    __post_init__ = check


class LateRater:
    """Pass on another rater's answers late, out of order, sometimes twice and sometimes not at all.

    It stands for people and slow judges in tests. Time is counted in calls of `collect`; there is no clock.
    """

    def __init__(self, rater: Rater, cfg: LateRaterCfg | None = None, *, seed: int = 0) -> None:
        self.rater, self.cfg = rater, cfg or LateRaterCfg()
        self.generator = torch.Generator().manual_seed(seed)
        self._calls: int = 0
        self._due: list[tuple[Preferences, Tensor]] = []  # answers, and the calls at which they are handed out

    def submit(self, queries: Queries) -> None:
        """Hand the questions on."""
        self.rater.submit(queries)

    def collect(self) -> Preferences | None:
        """Return the answers that have arrived, in any order, or None."""
        if (answers := self.rater.collect()) is not None:
            self._due.append(self._schedule(answers))
        arrived = [answers[due <= self._calls] for answers, due in self._due]
        self._due = [(answers[due > self._calls], due[due > self._calls]) for answers, due in self._due]
        self._due = [(answers, due) for answers, due in self._due if len(answers)]
        self._calls += 1
        if not any(len(answers) for answers in arrived):
            return None
        together = Preferences.cat(arrived)
        return together[torch.randperm(len(together), generator=self.generator)]

    def state_dict(self) -> State:
        """Return the state to resume from."""
        waiting = {
            str(number): {"answers": pack_preferences(answers), "due": due}
            for number, (answers, due) in enumerate(self._due)
        }
        rater = cast(Stateful, self.rater).state_dict()
        return {"rater": rater, "generator": self.generator.get_state(), "calls": self._calls, "waiting": waiting}

    def load_state_dict(self, state: State) -> None:
        """Go on from what `state_dict` returned."""
        cast(Stateful, self.rater).load_state_dict(state["rater"])
        self.generator.set_state(state["generator"])
        self._calls = state["calls"]
        self._due = [(unpack_preferences(told["answers"]), told["due"]) for told in state["waiting"].values()]

    def _schedule(self, answers: Preferences) -> tuple[Preferences, Tensor]:
        fates = torch.rand(2, len(answers), generator=self.generator)
        kept = torch.nonzero(fates[0] >= self.cfg.lost).squeeze(-1)
        again = kept[fates[1][kept] < self.cfg.twice]
        rows = torch.cat([kept, again])
        wait = torch.randint(self.cfg.delay + 1, rows.shape, generator=self.generator)
        return answers[rows], self._calls + wait


def check_rater(make: Callable[[], Rater], queries: Queries | None = None, *, max_calls: int = 100) -> None:
    """Check that a rater keeps to what the loop relies on.

    Args:
        make: Makes a fresh rater; each call must make the same one, seed included.
        queries: What to ask; None for random segments of unequal length with a task reward.
        max_calls: Calls of `collect` within which every query has to come back.

    Raises:
        AssertionError: If it does not, saying in what.
    """
    queries = queries or Queries.of(example_segments(64, 2), first_id=100)
    before = [value.clone() for value in _tensors(queries)]
    global_state = torch.get_rng_state()
    rater = make()
    assert isinstance(rater, Rater), "a rater has submit(queries) and collect()"
    assert rater.collect() is None, "collect() must return None before anything was submitted"
    rater.submit(queries[:0])
    rater.submit(queries)
    answers = _collect_all(rater, len(queries), max_calls)
    _check_answers(queries, answers)
    assert rater.collect() is None, "collect() must return None once everything came back"
    _check_repeats(make(), queries, answers, max_calls)
    unchanged = all(torch.equal(old, new) for old, new in zip(before, _tensors(queries)))
    assert unchanged, "a rater must not change the queries it is shown"
    assert torch.equal(global_state, torch.get_rng_state()), "a rater must draw from a generator of its own"


def _collect_all(rater: Rater, num_queries: int, max_calls: int) -> Preferences:
    parts: list[Preferences] = []
    for _ in range(max_calls):
        parts += [part for part in [rater.collect()] if part is not None]
        if sum(len(part) for part in parts) >= num_queries:
            break
    num_answers = sum(len(part) for part in parts)
    assert num_answers == num_queries, f"{num_answers} of {num_queries} queries came back in {max_calls} calls"
    return Preferences.cat(parts)


def _check_answers(queries: Queries, answers: Preferences) -> None:
    order = answers.query_id.argsort()
    assert torch.equal(answers.query_id[order], queries.query_id.sort().values), "each query must come back once"
    asked, shown = queries[queries.query_id.argsort()].options, answers.queries[order].options
    assert torch.equal(asked.obs, shown.obs), "an answer must carry the query it answers"
    assert torch.equal(asked.action, shown.action), "an answer must carry the query it answers"
    known = torch.tensor([int(status) for status in Status])
    assert bool(torch.isin(answers.answers.status, known).all()), f"the status must be one of {list(Status)}"
    positions = torch.arange(queries.num_options).expand(len(answers), -1)
    assert torch.equal(answers.shown_order.sort(-1).values, positions), "shown_order must be a permutation in each row"
    assert bool((answers.seconds >= 0).all()), "seconds must not be negative"
    for info in answers.raters:
        assert info.name, "a rater needs a name"
        json.dumps(info.settings, allow_nan=False)


def _check_repeats(rater: Rater, queries: Queries, answers: Preferences, max_calls: int) -> None:
    rater.submit(queries[:0])
    rater.submit(queries)
    again = _collect_all(rater, len(queries), max_calls)
    one, other = (part.answers.choice[part.query_id.argsort()] for part in (answers, again))
    assert torch.equal(one, other), "the same rater must answer the same queries in the same way"


def _tensors(queries: Queries) -> list[Tensor]:
    options = queries.options
    arrays = (options.obs, options.action, options.length, options.reward, queries.query_id, queries.asked_at)
    return [array for array in arrays if array is not None]
