"""Contact with parts, ours or others': learners see no truth, what parts return is checked, and errors name the part.

The training loop and the wrappers call parts through these functions, and nowhere else.
"""

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, TypeVar, cast

import numpy as np
from torch import Tensor

from prefgym.common import parts
from prefgym.common.errors import UserError
from prefgym.common.finite import NotFiniteError
from prefgym.common.parts import RAISED as RAISED
from prefgym.common.parts import name_of
from prefgym.core.arrays import Array, Env, PolicyState
from prefgym.core.capabilities import declares_fits, fits, gives, needs_truth
from prefgym.core.feedback import Feedback
from prefgym.core.fit_report import FitReport
from prefgym.core.kinds import Statement
from prefgym.core.preferences import Preferences
from prefgym.core.protocols import (
    Agent,
    JudgedLearner,
    Learner,
    NoSegmentError,
    Policy,
    ProposingRater,
    Rater,
    Recorder,
    Sampler,
    ScoringLearner,
    SelfPlayLearner,
)
from prefgym.core.queries import Queries
from prefgym.core.rollout import Rollout
from prefgym.core.segments import Segments

LEARNER, RATER, SAMPLER, AGENT, POLICY = "reward learner", "rater", "sampler", "agent", "policy"

Returned = TypeVar("Returned")


@contextmanager
def raised_by(kind: str, part: object) -> Generator[None]:
    """Name the part in a note of each error that it raises, and in the sentence of a rater's NaN."""
    try:
        with parts.raised_by(kind, name_of(part), (NoSegmentError, NotFiniteError)):
            yield
    except NotFiniteError as error:
        if kind != RATER or f"of the {RATER}" in error.part:  # the others name what is not finite
            raise
        raise NotFiniteError(f"{error.part} of the {kind} {name_of(part)}", error.arrays) from error


def wrong(kind: str, part: object, method: str, returned: str, expected: str) -> UserError:
    """Make the error of a part that returns something else than it should."""
    return parts.wrong(kind, name_of(part), method, returned, expected)


def check_methods(kind: str, part: object, *methods: str) -> None:
    """Check that a part has the methods that are called.

    Raises:
        UserError: If one is missing.
    """
    for method in methods:
        if not callable(getattr(part, method, None)):
            raise UserError(f"{name_of(part)} is no {kind}: it has no {method}().")


def _of_type(kind: str, part: object, method: str, returned: object, wanted: type[Returned]) -> Returned:
    """Return what a part returned if it has the right type.

    Raises:
        UserError: If it has another type.
    """
    if isinstance(returned, wanted):
        return returned
    module = "prefgym" if wanted in (Preferences, Segments) else wanted.__module__
    raise wrong(kind, part, method, type(returned).__name__, f"{module}.{wanted.__name__}")


def _floats(kind: str, part: object, method: str, returned: object, shape: tuple[Any, ...]) -> Tensor:
    """Return numbers of a shape, without a gradient; an axis may have any length if it is named by text.

    Raises:
        UserError: If it is no tensor of floats, or has another shape.
    """
    values = _of_type(kind, part, method, returned, Tensor)
    fits = values.dim() == len(shape) and all(isinstance(n, str) or n == m for n, m in zip(shape, values.shape))
    expected = f"({', '.join(map(str, shape))})"
    if not fits or 0 in values.shape[:1]:
        raise wrong(kind, part, method, f"a tensor of shape {tuple(values.shape)}", f"the shape {expected}")
    if not values.is_floating_point():
        raise wrong(kind, part, method, f"a tensor of {values.dtype!s}", "a tensor of floats")
    return values.detach()


# --- reward learners -------------------------------------------------------------------------------------------------


def fit(learner: Learner, feedback: Feedback | Preferences[Statement]) -> FitReport:
    """Fit a learner to answers without the truth.

    A learner that declares the kinds it fits gets feedback of these kinds; another one gets preferences: comparisons.

    Raises:
        UserError: If it returns no report, or there are answers of a kind that it does not fit.
    """
    feedback = Feedback.of(feedback)
    if others := [kind.kind for kind in feedback.kinds if kind not in fits(learner)]:
        known = ", ".join(kind.kind for kind in fits(learner))
        raise UserError(f"the reward learner {name_of(learner)} fits {known}, and there are answers of {others[0]}.")
    if not declares_fits(learner) and len(feedback.parts) > 1:
        found = "queries of several numbers of segments or steps"
        raise UserError(f"the reward learner {name_of(learner)} takes preferences of one size, and there are {found}.")
    blind = feedback.without_truth()
    with raised_by(LEARNER, learner):
        report = cast(object, learner.fit(cast(Preferences, blind) if declares_fits(learner) else blind.only))
    return _of_type(LEARNER, learner, "fit", report, FitReport)


def reward(learner: Learner, segments: Segments) -> Tensor:
    """Return the reward of each step by each member, predicted without the truth. Shape: (E, ..., T).

    Raises:
        UserError: If it has another shape.
    """
    with raised_by(LEARNER, learner):
        rewards = cast(object, learner.reward(segments.without_truth()))
    return _floats(LEARNER, learner, "reward", rewards, ("E", *segments.batch_shape, segments.num_steps))


def score(learner: ScoringLearner, segments: Segments) -> Tensor:
    """Return the scores of segments by each member, predicted without the truth. Shape: (E, ...).

    Raises:
        UserError: If they have another shape.
    """
    with raised_by(LEARNER, learner):
        scores = cast(object, learner.score(segments.without_truth()))
    return _floats(LEARNER, learner, "score", scores, ("E", *segments.batch_shape))


def win_rates(learner: JudgedLearner, fragments: Segments) -> Tensor:
    """Return the win rate of each fragment. Shape: that of the batch.

    Raises:
        UserError: If they have another shape.
    """
    with raised_by(LEARNER, learner):
        rates = cast(object, learner.last_win_rates(fragments.without_truth()))
    return _floats(LEARNER, learner, "last_win_rates", rates, tuple(fragments.batch_shape))


def observe(learner: SelfPlayLearner, fragments: Segments) -> None:
    """Show a learner the latest trajectory fragments, without the truth."""
    with raised_by(LEARNER, learner):
        learner.observe_fragments(fragments.without_truth())


class Blind:
    """A learner as a sampler gets it: whatever the sampler asks it about, it sees no truth."""

    def __init__(self, learner: Learner) -> None:
        self._learner = learner

    def reward(self, segments: Segments) -> Tensor:
        """Predict as `reward` does. Shape: (E, ..., T)."""
        return reward(self._learner, segments)

    def score(self, segments: Segments) -> Tensor:
        """Predict as `score` does. Shape: (E, ...)."""
        return score(cast(ScoringLearner, self._learner), segments)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the learner has
        return getattr(self._learner, name)


# --- samplers and raters ---------------------------------------------------------------------------------------------


def sample(sampler: Sampler, recorder: Recorder, learner: Learner, num_queries: int, generator: Any) -> Segments:  # noqa: ANN401
    """Choose the options of queries, on the processor. Batch shape: (num_queries, K).

    Raises:
        NoSegmentError: If no segment can be sampled yet.
        UserError: If the sampler returns anything else.
    """
    with raised_by(SAMPLER, sampler):
        chosen = cast(object, sampler(recorder, cast(Learner, Blind(learner)), num_queries, generator))
    options = _of_type(SAMPLER, sampler, "", chosen, Segments)
    shape = tuple(options.batch_shape)
    if len(shape) != 2 or shape[0] != num_queries or shape[1] < 1:
        found, expected = f"segments of batch shape {shape}", f"({num_queries}, K), K of 1 or more,"
        raise wrong(SAMPLER, sampler, "", found, expected)
    return options.map(Tensor.cpu)


def propose(rater: ProposingRater, num_queries: int) -> Segments:
    """Return the options of the next queries of a rater that brings them, on the processor. Batch shape: (B, K).

    Raises:
        NoSegmentError: If there are no more.
        UserError: If it returns anything else.
    """
    with raised_by(RATER, rater):
        proposed = cast(object, rater.propose(num_queries))
    options = _of_type(RATER, rater, "propose", proposed, Segments)
    shape = tuple(options.batch_shape)
    if len(shape) != 2 or not 1 <= shape[0] <= num_queries or shape[1] < 1:
        found, expected = f"segments of batch shape {shape}", f"(B, K), B of 1 to {num_queries} and K of 1 or more,"
        raise wrong(RATER, rater, "propose", found, expected)
    return options.map(Tensor.cpu)


def submit(rater: Rater, queries: Queries) -> None:
    """Submit queries; a rater that declares `needs_truth = False`, as one of people does, sees no task reward."""
    if not needs_truth(rater):
        queries = replace(queries, options=queries.options.without_reward())
    with raised_by(RATER, rater):
        rater.submit(queries)


def collect(rater: Rater, num_asked: int) -> Feedback | None:
    """Return the answers since the last call, or None.

    Args:
        rater: The rater.
        num_asked: Queries submitted so far, which are numbered from 0.

    Raises:
        UserError: If there is an answer to a query that was never asked, or something else than preferences.
    """
    with raised_by(RATER, rater):
        answers = cast(object, rater.collect())
    if answers is None:
        return None
    feedback = as_feedback(rater, "collect", answers)
    check_given(rater, "collect", feedback)
    for number in _numbers(feedback.query_id):
        if not 0 <= number < num_asked:
            expected = f"one to a query of 0..{num_asked - 1}"
            raise wrong(RATER, rater, "collect", f"an answer to query {number}", expected)
    return feedback


def as_feedback(rater: object, method: str, returned: object) -> Feedback:
    """Return answers as feedback.

    Raises:
        UserError: If they are neither feedback nor preferences, or there are none.
    """
    if isinstance(returned, Feedback) and returned.parts:
        return returned
    return Feedback.of(_of_type(RATER, rater, method, returned, Preferences))


def answer(rater: Callable[[Queries], Feedback | Preferences[Statement]], queries: Queries) -> Feedback:
    """Return the answers of a rater that answers at once.

    Raises:
        UserError: If it does not answer each query, or returns something else than answers to them.
    """
    with raised_by(RATER, rater):
        returned = cast(object, rater(queries))
    answers = as_feedback(rater, "", returned)
    check_given(rater, "", answers)
    asked, answered = _numbers(queries.query_id), _numbers(answers.query_id)
    if {*asked} != {*answered}:
        found = f"{len(answered)} answers to the queries {_brief(answered)}"
        raise wrong(RATER, rater, "", found, f"an answer to each of the queries {_brief(asked)}")
    for part in answers.parts:
        if part.queries.num_options != queries.num_options:
            found = f"choices among {part.queries.num_options} options"
            raise wrong(RATER, rater, "", found, f"a choice among {queries.num_options}")
    return answers


def check_given(rater: object, method: str, feedback: Feedback) -> None:
    """Check that answers are of the kinds that the rater declares.

    Raises:
        UserError: If they are not.
    """
    if others := [kind for kind in feedback.kinds if kind not in gives(rater)]:
        found, expected = (f"feedback of {', '.join(kind.kind for kind in some)}" for some in (others, gives(rater)))
        raise wrong(RATER, rater, method, found, f"{expected}, or the declaration `gives = ({others[0].__name__},)`,")


def _numbers(query_id: Tensor) -> list[int]:
    return [int(number) for number in query_id]


def _brief(numbers: list[int]) -> str:
    return ", ".join(map(str, numbers[:5])) + (" ..." if len(numbers) > 5 else "")


# --- agents ----------------------------------------------------------------------------------------------------------


def rollout_of(agent: Agent, env: Env) -> Rollout:
    """Let an agent step the environments.

    Raises:
        UserError: If it returns no rollout.
    """
    with raised_by(AGENT, agent):
        rollout = cast(object, agent.collect(env))
    return _of_type(AGENT, agent, "collect", rollout, Rollout)


def update(agent: Agent, rollout: Rollout, progress: float) -> dict[str, float | None]:
    """Let an agent learn from a rollout with its reward, and return its metrics.

    Raises:
        UserError: If it returns no mapping of names to numbers.
    """
    with raised_by(AGENT, agent):
        metrics = cast(object, agent.update(rollout, progress))
    return metrics_of(agent, "update", metrics)


def predict(
    policy: Policy, obs: Array, state: PolicyState, begins: Array, deterministic: bool
) -> tuple[Array, PolicyState]:
    """Let a policy choose actions. Shapes: (N, O) to (N, A).

    Raises:
        UserError: If it returns no pair of actions and state, or the actions have no axis of environments.
    """
    with raised_by(POLICY, policy):
        returned = cast(object, policy.predict(obs, state, begins, deterministic=deterministic))
    pair = cast("Sequence[Any]", returned) if isinstance(returned, tuple | list) else ()
    if len(pair) != 2:
        found = type(cast(object, returned)).__name__
        raise wrong(POLICY, policy, "predict", found, "a pair of actions and state")
    actions = np.asarray(pair[0])
    if actions.ndim != 2 or len(actions) != len(obs):
        found, expected = f"actions of shape {actions.shape}", f"the shape ({len(obs)}, A)"
        raise wrong(POLICY, policy, "predict", found, expected)
    return actions, pair[1]


def metrics_of(agent: object, method: str, metrics: object) -> dict[str, float | None]:
    """Return the metrics that an agent returned.

    Raises:
        UserError: If they are no mapping of names to numbers.
    """
    if not isinstance(metrics, Mapping):
        raise wrong(AGENT, agent, method, type(metrics).__name__, "a mapping of names to numbers")
    numbers: dict[str, float | None] = {}
    for name, value in cast("Mapping[str, Any]", metrics).items():
        try:
            numbers[str(name)] = value if value is None or isinstance(value, int | float) else float(value)
        except (TypeError, ValueError):
            raise wrong(AGENT, agent, method, f"{value!r} as {name}", "a number") from None
    return numbers
