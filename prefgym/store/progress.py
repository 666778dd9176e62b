"""How far a study is, and how its raters do."""

import json
import statistics
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from prefgym.store.answers import changed
from prefgym.store.connect import Database
from prefgym.store.counts import num_counted, num_leased, rater_counts
from prefgym.store.records import Progress, RaterProgress, StoredAnswer, Work
from prefgym.store.rows import Row, cfg_of, rater_row, study_row
from prefgym.store.statements import is_same
from prefgym.store.tables import assignments, events, questions, raters

Gold = dict[int, dict[str, Any]]
"""Known answers by the numbers of their questions."""


def progress(database: Database, study_id: str, now: float | None = None) -> Progress:
    """Count questions and answers of a study, in all and for each rater; of excluded raters as if they were not.

    Raises:
        StoreRefusal: If there is no study of this id.
    """
    now = database.clock() if now is None else now
    with database.reading() as connection:
        study = study_row(connection, study_id)
        cfg = cfg_of(study)
        given = changed(connection, study.number, cfg.kind, 0, repeats=True, exclusions=False)
        mine = raters.c.study == study.number
        people = connection.execute(raters.select().where(mine).order_by(raters.c.ordinal)).all()
        seen, gold = _last_seen(connection, study.number), _gold(connection, study.number)
        num, waiting = _num_by_role(connection, study.number)
        leased = num_leased(connection, study.number, cfg, now)
    standing: dict[str, list[StoredAnswer]] = defaultdict(list)
    for row in given:
        if row.status != "failed":
            standing[row.rater].append(row)
    counted = [row for person in people if not person.excluded for row in standing[person.name] if _is_plain(row)]
    return Progress(
        num_asked=num.get("plain", 0),
        num_waiting=waiting,
        num_leased=leased,
        num_answers=len(counted),
        num_gold=num.get("gold", 0),
        num_practice=num.get("practice", 0),
        raters=tuple(_of_rater(row, standing[row.name], gold, seen.get(row.number)) for row in people),
    )


def _is_plain(row: StoredAnswer) -> bool:
    return not (row.gold or row.practice or row.is_repeat)


def _of_rater(person: Row, standing: Sequence[StoredAnswer], gold: Gold, last_seen: float | None) -> RaterProgress:
    first = {row.question: row for row in standing if not row.is_repeat}
    counted = [row for row in first.values() if not row.practice]
    said = [row for row in counted if row.status == "answered"]
    places = [row.shown_order.index(row.statement["choice"]) for row in said if _is_choice(row)]
    known = [is_same(row.kind, row.statement, gold[row.question]) for row in said if row.gold]
    again = [row for row in standing if row.is_repeat and row.status == "answered" and row.question in first]
    return RaterProgress(
        id=person.id,
        name=person.name,
        participant=person.participant,
        excluded=person.excluded,
        withdrawn=person.withdrawn,
        num_answers=person.num_withdrawn if person.withdrawn else len(counted),
        num_skipped=sum(row.status == "skipped" for row in counted),
        median_seconds=statistics.median(row.seconds for row in counted) if counted else None,
        left_share=places.count(0) / len(places) if places else None,
        gold_right=sum(known),
        gold_asked=len(known),
        repeats_agree=sum(is_same(row.kind, row.statement, first[row.question].statement) for row in again),
        repeats_asked=len(again),
        last_seen=last_seen,
    )


def _is_choice(row: StoredAnswer) -> bool:
    return row.kind == "comparison" and row.statement["choice"] != "tie"


def _last_seen(connection: sa.Connection, study: int) -> dict[int, float]:
    """Map raters to the time of the newest of their events, by number and not by time."""
    own = (events.c.study == study, events.c.client_id.is_not(None))
    newest = sa.select(sa.func.max(events.c.number)).where(*own).group_by(events.c.rater)
    query = sa.select(events.c.rater, events.c.at).where(events.c.number.in_(newest))
    return {rater: at for rater, at in connection.execute(query)}


def _gold(connection: sa.Connection, study: int) -> Gold:
    known = (questions.c.study == study, questions.c.gold.is_not(None))
    rows = connection.execute(sa.select(questions.c.number, questions.c.gold).where(*known))
    return {number: json.loads(gold) for number, gold in rows}


def _num_by_role(connection: sa.Connection, study: int) -> tuple[dict[str, int], int]:
    """Count questions by role, and the plain ones that want more answers."""
    query = sa.select(questions.c.role, questions.c.full, sa.func.count()).where(questions.c.study == study)
    num: dict[str, int] = {}
    waiting = 0
    for role, is_full, count in connection.execute(query.group_by(questions.c.role, questions.c.full)):
        num[role] = num.get(role, 0) + count
        waiting += count if role == "plain" and not is_full else 0
    return num, waiting


def work(database: Database, rater_id: str) -> Work:
    """Say how far a rater is, at the cost of a few counts.

    Raises:
        StoreRefusal: If there is no such rater.
    """
    with database.reading() as connection:
        rater = rater_row(connection, rater_id)
        cfg = cfg_of(rater)
        counts = rater_counts(connection, rater, cfg)
        if cfg.completion_answers:
            is_done = counts.mine >= cfg.completion_answers and not counts.practice_left
            return Work(
                mine=counts.mine, total=cfg.completion_answers, practice_left=counts.practice_left, is_done=is_done
            )
        is_over = not cfg.open_ended and _num_left(connection, rater) == 0
        if cfg.budget is not None and num_counted(connection, rater.study) >= cfg.budget:
            is_over = True
        is_done = is_over and not counts.practice_left
        return Work(mine=counts.mine, total=None, practice_left=counts.practice_left, is_done=is_done)


def _num_left(connection: sa.Connection, rater: Row) -> int:
    """Count the plain questions that want more answers, and that this rater has not answered."""
    said = sa.exists().where(
        assignments.c.question == questions.c.number,
        assignments.c.rater == rater.number,
        assignments.c.outcome.is_not(None),
    )
    wanting = (questions.c.study == rater.study, questions.c.role == "plain", questions.c.full.is_(False), ~said)
    return connection.execute(sa.select(sa.func.count()).select_from(questions).where(*wanting)).scalar_one()
