"""Responses of bytes that are known by a hash: not sent again, and packed where that makes them smaller."""

import gzip
from functools import lru_cache

from starlette.requests import Request
from starlette.responses import Response

_WORTH_IT = 1024
"""Bytes from which on something is packed."""


def packed_response(request: Request, content: bytes, media_type: str, digest: str, keep: str) -> Response:
    """Return bytes, or 304 for a browser that has them.

    Args:
        request: The request.
        content: The bytes.
        media_type: Their type.
        digest: A hash of them.
        keep: The `Cache-Control` header.
    """
    headers = {"Cache-Control": keep, "ETag": f'"{digest[:32]}"', "Vary": "Accept-Encoding"}
    if headers["ETag"] in {
        tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")
    }:
        return Response(status_code=304, headers=headers)
    is_text = media_type.startswith(("text/", "application/json", "image/svg"))
    if is_text and len(content) >= _WORTH_IT and "gzip" in request.headers.get("accept-encoding", ""):
        content, headers["Content-Encoding"] = _packed(content), "gzip"
    return Response(content, media_type=media_type, headers=headers)


@lru_cache(maxsize=256)
def _packed(content: bytes) -> bytes:
    return gzip.compress(content, 6, mtime=0)
