"""Fitting reward networks to preferences: the Bradley-Terry likelihood of summed rewards."""

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Generator, Tensor

from prefgym.rewards.diagnostics import FitReport, accuracy, calibration_error

NUM_FOLDS = 10


@dataclass(frozen=True, kw_only=True)
class FitCfg:
    """How members are fitted."""

    learning_rate: float = 3e-4
    """Of AdamW."""
    weight_decay: float = 1e-4
    """Of AdamW."""
    epochs: int = 50
    """Most passes over all preferences in one session."""
    minibatch_size: int = 128
    """Queries per gradient."""
    target_accuracy: float = 0.97
    """A session ends early once this share of the fitted choices is predicted."""
    label_smoothing: float = 0.0
    """Share of each choice that is spread evenly over the options."""
    crop: int = 0
    """Steps that may be left out of full windows in each gradient, the same number in all options."""


class Members(Protocol):
    """Networks that can be run one by one or together."""

    @property
    def num_members(self) -> int: ...

    def member(self, index: int, inputs: Tensor) -> Tensor: ...

    def batched(self, inputs: Tensor) -> Tensor: ...

    def parameters(self) -> object: ...


def held_out(query_id: Tensor, num_members: int) -> Tensor:
    """Return which queries each member does not see: member e leaves out those with id = e mod 10. Shape: (E, B)."""
    return query_id % NUM_FOLDS == torch.arange(num_members, device=query_id.device)[:, None]


def step_sums(members: Members, inputs: Tensor, mask: Tensor, batched: bool) -> Tensor:
    """Sum each member's rewards over the valid steps of its own queries.

    Args:
        members: The networks.
        inputs: What members see. Shape: (E, b, K, T, inputs).
        mask: Valid steps. Shape: (E, b, K, T).
        batched: Whether to run one product for all members.

    Returns:
        Scores. Shape: (E, b, K).
    """
    if batched:
        rewards = members.batched(inputs.flatten(1, 3)).view(mask.shape)
        return (rewards * mask).sum(-1)
    scores: list[Tensor] = []
    for index in range(members.num_members):
        valid = mask[index]
        if bool(valid.all()):
            rewards = members.member(index, inputs[index].flatten(0, 2)).view(valid.shape)
        else:  # padding is not worth computing
            rewards = torch.zeros(valid.shape, device=inputs.device)
            rewards = rewards.masked_scatter(valid, members.member(index, inputs[index][valid]))
        scores.append(rewards.sum(-1))
    return torch.stack(scores)


def preference_loss(scores: Tensor, choice: Tensor, weight: Tensor, label_smoothing: float = 0.0) -> Tensor:
    """Return the cross-entropy of choices under P(k) = softmax(scores)_k, summed over members.

    Ties are choices of 1/K each. Bradley & Terry (1952); Christiano et al. (arXiv:1706.03741), eq. 1.

    Args:
        scores: Shape: (E, b, K).
        choice: Shape: (E, b, K).
        weight: Which queries count for which member. Shape: (E, b).
        label_smoothing: Share of the choice that is spread evenly.
    """
    target = (1 - label_smoothing) * choice + label_smoothing / choice.shape[-1]
    cross_entropy = -(target * scores.log_softmax(-1)).sum(-1)
    return ((cross_entropy * weight).sum(-1) / weight.sum(-1).clamp_min(1)).sum()


def fit(
    members: Members,
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
    """Fit every member on its own order of the queries; each leaves out its own tenth, on which it is judged.

    Args:
        members: The networks.
        optimizer: Over all their parameters.
        inputs: Shape: (B, K, T, inputs).
        mask: Valid steps. Shape: (B, K, T).
        choice: Shape: (B, K).
        query_id: Shape: (B,).
        cfg: How to fit.
        batched: Whether to run one product for all members.
        generator: Draws the orders and the crops.
    """
    num_queries, num_members = len(choice), members.num_members
    hidden = held_out(query_id, num_members)
    loss, train_accuracy, epoch = float("nan"), float("nan"), 0
    for epoch in range(1, cfg.epochs + 1):
        orders = torch.rand(num_members, num_queries, generator=generator).argsort(-1)
        losses: list[Tensor] = []
        log_probs: list[Tensor] = []
        for batch in orders.split(cfg.minibatch_size, -1):  # (E, b)
            seen = ~hidden.gather(-1, batch)
            x, valid = crop(inputs, mask, batch, cfg.crop, generator)
            scores = step_sums(members, x, valid, batched)
            total = preference_loss(scores, choice[batch], seen.float(), cfg.label_smoothing)
            optimizer.zero_grad()
            total.backward()
            optimizer.step()
            losses.append(total.detach() / num_members * batch.shape[-1])
            log_probs.append(torch.where(seen[..., None], scores.detach(), torch.nan))
        loss = float(torch.stack(losses).sum() / num_queries)
        scored = torch.cat(log_probs, 1).flatten(0, 1)
        seen_rows = ~scored[:, 0].isnan()
        train_accuracy = accuracy(scored[seen_rows], choice[orders].flatten(0, 1)[seen_rows])
        if train_accuracy >= cfg.target_accuracy:
            break
    return _judge(members, inputs, mask, choice, hidden, loss, train_accuracy, epoch)


def crop(inputs: Tensor, mask: Tensor, batch: Tensor, most: int, generator: Generator) -> tuple[Tensor, Tensor]:
    """Gather queries, leaving out up to `most` steps at the ends of windows where all options are full.

    A choice between two windows mostly holds for what they have in common with their cores (SURF, arXiv:2203.10050).

    Returns:
        Inputs (E, b, K, T, inputs) and valid steps (E, b, K, T).
    """
    valid = mask[batch]
    if most:
        dropped = int(torch.randint(most + 1, (), generator=generator))
        first = int(torch.randint(dropped + 1, (), generator=generator))
        step = torch.arange(mask.shape[-1], device=mask.device)
        kept = (step >= first) & (step < mask.shape[-1] - dropped + first)
        full = valid.all(-1).all(-1)[..., None, None]
        valid = valid & (kept | ~full)
    return inputs[batch], valid


@torch.no_grad()
def _judge(
    members: Members,
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
        rewards = members.member(index, inputs[rows].flatten(0, 2)).view(mask[rows].shape)
        log_probs.append((rewards * mask[rows]).sum(-1).log_softmax(-1))
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
