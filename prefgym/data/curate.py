"""Answers that questions with known answers contradict, and people who are wrong about them: dropped, or flipped."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, Literal

import torch
from torch import Tensor

from prefgym.common.limits import Count, Within, check
from prefgym.core.feedback import Feedback
from prefgym.core.kinds import Comparison, Statement, Thumbs
from prefgym.core.preferences import Preferences, RaterInfo
from prefgym.core.queries import shown_sum

Known = dict[tuple[str, str, str], Tensor]
"""What is known of a question, by its kind, its criterion and the SHA-256 of what it shows."""


@dataclass(frozen=True, kw_only=True)
class CurateCfg:
    """What becomes of answers that gold contradicts.

    Raises:
        ValueError: If a value lies outside its range.
    """

    min_accuracy: Annotated[float, Within(0.5, 1)] = 0.7
    """Share of gold questions that a person must answer right; the answers of anybody below are dropped."""
    min_gold: Count = 5
    """Gold questions that a person must have answered for that."""
    contradicted: Literal["drop", "flip", "keep"] = "drop"
    """What becomes of an answer to a gold question that says the opposite. With `flip`, all answers of a person who is
    wrong as reliably as others must be right are flipped, too."""

    __post_init__ = check


@dataclass(kw_only=True)
class Person:
    """What became of the answers of one person."""

    name: str
    """Pseudonym."""
    right: int = 0
    """Gold questions answered right."""
    asked: int = 0
    """Gold questions answered."""
    num: dict[str, int] = field(default_factory=lambda: {"kept": 0, "dropped": 0, "flipped": 0})
    """Answers that were kept, dropped and flipped."""

    @property
    def accuracy(self) -> float:
        """Return the share of gold questions that were answered right; 1 before the first."""
        return self.right / self.asked if self.asked else 1.0

    def fate(self, cfg: CurateCfg) -> Literal["keep", "drop", "flip"]:
        """Return what becomes of all of this person's answers."""
        if self.asked < cfg.min_gold or self.accuracy >= cfg.min_accuracy:
            return "keep"
        return "flip" if cfg.contradicted == "flip" and self.accuracy <= 1 - cfg.min_accuracy else "drop"

    def in_words(self) -> str:
        """Return the record on gold, and what became of the answers, in a line."""
        record = f"{self.right} of {self.asked} gold questions right" if self.asked else "no gold questions"
        num = ", ".join(f"{num} {fate}" for fate, num in self.num.items() if num)
        return f"{self.name}: {record}; answers: {num}"


def curated(feedback: Feedback, gold: Feedback | None, cfg: CurateCfg) -> tuple[Feedback, list[Person]]:
    """Drop or flip what gold contradicts.

    Args:
        feedback: Answers of people.
        gold: Answers that are known to be right; None for the records that the answers carry.
        cfg: What becomes of which answers.

    Returns:
        What is left, without superseded answers, and what became of each person's answers.
    """
    feedback = feedback.current()
    known = known_answers(gold) if gold is not None else {}
    opposed = [_opposed(part, known) for part in feedback.parts]
    people = _people(feedback, opposed)
    parts = [_curated(part, marks, people, cfg) for part, marks in zip(feedback.parts, opposed)]
    return Feedback(tuple(part for part in parts if len(part))), [*people.values()]


def known_answers(gold: Feedback) -> Known:
    """Return the answers of gold by their questions; those on which gold disagrees with itself are left out."""
    found: dict[tuple[str, str, str], list[Tensor]] = {}
    for part in gold.answered().parts:
        if isinstance(part.answers, Comparison | Thumbs):
            for key, said in zip(_keys(part), _said(part.answers)):
                found.setdefault(key, []).append(said)
    return {key: said[0] for key, said in found.items() if all(torch.equal(said[0], other) for other in said)}


def _keys(part: Preferences[Statement]) -> list[tuple[str, str, str]]:
    shown = [shown_sum(part.queries.options[row]) for row in range(len(part))]
    return [(part.answers.kind, part.criteria[int(index)], sha) for index, sha in zip(part.criterion, shown)]


def _said(answers: Statement) -> Tensor:
    """Return the side that answers take, without its strength: zero for a tie and for silence. Shape: (B, n)."""
    if isinstance(answers, Comparison):
        return torch.sign(answers.choice - 1 / answers.choice.shape[-1]) * ~answers.tie[:, None]
    assert isinstance(answers, Thumbs)
    return answers.reaction[:, None].float()


def _opposed(part: Preferences[Statement], known: Known) -> list[int | None]:
    """Return for each answer 1 if gold says the same, -1 if the opposite, 0 if another thing, None if nothing."""
    if not isinstance(part.answers, Comparison | Thumbs) or not known:
        return [None] * len(part)
    marks: list[int | None] = []
    for key, said, answered in zip(_keys(part), _said(part.answers), part.answers.answered):
        if key not in known or not bool(answered):
            marks.append(None)
        else:
            is_right = torch.equal(said, known[key])
            marks.append(1 if is_right else -1 if bool((said * known[key]).sum() < 0) else 0)
    return marks


def _whole(numbers: Tensor) -> list[int]:
    return [int(number) for number in numbers]


def _people(feedback: Feedback, opposed: Sequence[Sequence[int | None]]) -> dict[str, Person]:
    """Return everybody's record: what the answers carry of the store, and what they say about gold."""
    people: dict[str, Person] = {}
    carried: dict[str, tuple[int, int, int]] = {}
    for part, marks in zip(feedback.parts, opposed):
        for index, event, mark in zip(_whole(part.rater), _whole(part.event), marks):
            info = part.raters[index]
            person = people.setdefault(info.name, Person(name=info.name))
            person.asked += mark is not None
            person.right += mark == 1
            if event >= carried.get(info.name, (0, 0, 0))[0]:
                record = (int(info.settings.get(name, 0)) for name in ("gold_right", "gold_asked"))
                carried[info.name] = event, *record  # pyright: ignore[reportArgumentType] - two of them
    for name, (_, right, asked) in carried.items():
        people[name].right += right
        people[name].asked += asked
    return people


def _curated(
    part: Preferences[Statement], marks: Sequence[int | None], people: dict[str, Person], cfg: CurateCfg
) -> Preferences[Statement]:
    """Drop and flip answers of one part, and count them."""
    keeps, flips = torch.ones(len(part), dtype=torch.bool), torch.zeros(len(part), dtype=torch.bool)
    can_flip = isinstance(part.answers, Thumbs) or (isinstance(part.answers, Comparison) and _is_pair(part))
    for row, (index, mark) in enumerate(zip(_whole(part.rater), marks)):
        person = people[part.raters[index].name]
        fate = person.fate(cfg)
        if fate == "keep" and mark == -1:
            fate = cfg.contradicted
        if fate == "flip" and not can_flip:
            fate = "drop"
        keeps[row], flips[row] = fate != "drop", fate == "flip"
        person.num[{"keep": "kept", "drop": "dropped", "flip": "flipped"}[fate]] += 1
    return _with_its_raters(_flipped(part, flips)[keeps])


def _with_its_raters(part: Preferences[Statement]) -> Preferences[Statement]:
    """Leave out of the table of raters those of whom no answer is left."""
    used = sorted({*_whole(part.rater)})
    rater = torch.tensor([used.index(index) for index in _whole(part.rater)], dtype=torch.long)
    return replace(part, raters=tuple(part.raters[index] for index in used), rater=rater)


def _is_pair(part: Preferences[Any]) -> bool:
    return part.queries.num_options == 2


def _flipped(part: Preferences[Statement], flips: Tensor) -> Preferences[Statement]:
    """Let answers say the opposite; the settings of their raters say so."""
    if not bool(flips.any()):
        return part
    answers: Statement = part.answers
    if isinstance(answers, Comparison):
        answers = replace(answers, choice=torch.where(flips[:, None], answers.choice.flip(-1), answers.choice))
    elif isinstance(answers, Thumbs):
        answers = replace(answers, reaction=torch.where(flips, -answers.reaction, answers.reaction))
    turned = tuple(_noted(info) for info in part.raters)
    rater = torch.where(flips, part.rater + len(part.raters), part.rater)
    return replace(part, answers=answers, raters=(*part.raters, *turned), rater=rater)


def _noted(info: RaterInfo) -> RaterInfo:
    return replace(info, settings={**info.settings, "curated": "flipped"})
