"""Each kind of feedback on a page: its counts as a bar or a chart, one answer in words, and its options in order."""

from collections.abc import Mapping
from typing import cast

import torch
from torch import Tensor

from prefgym.core.kinds import Comparison, Intervention, Mark, Ranking, Rating, Statement, Status, Thumbs
from prefgym.core.preferences import Preferences
from prefgym.report.markup import shares
from prefgym.report.numbers import number
from prefgym.report.plot import NARROW, Plot, both
from prefgym.report.statistics import count_labels

WIDE = 560
"""Width of the chart of levels, in pixels."""
_WITHOUT = {Status.SKIPPED: "Skipped", Status.FAILED: "No answer", Status.INVALID: "Invalid answer"}


def counts(part: Preferences[Statement]) -> dict[str, int]:
    """Return the numbers of answers by what they say, in words."""
    said, given = part.answers, part.answers.answered
    if isinstance(said, Comparison):
        own = count_labels(cast(Preferences, part))
        found = {"shown first": own.first, "shown later": own.later, "tie": own.ties}
    elif isinstance(said, Ranking):
        whole = (said.rank >= 0).all(-1) & given
        found = {"ranked as a whole": _sum(whole), "ranked in part": _sum(given & ~whole)}
    elif isinstance(said, Rating):
        levels = torch.bincount(said.level[given], minlength=said.num_levels).numpy().tolist()
        found = {f"level {level + 1}": num for level, num in enumerate(levels)}
    elif isinstance(said, Thumbs):
        silent = given & (said.reaction == 0)
        found = {"good": _sum(said.reaction > 0), "bad": _sum(said.reaction < 0), "silent": _sum(silent)}
    elif isinstance(said, Mark):
        found = {"good part": _sum(given & said.good), "bad part": _sum(given & ~said.good)}
    else:
        found = {said.kind: _sum(given)}
    missing = (Status.SKIPPED, Status.FAILED, Status.INVALID)
    return found | {status.name.lower(): _sum(said.status == int(status)) for status in missing}


def _sum(mask: Tensor) -> int:
    return int(mask.sum())


def counted(part: Preferences[Statement]) -> str:
    """Draw the counts of answers: levels as columns, those of other kinds as one bar."""
    found = counts(part)
    if not isinstance(part.answers, Rating):
        return shares(found)
    levels = {name: num for name, num in found.items() if name.startswith("level ")}
    others = {name: num for name, num in found.items() if num and name not in levels}
    return both(lambda is_wide: _levels(list(levels.values()), is_wide)) + (shares(others) if others else "")


def _levels(nums: list[int], is_wide: bool) -> str:
    level = [float(place + 1) for place in range(len(nums))]
    size = (WIDE if is_wide else NARROW, 140)
    plot = Plot(size, (0.4, len(nums) + 0.6), (0, max(1, *nums)), "Answers by level")
    plot.axes("level, the highest is the best", "answers", number, number, x_ticks=level[:: -(-len(level) // 12)])
    plot.columns(level, [float(num) for num in nums], 0.6)
    return plot.svg()


def order_of(one: Preferences[Statement]) -> list[int]:
    """Return the options of one query from left to right: as ranked, or else as they were shown."""
    shown = [int(option) for option in one.shown_order[0]]
    if not isinstance(one.answers, Ranking):
        return shown
    rank = [int(place) for place in one.answers.rank[0]]
    return sorted(shown, key=lambda option: (rank[option] < 0, rank[option]))


def framed(one: Preferences[Statement]) -> list[bool]:
    """Return which options of one query were chosen, or are the best. Length: K."""
    said = one.answers
    if isinstance(said, Comparison):
        return [bool(share > 0) for share in said.choice[0]]
    if isinstance(said, Ranking):
        return [int(rank) == 0 for rank in said.rank[0]]
    return [False] * one.queries.num_options


def in_words(one: Preferences[Statement], letters: Mapping[int, str]) -> str:
    """Return one answer in words.

    Args:
        one: Preferences of one row.
        letters: Letters of the options.
    """
    said = one.answers
    status = Status(int(said.status[0]))
    if status is not Status.ANSWERED:
        return _WITHOUT[status]
    if isinstance(said, Comparison):
        return "Tie" if bool(said.tie[0]) else f"{letters[int(said.choice[0].argmax())]} is better"
    if isinstance(said, Ranking):
        return _ranked([int(rank) for rank in said.rank[0]], letters)
    if isinstance(said, Rating):
        return f"Level {int(said.level[0]) + 1} of {said.num_levels}"
    if isinstance(said, Thumbs):
        return {1: "Good", 0: "No reaction", -1: "Bad"}[int(said.reaction[0])]
    if isinstance(said, Mark):
        steps = said.share[0].nonzero()
        return f"{'Good' if bool(said.good[0]) else 'Bad'} in steps {int(steps[0]) + 1} to {int(steps[-1]) + 1}"
    if isinstance(said, Intervention):
        return f"Taken over in steps {int(said.start[0]) + 1} to {int(said.end[0])}"
    return said.kind.capitalize()


def _ranked(ranks: list[int], letters: Mapping[int, str]) -> str:
    """Return an order in words: "A > B = C, without D"."""
    groups = [[letters[option] for option, rank in enumerate(ranks) if rank == place] for place in sorted({*ranks})]
    unranked = sorted(letters[option] for option, rank in enumerate(ranks) if rank < 0)
    order = " > ".join(" = ".join(sorted(group)) for group in (groups[1:] if unranked else groups))
    return order + (f", without {', '.join(unranked)}" if unranked else "")
