"""Our reward learners pass their check, and what is broken is found."""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from prefgym.common.states import State
from prefgym.core.feedback import Feedback
from prefgym.core.fit_report import FitReport
from prefgym.core.kinds import Statement, Thumbs
from prefgym.core.preferences import Preferences
from prefgym.core.protocols import Learner
from prefgym.core.segments import Segments
from prefgym.rewards.ensemble import Ensemble, EnsembleCfg
from prefgym.rewards.fit import FitCfg
from prefgym.rewards.preference_model import PreferenceModel, PreferenceModelCfg
from prefgym.rewards.win_rate import WinRate, WinRateCfg
from prefgym.testing import check_judged_learner, check_learner, example_env, example_preferences, example_segments

FIT = FitCfg(gradient_steps=2, minibatch_size=8, target_accuracy=1.0)


class Small(Ensemble):
    """An ensemble of two tiny members, for others to break."""

    def __init__(self) -> None:
        super().__init__(EnsembleCfg(num_members=2, hidden=(4,), fit=FIT), example_env())


def watching() -> PreferenceModel:
    learner = PreferenceModel(PreferenceModelCfg(num_members=2, hidden=(4,), fit=FIT), example_env())
    learner.observe_fragments(example_segments(3).without_truth())
    return learner


def unwatching() -> PreferenceModel:
    return PreferenceModel(PreferenceModelCfg(num_members=2, hidden=(4,), fit=FIT), example_env())


@pytest.mark.parametrize("make", [Small, watching, unwatching])
def test_our_learners_pass(make: Callable[[], Learner]) -> None:
    check_learner(make)


def test_win_rate_passes() -> None:
    check_judged_learner(lambda: WinRate(WinRateCfg(queue=8)))


class ThumbsOnly(Small):
    """It fits reactions and nothing else."""

    fits = (Thumbs,)


def test_a_learner_of_one_other_kind_passes() -> None:
    check_learner(ThumbsOnly)


class ChoicesOnly(Small):
    """It declares every kind, and looks for choices."""

    def fit(self, preferences: Any) -> FitReport:  # noqa: ANN401
        assert preferences.answers.choice is not None
        return super().fit(preferences)


class ReadsRewardOfReactions(Small):
    """It adds the task reward to what it learns from thumbs."""

    def fit(self, preferences: Any) -> FitReport:  # noqa: ANN401
        report = super().fit(preferences)
        for part in preferences.of_kind(Thumbs):
            self.shift = self.shift + part.queries.options.reward.mean()
        return report


@pytest.mark.parametrize(
    ("make", "rule"),
    [
        (ChoicesOnly, "it declares that it fits ranking, and fit() fails: 'Ranking' object has no attribute 'choice'"),
        (ReadsRewardOfReactions, "from thumbs, it learned something else"),
    ],
)
def test_each_declared_kind_is_checked(make: Callable[[], Learner], rule: str) -> None:
    with pytest.raises(AssertionError, match=re.escape(rule)):
        check_learner(make)


class TransposedReward(Small):
    """Members come last."""

    def reward(self, segments: Segments) -> Tensor:
        return super().reward(segments).movedim(0, -1)


class NanInPadding(Small):
    """What was padded is no number."""

    def reward(self, segments: Segments) -> Tensor:
        return super().reward(segments).masked_fill(~segments.mask, torch.nan)


class CarriesGradient(Small):
    """Somebody forgot no_grad."""

    def reward(self, segments: Segments) -> Tensor:
        return super().reward(segments).requires_grad_()


class ReportsNothing(Small):
    """A fit says nothing of itself."""

    def fit(self, preferences: Feedback | Preferences[Statement]) -> Any:  # noqa: ANN401
        super().fit(preferences)


class ReportsText(Small):
    """A metric is no number."""

    def fit(self, preferences: Feedback | Preferences[Statement]) -> FitReport:
        report = super().fit(preferences)
        object.__setattr__(report, "metrics", lambda: {"reward_model/loss": "low"})
        return report


class NeverFitted(Small):
    """It does not say that it was fitted."""

    def fit(self, preferences: Feedback | Preferences[Statement]) -> FitReport:
        report = super().fit(preferences)
        self.is_fitted = False
        return report


class PeeksAtReward(Small):
    """The task reward is taken as a label."""

    def fit(self, preferences: Feedback | Preferences[Statement]) -> FitReport:
        truth = preferences.queries.options.reward
        report = super().fit(preferences)
        self.shift = self.shift if truth is None else truth.mean().expand_as(self.shift)
        return report


class NeedsTruth(Small):
    """It is another one where there is none."""

    def fit(self, preferences: Feedback | Preferences[Statement]) -> FitReport:
        report = super().fit(preferences)
        self.scale = self.scale if preferences.queries.options.factors else 2 * self.scale
        return report


class GlobalNoise(Small):
    """A weight is drawn from the generator that belongs to nobody."""

    def fit(self, preferences: Feedback | Preferences[Statement]) -> FitReport:
        report = super().fit(preferences)
        torch.rand(1)
        return report


class LearnsAnotherThing(Small):
    """No two of them are alike."""

    made = 0

    def __init__(self) -> None:
        super().__init__()
        LearnsAnotherThing.made += 1
        self.generator.manual_seed(LearnsAnotherThing.made)


class ForgetsScale(Small):
    """What normalises is not among the weights."""

    def weights(self) -> dict[str, Tensor]:
        return {**super().weights(), "scale": torch.ones_like(self.scale)}


class LoadsUnfitted(Small):
    """It has weights, and says it has none."""

    def load_weights(self, weights: Mapping[str, Tensor]) -> None:
        super().load_weights(weights)
        self.is_fitted = False


class ForgetsGenerator(Small):
    """The order of the data begins anew."""

    def load_state_dict(self, state: State) -> None:
        mine = self.generator.get_state()
        super().load_state_dict({**state, "generator": mine})


class OddState(Small):
    """A file cannot hold it."""

    def state_dict(self) -> State:
        return {**super().state_dict(), "cfg": self.cfg}


class WritesIntoSegments(Small):
    """Inputs are normalised in place."""

    def reward(self, segments: Segments) -> Tensor:
        reward = super().reward(segments)
        segments.obs.mul_(0.5)
        return reward


@pytest.mark.parametrize(
    ("broken", "sentence"),
    [
        (TransposedReward, r"reward\(\) must have shape \(E, 16, 2, 5\) for that batch, not \(16, 2, 5, 2\)"),
        (NanInPadding, "finite, in the padding too"),
        (CarriesGradient, "must carry no gradient"),
        (ReportsNothing, r"what fit\(\) returns has metrics, and NoneType lacks metrics"),
        (ReportsText, "'reward_model/loss': 'low'"),
        (NeverFitted, "is_fitted must be True after a fit"),
        (PeeksAtReward, "must not see the truth"),
        (NeedsTruth, "must not need the truth"),
        (LearnsAnotherThing, "the same learner must learn the same"),
        (ForgetsScale, r"load_weights\(weights\(\)\) must restore the reward"),
        (LoadsUnfitted, r"is_fitted must be True after load_weights\(\)"),
        (ForgetsGenerator, "optimiser and generator are part of it"),
        (OddState, "must hold tensors and JSON values, but .*EnsembleCfg"),
        (WritesIntoSegments, "must not change the segments"),
    ],
)
def test_what_is_broken_is_found(broken: Callable[[], Learner], sentence: str) -> None:
    with pytest.raises(AssertionError, match=sentence):
        check_learner(broken)


def test_draws_from_the_generator_of_nobody_are_found() -> None:
    with torch.random.fork_rng(), pytest.raises(AssertionError, match="its own, and not from that of torch"):
        check_learner(GlobalNoise)


class Bare:
    """A learner that cannot tell its state."""

    def __init__(self) -> None:
        self._whole = Small()

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        if name in {"state_dict", "load_state_dict"}:
            raise AttributeError(name)
        return getattr(self._whole, name)


def test_who_cannot_tell_the_state_passes_only_where_nobody_resumes() -> None:
    bare: Any = Bare
    check_learner(bare, resumable=False)
    with pytest.raises(AssertionError, match="which resumed runs need"):
        check_learner(bare)


def test_missing_methods_are_named() -> None:
    with pytest.raises(AssertionError, match="object lacks is_fitted, fit, reward, weights, load_weights"):
        check_learner(object)  # pyright: ignore[reportArgumentType]


def test_preferences_of_another_size_can_be_brought() -> None:
    def make() -> Learner:
        return Ensemble(EnsembleCfg(hidden=(4,), fit=FIT), example_env(obs_dim=5, action_dim=1))

    preferences = example_preferences(obs_dim=5, action_dim=1, num_steps=7)
    check_learner(make, replace(preferences, seconds=preferences.seconds + 1))


class UnevenRates(WinRate):
    """A rate is no share."""

    def last_win_rates(self, segments: Segments) -> Tensor:
        return 2 + super().last_win_rates(segments)


class MeetsTheUnfinished(WinRate):
    """Fragments that are not whole take part."""

    def propose_comparisons(self, starts: Tensor, whole: Tensor, num_comparisons: int) -> Tensor:
        return super().propose_comparisons(starts, torch.ones_like(whole), num_comparisons)


@pytest.mark.parametrize(
    ("broken", "sentence"), [(UnevenRates, "between 0 and 1"), (MeetsTheUnfinished, "a whole new fragment")]
)
def test_broken_judged_learners_are_found(broken: type[WinRate], sentence: str) -> None:
    with pytest.raises(AssertionError, match=sentence):
        check_judged_learner(lambda: broken(WinRateCfg(queue=8)))
