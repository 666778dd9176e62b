"""Fragments of HTML: text is escaped, also in attributes."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from prefgym.report import markup
from prefgym.report.frame import Page, render
from prefgym.report.markup import Column, Figure

EVIL = "<script>alert(1)</script>\"'&"

FRAGMENTS: dict[str, Callable[[], str]] = {
    "card": lambda: markup.card(EVIL, "<p></p>", about=EVIL),
    "figures": lambda: markup.figures([Figure(name=EVIL, value=EVIL, unit=EVIL, about=EVIL, share=0.5)]),
    "caption": lambda: markup.caption(EVIL, "", EVIL),
    "note": lambda: markup.note(EVIL),
    "command": lambda: markup.command_line(EVIL) + markup.command_line([EVIL, "a b"]),
    "commands": lambda: markup.commands({EVIL: EVIL}, EVIL),
    "settings": lambda: markup.settings({EVIL: EVIL}),
    "folded": lambda: markup.folded(EVIL),
    "warnings": lambda: markup.warnings({EVIL: EVIL}),
    "table": lambda: markup.table([Column(title=EVIL), Column(title=EVIL)], [["a", "b"]], stacked=True, tints=[1]),
    "tabs": lambda: markup.tabs("axis", {EVIL: "one", "two": "two"}),
    "shares": lambda: markup.shares({EVIL: 3, "none": 0}),
    "film": lambda: markup.film("<video></video>", EVIL, EVIL, EVIL, tint=1),
    "page": lambda: render(Page(title=EVIL, about=EVIL, name=EVIL, verdict=EVIL, rest=EVIL, state="finished")),
}


@pytest.mark.parametrize("name", FRAGMENTS)
def test_text_is_escaped(name: str) -> None:
    html = FRAGMENTS[name]()
    assert "<script" not in html
    assert "&lt;script&gt;" in html
    assert '"\'&"' not in html


def test_parts_of_nothing_are_left_out() -> None:
    assert markup.card("title", "", "") == ""
    assert "none" not in markup.shares({"some": 3, "none": 0})
    assert markup.films("", "") == markup.pair("", "") == ""
    assert "None." in markup.warnings({})


def test_a_command_is_copied_as_it_was_typed() -> None:
    quoted = markup.command_line(["prefgym", "train", "--out", "my runs"])
    assert quoted == (
        '<code class="command"><span>prefgym</span> <span>train</span> <span>--out</span> '
        "<span>&#x27;my runs&#x27;</span></code>"
    )


def test_a_row_of_a_table_names_its_cells_on_a_phone() -> None:
    html = markup.table([Column(title="Arm"), Column(title="Mean", is_number=True)], [["a", "1"]], stacked=True)
    assert '<th scope="row">a</th><td class="num" data-name="Mean">1</td>' in html


def test_the_first_of_the_tabs_is_shown() -> None:
    html = markup.tabs("axis", {"Steps": "one", "Labels": "two"})
    assert html.count(" checked") == 1
    assert html.index("axis-0") < html.index("axis-1")


def test_only_a_running_page_has_a_script_and_no_other_may_run() -> None:
    page = Page(title="t", about="a", name="n", verdict="v", rest="r", state="finished")
    finished = render(page)
    assert "<script" not in finished and "script-src" not in finished
    running = render(replace(page, state="running", written=1000.4))
    assert running.count("<script>") == 1
    assert "Date.now() / 1000 - 1000)" in running
    assert "script-src 'sha256-" in running
    assert "'unsafe-inline'" not in running.split("script-src")[1].split(";")[0]
