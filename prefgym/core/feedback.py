"""Feedback: answers of several kinds, as a learner of several kinds gets them."""

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor

from prefgym.core.kinds import Comparison, Statement
from prefgym.core.preferences import Preferences, Q, RaterInfo
from prefgym.core.queries import Queries


@dataclass(frozen=True, eq=False)
class Feedback:
    """Answers of any kinds: one part for each kind, number of options, longest segment and scale.

    Feedback of one part has the fields of `Preferences`, since most feedback is of one kind.
    """

    parts: tuple[Preferences[Statement], ...]
    """Answers of one kind each, in the order of their arrival."""

    @classmethod
    def of(cls, answers: "Feedback | Preferences[Statement]") -> "Feedback":
        """Return feedback as it is, and preferences as feedback of one part."""
        return answers if isinstance(answers, Feedback) else cls((answers,))

    @classmethod
    def cat(cls, parts: "Sequence[Feedback | Preferences[Statement]]") -> "Feedback":
        """Concatenate; answers of the same kind, number of options, longest segment and scale become one part."""
        alike: dict[object, list[Preferences[Statement]]] = {}
        for part in (one for some in parts for one in some.parts):
            options = part.queries.options
            key = (part.answers.kind, part.queries.num_options, options.num_steps, part.answers.scale)
            alike.setdefault(key, []).append(part)
        return cls(tuple(some[0] if len(some) == 1 else Preferences.cat(some) for some in alike.values()))

    def of_kind(self, kind: type[Q]) -> "tuple[Preferences[Q], ...]":
        """Return the parts of one kind: more than one if options or scales differ."""
        return tuple(cast("Preferences[Q]", part) for part in self.parts if isinstance(part.answers, kind))

    @property
    def comparisons(self) -> Preferences | None:
        """Return the comparisons; of several numbers of options, the first one's. None if there are none."""
        return next(iter(self.of_kind(Comparison)), None)

    @property
    def kinds(self) -> tuple[type[Statement], ...]:
        """Return the kinds of the parts."""
        return tuple(dict.fromkeys(type(part.answers) for part in self.parts))

    @property
    def num_answered(self) -> int:
        """Return the number of rows with an answer."""
        return sum(int(part.answers.answered.sum()) for part in self.parts)

    @property
    def num_ties(self) -> int:
        """Return the number of comparisons that are ties."""
        return sum(int(part.answers.tie.sum()) for part in self.of_kind(Comparison))

    @property
    def num_choices(self) -> int:
        """Return the number of comparisons with an answer, ties included."""
        return sum(int(part.answers.answered.sum()) for part in self.of_kind(Comparison))

    @property
    def query_id(self) -> Tensor:
        """Return the numbers of the queries of all parts, one after the other. Shape: (B,), int64."""
        return torch.cat([part.query_id for part in self.parts])

    def answered(self) -> "Feedback":
        """Return the rows with an answer; parts without any are left out."""
        return self.kept([part.answers.answered for part in self.parts])

    def current(self) -> "Feedback":
        """Return what was not superseded: of a rater's answers to a question, the one of the highest revision."""
        if not any(bool(part.revision.any()) for part in self.parts):
            return self
        last: dict[tuple[object, ...], int] = {}
        questions = [questions_of(part) for part in self.parts]
        for part, asked in zip(self.parts, questions):
            for question, revision in zip(asked, part.revision):
                last[question] = max(last.get(question, 0), int(revision))
        return self.kept(
            [
                torch.tensor([int(n) == last[question] for question, n in zip(asked, part.revision)])
                for part, asked in zip(self.parts, questions)
            ]
        )

    def kept(self, masks: Sequence[Tensor]) -> "Feedback":
        """Select rows by a mask for each part; parts without any are left out."""
        kept = [part if bool(mask.all()) else part[mask] for part, mask in zip(self.parts, masks)]
        return Feedback(tuple(part for part in kept if len(part)))

    def without_truth(self) -> "Feedback":
        """Drop task reward, factors, physics state and images, which a learner must not see."""
        return Feedback(tuple(part.without_truth() for part in self.parts))

    def save(self, path: Path | str) -> None:
        """Write `path`.safetensors and `path`.json, as run folders hold them, and the folder if it is missing.

        Raises:
            UserError: If they cannot be written.
        """
        importlib.import_module("prefgym.data.tables").save_preferences(Path(path), self)

    def __len__(self) -> int:
        return sum(len(part) for part in self.parts)

    def __repr__(self) -> str:
        return f"Feedback({', '.join(map(repr, self.parts))})"

    # --- feedback of one part ----------------------------------------------------------------------------------------

    @property
    def only(self) -> Preferences:
        """Return the only part, as comparisons for those who know that it is.

        Raises:
            ValueError: If there are several parts, or none.
        """
        if len(self.parts) != 1:
            kinds = ", ".join(one.kind for one in self.kinds) or "no kind"
            raise ValueError(
                f"there is feedback of {kinds} in {len(self.parts)} parts: ask each of `parts` for its rows"
            )
        return cast(Preferences, self.parts[0])

    @property
    def queries(self) -> Queries:
        """Return the queries of the only part."""
        return self.only.queries

    @property
    def answers(self) -> Comparison:
        """Return the answers of the only part."""
        return self.only.answers

    @property
    def rater(self) -> Tensor:
        """Return the raters of the only part, as indices. Shape: (B,), int64."""
        return self.only.rater

    @property
    def raters(self) -> tuple[RaterInfo, ...]:
        """Return the raters of the only part."""
        return self.only.raters

    @property
    def shown_order(self) -> Tensor:
        """Return the order in which the options of the only part were shown. Shape: (B, K), int64."""
        return self.only.shown_order

    @property
    def seconds(self) -> Tensor:
        """Return the time that each answer of the only part took, in seconds. Shape: (B,)."""
        return self.only.seconds

    def __getitem__(self, index: Any) -> Preferences:  # noqa: ANN401
        """Select rows of the only part by a slice, mask or index tensor."""
        return self.only[index]


def questions_of(part: Preferences[Statement]) -> list[tuple[object, ...]]:
    """Return what tells the questions of a part apart: what was shown, and the kind, criterion and rater."""
    queries, options = part.queries, part.queries.options
    shown = [hash(obs.tobytes()) for obs in options.obs.cpu().numpy()]
    names = [part.raters[int(index)].name for index in part.rater]
    criteria = [part.criteria[int(index)] for index in part.criterion]
    numbers = [int(number) for number in queries.query_id], [int(step) for step in queries.asked_at]
    return [(part.answers.kind, *question) for question in zip(*numbers, shown, criteria, names)]
