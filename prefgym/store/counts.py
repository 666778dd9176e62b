"""Which answers and leases count: the expressions that assigning, recording and progress share."""

from collections.abc import Collection
from dataclasses import dataclass

import sqlalchemy as sa

from prefgym.store.rows import Row
from prefgym.store.study import StudyCfg
from prefgym.store.tables import assignments, questions, raters

COUNTED = ("answered", "skipped", "invalid")
"""Outcomes that are somebody's word on a question; a question that failed is asked again."""


def lease_ends(cfg: StudyCfg, now: float) -> float:
    """Return the latest end of a lease that can be true: a later one is from a clock that has been set back since."""
    return now + 2 * cfg.lease_s


def is_live(cfg: StudyCfg, now: float) -> sa.ColumnElement[bool]:
    """Return whether the lease of an assignment runs."""
    return sa.and_(assignments.c.lease_until > now, assignments.c.lease_until <= lease_ends(cfg, now))


def others_hold(cfg: StudyCfg, now: float, rater: int) -> sa.ScalarSelect[int]:
    """Return how many others have a question before them now."""
    held = (
        assignments.c.question == questions.c.number,
        assignments.c.rater != rater,
        assignments.c.outcome.is_(None),
        assignments.c.repeat == 0,
        is_live(cfg, now),
    )
    return sa.select(sa.func.count()).select_from(assignments).where(*held).correlate(questions).scalar_subquery()


def count_again(connection: sa.Connection, study: int, overlap: int, numbers: Collection[int]) -> None:
    """Count the raters whose word on these questions stands; to be called after what changes it."""
    standing = (
        assignments.c.question == questions.c.number,
        assignments.c.repeat == 0,
        assignments.c.outcome.in_(COUNTED),
        raters.c.excluded.is_(False),
    )
    counted = sa.select(sa.func.count()).select_from(assignments.join(raters)).where(*standing).correlate(questions)
    num = counted.scalar_subquery()
    ordered = sorted({*numbers})
    for begin in range(0, len(ordered), 500):  # databases limit the values of a statement
        these = sa.and_(questions.c.study == study, questions.c.number.in_(ordered[begin : begin + 500]))
        connection.execute(sa.update(questions).where(these).values(num_answers=num, full=num >= overlap))


def num_counted(connection: sa.Connection, study: int) -> int:
    """Count the answers of a study that stand, practice left out and repeats included."""
    standing = (
        assignments.c.study == study,
        assignments.c.outcome.in_(COUNTED),
        questions.c.role != "practice",
        raters.c.excluded.is_(False),
    )
    tables = assignments.join(raters).join(questions, questions.c.number == assignments.c.question)
    return connection.execute(sa.select(sa.func.count()).select_from(tables).where(*standing)).scalar_one()


@dataclass(frozen=True, kw_only=True)
class RaterCounts:
    """Numbers of what one rater has answered."""

    mine: int
    """Answers that stand, practice left out and repeats included."""
    practice_left: int
    """Practice questions to come."""


def rater_counts(connection: sa.Connection, rater: Row, cfg: StudyCfg) -> RaterCounts:
    """Count what a rater has answered."""
    is_practice = questions.c.role == "practice"
    answered = (
        sa.select(is_practice.label("practice"), sa.func.count().label("num"))
        .select_from(assignments.join(questions))
        .where(assignments.c.rater == rater.number, assignments.c.outcome.is_not(None))
        .group_by(is_practice)
    )
    num = {bool(row.practice): row.num for row in connection.execute(answered)}
    mine, there = num.get(False, 0), 0
    if cfg.practice:
        all_there = (
            sa.select(sa.func.count()).select_from(questions).where(questions.c.study == rater.study, is_practice)
        )
        there = connection.execute(all_there).scalar_one()
    return RaterCounts(mine=mine, practice_left=max(min(cfg.practice, there) - num.get(True, 0), 0))
