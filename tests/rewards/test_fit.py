"""Fitting: the likelihood, its two ways of running members, and what is held out."""

import math

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from kinds import EXAMPLES

from prefgym.core.kinds import Comparison
from prefgym.core.likelihoods import LIKELIHOODS, Choice
from prefgym.rewards.ensemble import EnsembleCfg, Members
from prefgym.rewards.fit import FitCfg, accumulate, crop, fit, held_out
from prefgym.rewards.labels import Labels, Minibatch, step_sums

NUMBERS = st.floats(-5, 5)


def make_members(num_members: int = 3, inputs: int = 5) -> Members:
    """Make small networks."""
    cfg = EnsembleCfg(num_members=num_members, hidden=(8, 8))
    return Members(cfg, inputs, torch.Generator().manual_seed(0))


def make_labels(
    num_queries: int, *, turned: torch.Tensor | None = None, smoothing: float = 0.0, steps: int = 5, inputs: int = 5
) -> Labels:
    """Sample windows of unequal length, and choices for the larger sum of the first input, some turned round."""
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(num_queries, 2, steps, inputs, generator=generator)
    length = torch.randint(1, steps + 1, (num_queries, 2), generator=generator)
    mask = torch.arange(steps) < length[..., None]
    chosen = (x[..., 0] * mask).sum(-1).argmax(-1)
    return Labels(
        inputs=x,
        mask=mask,
        statement=Comparison.of(chosen if turned is None else torch.where(turned, 1 - chosen, chosen), 2),
        query_id=torch.arange(num_queries),
        likelihood=Choice(smoothing=smoothing),
        parameters={},
    )


def test_the_loss_is_the_bradley_terry_likelihood() -> None:
    """Scores 2 and 1: P(first) = 1 / (1 + e^-1) = 0.7311; its loss is 0.3133, the other's 1.3133, a tie's 0.8133."""
    answers = Comparison.of(torch.tensor([0, 1, 0]), 2, tie=torch.tensor([False, False, True]))
    losses = -Choice().log_prob(torch.tensor([[2.0, 1.0]] * 3), answers, {})
    assert torch.allclose(losses, torch.tensor([0.3133, 1.3133, 0.8133]), atol=1e-4)


def test_label_smoothing_moves_a_share_of_the_choice() -> None:
    """Smoothing 0.2 makes (1, 0) into (0.9, 0.1): 0.9 * 0.3133 + 0.1 * 1.3133 = 0.4133."""
    loss = -Choice(smoothing=0.2).log_prob(torch.tensor([[2.0, 1.0]]), Comparison.of(torch.tensor([0]), 2), {})
    assert math.isclose(float(loss), 0.4133, abs_tol=1e-4)


@given(first=NUMBERS, second=NUMBERS, shift=NUMBERS, share=st.floats(0, 1))
def test_the_loss_is_antisymmetric_and_blind_to_a_shift(
    first: float, second: float, shift: float, share: float
) -> None:
    """Swapping options with their choice changes nothing, nor does a constant on both scores."""
    scores, choice = torch.tensor([[first, second]]), torch.tensor([[share, 1 - share]])

    def loss(scores: torch.Tensor, choice: torch.Tensor) -> torch.Tensor:
        none = torch.zeros(1, dtype=torch.long)
        return Choice().log_prob(scores, Comparison(status=none, choice=choice, tie=none.bool()), {})

    torch.testing.assert_close(loss(scores.flip(-1), choice.flip(-1)), loss(scores, choice))
    torch.testing.assert_close(loss(scores + shift, choice), loss(scores, choice), atol=1e-5, rtol=1e-4)


def test_members_run_alike_one_by_one_and_in_one_product() -> None:
    """Loss, hits and gradients agree, with windows of unequal length, and answers of all kinds, some of no weight."""
    results: list[tuple[torch.Tensor, ...]] = []
    for batched in (False, True):
        members = make_members()
        batch = [one for some in all_kinds() for one in [minibatch(some)]]
        loss, hits = accumulate(members, batch, batched)
        parameters = [value for one in batch for value in one.labels.parameters.values()]
        gradients = [p.grad for p in (*members.parameters(), *parameters) if p.grad is not None]
        assert len(gradients) == len([*members.parameters()]) + len(parameters)
        results.append((loss, torch.cat(hits).nansum(), *gradients))
    for one, other in zip(*results):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-4)


def all_kinds(num_members: int = 3) -> list[Labels]:
    """Return labels of each kind that has a likelihood, with parameters of each member."""
    labels: list[Labels] = []
    for part in (EXAMPLES[kind] for kind in ("comparison", "ranking", "rating", "thumbs", "mark")):
        answered = part[part.answers.answered]
        options, likelihood = answered.queries.options, LIKELIHOODS[type(part.answers)]()
        first = likelihood.parameters(answered.answers)
        labels.append(
            Labels(
                inputs=torch.cat([options.obs[..., :-1, :], options.action], -1),
                mask=options.mask,
                statement=answered.answers,
                query_id=answered.query_id,
                likelihood=likelihood,
                parameters={n: v.expand(num_members, -1).clone().requires_grad_() for n, v in first.items()},
            )
        )
    return labels


def minibatch(labels: Labels) -> Minibatch:
    """Give each of three members two of three rows in an order of its own, one of which is held out."""
    rows = torch.tensor([[0, 1], [2, 0], [1, 2]])
    seen = torch.tensor([[True, True], [True, False], [True, True]])
    return Minibatch(labels=labels, rows=rows, seen=seen, mask=labels.mask)


def test_padding_is_worth_nothing() -> None:
    """Whatever stands in padded steps, the sums stay."""
    labels, members = make_labels(8), make_members()
    x, mask = labels.inputs, labels.mask
    noisy = torch.where(mask[..., None], x, 1e3)
    torch.testing.assert_close(step_sums(members, 0, noisy, mask), step_sums(members, 0, x, mask))


def test_weights_of_steps_weigh_them() -> None:
    """In both ways of running members: w = 1 changes nothing, and w = (0, 1, ...) leaves the first step out."""
    labels, members = make_labels(8), make_members()
    x, mask = labels.inputs, labels.mask
    weight = mask.float()
    later = mask & (torch.arange(5) > 0)
    for one, other in ((weight, weight), (weight * later, later)):
        expected = step_sums(members, 1, x, other.bool()) if bool(other.bool().any(-1).all()) else None
        if expected is not None:
            torch.testing.assert_close(step_sums(members, 1, x, mask, one), expected)
        every = step_sums(members, None, x.expand(3, *x.shape), mask.expand(3, *mask.shape), one.expand(3, *mask.shape))
        torch.testing.assert_close(every[1], step_sums(members, 1, x, mask, one))


def test_each_member_leaves_out_its_own_tenth() -> None:
    """Of the queries 0..29, member 1 leaves out 1, 11 and 21."""
    hidden = held_out(torch.arange(30), 3)
    assert hidden.sum(-1).tolist() == [3, 3, 3]
    assert hidden[1].nonzero().flatten().tolist() == [1, 11, 21]


def test_what_is_held_out_does_not_reach_the_weights() -> None:
    """Turning the held-out choices of the only member around leaves its weights as they were."""
    weights: list[torch.Tensor] = []
    for turned in (torch.zeros(40).bool(), held_out(torch.arange(40), 1)[0]):
        members = make_members(num_members=1)
        optimizer = torch.optim.AdamW(members.parameters())
        cfg, generator = FitCfg(gradient_steps=3), torch.Generator().manual_seed(0)
        fit(members, [optimizer], [make_labels(40, turned=turned)], cfg=cfg, batched=False, generator=generator)
        weights.append(members.weights[0].detach().clone())
    assert torch.equal(*weights)


def test_fitting_learns_a_separable_choice() -> None:
    """Choices by the sum of one input are predicted on windows that were held out."""
    members = make_members()
    optimizer = torch.optim.AdamW(members.parameters(), lr=1e-2)
    generator = torch.Generator().manual_seed(0)
    cfg = FitCfg(gradient_steps=280)
    report = fit(members, [optimizer], [make_labels(400)], cfg=cfg, batched=False, generator=generator)
    assert report.train_accuracy > 0.95
    assert report.accuracy > 0.85
    assert len(report.probability) == 120  # three tenths of 400


@settings(deadline=None)
@given(share=st.floats(0, 1), seed=st.integers(0, 99))
def test_crops_keep_one_window_of_full_segments_and_leave_short_ones(share: float, seed: int) -> None:
    """A full query loses at most that share of its steps, at its ends; one with a cut option loses none."""
    mask = torch.tensor([[[True] * 5, [True] * 5], [[True] * 5, [True] * 3 + [False] * 2]])
    kept = crop(mask, share, torch.Generator().manual_seed(seed))
    assert torch.equal(kept[1], mask[1])
    assert torch.equal(kept[0, 0], kept[0, 1])
    steps = kept[0, 0].nonzero().flatten()
    assert len(steps) >= max(5 - int(5 * share), 1)
    assert steps[-1] - steps[0] + 1 == len(steps)
