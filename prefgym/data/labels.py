"""Answers in the question store as feedback, with the segments that the store has."""

from prefgym.common.array_files import unpacked
from prefgym.common.errors import UserError, read_as
from prefgym.core.feedback import Feedback
from prefgym.core.packing import unpack_segments
from prefgym.core.segments import Segments
from prefgym.raters.answered import Key, Reading, Shown, feedback_of_answers, key_of
from prefgym.store.records import StoredQuestion
from prefgym.store.store import Store


def feedback_of_store(
    store: Store,
    study_id: str,
    *,
    after: int = 0,
    gold: bool = False,
    press_delay_s: tuple[float, float] = Reading.press_delay_s,
) -> Feedback | None:
    """Return what stands of the answers of a study; None if there are none.

    Args:
        store: The store.
        study_id: Id of the study.
        after: Number of an event; only what changed after it.
        gold: Whether to return the answers to questions whose answers are known, in the place of the others.
        press_delay_s: Shortest and longest time from what somebody reacts to until a press, in a live study.

    Raises:
        UserError: If the store has no such study, or not the segments that its questions are about.
    """
    cfg = store.study(study_id).cfg
    answers = [one for one in store.answers(study_id, after) if not one.practice and one.gold == gold]
    answered = {one.question for one in answers}
    questions = [one for one in store.questions(study_id) if one.number in answered]
    shown: dict[Key, Shown] = {}
    dt_s = Reading.dt_s
    for question in questions:
        options, dt_s = _options(store, question)
        about = Shown(options=options, query_id=question.query_id, asked_at=question.asked_at)
        shown[question.query_id, question.shown_sha256] = about
    records = {
        one.name: {"gold_right": one.gold_right, "gold_asked": one.gold_asked}
        for one in store.progress(study_id).raters
        if one.gold_asked
    }
    reading = Reading(num_levels=cfg.num_levels, press_delay_s=press_delay_s, dt_s=dt_s)
    return feedback_of_answers([one for one in answers if key_of(one) in shown], shown, reading, records)


def _options(store: Store, question: StoredQuestion) -> tuple[Segments, float]:
    """Return the options of a question, batch shape (K,), and the time of a step, in seconds."""
    stored = [store.segment(name) for name in question.segments]
    if not all(one.content for one in stored):
        raise UserError(
            f"the question store {store.url_shown} has no numbers of the segments of query {question.query_id}, only "
            "what they look like: the program that asked has them."
        )
    with read_as(f"the question store {store.url_shown} is damaged"):
        options = [unpack_segments(unpacked(one.content, f"segment {one.id[:12]}")) for one in stored]
        return Segments.stack(options), stored[0].dt_s
