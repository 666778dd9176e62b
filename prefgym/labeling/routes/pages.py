"""The pages and their modules: read once, found by their exact name, so that no name leads anywhere else."""

import hashlib
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable

from fastapi import APIRouter, Request, Response

from prefgym.labeling.access import StatedRoute, access
from prefgym.labeling.packed_files import packed_response
from prefgym.labeling.refusals import Refusal

router = APIRouter(route_class=StatedRoute, include_in_schema=False)

TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".webmanifest": "application/manifest+json",
}
"""Files that are served, by their ending, and their types."""


@dataclass(frozen=True)
class Page:
    """A file of the page."""

    content: bytes
    media_type: str
    digest: str


def read_pages() -> dict[str, Page]:
    """Read all files of the page, and of the viewer as `viewer/...`."""
    found = dict[str, Page]()
    for prefix, folder in (("", files("prefgym.labeling") / "page"), ("viewer/", files("prefgym.video") / "viewer")):
        if folder.is_dir():
            _read(folder, prefix, found)
    return found


def _read(folder: Traversable, prefix: str, found: dict[str, Page]) -> None:
    for entry in folder.iterdir():
        if entry.is_dir():
            _read(entry, f"{prefix}{entry.name}/", found)
        elif (media_type := TYPES.get("." + entry.name.rpartition(".")[2])) is not None:
            content = entry.read_bytes()
            found[prefix + entry.name] = Page(content, media_type, hashlib.sha256(content).hexdigest())


def page(request: Request, name: str) -> Response:
    """Return a file of the page; a browser asks each time whether it has changed.

    Raises:
        Refusal: If there is none of that name.
    """
    found: Page | None = request.app.state.pages.get(name)
    if found is None:
        raise Refusal(404, "unknown", "There is nothing here.")
    return packed_response(request, found.content, found.media_type, found.digest, "no-cache")


@router.get("/")
@access("anyone")
def rater_page(request: Request) -> Response:
    """Return the page of raters."""
    return page(request, "index.html")


@router.get("/admin")
@access("anyone")
def admin_page(request: Request) -> Response:
    """Return the page of admins; what it shows it asks for with their login."""
    return page(request, "admin.html")


@router.get("/service-worker.js")
@access("anyone")
def service_worker(request: Request) -> Response:
    """Return the service worker, from the root, since it serves what lies below its own path."""
    return page(request, "service-worker.js")


@router.get("/static/{name:path}")
@access("anyone")
def static(name: str, request: Request) -> Response:
    """Return a file that the pages load."""
    return page(request, name)
