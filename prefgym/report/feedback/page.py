"""The page of feedback: who answered, what was asked, and a few queries as clips."""

from collections.abc import Sequence
from pathlib import Path

from prefgym.report import frame
from prefgym.report.feedback.agreement import Agreement
from prefgym.report.feedback.source import Recorded, clips_of
from prefgym.report.feedback.summary import RaterSummary, Summary
from prefgym.report.feedback.table import facts, labels, segments, sentence
from prefgym.report.footage import Footage
from prefgym.report.markup import (
    Column,
    Figure,
    caption,
    card,
    command_line,
    escape,
    films,
    note,
    settings,
    table,
)
from prefgym.report.numbers import NO_BREAK, duration, percent
from prefgym.report.questions import counted_part, filmed, slowed

TITLE = "feedback"
DASH = "\N{EN DASH}"


def write_page(feedback: Recorded, summary: Summary, out: Path, num: int, command: Sequence[str] = ()) -> str:
    """Write the page of feedback.

    Args:
        feedback: The feedback.
        summary: Its summary.
        out: HTML file; its folder is made if need be.
        num: Number of queries shown as clips.
        command: Command that makes the page again, which it shows; empty for none.

    Returns:
        Why there are no clips; empty if there are some.

    Raises:
        UserError: If it cannot be written, something else than such a page is there, or states cannot be rendered.
    """
    footage = clips_of(feedback, num)
    frame.write(out, lambda: render_page(feedback, summary, footage, command), TITLE, "prefgym feedback show")
    return "" if footage.queries else footage.missing


def render_page(feedback: Recorded, summary: Summary, footage: Footage, command: Sequence[str] = ()) -> str:
    """Return the page as HTML."""
    name = Path(summary.path).name
    about = summary.env or "Feedback"
    return frame.render(
        frame.Page(
            title=f"{name} · {TITLE}",
            about=about,
            name=name,
            verdict=f"{sentence(summary)}.",
            rest="",
            figures=_figures(summary),
            beside=(card("What was asked", settings(facts(summary)), name="asked"),),
            main=(_raters(summary.raters), _questions(feedback, footage)),
            after=(card("Make this page", command_line(command)) if command else "",),
            shapes=footage.shapes,
        )
    )


def _figures(summary: Summary) -> tuple[Figure, ...]:
    names = {one.name for one in summary.raters}
    shown = [
        Figure(name="Queries", value=f"{summary.num_queries:,}", about=f"of {segments(summary)}"),
        Figure(
            name="Answered",
            value=f"{summary.num_answered:,}",
            about=f"of {summary.num_asked:,} asked",
            share=summary.num_answered / summary.num_asked,
        ),
        Figure(name="Raters", value=f"{len(names):,}"),
    ]
    if (between := summary.between_raters) is not None:
        about = f"{between.num:,} pairs of answers to one query"
        shown.append(Figure(name="Two raters agree", value=percent(between.share), about=about, share=between.share))
    return tuple(shown)


def _raters(raters: tuple[RaterSummary, ...]) -> str:
    heads = ("Kind", "Feedback", "Asked", "Answered", "Ties", "Skipped", "Failed", "Invalid", "Seconds", "Reward")
    columns = [Column(title="Rater")]
    columns += [Column(title=head, is_number=head not in ("Kind", "Feedback")) for head in heads]
    rows = [
        [escape(label), *map(escape, (
            one.kind, one.feedback, f"{one.num_asked:,}", f"{one.num_answered:,}",
            DASH if one.num_ties is None else f"{one.num_ties:,}",
            f"{one.num_skipped:,}", f"{one.num_failed:,}", f"{one.num_invalid:,}",
            DASH if one.seconds is None else duration(one.seconds), _share(one.with_reward),
        ))]
        for one, label in zip(raters, labels(raters), strict=True)
    ]  # fmt: skip
    told = "Seconds: median time of an answer. Reward: choices that fell on the option of the higher task reward."
    return card("Raters", table(columns, rows, stacked=True), caption(told), name="raters")


def _share(agreement: Agreement | None) -> str:
    return DASH if agreement is None else f"{percent(agreement.share)} of{NO_BREAK}{agreement.num:,}"


def _questions(feedback: Recorded, footage: Footage) -> str:
    answers = feedback.answers
    clips = filmed(footage)
    shown = films(*clips) if clips else note(f"No clips: {footage.missing.rstrip('.')}.")
    told = ""
    if clips:
        start = f"Some of the queries, with a tie and a skip if there are any{slowed(footage.queries[0][1])}."
        told = caption(
            start, "Options stand in the order in which the rater saw them, or ranked them; the chosen one is framed."
        )
    about = f"{answers.num_answered:,} answered of {len(answers):,}"
    return card("Questions", *map(counted_part, answers.parts), shown, told, about=about, name="questions")
