"""Fragments of HTML; text from files and users goes through `escape`."""

import base64
from html import escape as escape

from prefgym.video.clips import Clip


def section(title: str, *parts: str, name: str) -> str:
    """Put parts under a heading; without parts there is no section."""
    body = "\n".join(part for part in parts if part)
    return f'<section id="{name}">\n<h2>{escape(title)}</h2>\n{body}\n</section>' if body else ""


def grid(*parts: str, kind: str = "halves") -> str:
    """Put parts side by side if there is room."""
    there = [part for part in parts if part]
    return f'<div class="grid {kind}">\n{"".join(there)}\n</div>' if there else ""


def figure(content: str, title: str, caption: str, kind: str = "") -> str:
    """Put a title above a picture and a caption below it."""
    heading = f"<h3>{escape(title)}</h3>" if title else ""
    return f'<figure class="panel {kind}">{heading}{content}<figcaption>{escape(caption)}</figcaption></figure>'


def note(text: str) -> str:
    """Give the reason for a missing part."""
    return f'<p class="note">{escape(text)}</p>'


def card(title: str, value: str, unit: str, about: str) -> str:
    """Show one number."""
    small = f" <small>{escape(unit)}</small>" if unit else ""
    shown = f"<dt>{escape(title)}</dt><dd>{escape(value)}{small}</dd>"
    return f'<div class="card">{shown}<dd class="about">{escape(about)}</dd></div>'


def video(clip: Clip, label: str) -> str:
    """Embed a clip that loops without sound; its controls stop it."""
    mp4, poster = (base64.b64encode(data).decode("ascii") for data in (clip.mp4, clip.poster))
    return (
        f'<video controls loop muted playsinline autoplay preload="auto" width="{clip.width}" height="{clip.height}" '
        f'aria-label="{escape(label)}" poster="data:image/jpeg;base64,{poster}" '
        f'src="data:video/mp4;base64,{mp4}"></video>'
    )


def bar(parts: dict[str, int], kinds: dict[str, str]) -> str:
    """Draw counts as one bar with a legend below; parts of 0 are left out."""
    there = {name: count for name, count in parts.items() if count}
    total = sum(there.values())
    pieces = "".join(
        f'<span class="{kinds[name]}" style="flex-grow:{count}" title="{escape(name)}: {count:,}"></span>'
        for name, count in there.items()
    )
    legend = "".join(
        f'<li><i class="{kinds[name]}"></i>{escape(name)} <b>{count:,}</b> <span>{percent(count / total)}</span></li>'
        for name, count in there.items()
    )
    return f'<div class="bar">{pieces}</div><ul class="legend">{legend}</ul>'


def percent(share: float) -> str:
    """Format a share as a percentage."""
    return f"{100 * share:.0f}\N{NO-BREAK SPACE}%"


def number(value: float) -> str:
    """Format a return or a count: grouped thousands, decimals for small values only."""
    if value == round(value) or abs(value) >= 100:
        return f"{value:,.0f}".replace("-", "\N{MINUS SIGN}")
    return f"{value:,.{1 if abs(value) >= 10 else 2}f}".replace("-", "\N{MINUS SIGN}")


def duration(seconds: float) -> str:
    """Format a duration in hours, minutes and seconds."""
    if seconds < 60:
        return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min"
