"""The summary of feedback as text of 80 columns: facts, and a table of raters."""

import textwrap
from collections.abc import Mapping

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from prefgym.core.preferences import BETTER
from prefgym.report.feedback.summary import RaterSummary, Summary
from prefgym.report.numbers import percent

COLUMNS = 80
"""Width of the text."""
HEAD = 14
"""Width of the names of facts."""


def text(summary: Summary) -> str:
    """Write what is in feedback."""
    console = Console(width=COLUMNS, no_color=True)
    with console.capture() as captured:
        console.print(make_table(summary.raters))
    head = textwrap.wrap(f"{plain(summary.path)}: {sentence(summary)}", COLUMNS, break_on_hyphens=False)
    table = captured.get().rstrip().split("\n")
    return "\n".join([*head, "", *_lines(facts(summary)), "", *table, "", *textwrap.wrap(LEGEND, COLUMNS)])


LEGEND = (
    "seconds: median time of an answer; reward: share of the choices that fell on the option of the higher task reward"
)


def sentence(summary: Summary) -> str:
    """Say how many queries and answers there are, and about what."""
    about = f" about {plain(summary.env)}" if summary.env else ""
    answers, queries = _counted(summary.num_answered, "answer"), _counted(summary.num_queries, "query", "queries")
    return f"{queries}{about}, {answers}"


def facts(summary: Summary) -> dict[str, str]:
    """Return what is known of the queries and of the answers together, in words."""
    shortest, median, longest = summary.steps
    steps = f"{shortest:,} steps" if shortest == longest else f"{shortest:,} to {longest:,} steps, median {median:,}"
    obs, action = summary.sizes
    holds = [*summary.holds]
    if "factors" in holds:
        holds[holds.index("factors")] = f"factors ({', '.join(summary.factors)})"
    criteria = list(dict.fromkeys(name for one in summary.raters for name in one.criteria))
    told = {
        "queries": f"{segments(summary)} of {steps}",
        "segments": f"observations of {obs}, actions of {action}; {', '.join(holds) or 'no task reward, no states'}",
        "source": summary.source,
        "instructions": summary.instructions,
        "licence": summary.licence,
        "consent": summary.consent,
        "written": f"{summary.written_at}, {summary.format}" if summary.written_at else summary.format,
        "criteria": ", ".join(criteria) if criteria != [BETTER] else "",
        "superseded": _counted(summary.num_superseded, "earlier answer") if summary.num_superseded else "",
        "agreement": agreement(summary),
    }
    return {name: text for name, words in told.items() if (text := plain(words))}


def segments(summary: Summary) -> str:
    """Say how many segments a query shows: 2 segments, 2 or 4 segments."""
    return f"{' or '.join(map(str, summary.num_options))} segments"


def agreement(summary: Summary) -> str:
    """Say how often answers to the same query agree; empty if no query has several."""
    told: list[str] = []
    if (between := summary.between_raters) is not None:
        told.append(f"two raters gave the same answer in {percent(between.share)} of {between.num:,} pairs of answers")
    if (within := summary.within_raters) is not None:
        told.append(f"a rater repeated its answer in {percent(within.share)} of {within.num:,} pairs")
    return "; ".join(told)


def make_table(raters: tuple[RaterSummary, ...]) -> Table:
    """Lay out a row for each rater; outcomes that nobody has are left out."""
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 1, 0, 0), collapse_padding=True)
    table.add_column("rater", overflow="fold", min_width=10)
    names, columns = labels(raters), [cells(one) for one in raters]
    shown = [head for head in columns[0] if head not in OUTCOMES or any(row[head] not in "0-" for row in columns)]
    for head in shown:
        is_word = head in ("kind", "feedback")
        table.add_column(head, justify="left" if is_word else "right", no_wrap=True)
    for name, row in zip(names, columns, strict=True):
        table.add_row(escape(plain(name)), *(escape(row[head]) for head in shown))
    return table


OUTCOMES = ("ties", "skipped", "failed", "invalid")
"""Columns that are left out if they are zero throughout."""


def cells(one: RaterSummary) -> dict[str, str]:
    """Return the cells of a rater by the heads of their columns."""
    return {
        "kind": one.kind,
        "feedback": one.feedback,
        "asked": f"{one.num_asked:,}",
        "answered": f"{one.num_answered:,}",
        "ties": "-" if one.num_ties is None else f"{one.num_ties:,}",
        "skipped": f"{one.num_skipped:,}",
        "failed": f"{one.num_failed:,}",
        "invalid": f"{one.num_invalid:,}",
        "seconds": "-" if one.seconds is None else f"{one.seconds:.1f}",
        "reward": "-" if one.with_reward is None else percent(one.with_reward.share),
    }


def labels(raters: tuple[RaterSummary, ...]) -> list[str]:
    """Name raters; those of one name by the settings in which they differ, too."""
    return [_label(one, [other.settings for other in raters if other.name == one.name]) for one in raters]


def _label(one: RaterSummary, of_name: list[Mapping[str, object]]) -> str:
    differing = {key: value for key, value in one.settings.items() if any(other.get(key) != value for other in of_name)}
    return " ".join([one.name, *(f"{key}={value}" for key, value in differing.items())])


def plain(words: str) -> str:
    r"""Return words of a file in one line, without signs that a terminal obeys.

    >>> plain("red\n \x1b[31m")
    'red [31m'
    """
    return " ".join("".join(sign if sign.isprintable() else " " for sign in words).split())


def _lines(told: Mapping[str, str]) -> list[str]:
    lines: list[str] = []
    for name, words in told.items():
        first, *rest = textwrap.wrap(words, COLUMNS - HEAD, break_on_hyphens=False)
        lines += [f"{name:<{HEAD}}{first}", *(f"{'':<{HEAD}}{more}" for more in rest)]
    return lines


def _counted(num: int, one: str, many: str = "") -> str:
    return f"{num:,} {one if num == 1 else many or f'{one}s'}"
