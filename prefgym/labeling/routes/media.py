"""What the page draws: segments and geometries, named by a hash of what they hold, so that nobody loads them twice."""

from typing import Annotated

from fastapi import Path, Request, Response

from prefgym.labeling.access import Desk, TheDesk, access
from prefgym.labeling.api import api_router
from prefgym.labeling.packed_files import packed_response
from prefgym.labeling.refusals import Refusal

router = api_router("media")

Sha256 = Annotated[str, Path(pattern=r"^[0-9a-f]{64}$")]
FOREVER = "private, max-age=31536000, immutable"


@router.get("/segments/{segment_id}", response_class=Response, responses={200: {"content": {"*/*": {}}}})
@access("member")
def segment(segment_id: Sha256, request: Request, desk: TheDesk) -> Response:
    """Return what is drawn of a segment: poses of its geoms, or a film."""
    check_may_see(request, desk, segment_id)
    found = desk.store.segment(segment_id)
    return packed_response(request, found.drawing, found.media_type, segment_id, FOREVER)


@router.get("/geometries/{geometry_id}", response_class=Response, responses={200: {"content": {"*/*": {}}}})
@access("member")
def geometry(geometry_id: Sha256, request: Request, desk: TheDesk) -> Response:
    """Return the geometry of a task: JSON of all geoms."""
    check_may_see(request, desk, geometry_id)
    content, media_type = desk.store.geometry(geometry_id)
    return packed_response(request, content, media_type, geometry_id, FOREVER)


def check_may_see(request: Request, desk: Desk, name: str) -> None:
    """Refuse what no question of this rater shows; an admin may see all.

    Raises:
        Refusal: If there is none.
    """
    rater = request.state.rater
    if rater is not None and not desk.store.may_see(rater.id, name) and not desk.sessions.is_admin(request):
        raise Refusal(404, "unknown-segment", "None of your questions shows this.")
