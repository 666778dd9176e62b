"""What the routes of the API have in common: their prefix, and the reply to a refused request."""

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel

from prefgym.labeling.access import StatedRoute

PREFIX = "/api/v1"


class Refused(BaseModel):
    """The reply to a refused request."""

    detail: str
    """One sentence for people."""
    code: str
    """One word for programs."""


ERRORS: dict[int | str, dict[str, Any]] = {
    "4XX": {"model": Refused, "description": "The request is refused."},
    "5XX": {"model": Refused, "description": "The server cannot do it now; nothing is lost."},
}


def api_router(group: str) -> APIRouter:
    """Make the router of a group of routes."""
    return APIRouter(prefix=PREFIX, route_class=StatedRoute, tags=[group], responses=ERRORS)
