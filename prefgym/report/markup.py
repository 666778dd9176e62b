"""Fragments of HTML. What is called text is escaped; what is called HTML is not, and comes from these functions."""

import base64
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape as escape

from prefgym.report.numbers import percent
from prefgym.video.clips import Clip


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A number on top of a page."""

    name: str
    value: str
    unit: str = ""
    """Text behind the value, in small letters."""
    about: str = ""
    """Text below it."""
    share: float | None = None
    """Length of a bar below it, between 0 and 1; None for no bar."""


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column of a table."""

    title: str
    """Text; on a phone it stands above each cell."""
    is_number: bool = False
    """Whether it is aligned at the right."""
    is_full: bool = False
    """Whether it takes the whole width of a phone."""
    head: str = ""
    """HTML in the place of the title, such as a scale."""


def card(title: str, *parts: str, about: str = "", name: str = "", kind: str = "") -> str:
    """Put HTML under a heading, with a few words of text beside it; without parts there is no card."""
    body = "".join(parts)
    if not body:
        return ""
    names = "".join(f' {attribute}="{value}"' for attribute, value in (("id", name), ("class", kind)) if value)
    beside = f"<p>{escape(about)}</p>" if about else ""
    return f'<section{names}><div class="head"><h2>{escape(title)}</h2>{beside}</div>{body}</section>'


def figures(shown: Sequence[Figure]) -> str:
    """Show numbers side by side."""
    return f'<dl class="figures">{"".join(map(_figure, shown))}</dl>' if shown else ""


def _figure(one: Figure) -> str:
    unit = f" <small>{escape(one.unit)}</small>" if one.unit else ""
    meter = "" if one.share is None else f'<i class="meter" style="--share:{100 * min(max(one.share, 0), 1):.1f}%"></i>'
    below = f"<span>{meter}{escape(one.about)}</span>"
    return f"<div><dt>{escape(one.name)}</dt><dd><b>{escape(one.value)}{unit}</b>{below}</dd></div>"


def caption(*sentences: str) -> str:
    """Put text below a picture; empty sentences are left out."""
    text = " ".join(sentence for sentence in sentences if sentence)
    return f'<p class="caption">{escape(text)}</p>' if text else ""


def note(text: str) -> str:
    """Say in text why something is missing."""
    return f'<p class="none">{escape(text)}</p>'


def command_line(words: str | Sequence[str]) -> str:
    """Show a command that one click selects; its lines break between words, not after a hyphen."""
    parts = words.split(" ") if isinstance(words, str) else [shlex.quote(word) for word in words]
    return '<code class="command">' + " ".join(f"<span>{escape(word)}</span>" for word in parts if word) + "</code>"


def commands(told: Mapping[str, str | Sequence[str]], hint: str = "") -> str:
    """Show commands, each under a few words of text on what it does, and a hint below."""
    shown = "".join(f'<p class="do">{escape(what)}</p>{command_line(words)}' for what, words in told.items())
    return shown + (f'<p class="hint">{escape(hint)}</p>' if hint else "")


def settings(told: Mapping[str, str]) -> str:
    """Show names and values as text."""
    return (
        '<dl class="settings">'
        + "".join(f"<dt>{escape(k)}</dt><dd>{escape(v)}</dd>" for k, v in told.items())
        + "</dl>"
    )


def folded(summary: str, *parts: str) -> str:
    """Hide HTML behind a line of text that unfolds it."""
    return f"<details><summary>{escape(summary)}</summary>{''.join(parts)}</details>"


def warnings(told: Mapping[str, str]) -> str:
    """List warnings: a few words, and a sentence on where they hold."""
    items = "".join(f"<li><b>{escape(kind)}</b>{escape(sentence)}</li>" for kind, sentence in told.items())
    return f'<ul class="warnings">{items}</ul>' if items else note("None.")


def table(
    columns: Sequence[Column], rows: Sequence[Sequence[str]], *, stacked: bool = False, tints: Sequence[int] = ()
) -> str:
    """Show HTML cells in rows; the first cell of a row is its heading.

    Args:
        columns: Columns, with their titles.
        rows: A cell for each column.
        stacked: Whether the rows of a phone are blocks.
        tints: Tint of each row; default: none.
    """
    head = "".join(f"<th{_class(column)}>{column.head or escape(column.title)}</th>" for column in columns)
    body = "".join(_tr(columns, cells, tints[place] if tints else None) for place, cells in enumerate(rows))
    kind = ' class="stack"' if stacked else ""
    return f'<div class="scroll"><table{kind}><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _tr(columns: Sequence[Column], cells: Sequence[str], tint: int | None) -> str:
    first, *others = cells
    tinted = "" if tint is None else f' class="tint-{tint}"'
    shown = f'<th scope="row"{_class(columns[0])}>{first}</th>'
    for column, cell in zip(columns[1:], others, strict=True):
        name = f' data-name="{escape(column.title)}"' if column.title else ""
        shown += f"<td{_class(column)}{name}>{cell}</td>"
    return f"<tr{tinted}>{shown}</tr>"


def _class(column: Column) -> str:
    kinds = [kind for kind, given in (("num", column.is_number), ("full", column.is_full)) if given]
    return f' class="{" ".join(kinds)}"' if kinds else ""


def tabs(name: str, panels: Mapping[str, str]) -> str:
    """Show one of up to four HTML panels, chosen by its title, without a script; print shows all of them."""
    radios = bar = shown = ""
    for place, (title, panel) in enumerate(panels.items()):
        checked = "" if place else " checked"
        radios += f'<input type="radio" name="{name}" id="{name}-{place}"{checked}>'
        bar += f'<label for="{name}-{place}">{escape(title)}</label>'
        shown += f'<div class="panel"><h3>{escape(title)}</h3>{panel}</div>'
    return f'<div class="tabs">{radios}<div class="bar">{bar}</div>{shown}</div>'


def legend(*items: str) -> str:
    """Show HTML items side by side; see `prefgym.report.plot.key`."""
    return f'<ul class="legend">{"".join(f"<li>{item}</li>" for item in items)}</ul>'


def shares(parts: Mapping[str, int]) -> str:
    """Draw counts as one bar with a legend below; parts of 0 are left out."""
    there = [(place, name, count) for place, (name, count) in enumerate(parts.items()) if count]
    total = sum(count for _, _, count in there)
    pieces = "".join(f'<span class="tint-{place}" style="flex-grow:{count}"></span>' for place, _, count in there)
    items = [
        f'<i class="tint-{place}"></i>{escape(name)} {count:,} <span class="quiet">{percent(count / total)}</span>'
        for place, name, count in there
    ]
    return f'<div class="shares">{pieces}</div>{legend(*items)}'


def film(picture: str, title: str, about: str, small: str = "", tint: int | None = None, beside: str = "") -> str:
    """Put a caption below a picture (HTML): a title, a few words, small print, and HTML beside the title."""
    tinted = "" if tint is None else f' class="tint-{tint}"'
    below = f"<small>{escape(small)}</small>" if small else ""
    words = f"{beside}<b>{escape(title)}</b> {escape(about)}{below}"
    return f"<figure{tinted}>{picture}<figcaption>{words}</figcaption></figure>"


def look_button(poses: str, name: str) -> str:
    """Make the button that shows segments in 3-D, from `prefgym.video.inline.packed_poses`; nothing without poses.

    It is hidden until the page's script finds that the browser can.
    """
    if not poses:
        return ""
    label = f'aria-label="{escape(name)} in 3-D" aria-pressed="false"'
    return f'<button type="button" class="look-button" {label} data-poses="{poses}" hidden>3-D</button>'


def films(*shown: str) -> str:
    """Put films side by side if there is room."""
    return f'<div class="films">{"".join(shown)}</div>' if any(shown) else ""


def pair(*parts: str, uneven: bool = False) -> str:
    """Put HTML side by side if there is room."""
    there = [f"<div>{part}</div>" for part in parts if part]
    return f'<div class="pair{" uneven" if uneven else ""}">{"".join(there)}</div>' if there else ""


def video(clip: Clip, label: str) -> str:
    """Embed a clip that loops without sound once somebody plays it."""
    mp4, poster = (base64.b64encode(data).decode("ascii") for data in (clip.mp4, clip.poster))
    return (
        f'<video controls loop muted playsinline preload="metadata" width="{clip.width}" height="{clip.height}" '
        f'aria-label="{escape(label)}" poster="data:image/jpeg;base64,{poster}" '
        f'src="data:video/mp4;base64,{mp4}"></video>'
    )
