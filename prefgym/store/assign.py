"""Who gets which question: leases, overlap, and what is mixed in."""

from collections.abc import Iterator, Sequence

import sqlalchemy as sa

from prefgym.store.connect import Database
from prefgym.store.counts import (
    FOR_RATER,
    IN_STUDY,
    OF_QUESTIONS,
    OTHERS_HOLD,
    OVERLAP,
    lease_ends,
    num_counted,
    num_leased,
    rater_counts,
)
from prefgym.store.mixing import Turn, turn
from prefgym.store.people import refuse_withdrawn
from prefgym.store.records import Assignment
from prefgym.store.rows import Row, cfg_of, dumped, insert, new_id, put_events_in_order, rater_row
from prefgym.store.shown import order_of, shown_assignments
from prefgym.store.study import StudyCfg
from prefgym.store.tables import assignments, question_segments, questions

MOST_AT_ONCE = 100
"""Most assignments of a rater at a time."""

REPEAT_AFTER = 5
"""A question is not repeated before the rater has had this many others."""


def assign(database: Database, rater_id: str, num: int, now: float | None = None) -> list[Assignment]:
    """Return up to `num` questions for a rater: first those that are leased already, in the same order.

    Args:
        database: The store.
        rater_id: Opaque name of the rater.
        num: Most assignments to return.
        now: Unix time, in seconds; what the clock says if it is left out.

    Raises:
        StoreRefusal: If there is no such rater, or the rater withdrew.
    """
    now = database.clock() if now is None else now
    num = min(max(num, 0), MOST_AT_ONCE)
    with database.writing() as connection:
        rater = rater_row(connection, rater_id, lock=True)  # two tabs of one rater take turns
        refuse_withdrawn(rater)
        if rater.paused or rater.excluded:
            return []
        giver = _Giver(connection, rater, cfg_of(rater), now)
        if giver.cfg.budget is not None:  # one at a time, or two would take the last one
            put_events_in_order(connection, rater.study)
        chosen = giver.choose(num)
        giver.lease(chosen)
        return shown_assignments(connection, giver.cfg, chosen)


def renew(database: Database, rater_id: str, names: Sequence[str], now: float | None = None) -> None:
    """Keep open assignments of a rater for another time of the lease; others are left as they are.

    An assignment whose lease ran out, and that somebody else has by now, is not taken back.

    Raises:
        StoreRefusal: If there is no such rater, or the rater withdrew.
    """
    now = database.clock() if now is None else now
    with database.writing() as connection:
        rater = rater_row(connection, rater_id, lock=True)
        refuse_withdrawn(rater)
        giver = _Giver(connection, rater, cfg_of(rater), now)
        mine = [row for row in giver.open_rows() if row.id in {*names}]
        giver.lease([row.number for row in mine if giver.holds(row) or giver.may_have_again(row)])


_OPEN = (
    sa.select(assignments, questions.c.role)
    .join(questions)
    .where(assignments.c.rater == FOR_RATER, assignments.c.outcome.is_(None))
    .order_by(assignments.c.number)
)
_KEEP = sa.update(assignments).where(assignments.c.number.in_(OF_QUESTIONS)).values(lease_until=sa.bindparam("until"))
_NUM_SLOTS = sa.select(sa.func.count()).select_from(assignments).where(assignments.c.rater == FOR_RATER)
_HAD = sa.exists().where(assignments.c.question == questions.c.number, assignments.c.rater == FOR_RATER)
_NUM_PRACTICE = sa.select(
    sa.func.count().label("num"), sa.func.coalesce(sa.func.sum(sa.case((_HAD, 1), else_=0)), 0).label("num_had")
).where(questions.c.study == IN_STUDY, questions.c.role == "practice")
_HAS_ROOM = questions.c.num_answers + OTHERS_HOLD < OVERLAP
_WANTING = (
    sa.select(questions.c.number)
    .where(questions.c.study == IN_STUDY, questions.c.role == "plain", questions.c.full.is_(False), ~_HAD, _HAS_ROOM)
    .order_by(questions.c.turn, questions.c.number)
    .limit(sa.bindparam("most"))
    .with_for_update(of=questions, key_share=True, skip_locked=True)
)
_THESE = sa.select(questions.c.number).where(questions.c.number.in_(OF_QUESTIONS))
_LOCKED = _THESE.with_for_update(key_share=True, skip_locked=True)  # none waits, so no two wait for each other
_WITH_ROOM = _THESE.where(_HAS_ROOM)
_TO_MIX_IN = (
    sa.select(questions.c.number)
    .where(questions.c.study == IN_STUDY, questions.c.role == sa.bindparam("source"), ~_HAD)
    .order_by(questions.c.turn, questions.c.number)
)
_AGAIN = assignments.alias()
_REPEATED = sa.exists().where(
    _AGAIN.c.question == assignments.c.question, _AGAIN.c.rater == FOR_RATER, _AGAIN.c.repeat > 0
)
_TO_REPEAT = (
    sa.select(assignments.c.question, assignments.c.shown_order)
    .join(questions)
    .where(
        assignments.c.rater == FOR_RATER,
        assignments.c.outcome == "answered",
        assignments.c.repeat == 0,
        assignments.c.slot < sa.bindparam("before"),
        questions.c.role == "plain",
        ~_REPEATED,
    )
    .order_by(assignments.c.slot)
)
_NUM_OPTIONS = (
    sa.select(sa.func.count()).select_from(question_segments).where(question_segments.c.question == sa.bindparam("of"))
)


class _Giver:
    """Gives questions to one rater, in one transaction."""

    def __init__(self, connection: sa.Connection, rater: Row, cfg: StudyCfg, now: float) -> None:
        self.connection, self.rater, self.cfg, self.now = connection, rater, cfg, now
        self._for = {
            "for_rater": rater.number,
            "in_study": rater.study,
            "now": now,
            "latest_end": lease_ends(cfg, now),
            "overlap": cfg.overlap,
        }

    def choose(self, num: int) -> list[int]:
        """Return the numbers of assignments, made where they are missing."""
        mine = self.open_rows()
        chosen = [row.number for row in mine if self.holds(row)][:num]
        for row in mine:
            if len(chosen) < num and row.number not in chosen and not self.holds(row) and self.may_have_again(row):
                chosen.append(row.number)
        missing = min(num - len(chosen), self._left(len(chosen)))
        if missing > 0:
            chosen += self._new(missing)
        return chosen

    def open_rows(self) -> Sequence[Row]:
        """Return the assignments of the rater without a standing answer, the oldest first."""
        return self.connection.execute(_OPEN, self._for).all()

    def holds(self, row: Row) -> bool:
        """Return whether the lease of an assignment runs."""
        return self.now < row.lease_until <= lease_ends(self.cfg, self.now)

    def may_have_again(self, row: Row) -> bool:
        """Return whether an assignment whose lease ran out may be taken up again."""
        if row.role != "plain" or row.repeat:
            return True
        return bool(self._with_room([row.question]))

    def lease(self, numbers: Sequence[int]) -> None:
        """Keep assignments for this rater."""
        if numbers:
            self.connection.execute(_KEEP, {"of": [*numbers], "until": self.now + self.cfg.lease_s})

    def _left(self, num_held: int) -> int:
        """Return how many more questions this rater may have by the budget and by the end of the study."""
        left = MOST_AT_ONCE
        if self.cfg.budget is not None:
            used = num_counted(self.connection, self.rater.study) + num_leased(
                self.connection, self.rater.study, self.cfg, self.now
            )
            left = min(left, self.cfg.budget - used)
        if self.cfg.completion_answers:
            counts = rater_counts(self.connection, self.rater, self.cfg)
            left = min(left, self.cfg.completion_answers - counts.mine + counts.practice_left - num_held)
        return left

    def _new(self, num: int) -> list[int]:
        slot = self.connection.execute(_NUM_SLOTS, self._for).scalar_one()
        num_practice = self._num_practice_due()
        plain = self._plain(num)
        made: list[int] = []
        for _ in range(num):
            drawn = turn(self.cfg, self.rater.ordinal, slot, practises=num_practice > 0)
            number = self._mixed_in(drawn, slot)
            num_practice -= 1
            if number is None:
                question = next(plain, None)
                if question is None:
                    break
                number = self._give(question, slot, drawn.order(self._num_options(question)))
            made.append(number)
            slot += 1
        return made

    def _num_practice_due(self) -> int:
        """Count the practice questions that the rater has not had; they may come after the first questions did."""
        if not self.cfg.practice:
            return 0
        rows = self.connection.execute(_NUM_PRACTICE, self._for).one()
        return min(self.cfg.practice, rows.num) - rows.num_had

    def _plain(self, num: int) -> Iterator[int]:
        """Yield questions that want this rater's answer, locked; of the highest priority first, then the oldest."""
        found = self.connection.execute(_WANTING, {**self._for, "most": num}).scalars().all()
        yield from self._with_room(found)

    def _with_room(self, numbers: Sequence[int]) -> list[int]:
        """Return which of these questions want an answer, locked and counted anew.

        PostgreSQL counts by what was there when the statement began: after a question is locked, its answers and
        leases have to be counted again, or two who ask at once could both take the last place.
        """
        if not numbers:
            return []
        these = {**self._for, "of": [*numbers]}
        locked = {*self.connection.execute(_LOCKED, these).scalars()}
        wanting = locked & {*self.connection.execute(_WITH_ROOM, these).scalars()}
        return [number for number in numbers if number in wanting]

    def _mixed_in(self, drawn: Turn, slot: int) -> int | None:
        """Make an assignment of what was drawn, other than a plain question; None if there is none to be had."""
        if drawn.source in ("practice", "gold"):
            found = self.connection.execute(_TO_MIX_IN, {**self._for, "source": drawn.source}).scalars().all()
            if not found:
                return None
            question = found[0] if drawn.source == "practice" else found[drawn.chosen(len(found))]
            return self._give(question, slot, drawn.order(self._num_options(question)))
        if drawn.source == "repeat":
            rows = self.connection.execute(_TO_REPEAT, {**self._for, "before": slot - REPEAT_AFTER}).all()
            if rows:
                row = rows[drawn.chosen(len(rows))]
                order = tuple(reversed(order_of(row.shown_order)))  # who goes by the place will contradict the first
                return self._give(row.question, slot, order, repeat=1)
        return None

    def _num_options(self, question: int) -> int:
        return self.connection.execute(_NUM_OPTIONS, {"of": question}).scalar_one()

    def _give(self, question: int, slot: int, order: tuple[int, ...], repeat: int = 0) -> int:
        own = {"slot": slot, "repeat": repeat, "shown_order": dumped(order), "lease_until": self.now}
        who = {"study": self.rater.study, "question": question, "rater": self.rater.number}
        return insert(self.connection, assignments, id=new_id(), **who, **own)
