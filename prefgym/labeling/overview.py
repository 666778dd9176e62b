"""What an admin sees of a study."""

import math
import threading
from collections import Counter
from collections.abc import Sequence

from pydantic import BaseModel

from prefgym.core.intervals import Share
from prefgym.labeling.figures import FirstPlace, Table, first_place, pace, timeline
from prefgym.labeling.ledger import Ledger
from prefgym.store.agreement import Alpha
from prefgym.store.records import Progress, RaterProgress, StoredAnswer, Study
from prefgym.store.store import Store

GOLD_WANTED = 0.8
"""Share of gold questions that a rater is expected to answer right."""
ACTIVE_S = 120.0
"""Seconds after which somebody who does nothing is no longer shown as present."""
RECENT_S = 600.0
"""Seconds over which the pace of a study is measured."""
NUM_DISPUTED, NUM_RECENT = 12, 8


class ShareReply(BaseModel):
    """A share with its 95 % interval."""

    hits: float
    num: int
    value: float
    low: float
    high: float
    chance: float | None
    """Where it would be by chance, or without a bias."""
    off: bool
    """Whether the whole interval lies where it should not; see docs/labeling_studies.md."""


class AlphaReply(BaseModel):
    """Krippendorff's alpha."""

    value: float | None
    low: float | None
    high: float | None
    num_questions: int
    """Questions that two people or more answered."""
    level: str
    """How values differ: nominal or ordinal."""


class StudyReply(BaseModel):
    """A study."""

    id: str
    name: str
    kind: str
    instructions: str
    overlap: int
    has_code: bool
    paused: bool
    created_at: float


class CountReply(BaseModel):
    """How many questions have so many raters."""

    raters: int
    questions: int


class TimelineReply(BaseModel):
    """Answers by time."""

    start: float
    every_s: float
    counts: list[int]


class RecentReply(BaseModel):
    """An answer that came last."""

    event: int
    rater: str
    question: int
    status: str
    said: str
    at: float


class OverviewReply(BaseModel):
    """How far a study is."""

    now: float
    """The server's time, against which others are shown."""
    study: StudyReply
    studies: list[tuple[str, str]]
    """Id and name of all studies of the store."""
    answers: int
    goal: int
    """Answers that are wanted."""
    waiting: int
    leased: int
    practice: int
    by_raters: list[CountReply]
    """Questions by the number of people who answered them, most first."""
    timeline: TimelineReply | None
    per_minute: float
    active: int
    alpha: AlphaReply
    gold: ShareReply | None
    recent: list[RecentReply]


class RaterReply(BaseModel):
    """What one rater has done."""

    id: str
    name: str
    participant: str | None
    excluded: bool
    withdrawn: bool
    answers: int
    skipped: int
    median_seconds: float | None
    pace: list[float]
    with_others: ShareReply | None
    gold: ShareReply | None
    first_place: ShareReply | None
    repeats: ShareReply | None
    last_seen: float | None


class AgreementReply(BaseModel):
    """Who agrees with whom."""

    alpha: AlphaReply
    raters: list[str]
    kappa: list[list[float | None]]
    """Cohen's kappa of each pair of raters; null where it is not defined."""
    shared: list[list[int]]
    """What each pair of raters has both answered."""


class VoteReply(BaseModel):
    """How many said the same."""

    said: str
    raters: list[str]


class SegmentReply(BaseModel):
    """A segment, as far as it is known before it is loaded."""

    id: str
    env: str
    num_steps: int
    dt_s: float
    geometry: str | None
    media_type: str


class NoteReply(BaseModel):
    """What a rater wrote."""

    rater: str
    text: str


class DisputedReply(BaseModel):
    """A question about which people disagree."""

    question: int
    query: int
    criterion: str
    disagreement: float
    """Twice the disagreement of chance is 2."""
    segments: list[SegmentReply]
    """In the order of the options."""
    votes: list[VoteReply]
    notes: list[NoteReply]


class Board:
    """The figures of one study, computed again when an answer has come.

    Args:
        store: The store.
        study: Id of the study.
    """

    def __init__(self, store: Store, study: str) -> None:
        self.store, self.study = store, study
        self.ledger = Ledger(store, study)
        self._lock = threading.Lock()
        self._seen = -1
        self._figures: tuple[Table, Alpha] | None = None

    def _read(self) -> tuple[list[StoredAnswer], Table, Alpha]:
        with self._lock:
            event, answers = self.ledger.read()
            if self._figures is None or event != self._seen:
                table = Table.of(self.store.study(self.study).cfg.kind, answers)
                self._seen, self._figures = event, (table, table.alpha())
            return answers, *self._figures

    def overview(self, now: float) -> OverviewReply:
        """Return how far the study is."""
        study, progress = self.store.study(self.study), self.store.progress(self.study, now)
        answers, table, alpha = self._read()
        cfg = study.cfg
        plain = [row for row in answers if not (row.gold or row.practice or row.is_repeat)]
        goal = progress.num_asked * cfg.overlap
        line = timeline([row.at for row in plain])
        recent = [row.at for row in plain if 0 <= now - row.at < RECENT_S]
        since = max(60.0, min(RECENT_S, now - min((row.at for row in plain), default=now)))
        right, asked = (sum(getattr(one, name) for one in progress.raters) for name in ("gold_right", "gold_asked"))
        return OverviewReply(
            now=now,
            study=_study(study),
            studies=[(one.id, one.name) for one in self.store.studies()],
            answers=progress.num_answers,
            goal=goal if cfg.budget is None else min(goal, cfg.budget),
            waiting=progress.num_waiting,
            leased=progress.num_leased,
            practice=progress.num_practice,
            by_raters=_by_raters(plain, progress.num_asked, cfg.overlap),
            timeline=None if line is None else TimelineReply(**vars(line)),
            per_minute=60 * len(recent) / since,
            active=sum(_is_active(one, now) for one in progress.raters),
            alpha=_alpha(alpha, table),
            gold=_share(Share(hits=right, num=asked), None, GOLD_WANTED) if asked else None,
            recent=[_recent(row) for row in reversed(answers[-NUM_RECENT:])],
        )

    def raters(self, now: float) -> list[RaterReply]:
        """Return what each rater has done."""
        progress, kind = self.store.progress(self.study, now), self.store.study(self.study).cfg.kind
        answers, table, _ = self._read()
        others, chance = table.with_others(), table.chance()
        own = {one.name: [row for row in answers if row.rater == one.name] for one in progress.raters}
        return [
            RaterReply(
                id=one.id,
                name=one.name,
                participant=one.participant,
                excluded=one.excluded,
                withdrawn=one.withdrawn,
                answers=one.num_answers,
                skipped=one.num_skipped,
                median_seconds=one.median_seconds,
                pace=pace([row.seconds for row in own[one.name] if not row.practice]),
                with_others=_against(others, one.name, chance),
                gold=_share_of(one.gold_right, one.gold_asked, GOLD_WANTED, chance),
                first_place=_bias(first_place(kind, own[one.name])),
                repeats=_against(_repeats(progress), one.name, chance),
                last_seen=one.last_seen,
            )
            for one in progress.raters
        ]

    def agreement(self) -> AgreementReply:
        """Return who agrees with whom."""
        _, table, alpha = self._read()
        kappa = [[None if math.isnan(value) else value for value in row] for row in table.kappas().tolist()]
        return AgreementReply(
            alpha=_alpha(alpha, table), raters=list(table.raters), kappa=kappa, shared=table.shared().tolist()
        )

    def disputed(self, now: float, num: int = NUM_DISPUTED) -> list[DisputedReply]:
        """Return the questions about which people disagree most."""
        answers, table, _ = self._read()
        withdrawn = {one.name for one in self.store.progress(self.study, now).raters if one.withdrawn}
        found: list[DisputedReply] = []
        for number, value in list(table.disputed().items())[:num]:
            question = self.ledger.question(number)
            rows = [row for row in answers if row.question == number and not row.is_repeat]
            found.append(
                DisputedReply(
                    question=number,
                    query=question.query_id,
                    criterion=question.criterion,
                    disagreement=value,
                    segments=[self._segment(name) for name in question.segments],
                    votes=_votes(rows),
                    notes=[
                        NoteReply(rater=note.rater, text=str(note.statement.get("text", "")))
                        for note in self.ledger.notes(number, withdrawn)
                    ],
                )
            )
        return found

    def _segment(self, name: str) -> SegmentReply:
        one = self.store.segment(name)
        return SegmentReply(
            id=one.id,
            env=one.env,
            num_steps=one.num_steps,
            dt_s=one.dt_s,
            geometry=one.geometry,
            media_type=one.media_type,
        )


def said(row: StoredAnswer) -> str:
    """Return in a word what an answer states, in the order of the options."""
    if row.status != "answered":
        return row.status
    stated = row.statement
    if row.kind == "comparison":
        return str(stated["choice"])
    if row.kind == "rating":
        return str(stated["level"])
    if row.kind == "thumbs":
        return str(stated["reaction"])
    if row.kind == "ranking":
        ranks: list[int] = stated["rank"]
        return " ".join(str(option) for option in sorted(range(len(ranks)), key=lambda k: (ranks[k] < 0, ranks[k])))
    marks: list[dict[str, bool]] = stated["stretches" if row.kind == "mark" else "presses"]
    num_good = sum(mark["good"] for mark in marks)
    return f"{num_good} {len(marks) - num_good}"


def _study(study: Study) -> StudyReply:
    cfg = study.cfg
    return StudyReply(
        id=study.id,
        name=cfg.name,
        kind=cfg.kind,
        instructions=cfg.instructions,
        overlap=cfg.overlap,
        has_code=bool(cfg.completion_code),
        paused=study.paused,
        created_at=study.created_at,
    )


def _by_raters(plain: Sequence[StoredAnswer], num_asked: int, overlap: int) -> list[CountReply]:
    num = Counter(min(count, overlap) for count in Counter(row.question for row in plain).values())
    num[0] = num_asked - sum(num.values())
    return [CountReply(raters=raters, questions=num[raters]) for raters in range(overlap, -1, -1)]


def _is_active(rater: RaterProgress, now: float) -> bool:
    return rater.last_seen is not None and 0 <= now - rater.last_seen < ACTIVE_S


def _recent(row: StoredAnswer) -> RecentReply:
    word = said(row)
    if row.kind == "comparison" and row.status == "answered" and word != "tie":
        word = f"place {row.shown_order.index(int(word))}"
    return RecentReply(event=row.event, rater=row.rater, question=row.question, status=row.status, said=word, at=row.at)


def _votes(rows: Sequence[StoredAnswer]) -> list[VoteReply]:
    votes: dict[str, list[str]] = {}
    for row in rows:
        votes.setdefault(said(row), []).append(row.rater)
    return [VoteReply(said=word, raters=votes[word]) for word in sorted(votes)]


def _alpha(alpha: Alpha, table: Table) -> AlphaReply:
    value, low, high = (None if math.isnan(one) else one for one in (alpha.value, alpha.low, alpha.high))
    return AlphaReply(value=value, low=low, high=high, num_questions=alpha.num_questions, level=table.level)


def _share(share: Share, chance: float | None, least: float | None) -> ShareReply:
    """Return a share, which is off if its whole interval lies below the least that is expected."""
    low, high = share.interval
    off = least is not None and high < least
    return ShareReply(hits=share.hits, num=share.num, value=share.value, low=low, high=high, chance=chance, off=off)


def _share_of(hits: int, num: int, least: float, chance: float | None) -> ShareReply | None:
    return _share(Share(hits=hits, num=num), chance, least) if num else None


def _against(shares: dict[str, Share], name: str, chance: float | None) -> ShareReply | None:
    """Return the share of one rater, which is off if its whole interval lies below that of the others together."""
    if name not in shares:
        return None
    others = [share for one, share in shares.items() if one != name]
    num = sum(share.num for share in others)
    return _share(shares[name], chance, sum(share.hits for share in others) / num if num else None)


def _repeats(progress: Progress) -> dict[str, Share]:
    return {
        one.name: Share(hits=one.repeats_agree, num=one.repeats_asked) for one in progress.raters if one.repeats_asked
    }


def _bias(found: FirstPlace | None) -> ShareReply | None:
    if found is None:
        return None
    reply = _share(found.share, found.expected, None)
    return reply.model_copy(update={"off": found.share.is_off(found.expected)})
