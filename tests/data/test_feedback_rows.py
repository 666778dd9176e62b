"""Feedback of every kind as rows: everything that is stated comes back, and nothing that cannot be is read."""

import re
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from kinds import EXAMPLES
from same import assert_same_feedback
from torch import Tensor

from prefgym.common.errors import UserError
from prefgym.common.files import digest, read_sealed_json, write_sealed_json
from prefgym.core.feedback import Feedback
from prefgym.core.kinds import (
    KINDS,
    Comparison,
    Correction,
    Demonstration,
    Intervention,
    Mark,
    Ranking,
    Rating,
    Statement,
    Thumbs,
)
from prefgym.core.preferences import Preferences, RaterInfo, Sitting
from prefgym.core.queries import Queries
from prefgym.data.feedback import Card, read_feedback, write_feedback
from prefgym.data.feedback_rows import arrow_schema
from prefgym.data.row_schema import STATED, AnswerRow
from prefgym.runs.answers import answers_of
from prefgym.testing import example_segments

parquet: Any = import_module("pyarrow.parquet")
CARD = Card(env="prefgym/Hopper-v0", instructions={"1": "Which is better?", "2": "Which is safer?"})
FOLDER = Path("feedback")


def rows_in(folder: Path) -> list[dict[str, Any]]:
    """Read the rows with Parquet alone."""
    return parquet.read_table(folder / "answers.parquet").to_pylist()


def test_there_is_a_model_for_each_kind_and_a_column_for_each_field() -> None:
    """A kind that comes later needs both."""
    models = get_args(get_args(AnswerRow)[0])
    assert [get_args(model.model_fields["kind"].annotation)[0] for model in models] == list(KINDS)
    columns = set(arrow_schema(import_module("pyarrow")).names)
    assert columns == {name for model in models for name in model.model_fields}
    assert set(STATED) < columns


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_comes_back(kind: str) -> None:
    """With raters and their sittings, criteria, revisions and events; truth as well."""
    write_feedback(FOLDER, EXAMPLES[kind], CARD)
    back = read_feedback(FOLDER)
    assert_same_feedback(back, EXAMPLES[kind])
    assert back.only.criteria == ("better", "safe")
    assert back.raters == EXAMPLES[kind].raters
    assert {row["kind"] for row in rows_in(FOLDER)} == {kind}


def test_all_kinds_lie_in_one_folder() -> None:
    """Queries of one, two and three segments."""
    write_feedback(FOLDER, Feedback.cat([*EXAMPLES.values()]), CARD)
    assert_same_feedback(read_feedback(FOLDER), Feedback.cat([*EXAMPLES.values()]))
    assert read_feedback(FOLDER).kinds == tuple(KINDS.values())


def test_others_can_read_every_kind() -> None:
    """With nothing but Parquet: words for reactions, nulls where nothing was stated."""
    write_feedback(FOLDER, Feedback.cat([*EXAMPLES.values()]), CARD)
    stated = {kind: [row for row in rows_in(FOLDER) if row["kind"] == kind] for kind in KINDS}
    assert [row["strength"] for row in stated["comparison"]] == [0.5, 0.0, 1.0, None]
    assert [row["rank"] for row in stated["ranking"]] == [[2, 0, 1], [0, -1, -1], [0, 0, 1], None]
    assert [(row["level"], row["num_levels"]) for row in stated["rating"]] == [(4, 5), (0, 5), (2, 5), (None, 5)]
    assert [row["reaction"] for row in stated["thumbs"]] == ["good", "silent", "bad", None]
    assert [row["good"] for row in stated["mark"]] == [True, False, True, None]
    assert stated["mark"][2]["mark"] == [0, 0, 0.25, 0.75, 0, 0]
    assert [(row["start"], row["end"]) for row in stated["intervention"]] == [(0, 3), (2, 6), (1, 2), (None, None)]
    assert stated["correction"][0]["action"][:2] == [[0, 1], [2, 3]]
    assert [row["words"] for row in stated["correction"]] == [None, "langsamer, bitte ü", None, None]
    assert [(row["sitting"], row["event"]) for row in stated["demonstration"][:2]] == [("monday", 17), (None, 0)]
    manifest = read_sealed_json(FOLDER / "manifest.json")
    sitting = {"device": "phone", "duration_s": 60.0, "consent": "research", "instructions": "2"}
    assert manifest["sittings"] == {"monday": sitting}
    assert manifest["instructions"] == CARD.instructions


def test_a_correction_in_words_alone_has_no_action() -> None:
    words = Correction(
        status=torch.zeros(1, dtype=torch.long), action=torch.zeros(1, 6, 2), words=Correction.encoded(["slower"])
    )
    write_feedback(FOLDER, replace(EXAMPLES["correction"][:1], answers=words), CARD)
    assert [(row["action"], row["words"]) for row in rows_in(FOLDER)] == [(None, "slower")]
    (part,) = read_feedback(FOLDER).of_kind(Correction)
    assert part.answers.texts == ["slower"] and not part.answers.action.any()


def test_what_several_raters_saw_is_there_once() -> None:
    """Three raters, one query of two segments; the answers have ids of their own."""
    one = EXAMPLES["comparison"][:1]
    raters = [replace(one, raters=(RaterInfo(name=name, kind="human"),) * 2) for name in ("a", "b", "c")]
    write_feedback(FOLDER, Feedback.cat(raters), CARD)
    rows = rows_in(FOLDER)
    assert [row["segments"] for row in rows] == [[0, 1]] * 3
    assert [row["rater_id"] for row in rows] == ["a", "b", "c"]
    assert_same_feedback(read_feedback(FOLDER), Feedback.cat(raters))


@pytest.mark.parametrize("event", [0, 5])
def test_an_answer_names_the_one_that_it_supersedes(event: int) -> None:
    """If that is in the folder, whether a store took it or not; the reader counts only the last one."""
    first = replace(EXAMPLES["thumbs"][:1], event=torch.tensor([event]))
    second = replace(first, event=torch.tensor([event + 1 if event else 0]), revision=torch.tensor([1]))
    other = replace(second, raters=(RaterInfo(name="bob"), RaterInfo(name="script")))
    write_feedback(FOLDER, Feedback.cat([first, second, other]), CARD)
    rows = rows_in(FOLDER)
    assert [row["supersedes"] for row in rows] == [None, rows[0]["event_id"], None]
    assert len(read_feedback(FOLDER)) == 3 and len(read_feedback(FOLDER).current()) == 2


def test_two_sittings_of_one_name_are_refused() -> None:
    one = EXAMPLES["thumbs"][:1]
    other = RaterInfo(name="bob", kind="human", sitting=Sitting(name="monday", device="desk"))
    with pytest.raises(UserError, match="two sittings are called 'monday'"):
        write_feedback(FOLDER, Feedback.cat([one, replace(one, raters=(other,) * 2)]), CARD)


def test_segments_that_hold_different_things_are_refused() -> None:
    """Since one file has the same arrays for all; without the truth they fit."""
    parts = [EXAMPLES["thumbs"], EXAMPLES["rating"].without_truth()]
    with pytest.raises(UserError, match=r"must have the same arrays, and reward has \(6,\) and nothing"):
        write_feedback(FOLDER, Feedback.cat(parts), CARD)
    write_feedback(FOLDER, Feedback.cat(parts).without_truth(), CARD)


WORDS = ("", "", "slower", "ü \n\t'\"{}")


def stated(kind: str, status: Tensor, sizes: tuple[int, int, int], numbers: np.random.Generator) -> Statement:
    """Make statements of one kind about K options of T steps and A numbers an action."""
    (num, (num_options, num_steps, num_actions)), yes = (len(status), sizes), (status == 0).unsqueeze(-1)
    random: Callable[..., Tensor] = lambda *shape: torch.as_tensor(numbers.random((num, *shape))).float()  # noqa: E731
    whole: Callable[[int], Tensor] = lambda most: torch.as_tensor(numbers.integers(0, most, num))  # noqa: E731
    first = torch.nn.functional.one_hot(whole(num_options), num_options).bool()
    if kind == "comparison":
        share = torch.where(random(1) < 0.5, first.float(), torch.softmax(random(num_options), -1)) * yes
        tie = (random() < 0.3) & yes[:, 0]
        return Comparison(status=status, choice=share, tie=tie, strength=random() * yes[:, 0])
    if kind == "ranking":
        rank = torch.as_tensor(numbers.integers(-1, num_options, (num, num_options)))
        return Ranking(status=status, rank=rank.masked_fill(first, 0).masked_fill(~yes, -1))
    if kind == "rating":
        levels = int(numbers.integers(2, 7))
        return Rating(status=status, level=whole(levels) * yes[:, 0], num_levels=levels)
    if kind == "thumbs":
        return Thumbs(status=status, reaction=(whole(3) - 1) * yes[:, 0])
    if kind == "mark":
        return Mark(status=status, share=(random(num_steps) * 0.9 + 0.05) * yes, good=(random() < 0.5) & yes[:, 0])
    if kind == "intervention":
        start = whole(num_steps)
        return Intervention(status=status, start=start * yes[:, 0], end=(start + 1 + whole(4)) * yes[:, 0])
    if kind == "correction":
        texts = [WORDS[int(one)] if answered else "" for one, answered in zip(whole(len(WORDS)), status == 0)]
        action = random(num_steps, num_actions) * yes.unsqueeze(-1) * (random(1, 1) < 0.7)
        return Correction(status=status, action=action, words=Correction.encoded(texts))
    return Demonstration(status=status)


def part_of(kind: str, first_id: int, numbers: np.random.Generator) -> Preferences[Statement]:
    """Make answers of one kind by two raters, to queries of some size."""
    num = int(numbers.integers(1, 4))
    num_options = int(numbers.integers(2, 4)) if KINDS[kind].num_options[1] > 1 else 1
    num_steps = int(numbers.integers(1, 5))
    options = example_segments(num, num_options, num_steps=num_steps, seed=first_id)
    status = torch.as_tensor(numbers.integers(0, 4, num) * numbers.integers(0, 2, num))
    sitting = Sitting(name="monday", duration_s=1.5, instructions="1")
    return Preferences(
        queries=Queries.of(options, first_id=first_id, asked_at=3),
        answers=stated(kind, status, (num_options, num_steps, 2), numbers),
        rater=torch.as_tensor(numbers.integers(0, 2, num)),
        raters=(RaterInfo(name="ann", kind="human", sitting=sitting), RaterInfo(name="b", settings={"beta": 0.1})),
        shown_order=torch.as_tensor(np.stack([numbers.permutation(num_options) for _ in range(num)])),
        seconds=torch.as_tensor(numbers.random(num)).float(),
        criterion=torch.as_tensor(numbers.integers(0, 2, num)),
        criteria=("better", "saß"),
        revision=torch.as_tensor(numbers.integers(0, 3, num)),
        event=torch.as_tensor(numbers.integers(0, 2, num)),
    )


@settings(max_examples=40)
@given(kinds=st.lists(st.sampled_from([*KINDS]), min_size=1, max_size=5), seed=st.integers(0, 2**32))
def test_any_mix_comes_back(kinds: list[str], seed: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Kinds, numbers of options, steps and levels mixed, to the last bit."""
    numbers = np.random.default_rng(seed)
    feedback = Feedback.cat([part_of(kind, 10 * place, numbers) for place, kind in enumerate(kinds)])
    folder = tmp_path_factory.mktemp("mix") / "feedback"
    write_feedback(folder, feedback, CARD)
    assert_same_feedback(read_feedback(folder), feedback)
    assert len(answers_of(read_feedback(folder))) == sum(len(part) for part in feedback.parts)


@pytest.mark.parametrize(
    ("kind", "change", "told"),
    [
        ("ranking", {"rank": [0, 0]}, "rank has shape|expected sequence of length"),
        ("ranking", {"rank": [1, 1, 1]}, "must name a best option"),
        ("ranking", {"rank": [0, -2, 1]}, "greater than or equal to -1"),
        ("rating", {"level": 5}, r"a level must lie in 0\.\.4"),
        ("rating", {"num_levels": 1}, "greater than or equal to 2"),
        ("rating", {"num_levels": None}, "num_levels: field required"),
        ("thumbs", {"reaction": "meh"}, "reaction: input should be 'good', 'bad' or 'silent'"),
        ("thumbs", {"reaction": None}, "reaction must not be null in an answer"),
        ("thumbs", {"segments": [0, 1]}, "list should have at most 1 item"),
        ("mark", {"mark": [0.0] * 6}, "an answered mark must mean a step"),
        ("mark", {"mark": [1.0]}, "share has shape|expected sequence of length"),
        ("mark", {"good": None}, "good must not be null in an answer"),
        ("intervention", {"end": 0}, "an answered intervention must have a step"),
        ("correction", {"action": None}, "action and words must not both be null in an answer"),
        ("correction", {"action": [[1.0, 2.0]]}, "action has shape|expected sequence of length"),
        ("correction", {"action": [[float("nan")] * 2] * 6}, "finite number"),
        ("correction", {"words": "x" * 10_001}, "at most 10000 characters"),
        ("demonstration", {"words": "so"}, "words must be null, since no demonstration has one"),
        ("demonstration", {"supersedes": "0" * 64}, "of revision 0 must supersede None, and not 0000"),
        ("demonstration", {"sitting": "x" * 900}, "the sitting 'xxx"),
    ],
)
def test_what_cannot_be_is_refused(kind: str, change: dict[str, Any], told: str) -> None:
    """Whoever wrote it made a mistake, and not the disk: the sums are right, and the sentence is short."""
    pa: Any = import_module("pyarrow")
    write_feedback(FOLDER, EXAMPLES[kind], CARD)
    file, rows = FOLDER / "answers.parquet", rows_in(FOLDER)
    parquet.write_table(pa.Table.from_pylist([{**rows[0], **change}, *rows[1:]], schema=arrow_schema(pa)), file)
    manifest = read_sealed_json(FOLDER / "manifest.json")
    manifest["files"]["answers.parquet"]["sha256"] = digest(file)
    write_sealed_json(FOLDER / "manifest.json", manifest)
    with pytest.raises(UserError) as refusal:
        read_feedback(FOLDER)
    assert re.search(told, str(refusal.value)), refusal.value
    assert len(str(refusal.value)) < 400 and "\n" not in str(refusal.value)
