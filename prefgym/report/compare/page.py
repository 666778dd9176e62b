"""The page of a comparison."""

from collections.abc import Sequence
from pathlib import Path

from prefgym.report.compare import aside, charts, films, profile, sections
from prefgym.report.compare.comparison import Arms
from prefgym.report.compare.verdict import figures, rest, verdict
from prefgym.report.frame import Page, render, write
from prefgym.report.numbers import NO_BREAK

TITLE = "comparison"


def write_page(one: Arms, out: Path, command: Sequence[str] = (), *, with_films: bool = True) -> Path:
    """Write the page of a comparison, and return its path.

    Args:
        one: The arms.
        out: HTML file; its folder is made if need be.
        command: Command that makes the page again, which it shows; empty for none.
        with_films: Whether it has films of final policies.

    Raises:
        UserError: If it cannot be written, or something else than such a page is there.
    """
    return write(out, lambda: render_page(one, command, with_films=with_films), TITLE, "prefgym compare")


def render_page(one: Arms, command: Sequence[str] = (), *, with_films: bool = True) -> str:
    """Return the page as HTML."""
    main = (
        charts.learning(one),
        sections.arms(one),
        profile.profile(one),
        sections.soon(one),
        films.films(one) if with_films else "",
        sections.runs(one),
    )
    return render(
        Page(
            title=f"{one.env} · {TITLE}",
            about="Compare",
            name=one.env,
            verdict=_tied(verdict(one)),
            rest=_tied(rest(one)),
            figures=figures(one),
            beside=(aside.what_differs(one), aside.cautions(one)),
            main=tuple(map(_tied, main)),
            after=(aside.make_again(command), _tied(aside.method(one))),
        )
    )


def _tied(text: str) -> str:
    """Keep a number and its percent sign on one line."""
    return text.replace(" %", f"{NO_BREAK}%")
