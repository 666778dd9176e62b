"""What the server answers instead of what it was asked for: a status, a code and one sentence."""

from collections.abc import Mapping

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse


class Refusal(HTTPException):
    """A request that is refused.

    Args:
        status: HTTP status.
        code: One word for programs.
        sentence: One sentence for people.
        headers: Further headers.
    """

    def __init__(self, status: int, code: str, sentence: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status, sentence, dict(headers or {}))
        self.code, self.sentence = code, sentence

    def response(self) -> JSONResponse:
        """Return it as a response."""
        return refused(self.status_code, self.code, self.sentence, self.headers)


def refused(status: int, code: str, sentence: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """Return a refusal as a response that nobody keeps."""
    return JSONResponse(
        {"detail": sentence, "code": code}, status, headers={"Cache-Control": "no-store", **(headers or {})}
    )
