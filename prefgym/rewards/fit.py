"""Fitting reward networks to preferences: the Bradley-Terry likelihood of summed rewards."""

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Generator, Tensor

from prefgym.common.finite import check_finite
from prefgym.common.limits import BatchSize, Count, NonNegative, Positive, Share, check
from prefgym.core.fit_report import FitReport, accuracy, calibration_error
from prefgym.nn.stacked import StackedMLP

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

    __post_init__ = check


class Networks(Protocol):
    """The members of an ensemble, which run one by one or together."""

    @property
    def num_members(self) -> int:
        """Return E."""
        ...

    def scores(self, index: int | None, inputs: Tensor, mask: Tensor) -> Tensor:
        """Score options, so that P(k) = softmax(scores)_k; None runs all members, each on its own inputs.

        Shapes: (b, K, T, inputs), (b, K, T) to (b, K), each with E in front for all.
        """
        ...


def held_out(query_id: Tensor, num_members: int) -> Tensor:
    """Return the held-out queries of each member: member e leaves out those with id = e mod 10. Shape: (E, B)."""
    return query_id % NUM_FOLDS == torch.arange(num_members, device=query_id.device)[:, None] % NUM_FOLDS


def step_sums(members: StackedMLP, index: int | None, inputs: Tensor, mask: Tensor) -> Tensor:
    """Sum the outputs of networks, one or D numbers per step, over the valid steps.

    Args:
        members: The networks.
        index: The member to run; None runs all of them, each on its own inputs, in one product.
        inputs: Inputs of the networks. Shape: (b, K, T, inputs), or (E, b, K, T, inputs) for all.
        mask: Valid steps. Shape: (b, K, T), or (E, b, K, T).

    Returns:
        Sums. Shape: (b, K), or (E, b, K), followed by D if it is not 1.
    """
    axis = mask.dim() - 1
    if index is None:
        each = members.batched(inputs.flatten(1, 3))
        each = each.view(*mask.shape, *each.shape[2:])
        return (each * mask.view(*mask.shape, *[1] * (each.dim() - mask.dim()))).sum(axis)
    if bool(mask.all()):
        each = members.member(index, inputs.flatten(0, 2))
        return each.view(*mask.shape, *each.shape[1:]).sum(axis)
    valid = members.member(index, inputs[mask])  # skip the padding
    return valid.new_zeros(*mask.shape, *valid.shape[1:]).index_put((mask,), valid).sum(axis)


def preference_loss(scores: Tensor, choice: Tensor, weight: Tensor, label_smoothing: float = 0.0) -> Tensor:
    """Return the weighted sum of the cross-entropies of choices under P(k) = softmax(scores)_k.

    Ties are choices of 1/K each. Bradley & Terry (1952); Christiano et al. (arXiv:1706.03741), eq. 1.

    Args:
        scores: Shape: (..., b, K).
        choice: Shape: (..., b, K).
        weight: Weight of each query. Shape: (..., b).
        label_smoothing: Share of the choice that is spread evenly.
    """
    target = (1 - label_smoothing) * choice + label_smoothing / choice.shape[-1]
    cross_entropy = -(target * scores.log_softmax(-1)).sum(-1)
    return (cross_entropy * weight).sum()


def fit(
    members: Networks,
    optimizer: torch.optim.Optimizer,
    inputs: Tensor,
    mask: Tensor,
    choice: Tensor,
    query_id: Tensor,
    *,
    cfg: FitCfg,
    batched: bool,
    generator: Generator,
) -> FitReport:
    """Fit every member on its own order of the queries; each holds out its own tenth for evaluation.

    Args:
        members: The networks.
        optimizer: Optimiser of all their parameters.
        inputs: Shape: (B, K, T, inputs).
        mask: Valid steps. Shape: (B, K, T).
        choice: Shape: (B, K).
        query_id: Shape: (B,).
        cfg: Settings of the fit.
        batched: Whether to run one product for all members.
        generator: Samples the orders and the crops.

    Raises:
        NotFiniteError: If a gradient is not finite.
    """
    num_queries, num_members = len(choice), members.num_members
    hidden = held_out(query_id, num_members)
    loss = train_accuracy = float("nan")
    epochs = gradient_steps = 0
    while (
        gradient_steps < cfg.gradient_steps and not train_accuracy >= cfg.target_accuracy
    ):  # NaN before the first pass
        epochs += 1
        orders = torch.rand(num_members, num_queries, generator=generator).argsort(-1).to(inputs.device)
        losses: list[Tensor] = []
        log_probs: list[Tensor] = []
        for batch in torch.split(orders, cfg.minibatch_size, -1):  # (E, b)
            seen = ~hidden.gather(-1, batch)
            valid = crop(mask, cfg.crop, generator)
            optimizer.zero_grad()
            total, scores = accumulate(members, inputs, valid, choice, batch, seen, cfg.label_smoothing, batched)
            check_gradient(optimizer)
            optimizer.step()
            gradient_steps += 1
            losses.append(total / num_members * batch.shape[-1])
            log_probs.append(torch.where(seen[..., None], scores, torch.nan))
        loss = float(torch.stack(losses).sum() / num_queries)
        scored = torch.cat(log_probs, 1).flatten(0, 1)
        seen_rows = ~scored[:, 0].isnan()
        train_accuracy = accuracy(scored[seen_rows], choice[orders].flatten(0, 1)[seen_rows])
    return _judge(members, inputs, mask, choice, hidden, loss, train_accuracy, epochs)


def check_gradient(optimizer: torch.optim.Optimizer) -> None:
    """Check the norm of the gradient, which is finite only if all of it is.

    Raises:
        NotFiniteError: If the norm is not finite.
    """
    parameters: list[Tensor] = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    gradients = {str(number): p.grad for number, p in enumerate(parameters) if p.grad is not None}
    norm = torch.nn.utils.get_total_norm(list(gradients.values()))
    check_finite("the gradient of the reward model", norm, **gradients)


def accumulate(
    members: Networks,
    inputs: Tensor,
    mask: Tensor,
    choice: Tensor,
    batch: Tensor,
    seen: Tensor,
    label_smoothing: float,
    batched: bool,
) -> tuple[Tensor, Tensor]:
    """Add the gradient of one minibatch; each member has its own queries, and held-out ones have no weight.

    Args:
        members: The networks.
        inputs: Shape: (B, K, T, inputs).
        mask: Valid steps. Shape: (B, K, T).
        choice: Shape: (B, K).
        batch: Queries of each member. Shape: (E, b).
        seen: Mask of the queries that are not held out. Shape: (E, b).
        label_smoothing: Share of each choice that is spread evenly.
        batched: Whether to run one product for all members.

    Returns:
        The loss summed over members, and the scores (E, b, K).
    """
    weight = seen / seen.sum(-1, keepdim=True).clamp_min(1)
    if batched:
        scores = members.scores(None, inputs[batch], mask[batch])
        loss = preference_loss(scores, choice[batch], weight, label_smoothing)
        torch.autograd.backward(loss)
        return loss.detach(), scores.detach()
    total = torch.zeros((), device=inputs.device)
    kept: list[Tensor] = []
    for index, (rows, weights) in enumerate(zip(batch, weight)):
        scores = members.scores(index, inputs[rows], mask[rows])
        loss = preference_loss(scores, choice[rows], weights, label_smoothing)
        torch.autograd.backward(loss)
        total += loss.detach()
        kept.append(scores.detach())
    return total, torch.stack(kept)


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
    inputs: Tensor,
    mask: Tensor,
    choice: Tensor,
    hidden: Tensor,
    loss: float,
    train_accuracy: float,
    epochs: int,
) -> FitReport:
    log_probs: list[Tensor] = []
    choices: list[Tensor] = []
    for index in range(members.num_members):
        rows = hidden[index]
        log_probs.append(members.scores(index, inputs[rows], mask[rows]).log_softmax(-1))
        choices.append(choice[rows])
    log_prob, chosen = torch.cat(log_probs).cpu(), torch.cat(choices).cpu()
    probability = log_prob[:, 0].exp()
    return FitReport(
        num_preferences=len(choice),
        epochs=epochs,
        loss=loss,
        train_accuracy=train_accuracy,
        accuracy=accuracy(log_prob, chosen),
        calibration_error=calibration_error(probability, chosen[:, 0]),
        probability=probability,
        choice=chosen[:, 0],
    )
