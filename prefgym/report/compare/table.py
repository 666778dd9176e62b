"""The table of a comparison in a terminal, at most 80 columns wide."""

from rich.table import Table

from prefgym.report.compare.arms import Arm
from prefgym.report.compare.comparison import Arms
from prefgym.report.compare.verdict import number_range
from prefgym.report.numbers import number, percent


def make_table(one: Arms) -> Table:
    """Lay out arms and reference lines."""
    spread = "range" if one.average == "mean" else "95 %" if one.average == "IQM" else "95 % or range"
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 1, 0, 0), collapse_padding=True)
    table.add_column("arm", min_width=12)
    table.add_column("seeds")
    table.add_column(one.metric.removeprefix("true "), justify="right", max_width=12)
    table.add_column(spread, justify="right", no_wrap=True)
    for title in ("end early", "labels", "updates" if one.runs[0].is_offline else "steps", "time"):
        table.add_column(title, justify="right", no_wrap=title != "end early")
    for arm in one.arms:
        table.add_row(*_row(one, arm))
    if one.shipped is not None:
        shipped = one.shipped
        told = f"{number(shipped.low)} to {number(shipped.high)}"
        table.add_row("Task, shipped", f"{shipped.seeds}", number(shipped.iqm), told, style="dim")
    if one.expert is not None:
        table.add_row("Expert, shipped", "", number(one.expert), style="dim")
    return table


def _row(one: Arms, arm: Arm) -> tuple[str, ...]:
    centre, spread = arm.centre, arm.interval or arm.range
    early, num = arm.early(one.limit)
    fewest, most = arm.labels
    runs = arm.finished or arm.runs
    times = sorted(run.seconds for run in runs)
    most_steps = max(run.steps for run in runs)
    return (
        arm.name,
        f"{len(arm.finals)}{arm.unfinished}",
        "\N{EN DASH}" if centre is None else number(centre),
        "" if spread is None or len(arm.finals) < 2 else number_range(spread),
        percent(early / num).replace("\N{NO-BREAK SPACE}", " ") if num else "",
        f"{most:,}" if fewest == most else f"{fewest:,} to {most:,}",
        rounded(most_steps),
        clock(times[len(times) // 2]),
    )


def rounded(count: float) -> str:
    """Write a count with three digits.

    >>> [rounded(count) for count in (600, 1_003_520, 854_016)]
    ['600', '1M', '854k']
    """
    sizes = ((1e6, "M"), (1e3, "k"))
    return next((f"{count / size:.3g}{letter}" for size, letter in sizes if count >= size), f"{count:g}")


def clock(seconds: float) -> str:
    """Write a duration in hours, minutes and seconds.

    >>> clock(75.4), clock(3661)
    ('1:15', '1:01:01')
    """
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}" if minutes >= 60 else f"{minutes}:{rest:02d}"
