"""The work of a rater: assignments, their leases, and events."""

import time
from typing import Annotated, Literal

from fastapi import Body
from pydantic import BaseModel

from prefgym.labeling.access import TheDesk, TheRater, TheStore, access
from prefgym.labeling.api import api_router
from prefgym.labeling.bodies import MOST_EVENTS, AssignmentsBody, EventBody, LeasesBody
from prefgym.labeling.refusals import Refusal
from prefgym.store.errors import StoreRefusal
from prefgym.store.records import NewEvent

router = api_router("work")


class SegmentReply(BaseModel):
    """A segment, as far as it is known before it is loaded."""

    id: str
    num_steps: int
    dt_s: float
    geometry: str | None
    media_type: str


class AssignmentReply(BaseModel):
    """One question, given to this rater."""

    id: str
    kind: str
    criterion: str
    text: str
    segments: list[SegmentReply]
    """In the order of the places on the page."""
    practice: bool
    lease_s: float
    """Seconds until somebody else may get the question, unless it is renewed."""


class AssignmentsReply(BaseModel):
    """What there is to do."""

    assignments: list[AssignmentReply]
    done: bool
    """Whether the rater has nothing more to do in this study."""
    waiting: bool
    """Whether more may come."""


class PracticeReply(BaseModel):
    """What is said about the answer to a practice question."""

    right: bool
    text: str


class RefusedReply(BaseModel):
    """Why an event was not taken; it need not be sent again."""

    code: str
    detail: str


class ReceiptReply(BaseModel):
    """What became of an event."""

    client_id: str
    event: int | None
    """Its number; null if it was refused."""
    is_new: bool
    """Whether it was not there before."""
    practice: PracticeReply | None = None
    refused: RefusedReply | None = None


@router.post("/assignments")
@access("rater")
def assignments(body: AssignmentsBody, rater: TheRater, desk: TheDesk) -> AssignmentsReply:
    """Give out assignments: those that are open first, in the same order, then new ones."""
    store = desk.store
    study = store.study(rater.study)
    if study.cfg.consent and not rater.consented:
        raise Refusal(409, "no-consent", "Agree to the terms of the study first.")
    now = time.time()
    given = [] if study.paused else store.assign(rater.id, body.num, now)
    done = not given and not study.paused and store.work(rater.id).is_done
    return AssignmentsReply(
        assignments=[
            AssignmentReply(
                id=one.id,
                kind=one.kind,
                criterion=one.criterion,
                text=one.criterion_text,
                segments=[
                    SegmentReply(
                        id=segment.id,
                        num_steps=segment.num_steps,
                        dt_s=segment.dt_s,
                        geometry=segment.geometry,
                        media_type=segment.media_type,
                    )
                    for segment in one.segments
                ],
                practice=one.practice,
                lease_s=max(0.0, one.lease_until - now),
            )
            for one in given
        ],
        done=done,
        waiting=not given and not done,
    )


@router.post("/leases", status_code=204)
@access("rater")
def renew(body: LeasesBody, rater: TheRater, store: TheStore) -> None:
    """Go on with assignments: nobody else gets their questions for a while."""
    store.renew(rater.id, body.assignments)


@router.post("/events")
@access("rater")
def record(
    events: Annotated[list[EventBody], Body(min_length=1, max_length=MOST_EVENTS)], rater: TheRater, store: TheStore
) -> list[ReceiptReply]:
    """Record events in their order; all that this says it took is on the disk, and an event is taken once."""
    return [_recorded(event, rater.id, store) for event in events]


def _recorded(event: EventBody, rater_id: str, store: TheStore) -> ReceiptReply:
    statement = event.statement.model_dump(exclude_none=True)
    new = NewEvent(
        client_id=str(event.client_id),
        assignment=event.assignment,
        type=event.type,
        status=event.status,
        statement=statement,
        seconds=event.seconds,
        provenance=event.provenance,
    )
    try:
        receipt = store.record(rater_id, new)
    except StoreRefusal as refusal:  # the others of a queue are taken all the same
        told = RefusedReply(code=refusal.code, detail=str(refusal))
        return ReceiptReply(client_id=new.client_id, event=None, is_new=False, refused=told)
    said = None
    if receipt.practice and receipt.is_right is not None:
        said = PracticeReply(right=receipt.is_right, text=receipt.text)
    return ReceiptReply(
        client_id=new.client_id,
        event=receipt.event,
        is_new=receipt.is_new,
        practice=said,
    )


class EventReply(BaseModel):
    """An event of the rater's own."""

    event: int
    client_id: str
    assignment: str
    type: Literal["answer", "amend", "retract", "note", "press"]
    status: str
    statement: dict[str, object]
    at: float
    """When it came, in seconds since 1970; for display only."""


@router.get("/events")
@access("rater")
def history(rater: TheRater, store: TheStore) -> list[EventReply]:
    """List what the rater did, newest last."""
    return [
        EventReply(
            event=one.event,
            client_id=one.client_id,
            assignment=one.assignment,
            type=one.type,
            status=one.status,
            statement=dict(one.statement),
            at=one.at,
        )
        for one in store.history(rater.id)
    ]
