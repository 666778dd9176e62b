"""Whatever happens to a run: what was learned and answered is kept, said, and resumed or exported."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import mishaps
import numpy as np
import pytest
from commands import TINY, run
from tiny import POLE, tiny_offline, tiny_ppo, tiny_run

import prefgym
from prefgym.agents.ppo import PPO
from prefgym.common.errors import UserError
from prefgym.core.preferences import Preferences
from prefgym.core.queries import Queries
from prefgym.data.feedback import Card, export_run, read_feedback
from prefgym.evaluation.envs import make_evaluation_env
from prefgym.runs.activity import activity_of
from prefgym.training.config import EvalCfg
from prefgym.training.loop import Loop
from prefgym.training.parts import Metrics
from prefgym.training.stop import StoppedError

ROBOT = ("train", *TINY, "--env", "mishaps:Robot", "--env.kwargs")
HELPERS = Path(mishaps.__file__).parent


@pytest.fixture(autouse=True)
def all_robots_stand() -> None:
    """Count the steps of robots from 0."""
    mishaps.steps_of_all = 0


def result_of(path: str = "run") -> dict[str, Any]:
    """Read the result of a run."""
    return json.loads(Path(path, "result.json").read_text())


@pytest.mark.parametrize("comes_back", [False, True])
def test_an_environment_that_raises(comes_back: bool, capsys: pytest.CaptureFixture[str]) -> None:
    """It is named in one sentence; the policy is evaluated if the robot is there again."""
    settings = ("fails_at=500", f"comes_back={str(comes_back).lower()}")
    code, output, error = run(capsys, *ROBOT, *settings, "--out", "run")
    assert code == 2
    said = error.splitlines()[-1]
    assert said.startswith(
        "prefgym: the environment Robot raised ConnectionError: the robot is gone, in the rollout after 400 "
        "steps; see run/error.txt: what was learned is kept in run; it cannot be resumed, since these parts have no "
        "state_dict(): env"
    )
    assert "prefgym feedback export run FOLDER" in said
    assert "in step" in Path("run/error.txt").read_text() and "Traceback" not in error
    result = result_of()
    assert result["interrupted"] and result["reason"] in said
    assert len(result["returns"]) == (2 if comes_back else 0)
    assert ("not evaluated, after 400 steps" in output) is not comes_back
    opened = prefgym.Run("run")
    assert (opened.result.mean_return != opened.result.mean_return) is not comes_back  # NaN
    assert opened.policy.predict(np.zeros((1, 2)))[0].shape == (1, 1)
    assert opened.preferences is not None and len(opened.preferences) == opened.result.num_answered > 0
    assert activity_of(Path("run")).state == "stopped"
    for again in (("report", "run"), ("feedback", "export", "run", "answers")):
        assert run(capsys, *again)[0] == 0
    assert len(read_feedback("answers")) == opened.result.num_answered
    mishaps.steps_of_all = 0
    assert run(capsys, "evaluate", "run", "--episodes", "1")[0] == 0


def test_python_gets_the_sentence_and_the_cause() -> None:
    with pytest.raises(StoppedError, match="raised ConnectionError") as told:
        prefgym.train(lambda: mishaps.Robot(fails_at=1), steps=100, threads=1, out="run")
    assert isinstance(told.value.__cause__, ConnectionError)
    assert prefgym.Run(told.value.path).result.steps == 0


class Moody:
    """A rater that raises an error in its second session.

    Args:
        error: The error.
    """

    def __init__(self, error: BaseException) -> None:
        self.error, self.sessions, self.oracle = error, 0, prefgym.raters.make("oracle")

    def __call__(self, queries: Queries) -> Preferences:
        """Answer as the oracle does."""
        self.sessions += 1
        if self.sessions == 2:
            raise self.error
        return self.oracle(queries)


class Raising(prefgym.Callback):
    """Raises an error after some steps."""

    def __init__(self, error: BaseException, steps: int = 450) -> None:
        self.error, self.steps = error, steps

    def on_step(self, loop: Loop, metrics: Metrics) -> None:
        """Raise it once."""
        if loop.steps >= self.steps:
            raise self.error


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"rater": Moody(OSError("no route"))}, "the rater Moody raised OSError: no route, in the rollout after 400 "),
        (
            {"callbacks": [Raising(KeyError("x"))]},
            "the callback Raising raised KeyError: 'x', in the rollout after 600",
        ),
        ({"callbacks": [Raising(UserError("Mine is full."))]}, "Mine is full: what was learned is kept in run; go on"),
        ({"callbacks": [Raising(SystemExit(3))]}, "the callback Raising raised SystemExit: 3"),
    ],
)
def test_a_part_that_raises(changes: dict[str, Any], said: str) -> None:
    """Its run is kept, and it goes on to the policy that it would have had, if that can be."""
    with pytest.raises(StoppedError) as told:
        tiny_run(**changes, out="run")
    assert str(told.value).startswith(said)
    assert len(result_of()["returns"]) == 2
    if "rater" in changes:
        assert len(prefgym.Run("run").preferences or ()) == 5
        return
    assert "go on with: prefgym.Run('run').resume()." in str(told.value)
    resumed, whole = prefgym.Run("run").resume(), tiny_run(out="whole", report=False)
    assert resumed.result.reason is None and not Path("run/error.txt").exists()
    assert policy_of(resumed.path) == policy_of(whole.path)


def policy_of(run: Path) -> bytes:
    """Read the last policy of a run."""
    return (run / "checkpoints/final/policy.safetensors").read_bytes()


class Unwritable(PPO):
    """An agent that cannot be saved in the end."""

    def save(self, path: Path | str) -> None:
        """Fail."""
        raise TypeError("no pen")


def test_what_can_be_kept_is_kept_if_a_part_cannot_be_saved() -> None:
    """The answers, at the end of the training as well."""
    with pytest.raises(StoppedError, match=r"^the agent Unwritable raised TypeError: no pen, .*could not be kept; "):
        tiny_run(agent=Unwritable(tiny_ppo(), make_evaluation_env(POLE, 4, 1)), out="run")
    assert len(prefgym.Run("run").preferences or ()) == 10


class Blocking(Raising):
    """Raises an error, and leaves something in the place of the preferences, which cannot be written then."""

    def on_step(self, loop: Loop, metrics: Metrics) -> None:
        """Put a folder there."""
        if loop.steps >= self.steps:
            (loop.run.folder("preferences") / "preferences.safetensors").mkdir()
        super().on_step(loop, metrics)


def test_answers_are_exported_from_the_log_if_their_file_could_not_be_written() -> None:
    """Although the run has a result and a manifest."""
    with pytest.raises(StoppedError, match=r"preferences\.safetensors cannot be written|could not be kept"):
        tiny_run(callbacks=[Blocking(KeyError("x"))], out="run")
    assert Path("run/manifest.json").is_file() and prefgym.Run("run").preferences is None
    assert len(export_run(Path("run"), Path("answers"), Card(env=POLE))) == 10
    assert len(read_feedback("answers")) == 10


def test_an_environment_without_an_end(capsys: pytest.CaptureFixture[str]) -> None:
    """It is said beforehand after how many steps an evaluated episode is cut; film, demos and evaluation end."""
    endless = (*ROBOT, "length=0", "--eval.episodes", "1")
    code, _, error = run(capsys, *endless, "--out", "run", "--agent.num-envs", "1")
    assert code == 0, error
    said = "mishaps:Robot declares no limit of steps: an episode that is evaluated is cut after 1000 steps, or after "
    assert f"{said}--eval.max-episode-steps N\n" in error
    assert result_of()["episode_lengths"] == [1000, 1000]
    assert Path("run/report.html").is_file()
    code, _, error = run(capsys, *endless, "--out", "short", "--no-report", "--eval.max-episode-steps", "30")
    assert code == 0 and "declares no limit" not in error
    assert result_of("short")["episode_lengths"] == [30, 30]
    code, _, error = run(capsys, "evaluate", "run", "--episodes", "1")
    assert (code, error) == (0, said + "--max-episode-steps N\n")
    assert run(capsys, "evaluate", "run", "--episodes", "1", "--video", "--max-episode-steps", "20")[0] == 0
    demos = ("demos", "--env", "mishaps:Robot", "--env.kwargs", "length=0", "--policy", "run", "--episodes", "2")
    code, output, error = run(capsys, *demos, "--dataset", "robot/endless-v0", "--out", ".", "--max-episode-steps", "9")
    assert code == 0 and "2 episodes, 18 steps" in output, error


def test_a_limit_of_ours_can_be_shortened(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "train", *TINY, "--eval.max-episode-steps", "7", "--out", "run")[0] == 0
    assert result_of()["episode_lengths"] == [7, 7]


def test_a_film_that_fails_costs_no_run(capsys: pytest.CaptureFixture[str]) -> None:
    """A renderer with a fourth channel, or none at all: the run has finished, and its report can be written again."""
    code, _, error = run(capsys, *ROBOT, "alpha=true", "--out", "run")
    assert code == 0 and "Traceback" not in error, error
    assert activity_of(Path("run")).state == "finished"
    assert Path("run/report.html").is_file()
    assert run(capsys, "report", "run")[0] == 0


@pytest.mark.parametrize("command", ["evaluate", "demos"])
def test_an_environment_that_raises_elsewhere_is_named(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    """With the line in which it did, and no traceback."""
    assert run(capsys, *ROBOT, "fails_at=2000", "--out", "run", "--no-report")[0] == 0
    mishaps.steps_of_all = 1995
    demos = (
        "--env",
        "mishaps:Robot",
        "--env.kwargs",
        "fails_at=2000",
        "--policy",
        "run",
        "--episodes",
        "2",
        "--out",
        ".",
    )
    argv = ("evaluate", "run") if command == "evaluate" else ("demos", *demos, "--dataset", "robot/lost-v0")
    code, _, error = run(capsys, *argv)
    assert code == 2
    said = rf"prefgym: the environment Robot raised ConnectionError: the robot is gone \({mishaps.__file__}, line \d+\)"
    assert re.fullmatch(said, error.splitlines()[-1])


def test_a_killed_run_that_cannot_be_resumed_has_a_policy(
    stopped_at: Any,  # noqa: ANN401
    capsys: pytest.CaptureFixture[str],
) -> None:
    """That of the time of its last checkpoint, and the policies that it kept; the commands say its step."""
    kept: Any = {"eval": EvalCfg(every=200, episodes=1, final_episodes=1, keep=True), "report": False}
    tiny_run("Pendulum-v1", **kept, out="whole")
    assert not [*Path("whole/checkpoints").glob("policy-*")]
    with stopped_at(Loop, "_evaluate_last"):
        tiny_run("Pendulum-v1", **kept, out="run")
    assert sorted(path.name for path in Path("run/checkpoints").glob("*-*")) == [f"policy-000000000{n}00" for n in "24"]
    obs = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
    expected = prefgym.load_policy("whole", steps=400).predict(obs, deterministic=True)[0]
    capsys.readouterr()
    for steps, said in ((None, "this is its policy after 400 steps"), (400, "its policy after 400 steps is not check")):
        np.testing.assert_array_equal(prefgym.load_policy("run", steps).predict(obs, deterministic=True)[0], expected)
        assert f"run has not finished: {said}" in capsys.readouterr().err
    code, output, error = run(capsys, "evaluate", "run", "--episodes", "2")
    assert (code, "0 of 2 end early" in output, "after 400 steps" in error) == (0, True, True)
    assert run(capsys, "report", "run")[0] == 0
    page = Path("run/report.html").read_text()
    assert "To look at its policy after 400 steps:" in page and "Keep its answers" in page
    assert "--resume" not in page.partition('id="configuration"')[0]
    code, _, error = run(capsys, "stop", "run")
    assert code == 2 and "it cannot be resumed, since these parts have no state_dict(): env" in error
    Path("run/checkpoints/policy-000000000400/policy.safetensors").write_bytes(b"")
    with pytest.raises(UserError, match=r"policy-000000000400/policy\.safetensors is damaged"):
        prefgym.load_policy("run")


TRAIN = """
import os, signal, sys
import prefgym
from tiny import tiny_offline, tiny_run

class Signal(prefgym.Callback):
    def on_step(self, loop, metrics):
        if loop.steps >= loop.total / 2:
            os.kill(os.getpid(), int(sys.argv[1]))

if sys.argv[2] == "offline":
    tiny_offline(callbacks=[Signal()], out="run")
else:
    tiny_run(sys.argv[2], callbacks=[Signal()], out="run")
print("and on")
"""


@pytest.mark.slow  # a process of its own for each
@pytest.mark.parametrize("env", [POLE, "Pendulum-v1"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_keeps_what_was_learned(number: signal.Signals, env: str) -> None:
    """Ctrl-C gives control back to a script, the others end it; a run of ours goes on to the same policy."""
    told = in_process(TRAIN, str(int(number)), env)
    is_ctrl_c = number == signal.SIGINT
    assert told.returncode == (0 if is_ctrl_c else 128 + number), told.stderr
    assert ("and on" in told.stdout) is is_ctrl_c
    name = "Ctrl-C" if is_ctrl_c else number.name
    assert f"stopped by {name}: what was learned is kept in run; " in told.stderr
    result = result_of()
    assert result["reason"] == name and len(result["returns"]) == (2 if is_ctrl_c else 0)
    if env == POLE:
        assert "go on with: prefgym.Run('run').resume()" in told.stderr
        resumed, whole = prefgym.Run("run").resume(), tiny_run(out="whole", report=False)
        assert policy_of(resumed.path) == policy_of(whole.path)
    else:
        assert "prefgym feedback export run FOLDER keeps its 5 answers" in told.stderr


@pytest.mark.slow  # a process of its own for each
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_keeps_what_was_learned_offline(number: signal.Signals, finished_run: Path) -> None:
    """It goes on to the same policy, also when the answers are elsewhere."""
    export_run(finished_run, Path("answers"), Card(env=POLE))
    whole = tiny_offline(out="whole")
    told = in_process(TRAIN, str(int(number)), "offline")
    is_ctrl_c = number == signal.SIGINT
    assert told.returncode == (0 if is_ctrl_c else 128 + number), told.stderr
    name = "Ctrl-C" if is_ctrl_c else number.name
    said = f"stopped by {name}: what was learned is kept in run; go on with: prefgym.Run('run').resume()\n"
    assert told.stderr.endswith(said), told.stderr
    result = result_of()
    assert (result["reason"], result["updates"]) == (name, 60)
    assert len(result["returns"]) == (2 if is_ctrl_c else 0)
    shutil.move("answers", "elsewhere")
    assert policy_of(prefgym.Run("run").resume().path) == policy_of(whole.path)


def in_process(script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a script in a process of its own, which finds the helpers of tests."""
    command = [sys.executable, "-c", script, *arguments]
    path = os.pathsep.join([str(HELPERS), *sys.path])
    return subprocess.run(command, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, check=False)
