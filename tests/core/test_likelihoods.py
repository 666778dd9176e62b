"""Likelihoods against slow references, their gradients, and samples against probabilities."""

import itertools
import math

import pytest
import torch
from kinds import EXAMPLES
from scipy.stats import chisquare
from torch import Tensor, tensor

from prefgym.core.kinds import Comparison, Mark, Ranking, Rating, Thumbs
from prefgym.core.likelihoods import Choice, Marks, Ordinal, PlackettLuce, Reactions, free, thresholds

SAMPLES = 20_000
LEAST = 1e-3
"""Probability below which samples are taken to contradict a likelihood."""


def random_scores(*shape: int) -> Tensor:
    """Return the same numbers each time."""
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(sum(shape)))


def sigma(x: float) -> float:
    """Return the logistic function."""
    return 1 / (1 + math.exp(-x))


# --- against references ----------------------------------------------------------------------------------------------


def test_bradley_terry_with_ties_is_davidsons() -> None:
    """Nu is 1/2, scores are 1 and 0: Z = e + 1 + sqrt(e) / 2, of which each outcome is a term."""
    scores, nu = tensor([[1.0, 0.0]] * 3, dtype=torch.float64), 0.5
    answers = Comparison.of(tensor([0, 1, 0]), 2, tie=tensor([False, False, True]))
    total = math.e + 1 + nu * math.sqrt(math.e)
    expected = [math.log(math.e / total), math.log(1 / total), math.log(nu * math.sqrt(math.e) / total)]
    log_p = Choice().log_prob(scores, answers, {"log_tie": tensor([math.log(nu)]).double()})
    assert log_p.tolist() == pytest.approx(expected)


def test_a_shared_choice_is_the_distribution_of_several_answers() -> None:
    """Two of three chose the first of scores 1 and 0, without a parameter for ties."""
    shared = Comparison(status=torch.zeros(1).long(), choice=tensor([[2 / 3, 1 / 3]]), tie=tensor([False]))
    log_p = Choice().log_prob(tensor([[1.0, 0.0]]), shared, {})
    assert log_p.item() == pytest.approx(2 / 3 * math.log(sigma(1)) + 1 / 3 * math.log(sigma(-1)))


def test_a_margin_is_taken_off_a_strong_choice() -> None:
    """Strength 1/2 at a margin of 2: log sigma(1 - 1)."""
    strong = Comparison(
        status=torch.zeros(1).long(), choice=tensor([[1.0, 0.0]]), tie=tensor([False]), strength=tensor([0.5])
    )
    assert Choice(margin=2.0).log_prob(tensor([[1.0, 0.0]]), strong, {}).item() == pytest.approx(math.log(0.5))


@pytest.mark.parametrize("rank", [[2, 0, 1, 3], [0, -1, 1, -1], [-1, 0, -1, -1]])
def test_plackett_luce_is_a_product_of_choices(rank: list[int]) -> None:
    """Each ranked option is chosen among itself and all behind it."""
    scores = random_scores(4)
    expected, left = 0.0, set(range(4))
    for place in range(max(rank) + 1):
        chosen = rank.index(place)
        expected += math.log(math.exp(scores[chosen]) / sum(math.exp(scores[j]) for j in left))
        left.remove(chosen)
    ranking = Ranking(status=torch.zeros(1).long(), rank=tensor([rank]))
    assert PlackettLuce().log_prob(scores[None], ranking, {}).item() == pytest.approx(expected)


def test_plackett_luce_of_two_is_bradley_terry() -> None:
    scores, order = random_scores(20, 2), torch.randint(2, (20,), generator=torch.Generator().manual_seed(0))
    ranking = Ranking.of(torch.stack([order, 1 - order], -1))
    log_p = Choice().log_prob(scores, Comparison.of(order, 2), {})
    assert torch.allclose(PlackettLuce().log_prob(scores, ranking, {}), log_p)


def test_equal_ranks_share_their_denominator() -> None:
    """Scores 1, 0, 0 with the last two tied: Breslow's terms are 1 - log(e + 2), and twice 0 - log 2."""
    ranking = Ranking(status=torch.zeros(1).long(), rank=tensor([[0, 1, 1]]))
    log_p = PlackettLuce().log_prob(tensor([[1.0, 0.0, 0.0]]), ranking, {})
    assert log_p.item() == pytest.approx(1 - math.log(math.e + 2) - 2 * math.log(2))


def test_levels_lie_between_thresholds() -> None:
    """Thresholds -1, 0 and 2, score 1/2: P(level <= l) = sigma(theta_l - 1/2), and each level is a difference."""
    theta = tensor([-1.0, 0.0, 2.0], dtype=torch.float64)
    at_most = [0.0, *(sigma(t - 0.5) for t in theta.tolist()), 1.0]
    rating = Rating(status=torch.zeros(4).long(), level=torch.arange(4), num_levels=4)
    log_p = Ordinal().log_prob(torch.full((4, 1), 0.5).double(), rating, {"thresholds": free(theta)})
    assert log_p.exp().tolist() == pytest.approx([b - a for a, b in itertools.pairwise(at_most)])
    assert torch.allclose(thresholds(free(theta)), theta)


def test_a_reaction_is_rare_and_good_above_the_reference() -> None:
    """Rho = 1/5, reference 1, score 3: good .2 sigma(2), bad .2 sigma(-2), silent .8; hostile ones are turned round."""
    thumbs = Thumbs(status=torch.zeros(3).long(), reaction=tensor([1, -1, 0]))
    parameters = {"reacting": torch.logit(tensor([0.2])), "reference": tensor([1.0])}
    log_p = Reactions().log_prob(torch.full((3, 1), 3.0), thumbs, parameters)
    assert log_p.exp().tolist() == pytest.approx([0.2 * sigma(2), 0.2 * sigma(-2), 0.8], rel=1e-5)
    log_p = Reactions(hostile=0.1).log_prob(torch.full((3, 1), 3.0), thumbs, parameters)
    good = 0.9 * sigma(2) + 0.1 * sigma(-2)
    assert log_p.exp().tolist() == pytest.approx([0.2 * good, 0.2 * (1 - good), 0.8], rel=1e-5)


def test_a_mark_is_weighed_against_as_many_steps_of_the_rest() -> None:
    """Rewards 1 2 3 4 of 4 valid steps of 5: steps 1 and 2 have 2 + 3 - 2 (1 + 4) / 2 = 0, step 3 has 4 - 2 = 2."""
    mark = Mark.of(tensor([1, 3, 0]), tensor([3, 4, 4]), tensor([True, True, False]), num_steps=5)
    mask, reward = torch.arange(5).expand(3, 1, 5) < 4, tensor([1.0, 2.0, 3.0, 4.0, 9.0])
    scores = (Marks().step_weight(mark, mask) * reward).sum(-1)
    assert scores.squeeze(-1).tolist() == pytest.approx([0.0, 2.0, 10.0])  # a whole segment against nothing
    assert Marks().log_prob(scores, mark, {}).exp().tolist() == pytest.approx([0.5, sigma(2), sigma(-10)])


# --- parameters, gradients, rows without an answer -------------------------------------------------------------------


def test_parameters_begin_at_the_shares_of_the_answers() -> None:
    """At scores of 0, a tie, a level and a reaction have the probability of their share."""
    ties = Comparison.of(torch.zeros(10).long(), 2, tie=torch.arange(10) < 4)
    log_p = Choice().log_prob(torch.zeros(10, 2), ties, Choice().parameters(ties))
    assert log_p[0].exp().item() == pytest.approx(0.4)
    assert Choice().parameters(ties[4:]) == {}
    level = tensor([0] * 40 + [1] * 20 + [2] * 40)
    rating = Rating(status=torch.zeros(100).long(), level=level, num_levels=3)
    log_p = Ordinal().log_prob(torch.zeros(100, 1), rating, Ordinal().parameters(rating))
    assert log_p[[0, 40, 60]].exp().tolist() == pytest.approx([0.4, 0.2, 0.4], abs=0.01)
    thumbs = Thumbs(status=torch.zeros(1000).long(), reaction=tensor([1] * 75 + [-1] * 25 + [0] * 900))
    log_p = Reactions().log_prob(torch.zeros(1000, 1), thumbs, Reactions().parameters(thumbs))
    assert log_p[[0, 75, 100]].exp().tolist() == pytest.approx([0.075, 0.025, 0.9], abs=0.002)


THETA = free(tensor([-1.0, 0.5], dtype=torch.float64))
CASES = {
    "comparison": (Choice(), Comparison.of(tensor([0, 2, 1]), 3, tie=tensor([False, True, False])), 3, ("log_tie",)),
    "margin": (
        Choice(margin=0.5),
        Comparison(
            status=torch.zeros(3).long(),
            choice=torch.eye(3),
            tie=torch.zeros(3).bool(),
            strength=tensor([0.0, 0.5, 1.0]),
        ),
        3,
        (),
    ),
    "ranking": (PlackettLuce(), Ranking.of(tensor([[2, 0, 1], [0, 1, 2], [1, 0, 2]])), 3, ()),
    "partial": (PlackettLuce(), Ranking(status=torch.zeros(3).long(), rank=tensor([[0, -1, -1]] * 3)), 3, ()),
    "rating": (
        Ordinal(),
        Rating(status=torch.zeros(3).long(), level=tensor([0, 1, 2]), num_levels=3),
        1,
        ("thresholds",),
    ),
    "thumbs": (
        Reactions(hostile=0.1),
        Thumbs(status=torch.zeros(3).long(), reaction=tensor([1, 0, -1])),
        1,
        ("reacting", "reference"),
    ),
    "mark": (Marks(), Mark.of(tensor([0, 1, 0]), tensor([1, 2, 2]), tensor([True, False, True]), 4), 1, ()),
}


@pytest.mark.parametrize("case", CASES)
def test_gradients_are_those_of_differences(case: str) -> None:
    """By scores and by parameters, for two members at once."""
    likelihood, statement, num_options, names = CASES[case]
    start = {"log_tie": tensor([0.3]), "thresholds": THETA, "reacting": tensor([-1.0]), "reference": tensor([0.2])}
    parameters = [start[name].double().expand(2, -1).clone().requires_grad_() for name in names]
    scores = random_scores(2, 3, num_options).requires_grad_()

    def log_prob(scores: Tensor, *values: Tensor) -> Tensor:
        return likelihood.log_prob(scores, statement, dict(zip(names, values)))

    assert torch.autograd.gradcheck(log_prob, (scores, *parameters))


@pytest.mark.parametrize("kind", ["comparison", "ranking", "rating", "thumbs", "mark"])
def test_rows_without_an_answer_count_nothing(kind: str) -> None:
    """The last of four is a skip."""
    part, likelihood = EXAMPLES[kind], CASES[kind][0]
    scores = random_scores(4, part.queries.num_options)
    log_p = likelihood.log_prob(scores, part.answers, likelihood.parameters(part.answers))
    assert log_p[3] == 0.0 and bool((log_p[:3] < 0).all())


# --- samples ---------------------------------------------------------------------------------------------------------


def agrees(counts: Tensor, log_p: Tensor) -> bool:
    """Return whether counts of outcomes come from their probabilities, by the chi-square test."""
    expected = log_p.exp().double() * counts.sum()
    assert float(expected.sum()) == pytest.approx(float(counts.sum()), rel=1e-4)
    return float(chisquare(counts.numpy(), (expected * counts.sum() / expected.sum()).numpy()).pvalue) > LEAST


def generator() -> torch.Generator:
    """Return a generator of its own."""
    return torch.Generator().manual_seed(3)


def test_choices_are_sampled_with_their_probabilities() -> None:
    scores, parameters = tensor([0.5, -0.3, 0.1]), {"log_tie": tensor([-0.5])}
    sampled = Choice().sample(scores.expand(SAMPLES, -1), parameters, generator())
    counts = torch.cat([(sampled.choice * ~sampled.tie[:, None]).sum(0), sampled.tie.sum()[None]])
    assert agrees(counts, Choice().log_probabilities(scores[None], parameters)[0])
    plain = Choice(beta=2.0).sample(scores.expand(SAMPLES, -1), {}, generator())
    assert agrees(plain.choice.sum(0), (2 * scores).log_softmax(-1))


@pytest.mark.parametrize("num_ranked", [None, 1])
def test_rankings_are_sampled_with_their_probabilities(num_ranked: int | None) -> None:
    """All six orders of three options, or the three choices of the best."""
    likelihood, scores = PlackettLuce(beta=2.0, num_ranked=num_ranked), tensor([0.5, -0.3, 0.1])
    sampled = likelihood.sample(scores.expand(SAMPLES, -1), {}, generator())
    outcomes, counts = sampled.rank.unique(dim=0, return_counts=True)
    assert len(outcomes) == (3 if num_ranked else 6)
    ranking = Ranking(status=torch.zeros(len(outcomes)).long(), rank=outcomes)
    assert agrees(counts, likelihood.log_prob(scores.expand(len(outcomes), -1), ranking, {}))


def test_levels_are_sampled_with_their_probabilities() -> None:
    parameters = {"thresholds": THETA}
    sampled = Ordinal(beta=1.5).sample(torch.full((SAMPLES, 1), 0.4), parameters, generator())
    rating = Rating(status=torch.zeros(3).long(), level=torch.arange(3), num_levels=3)
    log_p = Ordinal(beta=1.5).log_prob(torch.full((3, 1), 0.4), rating, parameters)
    assert agrees(sampled.level.bincount(), log_p)


def test_reactions_are_sampled_with_their_probabilities() -> None:
    likelihood, parameters = Reactions(hostile=0.1), {"reacting": tensor([-1.0]), "reference": tensor([0.5])}
    sampled = likelihood.sample(torch.full((SAMPLES, 1), 1.2), parameters, generator())
    thumbs = Thumbs(status=torch.zeros(3).long(), reaction=tensor([-1, 0, 1]))
    assert agrees((sampled.reaction + 1).bincount(), likelihood.log_prob(torch.full((3, 1), 1.2), thumbs, parameters))


def test_marks_are_sampled_with_their_probabilities() -> None:
    share = tensor([[0.0, 1.0]])
    sampled = Marks().sample(torch.full((SAMPLES, 1), 0.7), share.expand(SAMPLES, -1), generator())
    both = Mark(status=torch.zeros(2).long(), share=share.expand(2, -1), good=tensor([False, True]))
    counts = tensor([int((~sampled.good).sum()), int(sampled.good.sum())])
    assert agrees(counts, Marks().log_prob(torch.full((2, 1), 0.7), both, {}))


def test_without_error_the_better_one_is_named() -> None:
    """At an infinite beta; what is equal is left to chance."""
    sure, scores = math.inf, tensor([[0.0, 2.0, 1.0]]).expand(50, -1)
    assert bool((Choice(sure).sample(scores, {}, generator()).choice.argmax(-1) == 1).all())
    assert PlackettLuce(sure).sample(scores, {}, generator()).rank.unique(dim=0).tolist() == [[2, 0, 1]]
    assert len(PlackettLuce(sure).sample(torch.zeros(50, 2), {}, generator()).rank.unique(dim=0)) == 2
    level = Ordinal(sure).sample(tensor([[-2.0], [0.0], [2.0]]), {"thresholds": THETA}, generator()).level
    assert level.tolist() == [0, 1, 2]
    parameters = {"reacting": tensor([50.0]), "reference": tensor([1.0])}
    assert Reactions(sure).sample(tensor([[0.5], [1.5]]), parameters, generator()).reaction.tolist() == [-1, 1]
    marks = Marks(sure).sample(tensor([[-0.1], [0.1]]), torch.ones(2, 3), generator())
    assert marks.good.tolist() == [False, True]


def test_without_error_what_is_equal_is_not_above() -> None:
    """A score at a threshold, or at the reference."""
    sure, scores = math.inf, torch.full((50, 1), 0.5)
    theta = free(tensor([-1.0, 0.5], dtype=torch.float64))
    assert Ordinal(sure).sample(scores, {"thresholds": theta}, generator()).level.unique().tolist() == [1]
    parameters = {"reacting": tensor([50.0]), "reference": tensor([0.5])}
    assert Reactions(sure).sample(scores, parameters, generator()).reaction.unique().tolist() == [-1]


# --- predictions -----------------------------------------------------------------------------------------------------


def test_what_is_predicted_is_a_hit() -> None:
    """Of three pairs of a ranking two are right; a tie and a silence cannot be predicted."""
    hits = PlackettLuce().hits(tensor([[3.0, 1.0, 2.0]]), Ranking(status=tensor([0]), rank=tensor([[0, 1, 2]])), {})
    assert hits.item() == pytest.approx(2 / 3)
    ties = Comparison.of(tensor([0, 1]), 2, tie=tensor([True, False]))
    assert Choice().hits(tensor([[1.0, 0.0], [1.0, 0.0]]), ties, {})[1] == 0.0
    assert Choice().hits(tensor([[1.0, 0.0]] * 2), ties, {})[0].isnan()
    parameters = {"reacting": tensor([0.0]), "reference": tensor([1.0])}
    thumbs = Thumbs(status=torch.zeros(3).long(), reaction=tensor([1, 0, -1]))
    right = Reactions().hits(torch.full((3, 1), 2.0), thumbs, parameters)
    assert right[0] == 1.0 and right[1].isnan() and right[2] == 0.0
    probability, occurred = Reactions().event(torch.full((3, 1), 1.0), thumbs, parameters)
    assert probability.tolist() == pytest.approx([0.25] * 3) and occurred.tolist() == [1.0, 0.0, 0.0]


def test_the_event_of_a_partial_ranking_is_its_first_pair() -> None:
    """Option 1 is left unranked, so option 0 is before it, wherever it stands."""
    partial = Ranking(status=torch.zeros(2).long(), rank=tensor([[3, -1, 0, 1, 2], [-1, -1, 0, 1, 2]]))
    assert PlackettLuce().event(torch.zeros(2, 5), partial, {})[1].tolist() == [1.0, 0.5]
