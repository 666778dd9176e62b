"""The card of the questions: what the rater answered, in numbers and beside clips."""

from typing import cast

from prefgym.core.kinds import Comparison, Ranking, Statement
from prefgym.core.preferences import Preferences
from prefgym.report.facts import View
from prefgym.report.footage import Footage
from prefgym.report.kinds import counted, framed, in_words, order_of
from prefgym.report.markup import caption, card, film, films, look_button, note, video
from prefgym.report.numbers import number, percent
from prefgym.report.statistics import LabelCounts, count_labels, true_returns
from prefgym.video.clips import Clip


def questions(view: View) -> str:
    """Show answers by kind, and some of the questions from all of the run."""
    feedback = view.preferences
    if not view.run.learns_from_labels or feedback is None or not len(feedback):
        return ""
    reason = view.footage.missing or "these queries were recorded without physics states"
    clips = filmed(view.footage)
    shown = films(*clips) if clips else note(f"No clips: {reason.rstrip('.')}.")
    told = caption(_of_clips(view)) if clips else ""
    about = f"{feedback.num_answered:,} answered of {len(feedback):,}"
    return card("Questions", *map(counted_part, feedback.parts), shown, told, about=about, name="questions")


def counted_part(part: Preferences[Statement]) -> str:
    """Draw the counts of one kind, with its name unless it is a comparison of two."""
    kind, num_options = part.answers.kind, part.queries.num_options
    if isinstance(part.answers, Comparison):
        name = "" if num_options == 2 else f"Comparisons of {num_options}."
        return counted(part) + caption(name, *facts(count_labels(cast(Preferences, part))))
    name = f"{kind.capitalize()}, {f'{num_options} segments' if num_options > 1 else 'one segment'} each"
    return counted(part) + caption(f"{name}: {int(part.answers.answered.sum()):,} of {len(part):,} answered.")


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
    shown = view.footage.queries
    told = [f"Questions from all of the run, with a tie and a skip if there are any{slowed(shown[0][1])}."]
    if any(isinstance(one.answers, Comparison) for one, _ in shown):
        told.append("Which option stands left was drawn by lot; the chosen one is framed.")
    if any(isinstance(one.answers, Ranking) for one, _ in shown):
        told.append("Ranked options stand in their order, the best at the left.")
    return " ".join(told)


def slowed(clip: Clip) -> str:
    """Say that a clip is in slow motion; empty if it is not."""
    return "" if clip.speed > 0.95 else f", slowed down to {clip.seconds:.0f} s"


def filmed(footage: Footage) -> list[str]:
    """Show each query of the footage, with a button for its options in 3-D where they have poses."""
    every = footage.poses or ("",) * len(footage.queries)
    return [question(one, clip, poses) for (one, clip), poses in zip(footage.queries, every, strict=True)]


def question(one: Preferences[Statement], clip: Clip, poses: str = "") -> str:
    """Show the clip of one query above its answer; `poses` as in `Footage`."""
    order, is_best = order_of(one), framed(one)
    letters = {option: chr(ord("A") + place) for place, option in enumerate(order)}
    verdict = in_words(one, letters)
    name = f"Question {int(one.query_id[0])}"
    about = f"question {int(one.query_id[0])}, asked after {int(one.queries.asked_at[0]):,} steps"
    if len(one.raters) > 1:
        about += f", by {one.raters[int(one.rater[0])].name}"
    returns, small = true_returns(one), ""
    if returns is not None:
        each = [number(float(returns[0, option])) for option in order]
        small = "True return " + ", ".join(
            f"{letters[option]} {value}" if len(order) > 1 else value for option, value in zip(order, each)
        )
    chosen = [order.index(option) for option, best in enumerate(is_best) if best]
    tint = chosen[0] if len(chosen) == 1 else None
    return film(video(clip, f"{name}: {verdict}"), verdict, about, small, tint, look_button(poses, name))
