"""Numbers as a page writes them."""

NO_BREAK = "\N{NO-BREAK SPACE}"


def number(value: float) -> str:
    """Format a return or a count: grouped thousands, decimals for small values only.

    >>> [number(value) for value in (1234.5, 3.25, 0.333, 2e12)]
    ['1,234', '3.25', '0.33', '2e+12']
    """
    if abs(value) >= 1e10:
        text = f"{value:.3g}"
    elif value == round(value) or abs(value) >= 100:
        text = f"{value:,.0f}"
    else:
        text = f"{value:,.{1 if abs(value) >= 10 else 2}f}"
    return text.replace("-", "\N{MINUS SIGN}")


def steps(value: float) -> str:
    """Format a number of environment steps for an axis.

    >>> [steps(value) for value in (0, 500, 20_000, 2_500_000)]
    ['0', '500', '20k', '2.5M']
    """
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:g}{letter}"
    return f"{value:g}"


def percent(share: float) -> str:
    """Format a share as a percentage."""
    return f"{100 * share:.0f}{NO_BREAK}%"


def percent_range(low: float, high: float) -> str:
    """Format an interval of a share: 70 to 99 %."""
    return f"{100 * low:.0f} to {percent(high)}"


def duration(seconds: float) -> str:
    """Format a duration in hours, minutes and seconds.

    >>> [duration(seconds) for seconds in (3.21, 75, 7260)]
    ['3.2 s', '1 min 15 s', '2 h 01 min']
    """
    if seconds < 60:
        return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60:,} h {minutes % 60:02d} min"


def about(seconds: float) -> str:
    """Format a guess of a duration, which needs no seconds.

    >>> [about(seconds) for seconds in (4, 72, 400)]
    ['less than 10 s', '70 s', '7 min']
    """
    if seconds < 10:
        return "less than 10 s"
    return f"{round(seconds, -1):.0f} s" if seconds < 90 else duration(60 * round(seconds / 60)).removesuffix(" 00 s")
