"""Fitting: the likelihood, its two ways of running members, and what is held out."""

import math

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from prefgym.rewards.ensemble import EnsembleCfg, Members
from prefgym.rewards.fit import FitCfg, accumulate, crop, fit, held_out, preference_loss, step_sums

NUMBERS = st.floats(-5, 5)


def make_members(num_members: int = 3, inputs: int = 4) -> Members:
    """Make small networks."""
    cfg = EnsembleCfg(num_members=num_members, hidden=(8, 8))
    return Members(cfg, inputs, torch.Generator().manual_seed(0))


def make_data(num_queries: int, steps: int = 5, inputs: int = 4) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Draw windows of unequal length and choices for the larger sum of the first input."""
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(num_queries, 2, steps, inputs, generator=generator)
    length = torch.randint(1, steps + 1, (num_queries, 2), generator=generator)
    mask = torch.arange(steps) < length[..., None]
    choice = torch.nn.functional.one_hot((x[..., 0] * mask).sum(-1).argmax(-1), 2).float()
    return x, mask, choice


def test_the_loss_is_the_bradley_terry_likelihood() -> None:
    """Scores 2 and 1: P(first) = 1 / (1 + e^-1) = 0.7311; its loss is 0.3133, the other's 1.3133, a tie's 0.8133."""
    scores = torch.tensor([[2.0, 1.0]]).expand(3, 2)
    choice = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.5, 0.5]])
    for row, expected in enumerate((0.3133, 1.3133, 0.8133)):
        assert math.isclose(float(preference_loss(scores[row], choice[row], torch.ones(()))), expected, abs_tol=1e-4)


def test_label_smoothing_moves_a_share_of_the_choice() -> None:
    """Smoothing 0.2 makes (1, 0) into (0.9, 0.1): 0.9 * 0.3133 + 0.1 * 1.3133 = 0.4133."""
    loss = preference_loss(torch.tensor([[2.0, 1.0]]), torch.tensor([[1.0, 0.0]]), torch.ones(1), 0.2)
    assert math.isclose(float(loss), 0.4133, abs_tol=1e-4)


@given(first=NUMBERS, second=NUMBERS, shift=NUMBERS, share=st.floats(0, 1))
def test_the_loss_is_antisymmetric_and_blind_to_a_shift(
    first: float, second: float, shift: float, share: float
) -> None:
    """Swapping options with their choice changes nothing, nor does a constant on both scores."""
    scores, choice, one = torch.tensor([[first, second]]), torch.tensor([[share, 1 - share]]), torch.ones(1)
    loss = preference_loss(scores, choice, one)
    torch.testing.assert_close(preference_loss(scores.flip(-1), choice.flip(-1), one), loss)
    torch.testing.assert_close(preference_loss(scores + shift, choice, one), loss, atol=1e-5, rtol=1e-4)


def test_members_run_alike_one_by_one_and_in_one_product() -> None:
    """Loss, scores and gradients agree, with windows of unequal length and queries that do not count."""
    x, mask, choice = make_data(30)
    batch = torch.stack([torch.randperm(30, generator=torch.Generator().manual_seed(e))[:20] for e in range(3)])
    seen = torch.rand(3, 20, generator=torch.Generator().manual_seed(9)) > 0.3
    results: list[tuple[torch.Tensor, ...]] = []
    for batched in (False, True):
        members = make_members()
        loss, scores = accumulate(members, x, mask, choice, batch, seen, 0.1, batched)
        results.append((loss, scores, *[p.grad for p in members.parameters() if p.grad is not None]))
    for one, other in zip(*results):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-4)


def test_padding_is_worth_nothing() -> None:
    """Whatever stands in padded steps, the sums stay."""
    x, mask, _ = make_data(8)
    members = make_members()
    noisy = torch.where(mask[..., None], x, 1e3)
    torch.testing.assert_close(step_sums(members, 0, noisy, mask), step_sums(members, 0, x, mask))


def test_each_member_leaves_out_its_own_tenth() -> None:
    """Of the queries 0..29, member 1 leaves out 1, 11 and 21."""
    hidden = held_out(torch.arange(30), 3)
    assert hidden.sum(-1).tolist() == [3, 3, 3]
    assert hidden[1].nonzero().flatten().tolist() == [1, 11, 21]


def test_what_is_held_out_does_not_reach_the_weights() -> None:
    """Turning the held-out choices of the only member around leaves its weights as they were."""
    x, mask, choice = make_data(40)
    weights: list[torch.Tensor] = []
    for turn in (False, True):
        members = make_members(num_members=1)
        hidden = held_out(torch.arange(40), 1)[0]
        told = torch.where(hidden[:, None], choice.flip(-1), choice) if turn else choice
        optimizer = torch.optim.AdamW(members.parameters())
        cfg, generator = FitCfg(gradient_steps=3), torch.Generator().manual_seed(0)
        fit(members, optimizer, x, mask, told, torch.arange(40), cfg=cfg, batched=False, generator=generator)
        weights.append(members.weights[0].detach().clone())
    assert torch.equal(*weights)


def test_fitting_learns_a_separable_choice() -> None:
    """Choices by the sum of one input are predicted on windows that were held out."""
    x, mask, choice = make_data(400)
    members = make_members()
    optimizer = torch.optim.AdamW(members.parameters(), lr=1e-2)
    generator = torch.Generator().manual_seed(0)
    report = fit(
        members,
        optimizer,
        x,
        mask,
        choice,
        torch.arange(400),
        cfg=FitCfg(gradient_steps=280),
        batched=False,
        generator=generator,
    )
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
