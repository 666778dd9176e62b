"""Who may call a route: every route states it, and one that does not cannot be added."""

from collections.abc import Callable, Coroutine
from typing import Annotated, Any, Literal, TypeVar

from fastapi import Depends, Request, Response
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool

from prefgym.labeling.caller import KEY, Caller
from prefgym.labeling.config import ServerCfg
from prefgym.labeling.rates import Buckets
from prefgym.labeling.refusals import Refusal
from prefgym.labeling.security import READING, is_json
from prefgym.labeling.sessions import Sessions
from prefgym.store.records import Rater
from prefgym.store.store import Store

Access = Literal["anyone", "rater", "admin", "member"]
"""Everybody; a rater; an admin; or one of the latter two."""
Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])

_STATED = "prefgym_access"


def access(who: Access) -> Callable[[Endpoint], Endpoint]:
    """State who may call a route; written under its method and path."""

    def state(endpoint: Endpoint) -> Endpoint:
        setattr(endpoint, _STATED, who)
        return endpoint

    return state


def access_of(endpoint: Callable[..., Any]) -> Access | None:
    """Return who may call a route; None where it is not stated."""
    return getattr(endpoint, _STATED, None)


class Desk:
    """What all routes share.

    Args:
        store: The store.
        cfg: Settings of the server.
    """

    def __init__(self, store: Store, cfg: ServerCfg) -> None:
        self.store, self.cfg, self.sessions = store, cfg, Sessions(store, cfg)
        self.of_session = Buckets(cfg.session_rate, cfg.session_burst)
        self.of_address = Buckets(cfg.address_rate, cfg.address_burst)


def desk_of(request: Request) -> Desk:
    """Return what all routes share."""
    return request.app.state.desk


def rater_of(request: Request) -> Rater:
    """Return the rater who sent a request to a route for raters."""
    return request.state.rater


def store_of(request: Request) -> Store:
    """Return the store."""
    return desk_of(request).store


TheDesk = Annotated[Desk, Depends(desk_of)]
TheStore = Annotated[Store, Depends(store_of)]
TheRater = Annotated[Rater, Depends(rater_of)]


class StatedRoute(APIRoute):
    """A route that lets in whom it says, before it reads what was sent.

    Raises:
        TypeError: If its function does not say whom.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler."""
        handle, who = super().get_route_handler(), access_of(self.endpoint)
        if who is None:
            raise TypeError(f"{self.path} does not state who may call it")

        async def admitted(request: Request) -> Response:
            await run_in_threadpool(admit, request, who)
            return await handle(request)

        return admitted


def admit(request: Request, who: Access) -> None:
    """Let a request in, and note its rater.

    Raises:
        Refusal: If it comes from somebody else, too often, or does not say that it is JSON.
    """
    desk, caller = desk_of(request), caller_in(request)
    rater = desk.sessions.rater_of(request) if who != "admin" else None
    is_admin = who in ("admin", "member") and desk.sessions.is_admin(request)
    key = rater.id if rater is not None else "admin" if is_admin else None
    wait = desk.of_session.take(key) if key is not None else desk.of_address.take(caller.address)
    if wait:
        after = {"Retry-After": str(max(1, round(wait)))}
        raise Refusal(429, "slow-down", "These were too many requests at once: they are taken again soon.", after)
    if not {"anyone": True, "rater": rater is not None, "admin": is_admin, "member": key is not None}[who]:
        how = "the link that the server printed when it started" if who == "admin" else "your invitation link"
        raise Refusal(401, "no-session", f"Nobody is logged in here: open {how}.")
    request.state.rater = rater
    has_body = request.headers.get("content-length", "0") != "0" or "transfer-encoding" in request.headers
    if request.method not in READING and not is_json(request.headers) and (has_body or request.method == "POST"):
        raise Refusal(415, "not-json", "What is sent here is JSON, with the content type application/json.")


def caller_in(request: Request) -> Caller:
    """Return who calls."""
    return request.scope[KEY]
