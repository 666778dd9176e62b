"""The card of the questions: what the rater answered, in numbers and beside clips."""

from collections.abc import Mapping

from prefgym.core.preferences import Preferences, Status
from prefgym.report.facts import View
from prefgym.report.markup import caption, card, film, films, note, shares, video
from prefgym.report.numbers import number, percent
from prefgym.report.statistics import LabelCounts, true_returns
from prefgym.video.clips import Clip


def questions(view: View) -> str:
    """Show answers by kind, and some of the questions from all of the run."""
    counts, preferences = view.counts, view.preferences
    if not view.run.learns_from_labels or preferences is None or counts is None or not counts.asked:
        return ""
    reason = view.footage.missing or "these queries were recorded without physics states"
    clips = [question(preferences, index, clip) for index, clip in view.footage.queries]
    shown = films(*clips) if clips else note(f"No clips: {reason.rstrip('.')}.")
    told = caption(_of_clips(view)) if clips else ""
    about = f"{counts.answered:,} answered of {counts.asked:,}"
    return card("Questions", shares(kinds(counts)), caption(*facts(counts)), shown, told, about=about, name="questions")


def kinds(counts: LabelCounts) -> dict[str, int]:
    """Return the numbers of answers by kind, in words."""
    return {
        "shown first": counts.first,
        "shown later": counts.later,
        "tie": counts.ties,
        "skipped": counts.skipped,
        "failed": counts.failed,
        "invalid": counts.invalid,
    }


def facts(counts: LabelCounts) -> list[str]:
    """Say how often choices fell on the option shown first, and how often they agree with the true return."""
    facts: list[str] = []
    if chosen := counts.first + counts.later:
        fell = percent(counts.first / chosen)
        facts.append(f"{fell} of {chosen:,} choices fell on the option shown first (no bias: 50 %).")
    if counts.comparable:
        agreeing = percent(counts.agreeing / counts.comparable)
        facts.append(f"{agreeing} of {counts.comparable:,} choices agree with the true return of the two clips.")
    return facts


def _of_clips(view: View) -> str:
    start = f"Questions from all of the run, with a tie and a skip if there are any{slowed(view.footage.queries[0][1])}"
    return f"{start}. Which option stands left was drawn by lot; the chosen one is framed."


def slowed(clip: Clip) -> str:
    """Say that a clip is in slow motion; empty if it is not."""
    return "" if clip.speed > 0.95 else f", slowed down to {clip.seconds:.0f} s"


def question(preferences: Preferences, index: int, clip: Clip) -> str:
    """Show the clip of a query above its answer."""
    one = preferences[index : index + 1]
    order = [int(option) for option in one.shown_order[0]]
    letters = {option: chr(ord("A") + place) for place, option in enumerate(order)}
    verdict, chosen = _verdict(one, letters)
    name = f"Question {int(one.query_id[0])}"
    about = f"question {int(one.query_id[0])}, asked after {int(one.queries.asked_at[0]):,} steps"
    if len(preferences.raters) > 1:
        about += f", by {preferences.raters[int(one.rater[0])].name}"
    returns, small = true_returns(one), ""
    if returns is not None:
        small = "True return " + ", ".join(f"{letters[k]} {number(float(returns[0, k]))}" for k in order)
    return film(video(clip, f"{name}: {verdict}"), verdict, about, small, tint=chosen)


def _verdict(one: Preferences, letters: Mapping[int, str]) -> tuple[str, int | None]:
    """Return the answer in words, and the place of the chosen option."""
    status = Status(int(one.answers.status[0]))
    if status is not Status.ANSWERED:
        words = {Status.SKIPPED: "Skipped", Status.FAILED: "No answer", Status.INVALID: "Invalid answer"}
        return words[status], None
    if bool(one.answers.tie[0]):
        return "Tie", None
    letter = letters[int(one.answers.choice[0].argmax())]
    return f"{letter} is better", ord(letter) - ord("A")
