"""Preferences as files that others can read."""

import json
import os
import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from commands import command
from kinds import EXAMPLES
from same import assert_same_feedback
from tiny import tiny_ppo, tiny_reward, tiny_run, tiny_sampler

import prefgym
from prefgym.agents.ppo import PPO
from prefgym.common.errors import UserError
from prefgym.common.files import digest, read_sealed_json, write_sealed_json
from prefgym.core.feedback import Feedback
from prefgym.core.preferences import Comparison, Preferences, Status
from prefgym.core.queries import Queries
from prefgym.data.feedback import Card, export_run, read_feedback, read_manifest, write_feedback
from prefgym.data.tables import load_preferences
from prefgym.runs.answer_log import answers_of
from prefgym.runs.folder import RunFolder
from prefgym.testing import example_preferences, example_segments
from prefgym.training.run import Run

parquet: Any = import_module("pyarrow.parquet")
FOLDER = Path("feedback")
CARD = Card(env="prefgym/Hopper-v0", instructions="Which runs better?", licence="CC-BY-4.0")
"""What is known of the examples."""


@pytest.fixture
def preferences() -> Preferences:
    """Make eight answers of two raters, ties and skips among them."""
    return Preferences.cat([example_preferences("one", 0), example_preferences("two", 4)])


@pytest.mark.parametrize("truth", [True, False])
def test_everything_comes_back(preferences: Preferences, truth: bool) -> None:
    """To the last bit, and the truth only if it was written."""
    told = preferences if truth else preferences.without_truth()
    write_feedback(FOLDER, told, CARD)
    back = read_feedback(FOLDER)
    assert_same_feedback(back, told)
    assert back.raters == told.raters


def test_others_can_read_it(preferences: Preferences) -> None:
    """With nothing but Parquet and JSON: what was chosen, by whom, which segments were shown, and what this is."""
    logged = [replace(answer, used_at=99, created_at="2026-11-21T00:00:00Z") for answer in answers_of(preferences)[:1]]
    write_feedback(FOLDER, preferences, CARD, logged)
    rows = parquet.read_table(FOLDER / "answers.parquet").to_pylist()
    assert [row["status"] for row in rows] == ["answered", "skipped", "answered", "answered"] * 2
    assert [row["share"] for row in rows[:3]] == [[0.5, 0.5], None, [0.0, 1.0]]
    assert [row["tie"] for row in rows[:3]] == [True, None, False]
    assert (rows[7]["query_id"], rows[7]["rater_id"], rows[7]["rater_kind"]) == (7, "two", "simulated")
    assert json.loads(rows[0]["rater_settings"]) == {"beta": 2.0}
    assert [(row["asked_at"], row["used_at"], row["created_at"]) for row in rows[:2]] == [
        (77, 99, "2026-11-21T00:00:00Z"),
        (77, None, None),
    ]
    assert rows[3]["segments"] == rows[7]["segments"] == [6, 7]  # both were shown the same, which is there once
    manifest = json.loads((FOLDER / "manifest.json").read_text())
    assert (manifest["format"], manifest["env"], manifest["licence"]) == ("prefgym-feedback/2", CARD.env, "CC-BY-4.0")
    assert manifest["instructions"] == {"1": "Which runs better?"}
    file = FOLDER / "segments.safetensors"
    assert manifest["files"]["segments.safetensors"] == {"sha256": digest(file), "bytes": file.stat().st_size}


@pytest.mark.parametrize("damage", ["flip", "cut", "missing"])
def test_no_damage_goes_unseen(preferences: Preferences, damage: str) -> None:
    """Of the manifest, blanks say nothing."""
    write_feedback(FOLDER, preferences, CARD)
    files = sorted(FOLDER.iterdir())
    assert [file.name for file in files] == ["answers.parquet", "manifest.json", "segments.safetensors"]
    generator = np.random.default_rng(0)
    for number in range(60):
        file = files[number % 3]
        whole = file.read_bytes()
        at = int(generator.integers(len(whole)))
        if damage == "missing":
            file.unlink()
        else:
            flipped = whole[:at] + bytes([whole[at] ^ 1 << int(generator.integers(8))]) + whole[at + 1 :]
            file.write_bytes(flipped if damage == "flip" else whole[:at])
        try:
            assert answers_of(read_feedback(FOLDER)) == answers_of(preferences)
            assert file.name == "manifest.json"
        except UserError as error:
            assert file.name in str(error)
        file.write_bytes(whole)


def rewrite(change: Any) -> None:  # noqa: ANN401
    """Change the table, and write sums that are right."""
    file = FOLDER / "answers.parquet"
    parquet.write_table(change(parquet.read_table(file)), file)
    manifest = read_sealed_json(FOLDER / "manifest.json")
    manifest["files"]["answers.parquet"]["sha256"] = digest(file)
    write_sealed_json(FOLDER / "manifest.json", manifest)


def column(name: str, values: list[Any]) -> Any:  # noqa: ANN401
    """Replace a column."""

    def change(table: Any) -> Any:  # noqa: ANN401
        pa: Any = import_module("pyarrow")
        at = table.schema.get_field_index(name)
        return table.set_column(at, table.schema.field(at), pa.array(values, table.schema.field(at).type))

    return change


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (column("query_id", [0] * 8), "the answer to query 0 is not the one its event_id stands for"),
        (column("criterion", ["safe"] * 8), "the answer to query 0 is not the one its event_id stands for"),
        (column("revision", [1] * 8), "the answer to query 0 is not the one its event_id stands for"),
        (column("rater_id", ["me"] * 8), "the answer to query 0 is not the one its event_id stands for"),
        (column("event_id", ["x"] * 8), r"0\.comparison\.event_id: string should match"),
        (column("supersedes", ["0" * 64] * 8), "the answer to query 0 of revision 0 must supersede None"),
        (lambda table: column("event_id", [table["event_id"][0].as_py()] * 8)(table), "is not the one its event_id"),
        (column("shown_sha256", ["0" * 64] * 8), "shown_sha256 of query 0 is not that of the shown segments"),
        (column("share", [[1.0, 1.0]] + [None] * 7), "2.comparison: share must not be null in an answer"),
        (column("share", [[0.5, 0.5]] * 8), "1.comparison: share must be null where the status is skipped"),
        (column("share", [[1.0, 1.0], None] + [[0.0, 1.0]] * 3 + [None] + [[0.0, 1.0]] * 2), "rows of choice must sum"),
        (column("rank", [[0, 1]] * 8), "rank must be null, since no comparison has one"),
        (column("shown_order", [[0, 0]] * 8), "shown_order does not name each option once"),
        (column("shown_order", [[0]] * 8), "shown_order has shape"),
        (column("status", ["maybe"] * 8), "status: input should be 'answered', 'skipped'"),
        (column("status", [None] * 8), r"0\.comparison\.status: field required"),
        (column("query_id", [None, *range(7)]), r"0\.comparison\.query_id: field required"),
        (column("kind", ["smile"] * 8), "input tag 'smile' found using 'kind' does not match any"),
        (column("kind", ["smile" * 300] * 8), "input tag 'smilesmile"),
        (column("kind", ["rating"] * 8), "share must be null, since no rating has one"),
        (column("rater_settings", ["[1]"] * 8), "settings"),
        (column("rater_settings", ["{"] * 8), "is not valid: "),
        (column("rater_settings", ["[" * 50_000] * 8), "is not valid: "),
        (column("sitting", ["monday"] * 8), "the sitting 'monday' of query 0 is not in the manifest"),
        (column("segments", [[]] * 8), "is not valid: "),
        (column("segments", [[0, 8]] * 8), "query 0 shows segment 8, and there are 8"),
        (column("segments", [[0, -1]] * 8), "should be greater than or equal to 0"),
        (column("num_steps", [2**40] * 8), "query 0 has 1099511627776 steps, and the arrays 5"),
        (column("num_steps", [1] * 8), "segment lengths must lie in"),
        (lambda table: table.drop_columns(["share"]), "share must not be null in an answer"),
        (lambda table: table.drop_columns(["kind"]), "unable to extract tag"),
        (lambda table: table.slice(0, 0), "it has 0 answers, and says that it has 8"),
    ],
)
def test_what_cannot_be_is_refused(preferences: Preferences, change: Any, told: str) -> None:  # noqa: ANN401
    """Whoever wrote it made a mistake, and not the disk: the sums are right."""
    write_feedback(FOLDER, preferences, CARD)
    rewrite(change)
    with pytest.raises(UserError, match=told):
        read_feedback(FOLDER)


def test_options_that_changed_places_are_seen(preferences: Preferences) -> None:
    """Although each segment is whole, and the sums are right."""
    write_feedback(FOLDER, preferences, CARD)
    shown = [row["segments"][::-1] for row in parquet.read_table(FOLDER / "answers.parquet").to_pylist()]
    rewrite(column("segments", shown))
    with pytest.raises(UserError, match="shown_sha256 of query 0 is not that of the shown segments"):
        read_feedback(FOLDER)


@pytest.mark.parametrize(
    "changes",
    [
        *({"files": None}, {"files": []}, {"files": {"answers.parquet": {}}}, {"env": None}, {"num_answers": "8"}),
        *({"instructions": "Look."}, {"sittings": {"monday": {"duration_s": -1.0}}}, {"sittings": []}),
    ],
)
def test_a_manifest_that_lacks_something_is_refused(preferences: Preferences, changes: dict[str, Any]) -> None:
    write_feedback(FOLDER, preferences, CARD)
    write_sealed_json(FOLDER / "manifest.json", {**read_manifest(FOLDER), **changes})
    with pytest.raises(UserError, match=r"manifest\.json is damaged: (files|env|num_answers|instructions|sittings)"):
        read_feedback(FOLDER)


@pytest.mark.parametrize("name", ["answers.parquet", "segments.safetensors"])
def test_what_is_no_such_file_is_refused(preferences: Preferences, name: str) -> None:
    """Although its sum is right."""
    write_feedback(FOLDER, preferences, CARD)
    (FOLDER / name).write_bytes(b"nothing of the kind")
    manifest = read_manifest(FOLDER)
    manifest["files"][name]["sha256"] = digest(FOLDER / name)
    write_sealed_json(FOLDER / "manifest.json", manifest)
    with pytest.raises(UserError, match=r"feedback is not valid: |segments\.safetensors is damaged: "):
        read_feedback(FOLDER)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_only_what_can_be_read_again_is_written(preferences: Preferences, bad: float) -> None:
    """Doubled queries, numbers that are none, nothing at all: refused, and no folder is left."""
    with pytest.raises(UserError, match="the answer to query 0 is there twice"):
        write_feedback(FOLDER, Preferences.cat([preferences, preferences]), CARD)
    with pytest.raises(UserError, match="there are no answers"):
        write_feedback(FOLDER, preferences[:0], CARD)
    preferences.queries.options.obs[0, 0, 0, 0] = bad
    with pytest.raises(UserError, match="obs must be finite numbers of 32 bits"):
        write_feedback(FOLDER, preferences, CARD)
    assert [*Path().iterdir()] == []


def test_answers_of_more_digits_are_rounded(preferences: Preferences) -> None:
    """Files hold choices and seconds in 32 bits."""
    answers = Comparison(
        status=torch.zeros(8, dtype=torch.long),
        choice=torch.tensor([[0.7, 0.3]] * 8, dtype=torch.float64),
        tie=torch.zeros(8, dtype=torch.bool),
    )
    write_feedback(FOLDER, replace(preferences, answers=answers, seconds=torch.full((8,), 1.1).double()), CARD)
    assert read_feedback(str(FOLDER)).answers.choice[0].tolist() == pytest.approx([0.7, 0.3])


def test_others_may_read_the_files(preferences: Preferences) -> None:
    """As much as the umask lets them."""
    before = os.umask(0o022)
    write_feedback(FOLDER, preferences, CARD)
    os.umask(before)
    assert {file.stat().st_mode & 0o777 for file in FOLDER.iterdir()} == {0o644}


def test_columns_that_came_later_are_let_be(preferences: Preferences) -> None:
    """As long as the version is the same."""
    write_feedback(FOLDER, preferences, CARD)
    rewrite(lambda table: table.append_column("mood", [["good"] * 8]))
    assert len(read_feedback(FOLDER)) == 8


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("prefgym-feedback/3", "is of version 3; this prefgym reads prefgym-feedback/2"),
        ("else/1", "is not a prefgym-f"),
    ],
)
def test_other_versions_are_refused(preferences: Preferences, written: str, told: str) -> None:
    write_feedback(FOLDER, preferences, CARD)
    write_sealed_json(FOLDER / "manifest.json", {**read_manifest(FOLDER), "format": written})
    with pytest.raises(UserError, match=told):
        read_feedback(FOLDER)


def test_nothing_is_overwritten(preferences: Preferences) -> None:
    """Nor is anything left beside it."""
    write_feedback(FOLDER, preferences, CARD)
    with pytest.raises(UserError, match="feedback exists"):
        write_feedback(FOLDER, preferences, CARD)
    assert [path.name for path in Path().iterdir()] == ["feedback"]


def test_from_one_run_to_the_next(capsys: pytest.CaptureFixture[str]) -> None:
    """What was answered in one run is exported, validated, and begins another: it has a reward from the start.

    Both are commands, for what they print.
    """
    tiny_run(report=False, out="one")
    assert command("feedback", "export", "one", "exported", "--licence", "CC0-1.0") == 0
    assert command("feedback", "validate", "exported") == 0
    told = "exported: 10 queries about prefgym/InvertedPendulum-v0 to oracle: 10 answered\n"
    assert capsys.readouterr().out.endswith(told * 2)
    rows = parquet.read_table("exported/answers.parquet").to_pylist()
    assert all(row["used_at"] == row["asked_at"] and row["created_at"] for row in rows)
    back, whole = prefgym.read_feedback(Path("exported")), load_preferences(Path("one/preferences/preferences"))
    assert_same_feedback(back, whole)
    tiny_run(report=False, out="two", preferences="exported")
    lines = [json.loads(line) for line in Path("two/metrics.jsonl").read_text().splitlines()]
    assert lines[0]["time/total_timesteps"] == 0 and "reward_model/accuracy" in lines[0]
    first_rollout = next(line for line in lines if line["time/total_timesteps"])
    assert any(name.startswith("train/") for name in first_rollout)
    assert len(load_preferences(Path("two/preferences/preferences"))) == 10  # its initial ones are in initial/
    assert len(read_feedback(Path("two/preferences/initial"))) == 10


def test_a_run_that_can_ask_nothing_keeps_what_it_learned_from_what_it_began_with() -> None:
    """Two steps of each env, and segments of five; without preferences to begin with there is nothing to keep."""
    write_feedback(Path("given"), example_preferences(obs_dim=4, action_dim=1), CARD)
    short: dict[str, Any] = {"agent": tiny_ppo(num_steps=2), "sampler": tiny_sampler(keep_short=False), "steps": 8}
    with pytest.raises(UserError, match="No query could be sampled"):
        tiny_run(**short, report=False, out="nothing")
    tiny_run(**short, report=False, preferences="given", out="kept")
    assert Path("kept/checkpoints/final/policy.safetensors").is_file()


def test_a_run_that_began_with_preferences_is_interrupted_before_its_first_step(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No step is recorded that a report could show."""

    def interrupt(*_: Any) -> None:  # noqa: ANN401
        raise KeyboardInterrupt

    write_feedback(Path("given"), example_preferences(obs_dim=4, action_dim=1), CARD)
    monkeypatch.setattr(PPO, "collect", interrupt)
    assert tiny_run(report=False, preferences="given", out="run").result.interrupted
    assert Path("run/manifest.json").is_file() and not Path("run/report/reward_scatter.json").exists()


def test_a_run_that_began_with_preferences_is_resumed(
    stopped_at: Callable[..., AbstractContextManager[None]],
) -> None:
    """To the same bytes, from a checkpoint and from the beginning, although the folder they came from is gone.

    Without what it began with, or with something else in its place, it is not.
    """
    write_feedback(Path("given"), example_preferences(obs_dim=4, action_dim=1), CARD)
    tiny_run(report=False, preferences="given", out="whole")
    with stopped_at(RunFolder, "write_json"):
        tiny_run(report=False, preferences="given", out="stopped")
    shutil.rmtree("given")
    shutil.copytree("stopped", "begun")
    shutil.rmtree("begun/checkpoints")
    shutil.copytree("stopped", "other")
    write_feedback(Path("another"), example_preferences("another", obs_dim=4, action_dim=1), CARD)
    shutil.rmtree("other/preferences/initial")
    with pytest.raises(UserError, match="initial is not a prefgym-feedback folder"):
        Run("other").resume()
    shutil.copytree("another", "other/preferences/initial")
    with pytest.raises(UserError, match="initial has changed since the run began"):
        Run("other").resume()
    for name in ("stopped", "begun"):
        Run(name).resume()
        files = (Path(run) / "checkpoints/final/policy.safetensors" for run in ("whole", name))
        assert len({file.read_bytes() for file in files}) == 1


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"rater": "none"}, "--preferences needs a rater"),
        (
            {"sampler": tiny_sampler(6), "reward": tiny_reward("preference-model")},
            "does not fit: 5 steps a segment, and 6 in this run",
        ),
        ({"env": "prefgym/Hopper-v0"}, "does not fit: 4 numbers an observation, and 11 in this run"),
        ({"preferences": "nowhere"}, "nowhere is not a prefgym-feedback folder: it has no manifest.json"),
        ({"preferences": "unanswered"}, "unanswered holds no answered query"),
    ],
)
def test_what_does_not_fit_is_refused(changes: dict[str, Any], told: str) -> None:
    """In one sentence, before there is a run folder."""
    given = example_preferences(obs_dim=4, action_dim=1)
    write_feedback(Path("given"), given, CARD)
    write_feedback(Path("unanswered"), given[given.answers.status == Status.SKIPPED], CARD)
    with pytest.raises(UserError, match=told):
        tiny_run(**{"preferences": "given", **changes}, report=False, out="run")
    assert not Path("run").exists()


def test_initial_preferences_of_any_kinds_and_sizes_are_fitted() -> None:
    """Pairs of five steps and ratings of six, in a run that asks about pairs of four."""
    pairs = example_preferences(obs_dim=4, action_dim=1).without_truth()
    options = example_segments(4, 1, num_steps=6, obs_dim=4, action_dim=1).without_truth()
    ratings = replace(EXAMPLES["rating"], queries=Queries.of(options, first_id=9))
    write_feedback(Path("given"), Feedback.cat([pairs, ratings]), CARD)
    run = tiny_run(preferences="given", sampler=tiny_sampler(4), report=False, out="run")
    assert np.isfinite(run.metrics["reward_model/rating_cross_entropy"]).any()
    sentence = "given holds comparison, rating, and --reward preference-model fits comparison"
    with pytest.raises(UserError, match=sentence):
        tiny_run(preferences="given", reward=tiny_reward("preference-model"), report=False, out="other")


@pytest.mark.parametrize("argv", [(), ("convert",)])
def test_what_to_do_is_said(argv: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    """On the command line."""
    assert command("feedback", *argv) == 2
    assert "prefgym feedback export RUN FOLDER" in capsys.readouterr().err


def test_a_run_in_which_nobody_was_asked_has_nothing_to_export() -> None:
    tiny_run(rater="none", report=False, out="run")
    with pytest.raises(UserError, match="run has no preferences: its rater answered no queries"):
        export_run(Path("run"), Path("exported"), CARD)
