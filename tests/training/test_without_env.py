"""Trainings of what is no environment, of what exists once, and policies of runs that are still running."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, ClassVar

import gymnasium as gym
import numpy as np
import pytest
import torch
from commands import run
from tiny import tiny_ppo, tiny_run, tiny_settings

import prefgym
from prefgym import agents
from prefgym.common.errors import UserError
from prefgym.core.preferences import Comparison, Preferences, RaterInfo
from prefgym.core.queries import Queries
from prefgym.core.segments import Segments
from prefgym.data.feedback import Card, write_feedback
from prefgym.training.config import EvalCfg
from prefgym.training.loop import Loop
from prefgym.training.run import Run

REACH_M = np.array([0.8, -0.2, 0.4, 0.1], np.float32)


@pytest.fixture
def robot() -> Path:
    """Write answers about an arm with six numbers an observation and four joints; no environment knows it."""
    pytest.importorskip("pyarrow")
    generator = torch.Generator().manual_seed(0)
    num, steps = 40, 5
    sides = torch.tensor([1.0, -1.0])[torch.rand(num, 2, generator=generator).argsort(-1)]  # one towards, one away
    noise = 0.1 * torch.randn(num, 2, steps, 4, generator=generator)
    action = sides[..., None, None] * torch.as_tensor(REACH_M) + noise
    options = Segments(
        obs=torch.randn(num, 2, steps + 1, 6, generator=generator),
        action=action,
        length=torch.full((num, 2), steps),
        terminated=torch.zeros(num, 2, dtype=torch.bool),
        truncated=torch.zeros(num, 2, dtype=torch.bool),
    )
    distance = (action - torch.as_tensor(REACH_M)).square().sum((-1, -2))
    answers = Comparison.of(distance.argmin(-1), num_options=2)
    preferences = Preferences.of(Queries.of(options), answers, RaterInfo(name="ada", kind="human"))
    write_feedback(Path("robot"), preferences, Card(env="arm"))
    return Path("robot")


def test_preferences_of_a_robot_train_offline(robot: Path) -> None:
    """Sizes are those of the data, bounds are given; the result has no return, and the policy acts within bounds."""
    ended = prefgym.train_offline(
        agent=agents.cfg("sft"),
        preferences=robot,
        env="none",
        action_low=(-1.0,),
        action_high=(1.0, 1.0, 0.5, 1.0),
        updates=200,
        threads=1,
        out="run",
    )
    assert np.isnan(ended.result.mean_return) and ended.result.returns == () and ended.result.steps == 200
    facts = json.loads(Path("run/result.json").read_text())
    assert (facts["final_return_mean"], facts["env"]) == (None, "none")
    policy = Run("run").policy
    action, _ = policy.predict(np.zeros((3, 6), np.float32), deterministic=True)
    assert action.shape == (3, 4) and (np.abs(action) <= np.array([1, 1, 0.5, 1])).all()
    assert (action @ REACH_M > 0).all()  # towards what was preferred


def test_a_robot_is_trained_reported_and_resumed_on_the_command_line(
    robot: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = ["--preferences", str(robot), "--agent", "sft", "--updates", "100", "--threads", "1", "--out", "run"]
    code, _, error = run(capsys, "train-offline", *flags)
    assert (code, "unknown environment 'arm'" in error, "--env none trains without" in error) == (2, True, True)
    code, output, error = run(capsys, "train-offline", "--env", "none", *flags)
    assert (code, "not evaluated, after 100 updates" in output) == (0, True)
    assert "--action-low is that of the preferences: -1.06" in error
    assert run(capsys, "report", "run")[0] == 0
    code, _, error = run(capsys, "evaluate", "run")
    assert (code, "run was trained without an environment: its policy cannot be evaluated" in error) == (2, True)
    assert run(capsys, "train-offline", "--resume", "run", "--updates", "50")[0] == 0
    assert Run("run").result.steps == 150


@pytest.mark.parametrize(
    ("bounds", "sentence"),
    [
        ({"action_low": (-1.0, -1.0)}, "--action-low has 2 numbers, and actions have 4: pass so many, or one"),
        ({"action_low": (2.0,)}, "--action-low must lie below --action-high in each part"),
    ],
)
def test_bounds_that_do_not_fit_are_refused(bounds: dict[str, Any], sentence: str, robot: Path) -> None:
    with pytest.raises(UserError, match=sentence):
        prefgym.train_offline(agent="sft", preferences=robot, env="none", updates=1, threads=1, **bounds)


class Once(gym.Env[Any, Any]):
    """A robot of which there is one: a second object of this class is an error."""

    made: ClassVar[int] = 0

    def __init__(self, render_mode: str | None = None) -> None:
        type(self).made += 1
        if type(self).made > 1:
            raise RuntimeError("there is one robot, and it is taken")
        self.render_mode = render_mode
        self.observation_space = gym.spaces.Box(-1, 1, (2,), np.float32)
        self.action_space = gym.spaces.Box(-1, 1, (1,), np.float32)
        self.place = 0.0

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:  # noqa: ANN401
        """Go to the middle."""
        super().reset(seed=seed)
        self.place, self.time = 0.0, 0
        return self._seen(), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:  # noqa: ANN401
        """Move; to the right is good."""
        self.place, self.time = float(np.clip(self.place + 0.1 * action[0], -1, 1)), self.time + 1
        return self._seen(), self.place, False, self.time == 20, {}

    def _seen(self) -> Any:  # noqa: ANN401
        return np.array([self.place, self.time / 20], np.float32)


def test_an_environment_that_exists_once_is_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is trained in, reported, resumed and its policy loaded without another one."""
    monkeypatch.setattr(Once, "made", 0)
    once = {"eval": EvalCfg(copies=False), "agent": tiny_ppo(num_envs=1), "steps": 200, "out": "run"}
    ended = prefgym.train(**tiny_settings(**{**once, "env": Once}))
    assert Once.made == 1 and (ended.result.steps, ended.result.num_answered) == (200, 10)
    assert np.isnan(ended.result.mean_return) and ended.result.returns == ()
    assert "eval/mean_reward" not in ended.metrics and (ended.path / "report.html").is_file()
    later = Run("run")
    action, _ = later.policy.predict(np.zeros((1, 2), np.float32), deterministic=True)
    assert action.shape == (1, 1) and later.reward.is_fitted and later.report().is_file() and Once.made == 1
    with pytest.raises(RuntimeError, match="there is one robot"):
        prefgym.train(**tiny_settings(**{**once, "env": Once, "out": "other"}))


def test_copies_are_made_unless_told_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Once, "made", 0)
    with pytest.raises(RuntimeError, match="there is one robot"):
        prefgym.train(**tiny_settings(**{"env": Once, "agent": tiny_ppo(num_envs=1), "out": "run"}))


def test_a_run_that_is_running_is_evaluated(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    stopped_at: Any,  # noqa: ANN401
) -> None:
    """Killed after its checkpoint at 400 steps, it looks as if it was running; its policy is the one of that step."""
    kept = EvalCfg(every=200, episodes=1, final_episodes=1, keep=True)
    tiny_run(eval=kept, report=False, out=tmp_path / "whole")
    out = tmp_path / "run"
    with stopped_at(Loop, "_evaluate_last"):
        tiny_run(eval=kept, report=False, out=out)
    obs = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)
    actions = Run(out).policy.predict(obs, deterministic=True)[0]
    expected = prefgym.load_policy(tmp_path / "whole", steps=400).predict(obs, deterministic=True)[0]
    np.testing.assert_array_equal(actions, expected)
    capsys.readouterr()
    code, output, error = run(capsys, "evaluate", str(out), "--episodes", "2")
    assert (code, "of 2 end early" in output) == (0, True)
    assert f"{out} has not finished: this is its policy after 400 steps" in error
    shutil.rmtree(out / "checkpoints")
    code, _, error = run(capsys, "evaluate", str(out))
    assert (code, "has no policy: there is no checkpoint yet" in error) == (2, True)


@pytest.mark.slow
def test_a_policy_is_read_while_checkpoints_are_replaced(tmp_path: Path) -> None:
    """By another process, which saves one after each rollout; every read gives a policy."""
    out = tmp_path / "run"
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]); from tiny import tiny_run; from prefgym.training.config import "
        "CheckpointCfg; tiny_run(steps=20_000, checkpoint=CheckpointCfg(every=1), report=False, out=sys.argv[2])"
    )
    helpers = str(Path(__file__).parents[1] / "helpers")
    with subprocess.Popen([sys.executable, "-c", program, helpers, str(out)]) as process:
        seen = 0
        while process.poll() is None and seen < 5:
            if list(out.glob("checkpoints/step-*")):
                seen += Run(out).policy.predict(np.zeros((1, 4), np.float32))[0].shape == (1, 1)
        process.kill()
    assert seen > 0


def test_settings_of_sb3_are_read_from_a_checkpoint(tmp_path: Path, stopped_at: Any) -> None:  # noqa: ANN401
    """Only its policy is loaded."""
    pytest.importorskip("stable_baselines3")
    cfg = agents.cfg("sb3-ppo", num_envs=4, settings='{"n_steps": 50, "n_epochs": 1, "batch_size": 50}')
    with stopped_at(Loop, "_evaluate_last"):
        prefgym.train(**tiny_settings(agent=cfg, report=False, out=tmp_path / "run"))
    action, _ = Run(tmp_path / "run").policy.predict(np.zeros((2, 4), np.float32), deterministic=True)
    assert action.shape == (2, 1)
