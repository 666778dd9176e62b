"""The viewer in a real browser: its modules are served from the package, under a strict policy."""

import base64
import io
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Browser, Page, Route

from prefgym.video.drawing import Drawing

HOST = "http://viewer.test"
_PAGE = """<!DOCTYPE html><html lang="en"><title>viewer</title>
<style>body { margin: 0 } canvas { width: 100vw; height: 100vh; display: block }</style><canvas></canvas>"""
_POLICY = "default-src 'self'; style-src 'unsafe-inline'; img-src 'self' data: blob:; media-src 'self' blob:"


@contextmanager
def viewer_page(browser: Browser, width: int = 640, height: int = 480, scheme: Any = "light") -> Iterator[Page]:  # noqa: ANN401
    """Open a page that has the viewer's modules as `v`; fail the test if the browser complained of anything."""
    page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
    problems: list[str] = []
    page.on("console", lambda message: problems.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.route("**/*", _serve)
    page.goto(f"{HOST}/")
    page.evaluate("async () => { window.v = await import('/viewer/viewer.js'); }")
    yield page
    page.close()
    assert not problems, problems


def _serve(route: Route) -> None:
    name = route.request.url.removeprefix(f"{HOST}/")
    if not name:
        route.fulfill(body=_PAGE, content_type="text/html", headers={"Content-Security-Policy": _POLICY})
    elif name.startswith("viewer/"):
        file = resources.files("prefgym.video") / name
        route.fulfill(body=file.read_bytes(), content_type="text/javascript")
    else:
        route.fulfill(status=204)


def read_segment(page: Page, name: str, drawing: Drawing, geometry: bytes | None, dt: float) -> None:
    """Decode a segment in the page, as `window[name]`."""
    page.evaluate(
        """async ([name, bytes, mediaType, geometry, dt]) => {
             const read = geometry && v.readGeometry(geometry);
             window[name] = await v.readSegment(v.fromBase64(bytes), { mediaType, geometry: read, dt }); }""",
        [name, base64.b64encode(drawing.content).decode(), drawing.media_type, geometry and geometry.decode(), dt],
    )


def bytes_of(page: Page, expression: str, given: object = None) -> bytes:
    """Return the bytes of a typed array: as numbers, Playwright takes a second for every ten thousand."""
    text: str = page.evaluate(
        f"""(given) => {{
             const array = ({expression})(given);
             const bytes = new Uint8Array(array.buffer);
             let text = "";
             for (let at = 0; at < bytes.length; at += 8192)
               text += String.fromCharCode(...bytes.subarray(at, at + 8192));
             return btoa(text); }}""",
        given,
    )
    return base64.b64decode(text)


def pixels_of(page: Page) -> NDArray[np.uint8]:
    """Take a picture of the page. Shape: (H, W, 3)."""
    return np.asarray(Image.open(io.BytesIO(page.screenshot())).convert("RGB"))
