"""Asking about a dataset: answers, and what is kept of them when a call is stopped; bad input."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from commands import run
from pole_data import ask

from prefgym import raters
from prefgym.common.errors import UserError
from prefgym.core.feedback import Feedback
from prefgym.data.feedback import read_feedback
from prefgym.demos.collect import DemosCfg, write_demos
from prefgym.samplers.uniform import UniformSamplerCfg
from prefgym.testing import LateRater
from prefgym.training import annotate as questions

HOPPER = "prefgym/Hopper-v0"


def test_answers_are_about_segments_of_the_dataset(here: Path) -> None:
    import minari

    preferences = read_feedback(here / "prefs")
    options = preferences.queries.options
    assert options.origin is not None
    assert (options.batch_shape, options.num_steps) == ((40, 2), 4)
    assert int(options.length.min()) == 4
    episodes: list[Any] = list(minari.MinariDataset(here / "data" / "pole" / "random-v0" / "data"))
    (episode, step), shown = options.origin[0, 0].tolist(), options[0, 0]
    assert shown.action.numpy() == pytest.approx(episodes[episode].actions[step : step + 4])
    assert shown.obs.numpy() == pytest.approx(episodes[episode].observations[step : step + 5], rel=1e-6)
    assert [info.name for info in preferences.raters] == ["oracle"]


ASKED: dict[str, tuple[Callable[[], object], str]] = {
    "answers that exist": (lambda: ask("prefs"), "prefs exists: name another folder."),
    "segments that are too long": (
        lambda: ask(sampler=UniformSamplerCfg(recent_steps=None, segment_length=2000, keep_short=False)),
        "long enough or has terminated: lower --sampler.segment-length",
    ),
    "a rater that cannot judge it": (
        lambda: ask(rater="hindsight", rater_cfg=raters.cfg("hindsight")),
        "rater 'hindsight' cannot judge prefgym/InvertedPendulum-v0: segments go on under the current policy, and",
    ),
    "no such rater": (lambda: ask(rater="orakel", rater_cfg=None), "unknown rater 'orakel': did you mean 'oracle'?"),
    "nobody who answers": (lambda: ask(rater="none", rater_cfg=None), "needs a rater"),
    "a rater of another task": (
        lambda: ask(rater="regret", rater_cfg=raters.cfg("regret"), env=HOPPER),
        "pole/random-v0 has (4, 1) numbers an observation and an action, and prefgym/Hopper-v0 (11, 3).",
    ),
    "a task that is judged in other numbers": (lambda: ask(env="CartPole-v1"), "CartPole-v1 cannot be used: "),
    "answers that cannot be written": (
        lambda: ask("data/pole/random-v0/data/main_data.hdf5/new"),
        "cannot be written: ",
    ),
}


@pytest.mark.parametrize("case", ASKED)
def test_what_cannot_be_asked_is_refused(case: str, here: Path) -> None:
    asked, expected = ASKED[case]
    with pytest.raises(ValueError, match=re.escape(expected)):
        asked()
    assert not (here / "new").exists()


class Leaving(LateRater):
    """Goes away when some answers are there."""

    def collect(self) -> Feedback | None:
        if self.has_answered:
            raise KeyboardInterrupt
        answers = super().collect()
        self.has_answered = answers is not None
        return answers

    has_answered = False


def test_what_came_before_an_interruption_is_kept(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(questions, "make_rater", lambda *_, **__: Leaving(raters.make("oracle", seed=0)))
    with pytest.raises(KeyboardInterrupt):
        ask(queries=40)
    assert 0 < len(read_feedback(here / "new")) < 40


class Killed(BaseException):
    """The end of a process."""


def test_what_was_answered_before_a_kill_is_exported(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The answers lie beside the folder that is to be written; nobody is asked again before they are in safety."""

    def killed(*_: object, **__: object) -> None:
        raise Killed

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(questions, "make_rater", lambda *_, **__: Leaving(raters.make("oracle", seed=0)))
        patch.setattr(questions, "write_feedback", killed)
        ask(queries=40)
    assert not (here / "new").exists() and (here / "new.answers").is_dir()
    with pytest.raises(UserError, match=r"new\.answers has \d+ answers of a call that was killed: prefgym feedback"):
        ask(queries=40)
    assert run(capsys, "feedback", "export", "new.answers", "saved")[0] == 0
    assert 0 < len(read_feedback(here / "saved")) < 40
    shutil.rmtree(here / "new.answers")
    assert len(ask(queries=40)) == 40 and not (here / "new.answers").exists()


def test_raters_judge_by_the_task_that_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    """Of which the demonstrations may know nothing: a task without a reward has none, whatever they were rewarded."""
    pytest.importorskip("minari")
    write_demos(DemosCfg(env=HOPPER, policy=("random",), episodes=2, dataset="hop/a-v0", out=Path("hops")))
    asked: dict[str, Any] = {
        **{"dataset": "hop/a-v0", "datasets": Path("hops")},
        "sampler": UniformSamplerCfg(recent_steps=None, segment_length=4),
    }
    told = "--dataset hop/a-v0 is of prefgym/Hopper-v0, and the rater judges"
    with pytest.raises(UserError, match="it judges by the task reward, and this environment has none"):
        ask(**asked, env="prefgym/HopperBackflip-v0")
    assert capsys.readouterr().err == f"{told} prefgym/HopperBackflip-v0\n"
    ask(**asked, env="Hopper-v5")
    assert capsys.readouterr().err == f"{told} Hopper-v5\n"
