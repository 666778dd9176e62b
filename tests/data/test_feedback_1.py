"""Feedback folders of version 1."""

from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from commands import command
from feedback_1 import write_feedback_1
from hypothesis import given, settings
from hypothesis import strategies as st
from same import assert_same_feedback

from prefgym.common.errors import UserError
from prefgym.common.files import digest, read_sealed_json, write_sealed_json
from prefgym.core.preferences import Comparison, Preferences, RaterInfo
from prefgym.core.queries import Queries
from prefgym.data.feedback import Card, read_feedback, read_folder, read_manifest, write_feedback
from prefgym.runs.answers import answers_of
from prefgym.testing import example_preferences, example_segments

parquet: Any = import_module("pyarrow.parquet")
CARD = Card(env="prefgym/Hopper-v0", source="https://x.org", instructions="Which?", licence="CC0-1.0", consent="yes")
NAMES = ("answers.parquet", "segments.safetensors", "manifest.json")


def preferences_of(seed: int) -> Preferences:
    """Make what version 1 could hold: choices, shares, ties, all statuses, several raters, segments shown twice."""
    numbers = np.random.default_rng(seed)
    num, num_options = (int(numbers.integers(low, 5)) for low in (1, 2))
    options = example_segments(num, num_options, num_steps=int(numbers.integers(1, 6)), seed=seed)
    if numbers.random() < 0.5:
        options = options[torch.zeros(num, dtype=torch.long)]
    if numbers.random() < 0.5:
        options = options.without_truth()
    status = torch.as_tensor(numbers.integers(0, 4, num) * numbers.integers(0, 2, num))
    answered = status == 0
    chosen = torch.as_tensor(numbers.integers(0, num_options, num))
    shares = torch.as_tensor(numbers.dirichlet(np.ones(num_options), num)).float()
    one = torch.as_tensor(numbers.random(num) < 0.5)
    choice = torch.where(one[:, None], torch.nn.functional.one_hot(chosen, num_options).float(), shares)
    raters = (RaterInfo(name="öz", kind="human"), RaterInfo(name="b", settings={"beta": 0.1, "a": [None, "\n"]}))
    order = np.stack([numbers.permutation(num_options) for _ in range(num)])
    query_id = torch.as_tensor(numbers.choice(99, num, replace=False))
    return Preferences(
        queries=Queries(options=options, query_id=query_id, asked_at=torch.as_tensor(numbers.integers(0, 9, num))),
        answers=Comparison(
            status=status,
            choice=choice * answered[:, None],
            tie=answered & torch.as_tensor(numbers.random(num) < 0.3),
        ),
        rater=torch.as_tensor(numbers.integers(0, 2, num)),
        raters=raters,
        shown_order=torch.as_tensor(order),
        seconds=torch.as_tensor(numbers.random(num)).float(),
    )


@settings(max_examples=25)
@given(seed=st.integers(0, 2**32))
def test_to_version_2_and_back_loses_nothing(seed: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Rows, arrays and card of version 1 are the same again, also the times of use, which no learner needs."""
    folder, preferences = tmp_path_factory.mktemp("folders"), preferences_of(seed)
    used = [replace(answer, used_at=9, created_at="2026-11-21T00:00:00Z") for answer in answers_of(preferences)[::2]]
    write_feedback_1(folder / "old", preferences, CARD, used)
    old = read_folder(folder / "old")
    write_feedback(folder / "new", old.feedback, old.card, old.logged)
    new = read_folder(folder / "new")
    write_feedback_1(folder / "back", new.feedback.only, new.card, new.logged)
    first, last = (parquet.read_table(folder / name / NAMES[0]).to_pylist() for name in ("old", "back"))
    assert first == last
    for name in NAMES[1:]:
        manifests = [(folder / where / name).read_bytes() for where in ("old", "back")]
        assert manifests[0] == manifests[1] or name == "manifest.json"
    old_manifest, back = (read_sealed_json(folder / where / "manifest.json") for where in ("old", "back"))
    assert {**old_manifest, "files": None} == {**back, "files": None}


def test_it_is_read_as_answers_of_today() -> None:
    """Its instructions are version 1 of them, and its ids are those of today."""
    preferences = example_preferences()
    write_feedback_1(Path("old"), preferences, CARD)
    assert_same_feedback(read_feedback("old"), preferences)
    manifest = read_manifest(Path("old"))
    assert (manifest["format"], manifest["instructions"]) == ("prefgym-feedback/1", {"1": "Which?"})


def test_a_command_converts_it(capsys: pytest.CaptureFixture[str]) -> None:
    """To the same answers and the same card, but for what is said anew."""
    write_feedback_1(Path("old"), example_preferences(), CARD)
    assert command("feedback", "validate", "old") == 0
    assert command("feedback", "export", "old", "new", "--licence", "CC-BY-4.0") == 0
    assert "new: 4 queries about prefgym/Hopper-v0 to example: 3 answered, 1 skipped" in capsys.readouterr().out
    found = read_folder("new")
    assert found.card == replace(CARD, licence="CC-BY-4.0", instructions={"1": "Which?"})
    assert_same_feedback(found.feedback, example_preferences())
    assert read_manifest(Path("new"))["format"] == "prefgym-feedback/2"
    assert command("feedback", "export", "old", "bare", "--no-truth") == 0
    assert read_feedback("bare").queries.options.reward is None


def rewrite(**columns: list[Any]) -> None:
    """Change columns of a folder, and write sums that are right."""
    pa: Any = import_module("pyarrow")
    file, table = Path("old/answers.parquet"), parquet.read_table("old/answers.parquet")
    for name, values in columns.items():
        at = table.schema.get_field_index(name)
        table = table.set_column(at, table.schema.field(at), pa.array(values, table.schema.field(at).type))
    parquet.write_table(table, file)
    manifest = read_sealed_json(Path("old/manifest.json"))
    manifest["files"]["answers.parquet"]["sha256"] = digest(file)
    write_sealed_json(Path("old/manifest.json"), manifest)


@pytest.mark.parametrize(
    ("columns", "told"),
    [
        ({"query_id": [0] * 4}, "a query has two answers"),
        ({"choice": ["0"] * 4}, "the answer to query 0 is not the one its event_id stands for"),
        ({"seconds": [1.0] * 4}, "the answer to query 0 is not the one its event_id stands for"),
        ({"shown_sha256": ["x"] * 4}, "shown_sha256 of query 0 is not that of the shown segments"),
        ({"share": [[1.0, 1.0]] * 4}, "rows of choice must sum to 1"),
        ({"status": ["maybe"] * 4}, "'maybe' is none of answered, skipped, failed, invalid"),
        ({"feedback_type": ["rating"] * 4}, "feedback_type: input should be 'comparison'"),
        ({"rater_config_hash": ["00"] * 4}, "rater_config_hash of query 0 is not that of rater_settings"),
        ({"segments": [[{"dataset": "minari"}] * 2] * 4}, "dataset: input should be 'segments.safetensors'"),
    ],
)
def test_what_cannot_be_is_refused(columns: dict[str, list[Any]], told: str) -> None:
    write_feedback_1(Path("old"), example_preferences(), CARD)
    rewrite(**columns)
    with pytest.raises(UserError, match=told):
        read_feedback("old")
