"""What is in feedback: numbers by hand, and a text that fits a terminal."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch

from prefgym.common.errors import UserError
from prefgym.core.feedback import Feedback
from prefgym.core.kinds import Ranking, Thumbs
from prefgym.core.preferences import Comparison, Preferences, RaterInfo, Sitting
from prefgym.core.queries import Queries
from prefgym.data.feedback import Card, write_feedback
from prefgym.report.feedback.agreement import Agreement
from prefgym.report.feedback.source import Label, Recorded, read
from prefgym.report.feedback.summary import RaterSummary, Summary, summarize
from prefgym.report.feedback.table import text
from prefgym.testing import example_preferences, example_segments

FOLDER = Path("feedback")
CARD = Card(
    env="prefgym/Hopper-v0",
    source="https://example.org/labels",
    instructions="Which runs better?",
    licence="CC-BY-4.0",
    consent="given",
)


def two_raters() -> Preferences:
    """Ask ann and bob the same four queries; see `example_preferences`: a tie, a skip, and two choices.

    Bob takes 1, 2, 3 and 40 seconds, and chooses the other option of the last query.
    """
    one = example_preferences("ann", 0)
    seconds = torch.tensor([1.0, 2.0, 3.0, 40.0])
    choice = one.answers.choice.clone()
    choice[3] = torch.tensor([0.0, 1.0])
    queries = replace(one.queries, query_id=one.query_id + 4)
    bob = (RaterInfo(name="bob", kind="human"),)
    other = replace(one, queries=queries, raters=bob, seconds=seconds, answers=replace(one.answers, choice=choice))
    return Preferences.cat([one, other])


def summary_of(preferences: Preferences, card: Card = CARD) -> Summary:
    write_feedback(FOLDER, preferences, card)
    return summarize(read(FOLDER))


def test_numbers_of_two_raters_by_hand() -> None:
    """Each has 4 queries: a tie, a skip and two choices. They agree on the tie and on one of two choices."""
    told = two_raters()
    found = summary_of(told)
    assert (found.num_queries, found.num_asked, found.num_answered, found.num_options) == (4, 8, 6, (2,))
    assert {name: getattr(found, name) for name in asdict(CARD)} == asdict(CARD)
    assert (found.sizes, found.factors) == ((3, 2), ("speed",))
    assert found.holds == ("task reward", "factors", "physics states")
    length = sorted(told.queries.options.length.flatten().tolist())
    assert found.steps == (length[0], (length[7] + length[8]) // 2, length[15])
    assert found.between_raters == Agreement(share=2 / 3, num=3)
    assert found.within_raters is None
    ann, bob = found.raters
    assert (ann.name, ann.kind, ann.settings, bob.name, bob.kind) == ("ann", "simulated", {"beta": 2.0}, "bob", "human")
    for one in found.raters:
        counts = (one.num_asked, one.num_answered, one.num_ties, one.num_skipped, one.num_failed, one.num_invalid)
        assert counts == (4, 3, 1, 1, 0, 0)
    assert (ann.seconds, bob.seconds) == (0.0, 3.0)  # of 1, 3 and 40: the second query was skipped
    returns = told.queries.options.reward
    assert returns is not None
    best = returns.sum(-1).argmax(-1)  # 1 and 0 are ann's choices, 1 and 1 are bob's
    assert ann.with_reward == Agreement(share=float((best[[2, 3]] == torch.tensor([1, 0])).double().mean()), num=2)
    assert bob.with_reward == Agreement(share=float((best[[2, 3]] == torch.tensor([1, 1])).double().mean()), num=2)


def test_without_the_truth_nothing_is_said_of_it() -> None:
    found = summary_of(two_raters().without_truth(), Card(env=""))
    assert (found.holds, found.factors, found.env) == ((), (), "")
    assert [one.with_reward for one in found.raters] == [None, None]
    assert "no task reward" in text(found)
    assert text(found).startswith("feedback: 4 queries, 6 answers\n")


def test_a_robot_that_is_no_environment_is_about_none() -> None:
    assert text(summary_of(two_raters(), Card(env="none"))).startswith("feedback: 4 queries, 6 answers\n")


def test_the_text_fits_a_terminal() -> None:
    """Names that do not fit are folded; outcomes that nobody has are left out."""
    told = two_raters()
    long = RaterInfo(name="somebody-with-quite-a-long-name-who-answers", kind="human")
    found = summary_of(replace(told, raters=(told.raters[0], long)), replace(CARD, instructions="Look at both. " * 20))
    lines = text(found).splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[0] == "feedback: 4 queries about prefgym/Hopper-v0, 6 answers"
    head = next(line for line in lines if line.startswith("rater "))
    assert head.split() == ["rater", "kind", "feedback", "asked", "answered", "ties", "skipped", "seconds", "reward"]
    assert next(line for line in lines if line.startswith("ann ")).split()[1:8] == [
        *("simulated", "comparison", "4", "3", "1", "1", "0.0")
    ]
    agreement = next(line for line in lines if line.startswith("agreement"))
    assert agreement == "agreement     two raters gave the same answer in 67 % of 3 pairs of answers"


def test_raters_of_one_name_are_told_apart_by_their_settings() -> None:
    """And only by those that differ."""
    told = two_raters()
    users = tuple(RaterInfo(name="user", settings={"weight": weight, "beta": 1.0}) for weight in (-1, 1))
    shown = text(summary_of(replace(told, raters=users)))
    assert "user weight=-1 " in shown and "user weight=1 " in shown
    assert "beta" not in shown


def test_signs_that_a_terminal_obeys_are_not_printed() -> None:
    nasty = RaterInfo(name="[b]\x1b[31m\nline")
    told = replace(two_raters(), raters=(nasty, nasty))
    shown = text(summary_of(told, Card(env="a\x1b[2Jb", instructions="\x07bell\nand line", source="\0 ", licence="\n")))
    assert "\x1b" not in shown and "\x07" not in shown and "source" not in shown
    assert "\n[b] [31m line" in shown
    assert "about a [2Jb" in shown and "instructions  bell and line" in shown


def test_several_versions_of_the_instructions_are_shown_with_their_names() -> None:
    shown = text(summary_of(two_raters(), Card(env="none", instructions={"1": "Look.", "2": "Look twice."})))
    assert "instructions  1: Look.; 2: Look twice." in shown


def test_the_summary_is_json() -> None:
    back = json.loads(json.dumps(asdict(summary_of(two_raters()))))
    assert [one["name"] for one in back["raters"]] == ["ann", "bob"]
    assert back["between_raters"] == {"share": pytest.approx(2 / 3), "num": 3}
    assert {*back["raters"][0]} == {*RaterSummary.__dataclass_fields__}


def test_queries_of_other_numbers_of_options_are_a_part_of_their_own() -> None:
    """Four pairs and three queries of three, whose segments are longer."""
    write_feedback(FOLDER, example_preferences(), CARD)
    options = example_segments(3, 3, num_steps=9, equal_lengths=True)
    info = RaterInfo(name="three")
    three = Preferences.of(Queries.of(options), Comparison.of(torch.tensor([2, 0, 1]), 3), info)
    pairs = read(FOLDER)
    found = summarize(replace(pairs, answers=Feedback.cat([pairs.answers, three])))
    assert (found.num_queries, found.num_asked, found.num_answered, found.num_options) == (7, 7, 6, (2, 3))
    assert (found.steps[2], [one.name for one in found.raters]) == (9, ["example", "three"])
    assert "2 or 3 segments of" in text(found)


def test_each_kind_of_a_rater_is_a_row_and_superseded_answers_are_left_out() -> None:
    """Ann orders three queries, of which she skips one, and then changes the first; she reacts to two segments.

    Her second ranking supersedes the first; both ask the same query, whose segments the thumbs do not show.
    """
    ann = RaterInfo(name="ann", kind="human", sitting=Sitting(name="monday"))
    queries = Queries.of(example_segments(3, 4))
    order = torch.tensor([[3, 1, 0, 2], [0, 1, 2, 3], [2, 0, 1, 3]])
    rankings = Ranking.of(order, torch.tensor([False, True, False]))
    first = Preferences.of(queries, rankings, ann, "safer")
    later = replace(ann, sitting=Sitting(name="tuesday"))
    again = replace(first[:1], raters=(later,), revision=torch.ones(1, dtype=torch.long))
    thumbs = Thumbs(status=torch.tensor([0, 0]), reaction=torch.tensor([1, 0]))
    reactions = Preferences.of(Queries.of(example_segments(2, 1, seed=5), first_id=9), thumbs, ann)
    recorded = Recorded(path=Path("all"), answers=Feedback.cat([first, again, reactions]), label=Label())
    found = summarize(recorded)
    assert (found.num_queries, found.num_asked, found.num_answered, found.num_superseded) == (5, 5, 4, 1)
    assert (found.between_raters, found.within_raters) == (None, None)
    rows = [(one.name, one.feedback, one.criteria, one.num_asked, one.num_answered) for one in found.raters]
    assert rows == [("ann", "ranking", ("safer",), 3, 2), ("ann", "thumbs", ("better",), 2, 2)]
    assert [(one.num_ties, one.num_shown_first, one.with_reward) for one in found.raters] == [(None, None, None)] * 2
    shown = text(found)
    assert "criteria      safer, better" in shown and "superseded    1 earlier answer\n" in shown
    assert "ties" not in shown


def test_saved_preferences_and_runs_are_read_as_well(finished_run: Path) -> None:
    two_raters().save("saved")
    found = summarize(read(Path("saved")))
    assert (found.path, found.env, found.format, found.num_asked) == ("saved", "", "", 8)
    run: Recorded = read(finished_run)
    assert summarize(run).env == "prefgym/InvertedPendulum-v0" == run.config["env"]
    with pytest.raises(UserError, match=r"^there is no nowhere: pass a feedback folder, or a run folder"):
        read(Path("nowhere"))
