"""Questions: asked once, whoever asks again."""

import hashlib
import json
from collections.abc import Mapping, Sequence

import sqlalchemy as sa

from prefgym.store.connect import Database
from prefgym.store.errors import StoreRefusal
from prefgym.store.records import NewQuestion, StoredQuestion
from prefgym.store.rows import Row, cfg_of, dumped, insert, study_row
from prefgym.store.statements import Shown, check_statement
from prefgym.store.study import StudyCfg
from prefgym.store.tables import question_segments, questions, segments
from prefgym.store.texts import check_line

MOST_SEGMENTS = 100
"""Most segments of a question; nobody compares more."""


def ask(database: Database, study_id: str, new: Sequence[NewQuestion]) -> list[int]:
    """Add questions to a study and return their numbers; one that is there already keeps the number it has.

    A question is identified by its query, its criterion, what it shows, and whether it is gold or for practice.

    Raises:
        StoreRefusal: If a segment is not in the store, or a known answer is no answer.
        UserError: If the study has no such criterion.
    """
    with database.writing() as connection:
        study = study_row(connection, study_id, lock=True)  # or two who ask the same would both add it
        cfg = cfg_of(study)
        numbers = _segment_numbers(connection, new)
        return [_ask_one(connection, study.number, cfg, one, numbers) for one in new]


def _segment_numbers(connection: sa.Connection, new: Sequence[NewQuestion]) -> Mapping[str, tuple[int, int]]:
    """Map the ids of segments to their numbers and steps."""
    wanted = sorted({name for one in new for name in one.segments})
    found: dict[str, tuple[int, int]] = {}
    columns = sa.select(segments.c.id, segments.c.number, segments.c.num_steps)
    for begin in range(0, len(wanted), 500):  # databases limit the values of a statement
        rows = connection.execute(columns.where(segments.c.id.in_(wanted[begin : begin + 500])))
        found |= {row.id: (row.number, row.num_steps) for row in rows}
    if missing := [name for name in wanted if name not in found]:
        raise StoreRefusal("unknown-segment", f"Add the segments of a question before it: {missing[0]!a} is missing.")
    return found


def _ask_one(
    connection: sa.Connection,
    study: int,
    cfg: StudyCfg,
    new: NewQuestion,
    numbers: Mapping[str, tuple[int, int]],
) -> int:
    cfg.criterion(new.criterion)
    least, most = (2, MOST_SEGMENTS) if cfg.kind in ("comparison", "ranking") else (1, 1)
    if not least <= len(new.segments) <= most:
        raise StoreRefusal("bad-question", f"A {cfg.kind} shows {least} to {most} segments, not {len(new.segments)}.")
    shown_sha256 = new.shown_sha256 or hashlib.sha256("\n".join(new.segments).encode()).hexdigest()
    check_line("the hash of what is shown", shown_sha256)
    _check_gold(cfg, new, numbers)
    role = "practice" if new.practice else "plain" if new.gold is None else "gold"
    key = {"query_id": new.query_id, "criterion": new.criterion, "shown_sha256": shown_sha256, "role": role}
    same = [questions.c.study == study, *(questions.c[name] == value for name, value in key.items())]
    known = connection.execute(sa.select(questions.c.number).where(*same)).scalar()
    if known is not None:
        return known
    gold = None if new.gold is None else dumped(new.gold)
    own = {"asked_at": new.asked_at, "gold": gold, "turn": -new.priority, "num_answers": 0, "full": False}
    number = insert(connection, questions, study=study, **key, **own)
    places = [
        {"question": number, "place": place, "segment": numbers[name][0]} for place, name in enumerate(new.segments)
    ]
    connection.execute(question_segments.insert(), places)
    return number


def _check_gold(cfg: StudyCfg, new: NewQuestion, numbers: Mapping[str, tuple[int, int]]) -> None:
    if new.gold is None:
        return
    shown = Shown(
        kind=cfg.kind,
        num_places=len(new.segments),
        num_steps=numbers[new.segments[0]][1],
        num_levels=cfg.num_levels,
    )
    check_statement(shown, {name: value for name, value in new.gold.items() if name != "text"})
    if not isinstance(new.gold.get("text", ""), str):
        raise StoreRefusal("bad-question", "The text of a known answer must be text.")


def all_questions(database: Database, study_id: str, after: int = 0) -> list[StoredQuestion]:
    """List the questions of a study with numbers above `after`, the oldest first.

    Raises:
        StoreRefusal: If there is no study of this id.
    """
    with database.reading() as connection:
        study = study_row(connection, study_id).number
        mine = sa.and_(questions.c.study == study, questions.c.number > after)
        shown: dict[int, list[str]] = {}
        places = (
            sa.select(question_segments.c.question, segments.c.id)
            .join(segments)
            .join(questions, questions.c.number == question_segments.c.question)
            .where(mine)
            .order_by(question_segments.c.question, question_segments.c.place)
        )
        for number, name in connection.execute(places):
            shown.setdefault(number, []).append(name)
        rows = connection.execute(questions.select().where(mine).order_by(questions.c.number))
        return [_stored(row, tuple(shown[row.number])) for row in rows]


def _stored(row: Row, shown: tuple[str, ...]) -> StoredQuestion:
    return StoredQuestion(
        number=row.number,
        query_id=row.query_id,
        asked_at=row.asked_at,
        segments=shown,
        criterion=row.criterion,
        shown_sha256=row.shown_sha256,
        gold=None if row.gold is None else json.loads(row.gold),
        practice=row.role == "practice",
        priority=-row.turn,
        num_answers=row.num_answers,
    )


def num_waiting(database: Database, study_id: str) -> int:
    """Count the questions that want more answers, gold and practice left out.

    Raises:
        StoreRefusal: If there is no study of this id.
    """
    with database.reading() as connection:
        study = study_row(connection, study_id).number
        waiting = (questions.c.study == study, questions.c.role == "plain", questions.c.full.is_(False))
        return connection.execute(sa.select(sa.func.count()).select_from(questions).where(*waiting)).scalar_one()
