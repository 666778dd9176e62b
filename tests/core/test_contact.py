"""Contact with parts of others, in real runs: no truth before learners, and an error that names the part."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny import tiny_cfg, tiny_ppo, tiny_run, tiny_sampler
from torch import Tensor

from prefgym.agents.ppo import PPO
from prefgym.common.errors import UserError
from prefgym.core import contact
from prefgym.core.feedback import Feedback
from prefgym.core.fit_report import FitReport
from prefgym.core.preferences import Comparison, Preferences, RaterInfo, Status
from prefgym.core.queries import Queries
from prefgym.core.segments import Segments
from prefgym.rewards.base import RewardLearner
from prefgym.rl.offline import OfflineData
from prefgym.testing import example_preferences, example_recorder
from prefgym.training.envs import make_training_env

BAD: dict[str, Any] = {"report": False, "steps": 400}


class Looking(RewardLearner):
    """A learner that keeps all segments it was shown."""

    def __init__(self) -> None:
        self.w = torch.zeros(1)
        self._seen: list[Segments] = []

    @property
    def seen(self) -> list[Segments]:
        return self._seen

    def fit(self, preferences: Preferences) -> FitReport:
        self._seen.append(preferences.queries.options)
        self.is_fitted = True
        return FitReport(num_preferences=len(preferences))

    def reward(self, segments: Segments) -> Tensor:
        self._seen.append(segments)
        return segments.obs[None, ..., :-1, 0]


class Showing:
    """A sampler that asks the learner about segments with the truth."""

    def __init__(self, ask: Callable[[Any, Segments], object]) -> None:
        self.cfg, self.ask = tiny_sampler(name="uniform"), ask

    def __call__(self, recorder: Any, learner: Any, num_queries: int, generator: torch.Generator) -> Segments:  # noqa: ANN401
        starts = recorder.starts(5)
        options = recorder.segments(starts[torch.randint(len(starts), (num_queries, 2), generator=generator)], 5)
        assert options.reward is not None and options.state is not None
        self.ask(learner, options)
        return options


def bare(segments: Segments) -> bool:
    """Return whether there is no truth in segments."""
    return segments.reward is None and not segments.factors and segments.state is None and segments.frames is None


def test_a_learner_of_others_sees_no_truth() -> None:
    """Neither to fit, nor to reward rollouts and the final episode, nor when a sampler shows it segments."""
    learner = Looking()
    run = tiny_run(reward=learner, sampler=Showing(lambda one, options: one.reward(options)), report=False)
    assert run.preferences is not None and run.preferences.queries.options.reward is not None
    assert {len(each.batch_shape) for each in learner.seen} == {1, 2}
    assert len(learner.seen) > 5 and all(map(bare, learner.seen))


def test_a_learner_without_a_declaration_takes_queries_of_one_size() -> None:
    """It would get several parts, of which it knows nothing."""
    both = Feedback.cat([example_preferences(), example_preferences(num_steps=6)])
    with pytest.raises(UserError, match="Looking takes preferences of one size, and there are queries of several"):
        contact.fit(Looking(), both)


def test_offline_agents_get_no_truth() -> None:
    """Neither in preferences nor in demonstrations, with the steps and segments as they are."""
    preferences, demos = example_preferences(), example_recorder()
    data = OfflineData(preferences=preferences, demos=demos)
    assert data.preferences is not None and data.demos is not None
    assert bare(data.preferences.queries.options) and not bare(preferences.queries.options)
    starts = demos.starts(3)
    one, other = data.demos.segments(starts, 3), demos.segments(starts, 3)
    assert torch.equal(data.demos.starts(3), starts) and torch.equal(one.obs, other.obs)
    assert bare(one) and not bare(other)


def test_truth_is_dropped_without_a_copy() -> None:
    segments = example_preferences().queries.options.without_truth()
    assert bare(segments) and segments.without_truth() is segments


class Fits(Looking):
    """A learner that returns what it was told to return."""

    def __init__(self, report: object = None, reward: Callable[[Segments], object] | None = None) -> None:
        super().__init__()
        self._report, self._reward = report, reward

    def fit(self, preferences: Preferences) -> Any:  # noqa: ANN401
        return super().fit(preferences) if self._report is None else self._report

    def reward(self, segments: Segments) -> Any:  # noqa: ANN401
        return super().reward(segments) if self._reward is None else self._reward(segments)


@pytest.mark.parametrize(
    ("learner", "sentence"),
    [
        (
            Fits({"loss": 1.0}),
            r"^the reward learner Fits returned dict from fit\(\), and prefgym\.core\.fit_report\.FitReport was",
        ),
        (
            Fits(reward=lambda segments: segments.obs[..., :-1, 0]),
            r"returned a tensor of shape \(5, 2, 5\) from reward\(\), and the shape \(E, 5, 2, 5\) was expected",
        ),
        (Fits(reward=lambda segments: np.zeros((1, *segments.batch_shape, 1))), r"returned ndarray from reward\(\)"),
        (
            Fits(reward=lambda segments: torch.zeros(1, *segments.batch_shape, segments.num_steps, dtype=torch.long)),
            r"returned a tensor of torch\.int64 from reward\(\), and a tensor of floats was expected",
        ),
        (
            Fits(reward=lambda segments: segments.obs[None, ..., :-1, 0] / 0),
            "^the learned reward is not finite, in the rollout",
        ),
    ],
)
def test_a_learner_that_returns_something_else_is_named(learner: Fits, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        tiny_run(reward=learner, sampler=Showing(lambda one, options: None), **BAD)


def test_a_reward_with_a_gradient_is_used_without_it() -> None:
    weight = torch.ones(1, requires_grad=True)
    assert tiny_run(reward=Fits(reward=lambda segments: segments.obs[None, ..., :-1, 0] * weight), **BAD).result


def test_an_error_of_a_part_says_whose_it_is() -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("no paper left")

    for parts, name in (
        ({"reward": Fits(reward=broken)}, "reward learner Fits"),
        ({"sampler": Showing(broken)}, "sampler Showing"),
        ({"rater": broken}, "rater broken"),
    ):
        with pytest.raises(UserError, match=f"^the {name} raised RuntimeError: no paper left, "):
            tiny_run(out=f"run {name}", **{"reward": Fits(), **parts}, **BAD)


def answered(queries: Queries, **changes: Any) -> Preferences:  # noqa: ANN401
    """Choose the first option of each query."""
    answers = Comparison.of(torch.zeros(len(queries), dtype=torch.long), queries.num_options)
    return replace(Preferences.of(queries, answers, RaterInfo(name="first")), **changes)


def with_nan(queries: Queries) -> Preferences:
    """Share no choice."""
    return answered(
        queries, answers=replace(answered(queries).answers, choice=torch.full((len(queries), 2), torch.nan))
    )


def renumbered(queries: Queries) -> Preferences:
    """Answer queries that nobody asked."""
    return answered(replace(queries, query_id=queries.query_id + 1000))


def without_end(queries: Queries) -> Preferences:
    """Take no time that a clock can tell."""
    return answered(queries, seconds=torch.full((len(queries),), torch.nan))


def unknown(queries: Queries) -> Preferences:
    """Return a status that is none."""
    answers = answered(queries).answers
    return answered(queries, answers=replace(answers, status=answers.status + len(Status)))


@pytest.mark.parametrize(
    ("rater", "error", "sentence"),
    [
        (lambda queries: answered(queries)[:3], UserError, "^the rater <lambda> returned 3 answers to the queries 0,"),
        (lambda queries: answered(queries)[[0, 0, 1, 2, 3]], UserError, "5 answers to the queries 0, 0, 1, 2, 3,"),
        (renumbered, UserError, r"queries 1000, 1001, .* and an answer to each of the queries 0, 1, 2, 3, 4 was"),
        (lambda queries: "A", UserError, r"^the rater <lambda> returned str, and prefgym\.Preferences was expected"),
        (with_nan, UserError, "^a label of the rater with_nan is not finite, in the rollout"),
        (without_end, UserError, "^the time of an answer of the rater without_end is not finite, in the rollout"),
        (unknown, ValueError, "a status must be one of 0 "),
    ],
)
def test_a_rater_that_returns_something_else_is_named(rater: object, error: type, sentence: str) -> None:
    with pytest.raises(error, match=sentence):
        tiny_run(rater=rater, **BAD)


@pytest.mark.parametrize("declared", [False, None])
def test_a_rater_that_needs_no_truth_gets_none(declared: bool | None) -> None:
    """As one of people: physics states, from which clips are drawn, stay."""
    asked: list[Queries] = []

    def looking(queries: Queries) -> Preferences:
        asked.append(queries)
        return answered(queries)

    if declared is not None:
        looking.needs_truth = declared  # pyright: ignore[reportFunctionMemberAccess]
    run = tiny_run(rater=looking, **BAD)
    assert run.result.num_answered == 10
    for options in (queries.options for queries in asked):
        assert options.state is not None
        assert (options.reward is None and not options.factors) == (declared is False)


class Later:
    """A rater that answers another query than it was asked."""

    def submit(self, queries: Queries) -> None:
        self.queries = queries

    def collect(self) -> Preferences | None:
        return renumbered(self.queries) if hasattr(self, "queries") else None


def test_an_answer_to_a_query_that_nobody_asked_is_named() -> None:
    sentence = r"^the rater Later returned an answer to query 1000 from collect\(\), and one to a query of 0\.\.4 was"
    with pytest.raises(UserError, match=sentence):
        tiny_run(rater=Later(), **BAD)


@pytest.mark.parametrize(
    ("pick", "sentence"),
    [
        (
            lambda options: options[:, 0],
            r"^the sampler Picking returned segments of batch shape \(5,\), and \(5, K\),",
        ),
        (lambda options: options[:2], r"returned segments of batch shape \(2, 2\)"),
        (lambda options: options.obs, "^the sampler Picking returned Tensor, and prefgym.Segments was expected"),
    ],
)
def test_a_sampler_that_returns_something_else_is_named(pick: Callable[[Segments], object], sentence: str) -> None:
    class Picking(Showing):
        """A sampler that returns part of it."""

        def __call__(self, *given: Any) -> Any:  # noqa: ANN401
            return pick(super().__call__(*given))

    with pytest.raises(UserError, match=sentence):
        tiny_run(sampler=Picking(lambda one, options: None), **BAD)


@pytest.mark.parametrize(
    ("parts", "sentence"),
    [
        ({"reward": object()}, r"^object is no reward learner: it has no fit\(\)\.$"),
        ({"sampler": type("Mute", (), {"cfg": tiny_sampler()})()}, r"^Mute is no sampler: it has no __call__\(\)\.$"),
        ({"agent": type("Mute", (), {"cfg": tiny_ppo()})()}, r"^Mute is no agent: it has no collect\(\)\.$"),
        (
            {"agent": type("Mute", (), {"cfg": type("Cfg", (), {"num_envs": 1})})()},
            r"^cfg of the agent 'Mute\(\)' is of type, and",
        ),
        ({"callbacks": [Later]}, "^a callback must be a prefgym.Callback, and Later is a class: pass an object of it"),
        ({"callbacks": [print]}, "^a callback must be a prefgym.Callback, not builtin_function_or_method"),
    ],
)
def test_what_is_no_part_is_refused_before_the_run_begins(parts: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        tiny_run(out="run", **parts)
    assert not Path("run").exists()


class Acting:
    """An agent of others: PPO, of which a method returns something else."""

    def __init__(self, cfg: Any, env: Any, method: str, returned: object) -> None:  # noqa: ANN401
        self.cfg, self._ppo = cfg, PPO(cfg, env)
        setattr(self, method, lambda *_, **__: returned)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        return getattr(self._ppo, name)


@pytest.mark.parametrize(
    ("method", "returned", "sentence"),
    [
        ("collect", None, r"returned NoneType from collect\(\), and prefgym\.core\.rollout\.Rollout was expected"),
        ("update", 3.0, r"returned float from update\(\), and a mapping of names to numbers was expected"),
        ("update", {"loss": "low"}, r"returned 'low' as loss from update\(\), and a number was expected"),
        ("predict", np.zeros(3), r"returned ndarray from predict\(\), and a pair of actions and state was expected"),
        (
            "predict",
            (np.zeros(3), None),
            r"returned actions of shape \(3,\) from predict\(\), and the shape \(1, A\)",
        ),
    ],
)
def test_an_agent_that_returns_something_else_is_named(method: str, returned: object, sentence: str) -> None:
    agent = Acting(tiny_ppo(), make_training_env(tiny_cfg(rater="none")), method, returned)
    with pytest.raises(UserError, match=f"^the (agent|policy) Acting {sentence}"):
        tiny_run(agent=agent, rater="none", **BAD)
