"""The ensemble fits every kind of feedback, alone and in any mix."""

from copy import deepcopy
from dataclasses import replace

import gymnasium as gym
import pytest
import torch

from prefgym.common.errors import UserError
from prefgym.common.spaces import Spaces
from prefgym.core import contact
from prefgym.core.feedback import Feedback
from prefgym.core.kinds import Comparison, Mark, Ranking, Statement
from prefgym.core.likelihoods import LIKELIHOODS, Choice, Marks, Ordinal, PlackettLuce, Reactions, free
from prefgym.core.preferences import Preferences, RaterInfo
from prefgym.core.queries import Queries
from prefgym.core.segments import Segments
from prefgym.rewards.ensemble import Ensemble, EnsembleCfg
from prefgym.rewards.fit import FitCfg
from prefgym.rewards.preference_model import PreferenceModel, PreferenceModelCfg
from prefgym.testing import example_preferences

ENV = Spaces(gym.spaces.Box(-1, 1, (2,)), gym.spaces.Box(-1, 1, (1,)))
CFG = EnsembleCfg(hidden=(16, 16), fit=FitCfg(learning_rate=1e-2, gradient_steps=160))
NUM_STEPS = 6


def segments(num: int, num_options: int, seed: int) -> Segments:
    """Return windows whose steps are worth their action."""
    generator = torch.Generator().manual_seed(seed)
    action = torch.randn(num, num_options, NUM_STEPS, 1, generator=generator)
    length = torch.randint(2, NUM_STEPS + 1, (num, num_options), generator=generator)
    mask = torch.arange(NUM_STEPS) < length[..., None]
    flag = torch.zeros(num, num_options, dtype=torch.bool)
    action = action * mask[..., None]
    obs = torch.zeros(num, num_options, NUM_STEPS + 1, 2)
    reward = action[..., 0]
    return Segments(obs=obs, action=action, length=length, terminated=flag, truncated=flag, reward=reward)


def answered(kind: str, num: int = 300) -> Preferences[Statement]:
    """Sample answers of a kind from its own likelihood at the true return, times 3."""
    generator = torch.Generator().manual_seed(7)
    options = segments(num, {"comparison": 2, "ranking": 4}.get(kind, 1), seed=list(MAKE).index(kind))
    assert options.reward is not None
    stated = MAKE[kind](3 * options.reward, options, generator)
    queries = Queries.of(options, first_id=1000 * list(MAKE).index(kind))
    return Preferences.of(queries, stated, RaterInfo(name="test"))


def marked(reward: torch.Tensor, options: Segments, generator: torch.Generator) -> Mark:
    """Mark the first two steps."""
    share = torch.zeros(len(reward), NUM_STEPS)
    share[:, :2] = 1.0
    marks = Mark(status=torch.zeros(len(reward)).long(), share=share, good=torch.ones(len(reward)).bool())
    scores = (Marks().step_weight(marks, options.mask) * reward).sum(-1)
    return Marks().sample(scores, share, generator)


LEVELS = {"thresholds": free(torch.tensor([-3.0, 0.0, 3.0]))}
RARE = {"reference": torch.tensor([1.0]), "reacting": torch.tensor([0.0])}
MAKE = {
    "comparison": lambda reward, _, generator: Choice().sample(
        reward.sum(-1), {"log_tie": torch.tensor([0.5])}, generator
    ),
    "ranking": lambda reward, _, generator: PlackettLuce().sample(reward.sum(-1), {}, generator),
    "rating": lambda reward, _, generator: Ordinal().sample(reward.sum(-1), LEVELS, generator),
    "thumbs": lambda reward, _, generator: Reactions().sample(reward.sum(-1), RARE, generator),
    "mark": marked,
}


def agreement(ensemble: Ensemble) -> float:
    """Return the share of fresh pairs that the learned return orders as the true one does."""
    fresh = segments(1000, 2, seed=99)
    assert fresh.reward is not None
    learned = ensemble.score(fresh).mean(0).argmax(-1)
    return float((learned == fresh.reward.sum(-1).argmax(-1)).float().mean())


@pytest.mark.parametrize("kind", MAKE)
def test_each_kind_alone_is_enough(kind: str) -> None:
    """A mark of two steps says less about whole windows than the others do."""
    ensemble = Ensemble(CFG, ENV)
    report = ensemble.fit(answered(kind))
    assert agreement(ensemble) > (0.8 if kind == "mark" else 0.9)
    assert report.num_preferences == 300 and report.accuracy > 0.4
    if kind != "comparison":
        assert report.extra[f"{kind}_accuracy"] == report.accuracy


def test_any_mix_is_fitted_and_kept() -> None:
    """Saved, loaded and resumed, with the thresholds, references and rates that were learned."""
    whole = Feedback.cat([answered(kind, 80) for kind in MAKE])
    ensemble, again = Ensemble(CFG, ENV), Ensemble(CFG, ENV, seed=5)
    report = ensemble.fit(whole)
    assert report.num_preferences == 400 and agreement(ensemble) > 0.9
    assert {name for name in report.extra if name.endswith("_accuracy")} == {f"{kind}_accuracy" for kind in MAKE}
    learned = {name for name in ensemble.weights() if name.startswith("likelihood/")}
    assert learned == {
        "likelihood/comparison-2-6/log_tie",
        "likelihood/rating-1-6-4/thresholds",
        "likelihood/thumbs-1-6/reference",
        "likelihood/thumbs-1-6/reacting",
    }
    again.load_state_dict(deepcopy(ensemble.state_dict()))
    for one in (ensemble, again):
        one.fit(whole)
    for name, value in ensemble.weights().items():
        assert torch.equal(again.weights()[name], value), name


def test_what_likelihoods_learn_comes_near_the_truth() -> None:
    """The rate of reacting of half, and ties as often as there are."""
    ensemble, choices = Ensemble(replace(CFG, num_members=1), ENV), answered("comparison", 600)
    ensemble.fit(Feedback.cat([answered("thumbs", 600), choices]))
    weights = ensemble.weights()
    assert float(weights["likelihood/thumbs-1-6/reacting"].sigmoid()) == pytest.approx(0.5, abs=0.06)
    parameters = {"log_tie": weights["likelihood/comparison-2-6/log_tie"]}
    p = Choice().log_probabilities(ensemble.score(choices.queries.options), parameters).exp()
    assert isinstance(choices.answers, Comparison)
    assert float(p[..., -1].mean()) == pytest.approx(float(choices.answers.tie.float().mean()), abs=0.03)


def test_ties_can_be_equal_shares() -> None:
    ensemble = Ensemble(replace(CFG, fit=replace(CFG.fit, ties="share")), ENV)
    ensemble.fit(answered("comparison", 50))
    assert not [name for name in ensemble.weights() if name.startswith("likelihood/")]


def test_rankings_and_comparisons_of_other_sizes_are_fitted_together() -> None:
    """Pairs, and the best of four."""
    best = answered("ranking", 50)
    assert isinstance(best.answers, Ranking)
    choices = Preferences.of(best.queries, best.answers.best(), RaterInfo(name="test"))
    ensemble = Ensemble(CFG, ENV)
    assert ensemble.fit(Feedback.cat([answered("comparison", 50), choices])).num_preferences == 100
    assert ensemble.fits == tuple(LIKELIHOODS)


def test_a_learner_of_one_kind_refuses_others_in_a_sentence() -> None:
    model = PreferenceModel(PreferenceModelCfg(hidden=(4,)), ENV)
    with pytest.raises(UserError, match="PreferenceModel fits comparison, and there are answers of ranking"):
        contact.fit(model, answered("ranking", 5))
    assert model.fits == (Comparison,)
    assert example_preferences().answers.kind == "comparison"
