"""Fitting reward networks to feedback: the likelihood of summed rewards."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Literal, NamedTuple

import torch
from torch import Generator, Tensor

from prefgym.common.finite import check_finite
from prefgym.common.limits import BatchSize, Count, NonNegative, Positive, Share, check
from prefgym.core.fit_report import FitReport, calibration_error
from prefgym.core.kinds import Comparison
from prefgym.rewards.labels import Labels, Minibatch, Networks

NUM_FOLDS = 10


@dataclass(frozen=True, kw_only=True)
class FitCfg:
    """Settings of the fit of the members."""

    learning_rate: Positive = 1e-3
    """Learning rate of AdamW."""
    weight_decay: NonNegative = 3.0
    """Weight decay of AdamW: each gradient step shrinks weights and biases by this times the learning rate; chosen by
    `scripts/compare_fits.py`."""
    gradient_steps: Count = 80
    """Gradient steps after which a fit ends with the current pass, so that few preferences get more passes."""
    minibatch_size: BatchSize = 64
    """Queries per gradient step."""
    target_accuracy: Share = 0.98
    """The fit ends early once this share of the fitted choices is predicted."""
    label_smoothing: Share = 0.0
    """Share of each choice that is spread evenly over the options."""
    crop: Share = 0.0
    """Largest share of a full window that is cropped at its ends, sampled anew for each gradient step."""
    ties: Literal["likelihood", "share"] = "likelihood"
    """Ties as an outcome with a likelihood of its own, or as a choice of all options in equal shares."""
    margin: NonNegative = 0.0
    """Margin by which a choice of full strength must win, in units of the score."""
    parameter_learning_rate: Positive = 0.05
    """Learning rate of Adam for what likelihoods learn beside the scores: thresholds, references and rates."""

    __post_init__ = check


def held_out(query_id: Tensor, num_members: int) -> Tensor:
    """Return the held-out queries of each member: member e leaves out those with id = e mod 10. Shape: (E, B)."""
    return query_id % NUM_FOLDS == torch.arange(num_members, device=query_id.device)[:, None] % NUM_FOLDS


def fit(
    members: Networks,
    optimizers: Sequence[torch.optim.Optimizer],
    labels: Sequence[Labels],
    *,
    cfg: FitCfg,
    batched: bool,
    generator: Generator,
) -> FitReport:
    """Fit every member on its own order of the answers; each holds out its own tenth for evaluation.

    Each minibatch has answers of every kind, in proportion to their number.

    Args:
        members: The networks.
        optimizers: Optimisers of all their parameters, and of those of the likelihoods.
        labels: Answers of each kind.
        cfg: Settings of the fit.
        batched: Whether to run one product for all members.
        generator: Samples the orders and the crops.

    Raises:
        NotFiniteError: If a gradient is not finite.
    """
    num_answers, num_members = sum(len(some.query_id) for some in labels), members.num_members
    hidden = [held_out(some.query_id, num_members) for some in labels]
    sizes = [math.ceil(cfg.minibatch_size * len(some.query_id) / num_answers) for some in labels]
    loss = train_accuracy = float("nan")
    epochs = gradient_steps = 0
    while (
        gradient_steps < cfg.gradient_steps and not train_accuracy >= cfg.target_accuracy
    ):  # NaN before the first pass
        epochs += 1
        orders = [torch.rand(one.shape, generator=generator).argsort(-1).to(one.device) for one in hidden]
        losses: list[Tensor] = []
        hits: list[Tensor] = []
        for batches in zip_longest(*(torch.split(order, size, -1) for order, size in zip(orders, sizes))):
            batch = [
                Minibatch(
                    labels=some,
                    rows=rows,
                    seen=~away.gather(-1, rows),
                    mask=some.mask if some.weight is not None else crop(some.mask, cfg.crop, generator),
                )
                for some, away, rows in zip(labels, hidden, batches)
                if rows is not None
            ]
            for optimizer in optimizers:
                optimizer.zero_grad()
            total, right = accumulate(members, batch, batched)
            check_gradient(optimizers)
            for optimizer in optimizers:
                optimizer.step()
            gradient_steps += 1
            losses.append(total / num_members * sum(one.rows.shape[-1] for one in batch))
            hits += right
        loss = float(torch.stack(losses).sum() / num_answers)
        train_accuracy = float(torch.cat(hits).nanmean())
    return _judge(members, labels, hidden, loss, train_accuracy, epochs)


def accumulate(members: Networks, batch: Sequence[Minibatch], batched: bool) -> tuple[Tensor, list[Tensor]]:
    """Add the gradient of one minibatch.

    Args:
        members: The networks.
        batch: Its answers of each kind.
        batched: Whether to run one product for all members.

    Returns:
        The loss summed over members, and the hits of the answers that are not held out.
    """
    num_seen = torch.stack([one.seen.sum(-1) for one in batch]).sum(0).clamp_min(1)[:, None]
    weights = [one.seen / num_seen for one in batch]  # (E, b)
    total = torch.zeros((), device=num_seen.device)
    hits: list[Tensor] = []
    for index in (None,) if batched else range(members.num_members):
        found = [
            one.loss(members, index, weight if index is None else weight[index]) for one, weight in zip(batch, weights)
        ]
        loss = torch.stack([part for part, _ in found]).sum()
        torch.autograd.backward(loss)
        total += loss.detach()
        hits += [right for _, right in found]
    return total, hits


def check_gradient(optimizers: Sequence[torch.optim.Optimizer]) -> None:
    """Check the norm of the gradient, which is finite only if all of it is.

    Raises:
        NotFiniteError: If the norm is not finite.
    """
    groups = [group for optimizer in optimizers for group in optimizer.param_groups]
    parameters: list[Tensor] = [parameter for group in groups for parameter in group["params"]]
    gradients = {str(number): p.grad for number, p in enumerate(parameters) if p.grad is not None}
    norm = torch.nn.utils.get_total_norm(list(gradients.values()))
    check_finite("the gradient of the reward model", norm, **gradients)


def crop(mask: Tensor, share: float, generator: Generator) -> Tensor:
    """Crop up to a share of the steps, at the ends of windows, in queries with full options only. Shape: (B, K, T).

    A choice between two windows mostly holds for their crops, too (SURF, arXiv:2203.10050).
    """
    num_steps = mask.shape[-1]
    most = min(int(share * num_steps), num_steps - 1)
    if most == 0:
        return mask
    dropped = int(torch.randint(most + 1, (), generator=generator))
    first = int(torch.randint(dropped + 1, (), generator=generator))
    step = torch.arange(num_steps, device=mask.device)
    kept = (step >= first) & (step < num_steps - dropped + first)
    full = mask.flatten(1).all(-1)[:, None, None]
    return mask & (kept | ~full)


@torch.no_grad()
def _judge(
    members: Networks,
    labels: Sequence[Labels],
    hidden: Sequence[Tensor],
    loss: float,
    train_accuracy: float,
    epochs: int,
) -> FitReport:
    """Report how well each member predicts what it has held out."""
    found = [_predicted(members, some, away) for some, away in zip(labels, hidden)]
    kinds = [some.statement.kind for some in labels]
    extra: dict[str, float] = {}
    for kind in dict.fromkeys(kinds) if {*kinds} != {Comparison.kind} else ():
        mine = [one for one, name in zip(found, kinds) if name == kind]
        hits = torch.cat([one.hits for one in mine])
        extra[f"{kind}_accuracy"] = float(hits.nanmean())
        extra[f"{kind}_num_held_out"] = float((~hits.isnan()).sum())
        extra[f"{kind}_cross_entropy"] = -float(torch.cat([one.log_prob for one in mine]).mean())
    probability, occurred = (torch.cat([getattr(one, name) for one in found]) for name in ("probability", "occurred"))
    return FitReport(
        num_preferences=sum(len(some.query_id) for some in labels),
        epochs=epochs,
        loss=loss,
        train_accuracy=train_accuracy,
        accuracy=float(torch.cat([one.hits for one in found]).nanmean()),
        calibration_error=calibration_error(probability, occurred),
        probability=probability,
        choice=occurred,
        extra=extra,
    )


class _Predicted(NamedTuple):
    """Held-out answers of one kind, member after member. Shapes: (H,)."""

    hits: Tensor
    log_prob: Tensor
    probability: Tensor
    occurred: Tensor


def _predicted(members: Networks, labels: Labels, hidden: Tensor) -> _Predicted:
    parts: list[tuple[Tensor, ...]] = []
    for index in range(members.num_members):
        rows = hidden[index].nonzero().squeeze(-1)
        statement, parameters = labels.statement.at(rows), labels.of_member(index)
        scores, likelihood = labels.scores(members, index, rows), labels.likelihood
        events = likelihood.event(scores, statement, parameters)
        hits, log_prob = (ask(scores, statement, parameters) for ask in (likelihood.hits, likelihood.log_prob))
        parts.append((hits, log_prob, *events))
    return _Predicted(*(torch.cat(some).float().cpu() for some in zip(*parts)))
