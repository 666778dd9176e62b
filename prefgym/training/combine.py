"""Answers of several people to one question, put together for the fit; the log keeps them apart."""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal, cast

import torch
from torch import Tensor

from prefgym.core.feedback import Feedback, questions_of
from prefgym.core.kinds import Comparison, Mark, Ranking, Rating, Statement, Status, Thumbs
from prefgym.core.preferences import Preferences, RaterInfo

Combine = Literal["each", "majority", "gold"]
SEVERAL = RaterInfo(name="several", kind="human")
"""The rater of an answer that several people gave together."""


def combine_of(rater_cfg: object) -> Combine:
    """Return how the settings of a rater put answers together; a rater without the setting leaves them apart."""
    return cast(Combine, getattr(rater_cfg, "combine", "each"))


def combined(feedback: Feedback, how: Combine) -> Feedback:
    """Put the answers to each question together.

    Args:
        feedback: Answers, without superseded ones.
        how: `each` leaves them apart: their likelihoods add up. `majority` takes what most of them say, and `gold` the
            distribution of what they say, weighted by their record on gold.

    Returns:
        One row for each question that has an answer. Marks stay apart, since each is about another part of a segment.
    """
    if how == "each":
        return feedback
    weights = gold_weights(feedback) if how == "gold" else {}
    parts = [part if isinstance(part.answers, Mark) else _together(part, weights, how) for part in feedback.parts]
    return Feedback(tuple(part for part in parts if len(part)))


def gold_weights(feedback: Feedback) -> dict[str, float]:
    """Return the weight of each person by the latest record on gold, which their answers carry: log p / (1 - p).

    p = (right + 1) / (asked + 2) stands for the share of gold questions that they answer right; below a half, the
    weight is 0. Who has answered 3 of 3 right weighs log 4.
    """
    latest: dict[str, tuple[int, Mapping[str, Any]]] = {}
    for part in feedback.parts:
        for index, event in zip(part.rater, part.event):
            info = part.raters[int(index)]
            if info.name not in latest or int(event) >= latest[info.name][0]:
                latest[info.name] = int(event), info.settings
    weights: dict[str, float] = {}
    for name, (_, settings) in latest.items():
        p = (settings.get("gold_right", 0) + 1) / (settings.get("gold_asked", 0) + 2)
        weights[name] = max(0.0, math.log(p / (1 - p)))
    return weights


def _together(part: Preferences[Statement], weights: Mapping[str, float], how: Combine) -> Preferences[Statement]:
    """Put the answers of one part together, a row for each question."""
    part = part[part.answers.answered]
    groups: dict[tuple[object, ...], list[int]] = {}
    for row, question in enumerate(questions_of(part)):
        groups.setdefault(question[:-1], []).append(row)  # without the rater
    if all(len(rows) == 1 for rows in groups.values()):
        return part
    names = [part.raters[int(index)].name for index in part.rater]
    stated: list[Statement] = []
    for rows in groups.values():
        weight = torch.tensor([weights.get(names[row], 0.0) if how == "gold" else 1.0 for row in rows])
        if not bool(weight.any()):  # nothing is known of any of them
            weight = torch.ones(len(rows))
        stated.append(_stated(part.answers[torch.tensor(rows)], weight, how))
    first = part[torch.tensor([rows[0] for rows in groups.values()])]
    alone = torch.tensor([len(rows) == 1 for rows in groups.values()])
    together = type(stated[0]).cat(stated)
    rater = torch.where(alone, first.rater, len(part.raters))
    kept = together.answered
    return replace(first, answers=together, raters=(*part.raters, SEVERAL), rater=rater)[kept]


def _stated(answers: Statement, weight: Tensor, how: Combine) -> Statement:
    """Return what several answers to one question say together, as one row.

    Args:
        answers: The answers.
        weight: Weight of each. Shape: (n,).
        how: Whether the most frequent choice counts, or all of them in their shares.
    """
    if isinstance(answers, Comparison):
        return _choice(answers, weight, how)
    one = answers.status[:1]
    if isinstance(answers, Ranking):
        num_options = answers.rank.shape[-1]
        place = torch.where(answers.rank < 0, num_options, answers.rank).to(weight)
        mean = (place * weight[:, None]).sum(0) / weight.sum()
        return Ranking(status=one, rank=(mean[None] < mean[:, None] - 1e-6).sum(-1)[None])
    if isinstance(answers, Rating):
        order = answers.level.argsort(stable=True)
        reached = weight[order].cumsum(0) >= weight.sum() / 2 - 1e-6
        return replace(answers[:1], level=answers.level[order][reached][:1])
    if isinstance(answers, Thumbs):
        votes = torch.stack([weight[answers.reaction == reaction].sum() for reaction in (-1, 0, 1)])
        best = (votes >= votes.max() - 1e-6).nonzero().squeeze(-1)
        is_split = len(best) > 1
        status = torch.full_like(one, int(Status.SKIPPED)) if is_split else one
        return Thumbs(status=status, reaction=torch.zeros_like(one) if is_split else best - 1)
    raise ValueError(f"answers of {answers.kind} cannot be put together")


def _choice(answers: Comparison, weight: Tensor, how: Combine) -> Comparison:
    shares = (answers.choice * weight[:, None]).sum(0) / weight.sum()
    strength = ((answers.strength * weight).sum() / weight.sum())[None]
    if how == "majority":
        best = (shares >= shares.max() - 1e-6)[None]
        return replace(Comparison.of_best(best), strength=strength)
    tie = bool(answers.tie[weight > 0].all())
    return Comparison(status=answers.status[:1], choice=shares[None], tie=torch.tensor([tie]), strength=strength)
