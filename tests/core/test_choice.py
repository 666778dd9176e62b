"""Choice models: symmetries, limits, rates, and the likelihood of what was answered."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from prefgym.core.choice import BradleyTerry, BradleyTerryCfg
from prefgym.core.preferences import Comparison, Status

NUM_DRAWS = 20_000
MAX_DEVIATIONS = 4.5  # of a binomial count; exceeded by chance in 7 of a million draws

scores_of_k = st.integers(2, 4).flatmap(
    lambda k: st.lists(st.lists(st.floats(-20, 20), min_size=k, max_size=k), min_size=1, max_size=5)
)
betas = st.floats(0.0, 5.0)
lapses = st.floats(0.0, 1.0)


def model(beta: float = 1.0, lapse: float = 0.0, margin: float = 0.0, threshold: float = -math.inf) -> BradleyTerry:
    """Make a choice model."""
    return BradleyTerry(BradleyTerryCfg(beta=beta, lapse=lapse, tie_margin=margin, skip_threshold=threshold))


def tensor(rows: list[list[float]]) -> Tensor:
    """Make scores."""
    return torch.tensor(rows, dtype=torch.float64)


def generator(seed: int = 0) -> torch.Generator:
    """Make a generator."""
    return torch.Generator().manual_seed(seed)


def chosen(answers: Comparison) -> list[int]:
    """Say which option was chosen in each query."""
    return answers.choice.argmax(-1).tolist()


def assert_rates(answers: Comparison, p: Tensor) -> None:
    """Check that each option was chosen as often as `p` (K,) says, within a binomial interval."""
    counts, expected = answers.choice.double().sum(0), NUM_DRAWS * p
    assert bool(((counts - expected).abs() <= MAX_DEVIATIONS * (expected * (1 - p)).sqrt() + 1e-9).all())


@given(scores_of_k, betas, lapses)
def test_probabilities_are_probabilities(rows: list[list[float]], beta: float, lapse: float) -> None:
    """They lie in 0..1 and sum to 1."""
    p = model(beta, lapse).probabilities(tensor(rows))
    assert bool((p >= -1e-12).all())
    torch.testing.assert_close(p.sum(-1), torch.ones(len(rows), dtype=p.dtype))


@given(scores_of_k, betas, lapses)
def test_swapping_options_swaps_probabilities(rows: list[list[float]], beta: float, lapse: float) -> None:
    """P does not depend on the order of the options; for K = 2, P(first) + P(second swapped) = 1."""
    bt, scores = model(beta, lapse), tensor(rows)
    torch.testing.assert_close(bt.probabilities(scores.flip(-1)), bt.probabilities(scores).flip(-1))


@given(scores_of_k, betas, st.floats(-100, 100))
def test_a_constant_on_all_scores_changes_nothing(rows: list[list[float]], beta: float, shift: float) -> None:
    """Only differences count."""
    bt, scores = model(beta), tensor(rows)
    torch.testing.assert_close(bt.probabilities(scores + shift), bt.probabilities(scores), atol=1e-9, rtol=1e-9)


@given(scores_of_k, betas)
def test_beta_scales_the_scores(rows: list[list[float]], beta: float) -> None:
    """The model with beta on s is the model with 1 on beta s."""
    scores = tensor(rows)
    torch.testing.assert_close(model(beta).probabilities(scores), model().probabilities(beta * scores))


@pytest.mark.parametrize(("beta", "expected"), [(0.0, 0.5), (1.0, 0.1192029), (2.0, 0.0179862), (math.inf, 0.0)])
def test_probability_of_the_worse_option(beta: float, expected: float) -> None:
    """For scores 3 and 5: P(first) = 1 / (1 + exp(2 beta)) = 1/2, 1/(1 + e^2), 1/(1 + e^4), 0."""
    p = model(beta).probabilities(tensor([[3.0, 5.0]]))
    torch.testing.assert_close(p, tensor([[expected, 1 - expected]]), atol=1e-7, rtol=0)


def test_lapses_mix_in_the_other_options() -> None:
    """P = (1 - l) p + l (1 - p) / (K - 1)."""
    # K = 3, softmax of (0, 0, log 2) = (1/4, 1/4, 1/2), l = 0.2:
    # 0.8 / 4 + 0.2 * (3/4) / 2 = 0.275, twice; 0.8 / 2 + 0.2 * (1/2) / 2 = 0.45
    p = model(lapse=0.2).probabilities(tensor([[0.0, 0.0, math.log(2)]]))
    torch.testing.assert_close(p, tensor([[0.275, 0.275, 0.45]]))


@given(scores_of_k, st.floats(0.0, 2.0), lapses, st.integers(0, 2**31))
def test_swapping_options_of_an_errorless_choice_swaps_it(
    rows: list[list[float]], margin: float, lapse: float, seed: int
) -> None:
    """Which option is best, and what is a tie, does not depend on the order."""
    bt, scores = model(math.inf, margin=margin), tensor(rows)
    one, other = bt.sample(scores, generator(seed)), bt.sample(scores.flip(-1), generator(seed))
    assert torch.equal(one.tie, other.tie)
    unique = (scores == scores.amax(-1, keepdim=True)).sum(-1) == 1  # several best ones are drawn from
    assert torch.equal(one.choice[unique], other.choice[unique].flip(-1))


def test_rates_are_the_probabilities() -> None:
    """How often each option is chosen agrees with P, lapses included."""
    bt = model(0.7, lapse=0.15)
    scores = tensor([[0.3, -1.0, 1.2]])
    answers = bt.sample(scores.expand(NUM_DRAWS, -1), generator())
    assert_rates(answers, bt.probabilities(scores)[0])


@pytest.mark.parametrize("num_options", [2, 3])
@pytest.mark.parametrize("lapse", [0.0, 0.1, 1.0])
def test_mistakes_are_as_frequent_as_said(num_options: int, lapse: float) -> None:
    """An errorless choice with lapses names each other option in lapse / (K - 1) of the queries."""
    scores = torch.arange(num_options).double().expand(NUM_DRAWS, -1)
    answers = model(math.inf, lapse=lapse).sample(scores, generator(1))
    p = torch.full((num_options,), lapse / (num_options - 1), dtype=torch.float64)
    p[-1] = 1 - lapse
    assert_rates(answers, p)


def test_an_infinite_beta_chooses_the_best_and_calls_equal_equal() -> None:
    """No noise: the highest score wins, exactly equal scores are a tie."""
    answers = model(math.inf).sample(tensor([[1.0, 2.0], [2.0, 1.0], [2.0, 2.0], [-1e300, 1e300]]), generator())
    assert answers.tie.tolist() == [False, False, True, False]
    assert answers.choice.tolist() == [[0.0, 1.0], [1.0, 0.0], [0.5, 0.5], [0.0, 1.0]]


def test_several_best_options_are_drawn_from() -> None:
    """Scores 2, 1, 2 are no tie of all three: the first and the last are chosen half of the time each."""
    answers = model(math.inf).sample(tensor([[2.0, 1.0, 2.0]]).expand(NUM_DRAWS, -1), generator())
    assert not answers.tie.any()
    assert_rates(answers, torch.tensor([0.5, 0.0, 0.5], dtype=torch.float64))


def test_soft_answers_are_the_probabilities() -> None:
    """P = exp(beta s_k) / sum_j exp(beta s_j) by a loop; without error, the best options share equally."""
    rows = [[0.3, -1.0, 1.2], [0.0, 0.0, 0.0]]
    answers = BradleyTerry(BradleyTerryCfg(beta=0.7, soft=True)).sample(tensor(rows), generator())
    for row, shares in zip(rows, answers.choice.tolist()):
        powers = [math.exp(0.7 * score) for score in row]
        assert shares == pytest.approx([power / sum(powers) for power in powers])
    errorless = BradleyTerry(BradleyTerryCfg(beta=math.inf, soft=True)).sample(tensor([[2.0, 1.0, 2.0]]), generator())
    assert errorless.choice.tolist() == [[0.5, 0.0, 0.5]]
    assert not errorless.tie.any()


def test_equal_scores_at_finite_beta_are_a_coin_flip() -> None:
    """Without a margin, a noisy choice between equal scores is a choice."""
    answers = model(1.0).sample(torch.zeros(NUM_DRAWS, 2), generator())
    assert not answers.tie.any()
    assert_rates(answers, torch.tensor([0.5, 0.5], dtype=torch.float64))


def test_ties_lie_strictly_within_the_margin() -> None:
    """All K scores within less than the margin are a tie, whatever was chosen and however it lapsed."""
    scores = tensor([[0.0, 0.9], [0.0, 1.0], [0.0, -0.9], [0.0, 5.0]])
    answers = model(math.inf, lapse=1.0, margin=1.0).sample(scores, generator())
    assert answers.tie.tolist() == [True, False, True, False]
    assert answers.choice[0].tolist() == [0.5, 0.5]


def test_skips_are_up_to_the_threshold() -> None:
    """A query whose best score is at most the threshold is skipped; a skip is no tie."""
    scores = tensor([[1.0, 0.0], [1.0, 1.1], [1.0, 1.0], [-5.0, 2.0]])
    answers = model(math.inf, margin=0.5, threshold=1.0).sample(scores, generator())
    assert answers.status.tolist() == [Status.SKIPPED, Status.ANSWERED, Status.SKIPPED, Status.ANSWERED]
    assert answers.tie.tolist() == [False, True, False, False]


def test_ties_and_skips_are_judged_by_the_returns() -> None:
    """Where choosing goes by something else, ties and skips go by `returns`."""
    scores, returns = tensor([[5.0, 0.0], [5.0, 0.0], [5.0, 0.0]]), tensor([[9.0, 9.1], [0.5, 0.9], [0.0, 9.0]])
    answers = model(math.inf, margin=1.0, threshold=1.0).sample(scores, generator(), returns=returns)
    assert answers.tie.tolist() == [True, False, False]
    assert answers.status.tolist() == [Status.ANSWERED, Status.SKIPPED, Status.ANSWERED]
    assert answers.choice[2].tolist() == [1.0, 0.0]


@given(scores_of_k, st.integers(0, 2**31))
def test_what_becomes_of_one_query_does_not_touch_the_others(rows: list[list[float]], seed: int) -> None:
    """Every query takes the same random numbers, so that a threshold changes only the queries it concerns."""
    scores = tensor(rows)
    plain = model(lapse=0.3).sample(scores, generator(seed))
    some = model(lapse=0.3, margin=2.0, threshold=1.0).sample(scores, generator(seed))
    same = some.answered & ~some.tie
    assert torch.equal(plain.choice[same], some.choice[same])


@given(scores_of_k, betas, lapses, st.integers(0, 2**31))
def test_log_prob_is_the_log_of_the_probability(rows: list[list[float]], beta: float, lapse: float, seed: int) -> None:
    """The likelihood of what was sampled is the probability it was sampled with."""
    bt, scores = model(beta, lapse), tensor(rows)
    answers = bt.sample(scores, generator(seed))
    p = (bt.probabilities(scores) * answers.choice).sum(-1)
    torch.testing.assert_close(bt.log_prob(scores, answers).exp(), p)


@given(scores_of_k, betas)
def test_a_tie_is_an_equal_share_of_each_option(rows: list[list[float]], beta: float) -> None:
    """For K = 2: log p(tie) = 1/2 log P(first) + 1/2 log P(second)."""
    bt, scores = model(beta), tensor(rows)
    num_queries, num_options = scores.shape
    nobody = torch.zeros(num_queries, dtype=torch.long)
    ties = Comparison.of(nobody, num_options, tie=torch.ones(num_queries, dtype=torch.bool))
    each = [bt.log_prob(scores, Comparison.of(nobody + k, num_options)) for k in range(num_options)]
    torch.testing.assert_close(bt.log_prob(scores, ties), torch.stack(each).mean(0), atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("beta", [1.0, math.inf])
@pytest.mark.parametrize("status", [Status.SKIPPED, Status.FAILED, Status.INVALID])
def test_what_was_not_answered_counts_nothing(status: Status, beta: float) -> None:
    """Skipped, failed and invalid rows have a log-likelihood of 0, and no gradient."""
    answers = Comparison(status=torch.tensor([status]), choice=torch.zeros(1, 2), tie=torch.zeros(1, dtype=torch.bool))
    scores = tensor([[1.0, 2.0]]).requires_grad_()
    log_prob = model(beta).log_prob(scores, answers)
    assert log_prob.tolist() == [0.0]


def test_a_session_that_answered_nothing_has_a_likelihood_of_0() -> None:
    """No rows, or rows that are all skipped, sum to 0."""
    nothing = model().sample(torch.zeros(0, 2), generator())
    assert model().log_prob(torch.zeros(0, 2), nothing).sum() == 0.0
    skips = model(threshold=math.inf).sample(torch.zeros(3, 2), generator())
    assert model().log_prob(torch.zeros(3, 2), skips).sum() == 0.0


def test_members_are_leading_axes() -> None:
    """Scores (E, B, K) give log-likelihoods (E, B), each as if it were alone."""
    scores = torch.randn(3, 4, 2, dtype=torch.float64, generator=generator())
    answers = model().sample(scores[0], generator())
    together = model().log_prob(scores, answers)
    assert together.shape == (3, 4)
    torch.testing.assert_close(together[1], model().log_prob(scores[1], answers))


def test_the_gradient_is_the_surprise() -> None:
    """The derivative of log p with respect to s_k is choice_k - P_k."""
    scores = tensor([[0.2, -0.4], [3.0, 1.0]]).requires_grad_()
    answers = Comparison.of(torch.tensor([0, 1]), 2, tie=torch.tensor([False, True]))
    model().log_prob(scores, answers).sum().backward()
    surprise = answers.choice - model().probabilities(scores.detach())
    torch.testing.assert_close(scores.grad, surprise)


def test_large_scores_stay_finite() -> None:
    """A hopeless choice has a very small likelihood, not a NaN: log p = -1000."""
    answers = Comparison.of(torch.tensor([1]), 2)
    assert model().log_prob(tensor([[1000.0, 0.0]]), answers).tolist() == [-1000.0]


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_scores_must_be_finite(bad: float) -> None:
    """A NaN or an infinity is an error, among the returns too."""
    good = tensor([[0.0, 1.0]])
    with pytest.raises(ValueError, match="not finite"):
        model().sample(tensor([[0.0, bad]]), generator())
    with pytest.raises(ValueError, match="not finite"):
        model().sample(good, generator(), returns=tensor([[0.0, bad]]))


@pytest.mark.parametrize(
    "bad", [{"beta": -1.0}, {"beta": math.nan}, {"lapse": 1.1}, {"lapse": -0.1}, {"tie_margin": -1.0}]
)
def test_settings_have_ranges(bad: dict[str, float]) -> None:
    """A setting out of range is an error that names it."""
    with pytest.raises(ValueError, match=next(iter(bad))):
        BradleyTerryCfg(**bad)  # pyright: ignore[reportArgumentType]


@pytest.mark.usefixtures("no_global_rng")
def test_draws_come_from_the_generator_given() -> None:
    """Same generator, same choices; no other generator is touched."""
    scores = torch.zeros(50, 2)
    one, other = (model().sample(scores, generator(5)) for _ in range(2))
    assert chosen(one) == chosen(other)
    assert chosen(one) != chosen(model().sample(scores, generator(6)))
