"""The page of feedback: queries as clips, or the reason why there are none."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from parsed import Page

from prefgym.common.errors import UserError
from prefgym.core.feedback import Feedback
from prefgym.core.kinds import Thumbs
from prefgym.core.preferences import Preferences, RaterInfo
from prefgym.core.queries import Queries
from prefgym.data.feedback import Card, write_feedback
from prefgym.report.feedback.page import write_page
from prefgym.report.feedback.source import Label, Recorded, read
from prefgym.report.feedback.summary import summarize
from prefgym.testing import example_segments

FOLDER, PAGE = Path("feedback"), Path("pages", "page.html")
CHEETAH = "prefgym/HalfCheetah-v0"
NASTY = '"><script>alert(1)</script>$'


def page_of(preferences: Preferences, card: Card, num: int = 4) -> tuple[Page, str]:
    """Write feedback and its page; return the page, and why it has no clips."""
    write_feedback(FOLDER, preferences, card)
    feedback = read(FOLDER)
    missing = write_page(feedback, summarize(feedback), PAGE, num, ["prefgym", "feedback", "show", "feedback"])
    return Page(PAGE), missing


@pytest.mark.usefixtures("gl")
def test_queries_are_drawn_from_their_states(preferences: Preferences) -> None:
    """Four of nine, with the tie and the skip; with the model and the camera of the environment."""
    page, missing = page_of(preferences, Card(env=CHEETAH, instructions="Which runs better?"))
    assert missing == ""
    assert len(page.all("video")) == 4
    for words in ("Tie question 103", "Skipped question 105", "Which runs better?", "partial-return", CHEETAH):
        assert words in page.text
    assert "True return A" in page.text
    assert "prefgym feedback show feedback" in page.text
    feedback = read(FOLDER)
    write_page(feedback, summarize(feedback), PAGE, 100)  # over the first one
    assert len(Page(PAGE).all("video")) == 9


@pytest.mark.parametrize(
    ("env", "reason"),
    [
        ("nowhere-v0", "nowhere"),
        ("somebodys_module:Robot-v0", "asks for the module somebodys_module"),
        ("", "the physics model of this environment is not known"),
    ],
)
def test_without_the_environment_the_page_says_why_it_has_no_clips(
    preferences: Preferences, env: str, reason: str
) -> None:
    page, missing = page_of(preferences, Card(env=env))
    assert reason in missing
    assert not page.all("video")
    assert f"No clips: {missing.rstrip('.')}." in page.text


def test_without_states_and_pictures_the_page_says_so(preferences: Preferences) -> None:
    page, missing = page_of(preferences.without_truth(), Card(env=CHEETAH))
    assert missing == "the segments have neither physics states nor recorded pictures"
    assert f"No clips: {missing}." in page.text


def test_states_of_another_robot_end_in_one_sentence(preferences: Preferences) -> None:
    with pytest.raises(UserError, match=r"the physics states in feedback cannot be rendered: states have shape"):
        page_of(preferences, Card(env="prefgym/Ant-v0"))
    assert not PAGE.exists()


def test_words_of_others_are_shown_and_not_run(preferences: Preferences) -> None:
    told = replace(preferences.without_truth(), raters=(replace(preferences.raters[0], name=NASTY),))
    page, _ = page_of(told, Card(env=NASTY, instructions=NASTY, licence=NASTY))
    assert not page.all("script")
    assert page.text.count("alert(1)") >= 4


def test_a_file_that_is_no_such_page_is_left_alone(preferences: Preferences) -> None:
    PAGE.parent.mkdir()
    PAGE.write_text("<title>mine</title>")
    with pytest.raises(UserError, match=r"page\.html exists, and is no page of prefgym feedback show: name another"):
        page_of(preferences.without_truth(), Card(env=CHEETAH))
    assert PAGE.read_text() == "<title>mine</title>"


def test_reactions_have_a_bar_and_clips() -> None:
    """A good one and a silence; without pictures, the page says so."""
    reactions = Thumbs(status=torch.tensor([0, 0]), reaction=torch.tensor([1, 0]))
    thumbs = Preferences.of(Queries.of(example_segments(2, 1)), reactions, RaterInfo(name="ann", kind="human"))
    feedback = Recorded(path=Path("thumbs"), answers=Feedback.of(thumbs), label=Label())
    missing = "the segments have neither physics states nor recorded pictures"
    assert write_page(feedback, summarize(feedback), PAGE, 4) == missing
    text = " ".join(Page(PAGE).text.split())
    assert "ann human thumbs" in text
    assert "good 1 50 % silent 1 50 %" in text.replace("\N{NO-BREAK SPACE}", " ")
    assert "Thumbs, one segment each: 2 of 2 answered." in text
