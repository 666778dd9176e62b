"""The outermost layer: foreign hosts and origins are refused, bodies are bounded, answers carry strict headers."""

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from prefgym.labeling.caller import KEY, Caller, caller_of
from prefgym.labeling.config import ServerCfg
from prefgym.labeling.refusals import Refusal

READING = frozenset({"GET", "HEAD"})
"""Methods that change nothing here."""


def headers_of(cfg: ServerCfg) -> dict[str, str]:
    """Return the headers of every response."""
    policy = {
        "default-src": "'self'",
        "img-src": "'self' data: blob:",
        "media-src": "'self' blob:",
        "object-src": "'none'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": " ".join(cfg.embed_in) or "'none'",
    }
    return {
        "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in policy.items()),
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
    }


class Guard:
    """Lets a request through to the application, or refuses it.

    Args:
        app: The application.
        cfg: Settings of the server.
    """

    def __init__(self, app: ASGIApp, cfg: ServerCfg) -> None:
        self._app, self._cfg, self._headers = app, cfg, headers_of(cfg)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request; there are no web sockets."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers[name] = value
            await send(message)

        try:
            caller = caller_of(scope, self._cfg)
            if scope["method"] not in READING:
                check_origin(Headers(scope=scope), caller, self._cfg)
            bounded = Bounded(receive, Headers(scope=scope), self._cfg.max_body_bytes)
            inner = {**scope, KEY: caller, **_below_root(scope["path"], self._cfg.root_path)}
            await self._app(inner, bounded, send_with_headers)
        except Refusal as refusal:
            await refusal.response()(scope, receive, send_with_headers)


def check_origin(headers: Headers, caller: Caller, cfg: ServerCfg) -> None:
    """Refuse a change that another site's page may have asked the browser for.

    Browsers say where a request comes from, and no page can change what they say. Programs that are no browser send
    the address of the server as `Origin`.

    Raises:
        Refusal: If it comes from elsewhere, or nothing says where it comes from.
    """
    site, origins = headers.get("sec-fetch-site"), headers.getlist("origin")
    allowed = {caller.origin, *cfg.origins}
    is_ours = bool(origins) and all(origin.lower() in allowed for origin in origins)
    if (site is None and not origins) or (origins and not is_ours) or site not in (None, "same-origin"):
        raise Refusal(403, "origin", "This request does not come from the page of this server, so nothing was changed.")


class Bounded:
    """Receives the body of a request up to a number of bytes.

    Args:
        receive: Receives a part of it.
        headers: Headers of the request.
        most: The number of bytes.

    Raises:
        Refusal: If the request announces a longer body; calling it raises if more comes than that.
    """

    def __init__(self, receive: Receive, headers: Headers, most: int) -> None:
        self._receive, self._most, self._got = receive, most, 0
        announced = headers.get("content-length", "0")
        if not announced.isdigit() or len(announced) > 15 or int(announced) > most:
            raise too_large(most)

    async def __call__(self) -> Message:
        """Receive the next part."""
        message = await self._receive()
        self._got += len(message.get("body", b""))
        if self._got > self._most:
            raise too_large(self._most)
        return message


def too_large(most: int) -> Refusal:
    """Return the refusal of a body that is too long."""
    return Refusal(413, "too-large", f"A request has at most {most:,} bytes here.")


def _below_root(path: str, root: str) -> dict[str, str | bytes]:
    """Return the path without the part that a reverse proxy has in front of it, and may have left there."""
    if not root or not (path == root or path.startswith(f"{root}/")):
        return {}
    below = path.removeprefix(root) or "/"
    return {"path": below, "raw_path": below.encode()}


def is_json(headers: Headers) -> bool:
    """Return whether a body says that it is JSON, which no form of another site can."""
    return headers.get("content-type", "").partition(";")[0].strip().lower() == "application/json"
