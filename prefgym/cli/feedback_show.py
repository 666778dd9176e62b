"""`prefgym feedback show`: what is in a folder of feedback, and a page with some of its queries."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import tyro

from prefgym.cli.parse import parse
from prefgym.common.errors import UserError
from prefgym.common.limits import Count, check
from prefgym.report.feedback.page import write_page
from prefgym.report.feedback.source import read
from prefgym.report.feedback.summary import summarize
from prefgym.report.feedback.table import text

NUM_QUERIES = 4
PAGE = Path("feedback.html")


@dataclass(frozen=True, kw_only=True)
class ShowArgs:
    """Say what is in a folder of feedback: raters, queries, answers, ties, agreement.

    Raises:
        ValueError: If a number lies outside its limits.
    """

    folder: tyro.conf.Positional[Path]
    """Feedback folder or run folder."""
    out: Path | None = None
    """HTML page to write, with some of the queries as clips; default: none, or `feedback.html` with `--draw`."""
    draw: Count | None = None
    """Number of queries on the page; default: 4."""
    json: bool = False
    """Whether to write JSON instead of a table."""

    __post_init__ = check


def show(argv: list[str]) -> int:
    """Print the summary, and write the page. Returns the exit code."""
    args = parse(ShowArgs, argv, "prefgym feedback show")
    if args.out is not None and args.out.suffix not in (".html", ".htm"):
        raise UserError(f"--out {args.out}: it is a page in HTML; pass --out {args.out.with_suffix('.html')}")
    feedback = read(args.folder)
    summary = summarize(feedback)
    page = args.out or (PAGE if args.draw is not None else None)
    missing = ""
    if page is not None:
        command = ("prefgym", "feedback", "show", *argv)
        missing = write_page(feedback, summary, page, args.draw or NUM_QUERIES, command)
    if args.json:
        print(json.dumps({**asdict(summary), "page": None if page is None else str(page)}, indent=2))
        return 0
    print(text(summary))
    if page is not None:
        print(f"\npage: {page}{f', without clips: {missing}' if missing else ''}")
    return 0
