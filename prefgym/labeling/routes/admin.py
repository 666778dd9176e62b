"""What only an admin may do: invite people, pause the study, leave raters out."""

import time
from typing import Annotated

from fastapi import Path
from pydantic import BaseModel

from prefgym.labeling.access import TheDesk, TheStore, access
from prefgym.labeling.api import api_router
from prefgym.labeling.bodies import ExcludeBody, Id, InvitationBody, PauseBody
from prefgym.labeling.serve import rater_link
from prefgym.labeling.study_choice import TheStudy

router = api_router("admin")


class LinkReply(BaseModel):
    """A new invitation; its link is shown this once."""

    link: str


class InvitationReply(BaseModel):
    """An invitation, without its token, which nobody knows but who was given it."""

    id: int
    name: str | None
    max_raters: int | None
    num_raters: int
    """How many have used it."""
    created_at: float
    expires_at: float | None


@router.post("/admin/invitations")
@access("admin")
def invite(body: InvitationBody, study: TheStudy, desk: TheDesk) -> LinkReply:
    """Make a link that invites raters."""
    ends = None if body.hours is None else time.time() + 3600 * body.hours
    token = desk.store.invite(study.id, name=body.name, max_raters=body.max_raters, expires_at=ends)
    return LinkReply(link=rater_link(desk.cfg, token))


@router.get("/admin/invitations")
@access("admin")
def invitations(study: TheStudy, store: TheStore) -> list[InvitationReply]:
    """List the invitations of a study, the oldest first."""
    return [
        InvitationReply(
            id=one.id,
            name=one.name,
            max_raters=one.max_raters,
            num_raters=one.num_raters,
            created_at=one.created_at,
            expires_at=one.expires_at,
        )
        for one in store.invitations(study.id)
    ]


@router.delete("/admin/invitations/{number}", status_code=204)
@access("admin")
def revoke(number: Annotated[int, Path(ge=1, lt=2**63)], study: TheStudy, store: TheStore) -> None:
    """End an invitation; who has used it stays."""
    store.revoke(study.id, number)


@router.post("/admin/pause", status_code=204)
@access("admin")
def pause(body: PauseBody, study: TheStudy, store: TheStore) -> None:
    """Give out no more assignments, or give them out again; answers are taken all the time."""
    store.pause(study.id, body.paused)


@router.post("/admin/raters/{rater_id}/exclude", status_code=204)
@access("admin")
def exclude(rater_id: Id, body: ExcludeBody, store: TheStore) -> None:
    """Leave out all answers of a rater, or count them again; either is an event."""
    store.exclude(rater_id, body.excluded, by="admin")


@router.delete("/admin/raters/{rater_id}", status_code=204)
@access("admin")
def withdraw(rater_id: Id, store: TheStore) -> None:
    """Withdraw a rater who asked for it: all that the store has of this person is erased, and cannot come back."""
    store.withdraw(rater_id)
