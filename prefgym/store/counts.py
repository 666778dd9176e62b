"""Which answers and leases count: the expressions that assigning, recording and progress share."""

from collections.abc import Collection
from dataclasses import dataclass

import sqlalchemy as sa

from prefgym.store.rows import Row
from prefgym.store.study import StudyCfg
from prefgym.store.tables import assignments, questions, raters

COUNTED = ("answered", "skipped", "invalid")
"""Outcomes that are somebody's word on a question; a question that failed is asked again."""


FOR_RATER = sa.bindparam("for_rater", type_=sa.BigInteger())
IN_STUDY = sa.bindparam("in_study", type_=sa.BigInteger())
OF_QUESTIONS = sa.bindparam("of", type_=sa.BigInteger(), expanding=True)
OVERLAP = sa.bindparam("overlap", type_=sa.BigInteger())
NOW: sa.BindParameter[float] = sa.bindparam("now", type_=sa.Double[float]())
LATEST_END: sa.BindParameter[float] = sa.bindparam("latest_end", type_=sa.Double[float]())
"""What statements are made for; they are built once, since building takes SQLAlchemy longer than running them."""

MOST_OF_QUESTIONS = 500
"""Most numbers in a statement: databases limit them."""


def lease_ends(cfg: StudyCfg, now: float) -> float:
    """Return the latest end of a lease that can be true: a later one is from a clock that has been set back since."""
    return now + 2 * cfg.lease_s


IS_LIVE = sa.and_(assignments.c.lease_until > NOW, assignments.c.lease_until <= LATEST_END)
"""Whether the lease of an assignment runs."""

OTHERS_HOLD = (
    sa.select(sa.func.count())
    .select_from(assignments)
    .where(
        assignments.c.question == questions.c.number,
        assignments.c.rater != FOR_RATER,
        assignments.c.outcome.is_(None),
        assignments.c.repeat == 0,
        IS_LIVE,
    )
    .correlate(questions)
    .scalar_subquery()
)
"""How many others have a question before them now."""

_NUM_ANSWERS = (
    sa.select(sa.func.count())
    .select_from(assignments.join(raters))
    .where(
        assignments.c.question == questions.c.number,
        assignments.c.repeat == 0,
        assignments.c.outcome.in_(COUNTED),
        raters.c.excluded.is_(False),
    )
    .correlate(questions)
    .scalar_subquery()
)
_COUNT_AGAIN = (
    sa.update(questions)
    .where(questions.c.number.in_(OF_QUESTIONS))
    .values(num_answers=_NUM_ANSWERS, full=_NUM_ANSWERS >= OVERLAP)
)
_NUM_COUNTED = (
    sa.select(sa.func.count())
    .select_from(assignments.join(raters).join(questions, questions.c.number == assignments.c.question))
    .where(
        assignments.c.study == IN_STUDY,
        assignments.c.outcome.in_(COUNTED),
        questions.c.role != "practice",
        raters.c.excluded.is_(False),
    )
)
_NUM_LEASED = (
    sa.select(sa.func.count())
    .select_from(assignments.join(questions))
    .where(assignments.c.study == IN_STUDY, assignments.c.outcome.is_(None), IS_LIVE, questions.c.role != "practice")
)
_IS_PRACTICE = questions.c.role == "practice"
_NUM_BY_RATER = (
    sa.select(_IS_PRACTICE.label("practice"), sa.func.count().label("num"))
    .select_from(assignments.join(questions))
    .where(assignments.c.rater == FOR_RATER, assignments.c.outcome.is_not(None))
    .group_by(_IS_PRACTICE)
)
_NUM_PRACTICE = sa.select(sa.func.count()).select_from(questions).where(questions.c.study == IN_STUDY, _IS_PRACTICE)


def count_again(connection: sa.Connection, overlap: int, numbers: Collection[int]) -> None:
    """Count the raters whose word on these questions stands; to be called after what changes it."""
    ordered = sorted({*numbers})
    for begin in range(0, len(ordered), MOST_OF_QUESTIONS):
        connection.execute(_COUNT_AGAIN, {"of": ordered[begin : begin + MOST_OF_QUESTIONS], "overlap": overlap})


def num_counted(connection: sa.Connection, study: int) -> int:
    """Count the answers of a study that stand, practice left out and repeats included."""
    return connection.execute(_NUM_COUNTED, {"in_study": study}).scalar_one()


def num_leased(connection: sa.Connection, study: int, cfg: StudyCfg, now: float) -> int:
    """Count the questions of a study that somebody has before them now, practice left out."""
    lease = {"now": now, "latest_end": lease_ends(cfg, now)}
    return connection.execute(_NUM_LEASED, {"in_study": study, **lease}).scalar_one()


@dataclass(frozen=True, kw_only=True)
class RaterCounts:
    """Numbers of what one rater has answered."""

    mine: int
    """Answers that stand, practice left out and repeats included."""
    practice_left: int
    """Practice questions to come."""


def rater_counts(connection: sa.Connection, rater: Row, cfg: StudyCfg) -> RaterCounts:
    """Count what a rater has answered."""
    num = {bool(row.practice): row.num for row in connection.execute(_NUM_BY_RATER, {"for_rater": rater.number})}
    there = connection.execute(_NUM_PRACTICE, {"in_study": rater.study}).scalar_one() if cfg.practice else 0
    practice_left = max(min(cfg.practice, there) - num.get(True, 0), 0)
    return RaterCounts(mine=num.get(False, 0), practice_left=practice_left)
