"""Compliance checks of reward learners."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import cast

import torch
from torch import Tensor

from prefgym.common.states import Stateful
from prefgym.core.capabilities import declares_fits, fits
from prefgym.core.feedback import Feedback
from prefgym.core.kinds import Comparison, Statement
from prefgym.core.likelihoods import LIKELIHOODS
from prefgym.core.preferences import Preferences, Q
from prefgym.core.protocols import JudgedLearner, Learner
from prefgym.core.queries import Queries
from prefgym.core.segments import Segments
from prefgym.testing.common import global_generators_untouched, require, saved_state
from prefgym.testing.examples import example_answers, example_preferences, example_segments

Make = Callable[[], Learner]


def check_learner(make: Make, preferences: Preferences | None = None, *, resumable: bool = True) -> None:
    """Check that a reward learner works with the training loop, samplers and checkpoints.

    Args:
        make: Function that makes a fresh learner; each call makes the same one, seed included. A self-play learner
            has observed fragments already.
        preferences: Preferences to fit; None for 16 answers about random segments with observations of size 3 and
            actions of size 2. Sixteen of each further kind that the learner declares are fitted as well.
        resumable: Whether to check `state_dict` and `load_state_dict`, which resumed runs need.

    Raises:
        AssertionError: If it does not; the message names the rule.
    """
    preferences = preferences or _many_preferences(fits(make()))
    options = preferences.queries.options.without_truth()
    with global_generators_untouched("a learner"):
        learner = make()
        require(learner, "a learner", "is_fitted", "fit", "reward", "weights", "load_weights")
        assert not learner.is_fitted, "is_fitted must be False before the first fit"
        _check_report(_fit(learner, preferences))
        assert learner.is_fitted, "is_fitted must be True after a fit"
        _check_reward(learner, options)
        _check_repeats(make, learner, preferences)
        _check_weights(make, learner, options)
        if resumable:
            _check_resumes(make, learner, preferences)
        if declares_fits(learner):
            _check_kinds(make, options)


def _fit(learner: Learner, answers: Feedback | Preferences[Statement]) -> object:
    """Fit as a run does: a learner that declares which kinds it fits gets feedback, and another one preferences."""
    return learner.fit(cast(Preferences, Feedback.of(answers) if declares_fits(learner) else answers))


def _check_kinds(make: Make, options: Segments) -> None:
    """Fit each kind that the learner declares, and all together, with the truth and with another one."""
    sizes = {"obs_dim": options.obs.shape[-1], "action_dim": options.action.shape[-1]}
    kinds = [kind for kind in fits(make()) if kind in LIKELIHOODS]
    each = [Feedback.of(example_answers(kind, 100 * place, **sizes)) for place, kind in enumerate(kinds)]
    for feedback in [*each, Feedback.cat(each)] if len(each) > 1 else []:
        learner, other = make(), make()
        names = ", ".join(kind.kind for kind in feedback.kinds)
        try:
            report = _fit(learner, feedback)
        except (TypeError, ValueError, AttributeError) as error:
            raise AssertionError(f"it declares that it fits {names}, and fit() fails: {error}") from error
        _check_report(report)
        assert learner.is_fitted, f"is_fitted must be True after a fit of {names}"
        _check_reward(learner, options)
        _fit(other, Feedback(tuple(_with_other_truth(part) for part in feedback.parts)))
        rule = f"a learner must not see the truth, and always learn the same: from {names}, it learned something else"
        assert torch.equal(learner.reward(options), other.reward(options)), rule


def _many_preferences(kinds: tuple[type[Statement], ...]) -> Preferences:
    if Comparison not in kinds:
        return cast(Preferences, example_answers(kinds[0]))
    return Preferences.cat([example_preferences(first_id=4 * part, seed=part) for part in range(4)])


def _check_report(report: object) -> None:
    require(report, "what fit() returns", "metrics")
    metrics: object = report.metrics()  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownVariableType]
    assert isinstance(metrics, Mapping) and metrics, "metrics() of a fit must return at least one number by name"
    for name, value in cast(Mapping[object, object], metrics).items():
        rule = f"metrics() of a fit must return numbers by name, and not {name!r}: {value!r}"
        assert isinstance(name, str) and isinstance(value, (int, float)), rule  # NaN: nothing to measure


def _check_reward(learner: Learner, options: Segments) -> None:
    before = [options.obs.clone(), options.action.clone()]
    reward = learner.reward(options)
    _check_shape(reward, options)
    for shown in (options[:1], options[:, 0], _steps(options)):
        each = learner.reward(shown)
        _check_shape(each, shown)
        assert len(each) == len(reward), f"reward() returned {len(reward)} members, and then {len(each)}"
    unchanged = torch.equal(before[0], options.obs) and torch.equal(before[1], options.action)
    assert unchanged, "a learner must not change the segments it is shown"
    assert torch.equal(reward, learner.reward(options)), "reward() must return the same for the same segments"


def _check_shape(reward: Tensor, shown: Segments) -> None:
    wanted = (*shown.batch_shape, shown.num_steps)
    rule = f"reward() must have shape (E, {', '.join(map(str, wanted))}) for that batch, not {tuple(reward.shape)}"
    assert reward.dim() == 1 + len(wanted) and reward.shape[1:] == wanted and len(reward), rule
    assert not reward.requires_grad, "reward() must carry no gradient: use torch.no_grad()"
    assert bool(reward.isfinite().all()), "reward() must be finite, in the padding too"


def _steps(options: Segments) -> Segments:
    """Return the first step of each segment as a segment of one step, as the training loop passes steps."""
    obs, action = options.obs, options.action
    ended = torch.zeros_like(options.terminated)
    return Segments.of_steps(obs[..., 0, :], action[..., 0, :], obs[..., 1, :], ended, ended)


def _check_repeats(make: Make, learner: Learner, preferences: Preferences) -> None:
    """Fit again: to the same preferences, with another truth, and without a truth."""
    shown = preferences.queries.options.without_truth()
    reward = learner.reward(shown)
    assert torch.equal(reward, _refitted(make, preferences).reward(shown)), "the same learner must learn the same"
    rule = "a learner must not see the truth: it learned something else where only reward, factors or states differ"
    assert torch.equal(reward, _refitted(make, _with_other_truth(preferences)).reward(shown)), rule
    rule = "a learner must not need the truth: it learned something else from preferences.without_truth()"
    assert torch.equal(reward, _refitted(make, preferences.without_truth()).reward(shown)), rule


def _refitted(make: Make, preferences: Preferences) -> Learner:
    learner = make()
    _fit(learner, preferences)
    return learner


def _with_other_truth(preferences: Preferences[Q]) -> Preferences[Q]:
    options = preferences.queries.options
    other = replace(
        options,
        reward=None if options.reward is None else -1 - options.reward,
        factors={name: -1 - values for name, values in options.factors.items()},
        state=None if options.state is None else -1 - options.state,
    )
    return replace(preferences, queries=replace(preferences.queries, options=other))


def _check_weights(make: Make, learner: Learner, options: Segments) -> None:
    weights = learner.weights()
    rule = "weights() must return at least one tensor by name"
    assert weights and all(isinstance(value, Tensor) for value in weights.values()), rule
    other = make()
    other.load_weights({name: value.clone() for name, value in weights.items()})
    assert other.is_fitted, "is_fitted must be True after load_weights()"
    same = torch.equal(learner.reward(options), other.reward(options))
    assert same, "load_weights(weights()) must restore the reward, bit for bit"


def _check_resumes(make: Make, learner: Learner, preferences: Preferences) -> None:
    options = preferences.queries.options.without_truth()
    state, other = saved_state(learner, "a learner"), make()
    cast(Stateful, other).load_state_dict(state)
    assert other.is_fitted, "is_fitted must be True again after load_state_dict()"
    same = torch.equal(learner.reward(options), other.reward(options))
    assert same, "load_state_dict(state_dict()) must restore the reward, bit for bit"
    more = Preferences.cat([preferences, replace(preferences, queries=_renumbered(preferences))])
    _fit(learner, more)
    _fit(other, more)
    same = torch.equal(learner.reward(options), other.reward(options))
    assert same, "a learner that resumes from state_dict() must learn the same: optimiser and generator are part of it"


def _renumbered(preferences: Preferences) -> Queries:
    queries = preferences.queries
    return replace(queries, query_id=queries.query_id + 1 + queries.query_id.max())


def check_judged_learner(
    make: Callable[[], JudgedLearner], *, num_fragments: int = 6, num_comparisons: int = 10
) -> None:
    """Check a learner that rewards by the rater's comparisons of each rollout, without a fit.

    Args:
        make: Function that makes a fresh learner; each call makes the same one, seed included.
        num_fragments: Fragments of each of two rollouts; the last one is not whole.
        num_comparisons: Comparisons after each rollout.

    Raises:
        AssertionError: If it does not work with the training loop; the message names the rule.
    """
    with global_generators_untouched("a learner"):
        learner, same = make(), make()
        require(learner, "a judged learner", "is_fitted", "propose_comparisons", "record_outcomes", "last_win_rates")
        assert not learner.is_fitted, "is_fitted must be False before the first comparison"
        whole = torch.arange(num_fragments) < num_fragments - 1
        for rollout in range(2):
            starts = 100 * rollout + torch.arange(num_fragments)
            _check_matches(learner, same, starts, whole, num_comparisons)
        state, other = saved_state(learner, "a learner"), make()
        cast(Stateful, other).load_state_dict(state)
        _check_matches(learner, other, 200 + torch.arange(num_fragments), whole, num_comparisons)


def _check_matches(
    one: JudgedLearner, other: JudgedLearner, starts: Tensor, whole: Tensor, num_comparisons: int
) -> None:
    """Compare two learners over the matches of one rollout, of which the first option wins all."""
    matches, again = (learner.propose_comparisons(starts, whole, num_comparisons) for learner in (one, other))
    rule = f"propose_comparisons() must return ({num_comparisons}, 2) starts, not {tuple(matches.shape)}"
    assert matches.shape == (num_comparisons, 2), rule
    rule = "the first option of propose_comparisons() must be a whole new fragment"
    assert bool(torch.isin(matches[:, 0], starts[whole]).all()), rule
    rule = "the same learner must propose the same comparisons: the generator is part of state_dict()"
    assert torch.equal(matches, again), rule
    fragments = _fragments(len(starts))
    for learner in (one, other):
        learner.record_outcomes(Comparison.of(torch.zeros(num_comparisons, dtype=torch.long), 2))
        assert learner.is_fitted, "is_fitted must be True after record_outcomes()"
    rates = one.last_win_rates(fragments)
    assert rates.shape == starts.shape, (
        f"last_win_rates() must have shape {tuple(starts.shape)}, not {tuple(rates.shape)}"
    )
    assert bool(((rates >= 0) & (rates <= 1)).all()), "last_win_rates() must lie between 0 and 1"
    assert torch.equal(rates, other.last_win_rates(fragments)), "the same learner must return the same win rates"


def _fragments(num: int) -> Segments:
    return example_segments(num).without_truth()
