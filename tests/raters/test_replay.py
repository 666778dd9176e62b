"""Answers of an earlier run are used again, by another agent or learner; where all is equal, the reward is."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from commands import TINY, run
from tiny import POLE, tiny_ppo, tiny_reward, tiny_run, tiny_sampler

import prefgym
from prefgym import raters
from prefgym.common.errors import DamageError, UserError
from prefgym.core.preferences import Preferences
from prefgym.core.protocols import NoSegmentError
from prefgym.core.queries import Queries
from prefgym.raters.replay import ReplayRater, ReplayRaterCfg
from prefgym.testing import example_preferences
from prefgym.training.loop import Loop
from prefgym.training.run import Run

REWARD, POLICY = Path("checkpoints/final/reward.safetensors"), Path("checkpoints/final/policy.safetensors")


def replayed(folder: Path | str, **changes: Any) -> Run:  # noqa: ANN401
    """Train on the answers of a run."""
    return tiny_run(**{"rater": raters.cfg("replay", run=Path(folder)), "report": False, **changes})


def test_another_agent_learns_the_same_reward(finished_run: Path) -> None:
    """With the same learner and seed; with the same agent, too, it is the same run."""
    other = replayed(finished_run, agent=tiny_ppo(hidden=(4,)), out="other")
    assert (other.path / REWARD).read_bytes() == (finished_run / REWARD).read_bytes()
    assert (other.path / POLICY).read_bytes() != (finished_run / POLICY).read_bytes()
    same = replayed(finished_run, sampler=tiny_sampler(7, name="uniform"), out="same")
    assert (same.path / POLICY).read_bytes() == (finished_run / POLICY).read_bytes()
    was, now = Run(finished_run).preferences, other.preferences
    assert was is not None and now is not None
    assert torch.equal(now.queries.options.obs, was.queries.options.obs) and now.raters == was.raters
    assert torch.equal(now.answers.choice, was.answers.choice)


def test_another_learner_gets_the_same_answers(finished_run: Path, tmp_path: Path) -> None:
    """From a folder of feedback; a budget above the number of answers is lowered to it."""
    pytest.importorskip("pyarrow")
    from prefgym.data.feedback import Card, export_run

    export_run(finished_run, tmp_path / "feedback", Card(env=POLE))
    ended = replayed(tmp_path / "feedback", reward=tiny_reward(num_members=3), budget=500, out="run")
    assert (ended.result.num_asked, ended.config["budget"]) == (10, 10)
    was, now = Run(finished_run).preferences, ended.preferences
    assert was is not None and now is not None
    assert torch.equal(now.queries.options.action, was.queries.options.action)


def test_a_run_that_was_stopped_goes_on(finished_run: Path, tmp_path: Path, stopped_at: Any) -> None:  # noqa: ANN401
    """With the same bytes; not if the answers have changed."""
    source = Path(shutil.copytree(finished_run, tmp_path / "source"))
    with stopped_at(Loop, "_evaluate_last"):
        replayed(source, out="run")
    name = source / "preferences" / "preferences"
    whole = Preferences.load(name).only
    turned = replace(whole.answers, choice=whole.answers.choice.flip(-1))
    replace(whole, answers=turned).save(name)
    with pytest.raises(DamageError, match="have changed since the run began: restore its files"):
        Run("run").resume()
    whole.save(name)
    assert (Run("run").resume().path / REWARD).read_bytes() == (finished_run / REWARD).read_bytes()


def test_the_command_line_replays(finished_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flags = ("train", *TINY, "--no-report", "--out", "run", "--rater", "replay")
    code, _, error = run(capsys, *flags)
    assert (code, "pass --rater.run RUN" in error) == (2, True)
    assert run(capsys, *flags, "--rater.run", str(finished_run), "--agent.hidden", "4")[0] == 0
    assert (Path("run") / REWARD).read_bytes() == (finished_run / REWARD).read_bytes()


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"env": "prefgym/Reacher-v0"},
            r"has queries of \(4, 1\) numbers an observation and .*\(10, 2\)",
        ),
        (
            {"reward": "win-rate", "sampler": "uniform"},
            "cannot answer --reward win-rate, which has each",
        ),
    ],
)
def test_what_does_not_fit_is_refused(changes: dict[str, Any], sentence: str, finished_run: Path) -> None:
    with pytest.raises(UserError, match=sentence):
        replayed(finished_run, **{"agent": tiny_ppo(), **changes})
    with pytest.raises(UserError, match="nowhere"):
        replayed("nowhere")


def test_only_recorded_queries_are_answered() -> None:
    """In their order, each once."""
    recorded = Preferences.cat([example_preferences(), example_preferences(first_id=4)])[:5]
    rater = ReplayRater(ReplayRaterCfg(), recorded=recorded)
    first = Queries.of(rater.propose(3), first_id=0, asked_at=70)
    rater.submit(first)
    answers = rater.collect()
    assert answers is not None and torch.equal(answers.answers.choice, recorded[:3].answers.choice)
    assert answers.query_id.tolist() == [0, 1, 2] and answers.queries.asked_at.tolist() == [70, 70, 70]
    with pytest.raises(ValueError, match="is asked other ones"):
        rater.submit(first)
    rest = rater.propose(3)
    assert rest.batch_shape[0] == 2
    rater.submit(Queries.of(rest, first_id=3))
    with pytest.raises(NoSegmentError, match="all 5 recorded queries were used"):
        rater.propose(1)
    with pytest.raises(ValueError, match=r"pass --rater\.run RUN"):
        prefgym.raters.make("replay")
