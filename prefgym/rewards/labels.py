"""Labels: answers of one kind as networks are fitted to them, and the scores that networks give them."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import torch
from torch import Tensor

from prefgym.core.kinds import Statement
from prefgym.core.likelihoods import Likelihood
from prefgym.nn.stacked import StackedMLP


class Networks(Protocol):
    """The members of an ensemble, which run one by one or together."""

    @property
    def num_members(self) -> int:
        """Return E."""
        ...

    def scores(self, index: int | None, inputs: Tensor, mask: Tensor, weight: Tensor | None = None) -> Tensor:
        """Score options, as likelihoods take them; None runs all members, each on its own inputs.

        Shapes: (b, K, T, inputs), (b, K, T) twice, to (b, K), each with E in front for all.
        """
        ...


def step_sums(
    members: StackedMLP, index: int | None, inputs: Tensor, mask: Tensor, weight: Tensor | None = None
) -> Tensor:
    """Sum the outputs of networks, one or D numbers per step, over the valid steps.

    Args:
        members: The networks.
        index: The member to run; None runs all of them, each on its own inputs, in one product.
        inputs: Inputs of the networks. Shape: (b, K, T, inputs), or (E, b, K, T, inputs) for all.
        mask: Valid steps. Shape: (b, K, T), or (E, b, K, T).
        weight: Weight of each step, 0 beyond the valid ones; None for 1. Shape: that of `mask`.

    Returns:
        Sums. Shape: (b, K), or (E, b, K), followed by D if it is not 1.
    """
    axis = mask.dim() - 1
    if index is None:
        each = members.batched(inputs.flatten(1, 3))
        each = each.view(*mask.shape, *each.shape[2:])
        return (each * _beside(mask if weight is None else weight, each)).sum(axis)
    if bool(mask.all()):
        each = members.member(index, inputs.flatten(0, 2))
        each = each.view(*mask.shape, *each.shape[1:])
        return each.sum(axis) if weight is None else (each * _beside(weight, each)).sum(axis)
    valid = members.member(index, inputs[mask])  # skip the padding
    valid = valid if weight is None else valid * _beside(weight[mask], valid)
    return valid.new_zeros(*mask.shape, *valid.shape[1:]).index_put((mask,), valid).sum(axis)


def _beside(steps: Tensor, each: Tensor) -> Tensor:
    """Give numbers of steps further axes of 1, as many as the outputs of networks have."""
    return steps.view(*steps.shape, *[1] * (each.dim() - steps.dim()))


@dataclass(frozen=True, eq=False, kw_only=True)
class Labels:
    """Answers of one kind, as members are fitted to them."""

    inputs: Tensor
    """Inputs of the networks. Shape: (B, K, T, inputs)."""
    mask: Tensor
    """Valid steps. Shape: (B, K, T)."""
    statement: Statement
    """What was stated."""
    query_id: Tensor
    """Shape: (B,)."""
    likelihood: Likelihood[Any]
    """Likelihood of the statements."""
    parameters: Mapping[str, Tensor]
    """What is learned beside the scores, for each member. Shapes: (E, n)."""

    @cached_property
    def weight(self) -> Tensor | None:
        """Return the weight of each step in the score; None for 1. Shape: (B, K, T)."""
        return self.likelihood.step_weight(self.statement, self.mask)

    def scores(self, members: Networks, index: int | None, rows: Tensor, mask: Tensor | None = None) -> Tensor:
        """Score rows by one member, or each member's own rows by all. Shapes: (b,) to (b, K), or (E, b) to (E, b, K).

        Args:
            members: The networks.
            index: The member; None for all.
            rows: Rows of the answers.
            mask: Valid steps of all answers, if some are cropped.
        """
        weight = None if self.weight is None else self.weight[rows]
        return members.scores(index, self.inputs[rows], (self.mask if mask is None else mask)[rows], weight)

    def of_member(self, index: int | None) -> Mapping[str, Tensor]:
        """Return the parameters of one member, or of all."""
        return self.parameters if index is None else {name: value[index] for name, value in self.parameters.items()}


@dataclass(frozen=True, eq=False, kw_only=True)
class Minibatch:
    """Answers of one kind in a minibatch; each member has its own rows, and held-out ones have no weight."""

    labels: Labels
    rows: Tensor
    """Rows of each member. Shape: (E, b)."""
    seen: Tensor
    """Which of them are not held out. Shape: (E, b)."""
    mask: Tensor
    """Valid steps of all answers, cropped. Shape: (B, K, T)."""

    def loss(self, members: Networks, index: int | None, weight: Tensor) -> tuple[Tensor, Tensor]:
        """Return the weighted sum of negative log-likelihoods of one member or of all, and the hits of its rows.

        Args:
            members: The networks.
            index: The member; None for all.
            weight: Weight of each row. Shape: (b,), or (E, b).
        """
        labels, rows = self.labels, self.rows if index is None else self.rows[index]
        statement, parameters = labels.statement.at(rows), labels.of_member(index)
        scores = labels.scores(members, index, rows, self.mask)
        log_prob = labels.likelihood.log_prob(scores, statement, parameters)
        with torch.no_grad():
            hits = labels.likelihood.hits(scores, statement, parameters)
        seen = self.seen if index is None else self.seen[index]
        return -(log_prob * weight).sum(), hits[seen]
