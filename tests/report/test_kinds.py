"""Every kind of feedback on the page: counts, clips in their order, answers in words, and the accuracy of each."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from kinds import EXAMPLES
from parsed import Page

from prefgym.core.feedback import Feedback
from prefgym.core.kinds import Statement
from prefgym.core.preferences import Preferences
from prefgym.report import write_report
from prefgym.report.footage import film
from prefgym.report.kinds import counts, framed, in_words, order_of
from prefgym.report.questions import counted_part

LETTERS = {0: "A", 1: "B", 2: "C"}


def with_pictures(part: Preferences[Statement]) -> Preferences[Statement]:
    """Give each option its own shade of grey."""
    options = part.queries.options
    shade = torch.arange(part.queries.num_options) * 60 + 60
    frames = shade.view(1, -1, 1, 1, 1, 1).expand(*options.action.shape[:3], 64, 64, 3).to(torch.uint8)
    return replace(part, queries=replace(part.queries, options=replace(options, frames=frames)))


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("comparison", {"shown first": 1, "shown later": 1, "tie": 1}),
        ("ranking", {"ranked as a whole": 2, "ranked in part": 1}),
        ("rating", {"level 1": 1, "level 2": 0, "level 3": 1, "level 4": 0, "level 5": 1}),
        ("thumbs", {"good": 1, "bad": 1, "silent": 1}),
        ("mark", {"good part": 2, "bad part": 1}),
        ("demonstration", {"demonstration": 3}),
    ],
)
def test_answers_are_counted_by_what_they_say(kind: str, expected: dict[str, int]) -> None:
    """Three answers and a skip of each kind; in the comparisons, options were shown in reverse."""
    assert counts(EXAMPLES[kind]) == {**expected, "skipped": 1, "failed": 0, "invalid": 0}


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("ranking", ["B > C > A", "A, without B, C", "A = B > C"]),
        ("rating", ["Level 5 of 5", "Level 1 of 5", "Level 3 of 5"]),
        ("thumbs", ["Good", "No reaction", "Bad"]),
        ("mark", ["Good in steps 2 to 3", "Bad in steps 1 to 1", "Good in steps 3 to 4"]),
        ("intervention", ["Taken over in steps 1 to 3", "Taken over in steps 3 to 6", "Taken over in steps 2 to 2"]),
    ],
)
def test_each_answer_has_words(kind: str, words: list[str]) -> None:
    part = EXAMPLES[kind]
    assert [in_words(part[row : row + 1], LETTERS) for row in range(4)] == [*words, "Skipped"]


def test_ranked_options_stand_in_their_order() -> None:
    """Ranks 2, 0, 1; then options 1 and 2 unranked, which stay as they were shown: 2, 1, 0."""
    ranking = EXAMPLES["ranking"]
    assert order_of(ranking[:1]) == [1, 2, 0] and framed(ranking[:1]) == [False, True, False]
    assert order_of(ranking[1:2]) == [0, 2, 1]
    assert order_of(EXAMPLES["comparison"][:1]) == [1, 0]


def test_levels_are_columns() -> None:
    html = counted_part(EXAMPLES["rating"])
    assert len(re.findall(r'class="column"', html)) == 2 * 5  # wide and narrow
    assert "Rating, one segment each: 3 of 4 answered." in html


def test_a_few_of_each_kind_are_drawn() -> None:
    """Six films over three kinds; a single segment is half as wide as a pair."""
    parts = tuple(with_pictures(EXAMPLES[kind]) for kind in ("comparison", "ranking", "thumbs"))
    footage = film(episode=None, preferences=Feedback(parts), model=None, camera={}, fps=20.0)
    assert [one.answers.kind for one, _ in footage.queries] == ["comparison"] * 2 + ["ranking"] * 2 + ["thumbs"] * 2
    assert {one.answers.kind: clip.width for one, clip in footage.queries} == {
        "comparison": 2 * 64 + 6, "ranking": 3 * 64 + 12, "thumbs": 64,
    }  # fmt: skip


def test_the_page_shows_every_kind(make_run: Callable[[Path], Path], tmp_path: Path) -> None:
    run = make_run(tmp_path)
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    found = {"thumbs_accuracy": 0.75, "thumbs_num_held_out": 40.0, "thumbs_cross_entropy": 0.42}
    rows[-1] |= {f"reward_model/{name}": value for name, value in found.items()}
    (run / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    shown = [with_pictures(EXAMPLES[kind]) for kind in ("comparison", "ranking", "rating", "thumbs", "mark")]
    page = Page(write_report(run, model=None, camera={}, fps=20.0, preferences=Feedback(tuple(shown))))
    text = " ".join(page.text.split()).replace("\N{NO-BREAK SPACE}", " ")
    assert len(page.all("video")) == 6
    assert "15 answered of 20" in text
    for words in ("silent 1", "ranked in part 1", "good part 2", "Ranked options stand in their order"):
        assert words in text, words
    # Wilson for 30 of 40: (0.75 + 0.0480 -+ 1.96 sqrt(0.1875 / 40 + 0.0006)) / 1.0960 = 0.598, 0.858
    assert "thumbs 75 % 60 to 86 % 40 0.42" in text
    assert "guessing" not in text  # each kind has a chance level of its own
    assert "an event called 80 % occurs 80 % of the time" in text
