"""Segments are on disk before the rater sees them: whatever becomes of a run, its answers have theirs."""

import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
import torch
from commands import run
from kinds import EXAMPLES
from tiny import tiny_run

import prefgym
from prefgym.common.errors import DamageError, UserError
from prefgym.core.kinds import KINDS
from prefgym.core.preferences import Preferences
from prefgym.core.queries import Queries
from prefgym.data.asked import ASKED, kept_beside, recover, remove_asked, write_asked
from prefgym.data.feedback import read_feedback
from prefgym.runs.answer_log import AnswerLog
from prefgym.runs.answers import answers_of
from prefgym.testing.examples import example_preferences
from prefgym.training.config import EvalCfg
from prefgym.training.loop import Loop

StoppedAt = Callable[..., AbstractContextManager[None]]


def logged(run: Path, preferences: Preferences, used_at: int = 100) -> None:
    """Log answers."""
    AnswerLog(run / "preferences" / "answers.sqlite").append(preferences, used_at)


def test_answers_and_segments_are_joined(tmp_path: Path) -> None:
    """In the order of the queries, whichever came first; a query that is asked twice is written once."""
    given = example_preferences()
    for part in (given[:2], given[2:], given[:2]):
        write_asked(tmp_path, part.queries)
    assert len([*(tmp_path / ASKED).iterdir()]) == 2
    logged(tmp_path, given[torch.tensor([3, 0])])
    found = recover(tmp_path)
    assert found.query_id.tolist() == [0, 3]
    expected = given[torch.tensor([0, 3])]
    assert torch.equal(found.queries.options.obs, expected.queries.options.obs)
    assert torch.equal(found.answers.choice, expected.answers.choice)
    assert found.raters == expected.raters


def test_a_query_that_became_another_one_keeps_its_answer(tmp_path: Path) -> None:
    """As in a run of somebody's parts that is begun again: what was shown decides, and the last answer counts."""
    first, second = example_preferences(), example_preferences("another")
    for part in (first, second):
        write_asked(tmp_path, part.queries)
    logged(tmp_path, first)
    assert torch.equal(recover(tmp_path).queries.options.obs, first.queries.options.obs)
    logged(tmp_path, second[:1])
    assert torch.equal(recover(tmp_path).queries.options.obs[0], second.queries.options.obs[0])


def test_damage_is_told_and_lost_segments_are_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = example_preferences()
    logged(tmp_path, given)
    with pytest.raises(UserError, match="and not the segments they are about"):
        recover(tmp_path)
    write_asked(tmp_path, given[:3].queries)
    assert len(recover(tmp_path)) == 3
    assert f"{len(given) - 3} answers are left out" in capsys.readouterr().err
    (file,) = (tmp_path / ASKED).iterdir()
    whole = file.read_bytes()
    for content in (whole[:-1] + bytes([whole[-1] ^ 1]), whole[:50], b""):
        file.write_bytes(content)
        with pytest.raises(DamageError, match=str(file)):
            recover(tmp_path)


def test_what_is_answered_is_removed(tmp_path: Path) -> None:
    """Queries without an answer stay, for an answer that is late."""
    given = example_preferences()
    write_asked(tmp_path, given[:2].queries)
    write_asked(tmp_path, given[2:].queries)
    remove_asked(tmp_path, given[:3])
    (file,) = (tmp_path / ASKED).iterdir()
    assert file.name.startswith("000002-")
    remove_asked(tmp_path, given)
    assert not (tmp_path / ASKED).exists()


def test_a_folder_of_somebody_is_left_alone(tmp_path: Path) -> None:
    """Although it has the name of that for the answers."""
    photos = tmp_path / "new.answers"
    photos.mkdir()
    (photos / "photo").write_text("photo")
    with (
        pytest.raises(UserError, match=r"new\.answers exists and holds photo"),
        kept_beside(tmp_path / "new", "x", example_preferences().queries),
    ):
        pytest.fail("it was begun")
    assert (photos / "photo").read_text() == "photo"


def oracle(queries: Queries) -> Preferences:
    """Answer without an error, as a rater that is only a function."""
    return prefgym.raters.make("oracle")(queries)


@pytest.mark.parametrize("env", ["prefgym/InvertedPendulum-v0", "Pendulum-v1"])
def test_a_killed_run_is_exported(env: str, stopped_at: StoppedAt, capsys: pytest.CaptureFixture[str]) -> None:
    """Of our environments and of others, before its first checkpoint as well."""
    with stopped_at(Loop, "evaluate"):
        first = EvalCfg(every=300, episodes=1, at_sessions=False)
        tiny_run(env, rater=oracle, report=False, eval=first, out="run")
    assert not Path("run/manifest.json").exists() and not Path("run/preferences/preferences.json").exists()
    code, output, _ = run(capsys, "feedback", "export", "run", "answers")
    assert (code, output.strip()) == (0, f"answers: 5 queries about {env} to oracle: 5 answered")
    shutil.copytree("run", "seen")
    (Path("seen") / ASKED).rename("seen/elsewhere")
    code, _, error = run(capsys, "feedback", "export", "seen", "more")
    assert code == 2 and "and not the segments they are about" in error
    begun = tiny_run(env, preferences="answers", report=False, out="next")
    assert begun.result.num_answered == 10 and not (begun.path / ASKED).exists()


def test_a_run_that_is_resumed_and_killed_again_is_exported(stopped_at: StoppedAt) -> None:
    """It has no more than the answers of an uninterrupted run."""
    whole = tiny_run(report=False, out="whole")
    with stopped_at(Loop, "save"):
        tiny_run(report=False, out="run")
    with stopped_at(Loop, "_measure"):
        prefgym.Run("run").resume()
    found, expected = recover(Path("run")), whole.preferences
    assert expected is not None and 5 <= len(found) <= len(expected)
    assert torch.equal(found.queries.options.obs, expected.queries.options.obs[: len(found)])
    assert torch.equal(found.answers.choice, expected.answers.choice[: len(found)])
    assert len(read_feedback(exported("run"))) == len(found)


def exported(run: str) -> Path:
    """Export a run without the truth."""
    from prefgym.data.feedback import Card, export_run

    export_run(Path(run), Path(f"{run}-answers"), Card(env="x"), truth=False)
    return Path(f"{run}-answers")


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_saved_and_loaded(kind: str) -> None:
    """A correction has actions, as its segments have."""
    EXAMPLES[kind].save("kept")
    assert answers_of(Preferences.load("kept")) == answers_of(EXAMPLES[kind])
