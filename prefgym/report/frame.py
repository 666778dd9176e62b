"""The frame of every page: a bar on top, a sentence, figures, and cards in two columns; one file that loads nothing."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib import resources
from importlib.metadata import version
from pathlib import Path
from typing import Literal

from prefgym.common.errors import UserError
from prefgym.common.files import write_text, writing
from prefgym.report.markup import Figure, escape, figures
from prefgym.video.inline import script_hash, viewer_script

State = Literal["running", "stopped", "finished"]

HEAD_BYTES = 2000
"""Bytes of a page in which its title ends."""


@dataclass(frozen=True, kw_only=True)
class Page:
    """What a page shows."""

    title: str
    """Text of the window."""
    about: str
    """Text on the left of the bar on top: the environment."""
    name: str
    """Text beside it: the run."""
    verdict: str
    """The sentence on top: what was found."""
    rest: str
    """What to know about it."""
    figures: tuple[Figure, ...] = ()
    beside: tuple[str, ...] = ()
    """Cards (HTML) of the narrow column that come first on a phone; empty ones are left out."""
    main: tuple[str, ...] = ()
    """Cards of the wide column."""
    after: tuple[str, ...] = ()
    """Cards of the narrow column that come last on a phone."""
    state: State | None = None
    """What is said of a run; a page of a running one renews itself."""
    shapes: str = ""
    """What the poses of its buttons need: see `prefgym.report.footage.Footage`."""
    written: float | None = None
    """When the page was written, in seconds since 1970; default: now."""


def render(page: Page) -> str:
    """Return the page as HTML."""
    written = time.time() if page.written is None else page.written
    script = _asset("renew.js").replace("WRITTEN", f"{written:.0f}") if page.state == "running" else ""
    renewed = (
        f'<script>{script}</script><noscript><meta http-equiv="refresh" content="15"></noscript>' if script else ""
    )
    viewer = viewer_script() if page.shapes else ""
    drawn = (
        f'<script type="application/json" id="shapes">{page.shapes}</script><script type="module">{viewer}</script>'
        if viewer
        else ""
    )
    main, beside, after = ("".join(cards) for cards in (page.main, page.beside, page.after))
    html = f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{_policy(script, viewer)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{escape(page.title)} · prefgym</title>
<link rel="icon" href="data:,">
<style>
{_asset("style.css")}</style>
</head>
<body>
{_top(page, written)}
<main>
<div class="verdict"><h1>{escape(page.verdict)}</h1><p>{escape(page.rest)}</p></div>
{figures(page.figures)}
<div class="columns">
<div class="column">{beside}</div>
<div class="column main">{main}</div>
<div class="column">{after}</div>
</div>
</main>
{renewed}{drawn}
</body>
</html>
"""
    return html.encode("utf-8", "replace").decode("utf-8")  # half a surrogate pair in a name can be no text


def write(out: Path, make: Callable[[], str], title: str, command: str) -> Path:
    """Write a page where somebody asks for it, and return its path; an older page of the command is replaced.

    Args:
        out: HTML file; its folder is made if need be.
        make: Function that renders the page, whose title ends with `title`.
        title: Last words of the titles of such pages.
        command: Command that writes them.

    Raises:
        UserError: If it cannot be written, or something else than such a page is there.
    """
    if out.exists() and not _is_titled(out, title):
        raise UserError(f"{out} exists, and is no page of {command}: name another file with --out.")
    with writing(out):
        out.parent.mkdir(parents=True, exist_ok=True)
    write_text(out, make())
    return out


def _is_titled(file: Path, title: str) -> bool:
    """Return whether a file is a page with such a title."""
    if not file.is_file():
        return False
    with file.open("rb") as opened:
        return f"· {title} · prefgym</title>".encode() in opened.read(HEAD_BYTES)


def _top(page: Page, written: float) -> str:
    when = time.strftime("%d %b %Y, %H:%M", time.localtime(written)).lstrip("0")
    box, state = "", ""
    if page.state == "running":
        words = 'renews<span class="far"> itself</span>'
        box = f'<label class="renew"><input type="checkbox" id="renew" checked> {words}</label>'
    if page.state is not None:
        state = f'<span class="status {page.state}" id="state"><i></i><span>{page.state.capitalize()}</span></span>'
    brand = f'<span class="logo"></span><b>{escape(page.about)}</b><span class="crumb">{escape(page.name)}</span>'
    made = f'{box}<span class="date">written {when} · prefgym {escape(version("prefgym"))}</span>{state}'
    return f'<header class="top"><div class="brand">{brand}</div><div class="made">{made}</div></header>'


def _policy(*scripts: str) -> str:
    """Return the content security policy: nothing is loaded, and no script runs but these; empty ones are none."""
    hashes = " ".join(script_hash(script) for script in scripts if script)
    allowed = f" script-src {hashes};" if hashes else ""
    images = "img-src data:; media-src data:; style-src 'unsafe-inline'"
    return f"default-src 'none';{allowed} {images}; base-uri 'none'; form-action 'none'"


def _asset(name: str) -> str:
    return (resources.files("prefgym.report") / name).read_text(encoding="utf-8")
