"""Logging in and out: a token from a link becomes a cookie."""

from typing import Literal

from fastapi import Request, Response
from pydantic import BaseModel

from prefgym.labeling.access import TheDesk, access, caller_in
from prefgym.labeling.api import api_router
from prefgym.labeling.bodies import AdminSession, InvitationSession
from prefgym.labeling.refusals import Refusal
from prefgym.store.errors import StoreRefusal

router = api_router("session")

_REFUSED = 10.0
"""Requests that a refused token counts as."""


class SessionReply(BaseModel):
    """Who is logged in now."""

    role: Literal["rater", "admin"]
    name: str
    """Pseudonym of a rater."""
    returning: bool = False
    """Whether the person was this rater before, so that the invitation was not used up."""


@router.post("/session")
@access("anyone")
def log_in(body: InvitationSession | AdminSession, request: Request, response: Response, desk: TheDesk) -> SessionReply:
    """Log in with the token of an invitation, or with the admin token."""
    if isinstance(body, AdminSession):
        if not desk.sessions.is_admin_token(body.admin_token):
            desk.of_address.charge(caller_in(request).address, _REFUSED)
            raise Refusal(403, "unknown", "This is not the admin token of this server: it has a new one at each start.")
        desk.sessions.open_admin(request, response)
        return SessionReply(role="admin", name="admin")
    before = desk.sessions.rater_of(request)
    try:
        is_same = before is not None and body.participant in (None, before.participant)  # people share machines
        if before is not None and is_same and desk.store.peek(body.invitation) == before.study:
            return SessionReply(role="rater", name=before.name, returning=True)
        rater = desk.store.join(body.invitation, body.participant)
    except StoreRefusal:
        desk.of_address.charge(caller_in(request).address, _REFUSED)
        raise
    if before is not None:
        desk.sessions.close(request, response, "rater")
    desk.sessions.open_rater(request, response, rater)
    return SessionReply(role="rater", name=rater.name, returning=rater.is_returning)


@router.delete("/session", status_code=204)
@access("anyone")
def log_out(request: Request, response: Response, desk: TheDesk, role: Literal["rater", "admin"] = "rater") -> None:
    """Log out; the page of a rater and that of an admin have a login each."""
    desk.sessions.close(request, response, role)
