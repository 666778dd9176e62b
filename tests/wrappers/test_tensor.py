"""Environments on a device in the loop: recorded, guarded, trained in, and gone on with."""

import importlib.util
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from commands import command
from gymnasium.vector import VectorWrapper
from tiny import tiny_cfg, tiny_ppo, tiny_reward, tiny_run, tiny_sampler

import prefgym
from prefgym import agents
from prefgym.agents.ppo import PPO
from prefgym.buffers.device_recorder import DeviceRecorder
from prefgym.buffers.recorder import RecorderCfg
from prefgym.common.errors import UserError
from prefgym.common.finite import NotFiniteError
from prefgym.core.segments import Segments
from prefgym.runs.folder import RunFolder
from prefgym.training.budget import ScheduleCfg
from prefgym.training.config import CheckpointCfg, EvalCfg, WarpCfg
from prefgym.training.envs import make_training_env
from prefgym.training.run import Run
from prefgym.wrappers.guards import GuardedTensorEnv
from prefgym.wrappers.sb3 import VecEnv
from prefgym.wrappers.tensor import PreferenceTensorEnv

pytest.importorskip("mujoco_warp")

DEVICE_ENVS: dict[str, Any] = {"backend": "warp", "device": "cpu", "max_episode_steps": 6}
CHEETAH = "prefgym/HalfCheetah-v0"
SETTINGS: dict[str, Any] = {
    **{"env": CHEETAH, "backend": "warp", "steps": 480, "budget": 20, "report": False},
    **{"agent": tiny_ppo(CHEETAH, num_envs=8, num_steps=15), "reward": tiny_reward(hidden=(8,), num_members=3)},
    **{"schedule": ScheduleCfg(num_sessions=4, first=0.1), "checkpoint": CheckpointCfg(every=120)},
    "eval": EvalCfg(episodes=1, final_episodes=1),
}


def test_what_happens_is_recorded_as_it_was() -> None:
    """Segments hold the observations, actions, rewards and states of two episodes of six steps, and one that runs."""
    env = gym.make_vec("prefgym/HalfCheetah-v0", 2, **DEVICE_ENVS)
    assert isinstance(env, PreferenceTensorEnv)
    base: Any = env.unwrapped
    obs, _ = env.reset(seed=0)
    env.action_space.seed(0)
    rows: list[tuple[torch.Tensor, ...]] = []
    for _ in range(14):
        before, state = obs.clone(), base.physics_state()
        action = torch.as_tensor(env.action_space.sample())
        obs, reward, _, truncated, info = env.step(action)
        assert not reward.any()  # none is learned yet
        rows.append((before, action, base.factors()["reward_forward"], state, info["final_obs"], truncated))
        obs.fill_(9)  # what is handed out is ours
        obs = base._obs.clone()  # pyright: ignore[reportPrivateUsage]
    before, action, forward, state, after, truncated = (torch.stack(values, 1) for values in zip(*rows))
    episodes = env.recorder.episodes()
    assert episodes.length.tolist() == [6, 6, 2] * 2
    assert episodes.truncated.tolist() == [True, True, False] * 2
    assert truncated[:, [5, 11]].all()
    for index in range(2):
        for number, (first, last) in enumerate(((0, 6), (6, 12), (12, 14))):
            kept, length = episodes[3 * index + number], last - first
            assert torch.equal(kept.obs[:length], before[index, first:last])
            assert torch.equal(kept.obs[length], after[index, last - 1])
            assert torch.equal(kept.action[:length], action[index, first:last])
            assert torch.equal(kept.factors["reward_forward"][:length], forward[index, first:last])
            assert kept.state is not None
            assert torch.equal(kept.state[:length], state[index, first:last].double())


def test_a_learned_reward_is_rewarded() -> None:
    """After answers, a fit and `install_reward`, steps have the reward of the learner."""
    env = gym.make_vec("prefgym/HalfCheetah-v0", 4, **DEVICE_ENVS)
    assert isinstance(env, PreferenceTensorEnv)
    obs, _ = env.reset(seed=0)
    for _ in range(12):
        obs, *_ = env.step(env.action_space.sample())
    reward = prefgym.rewards.make("ensemble", env=env)
    reward.fit(prefgym.raters.make("oracle")(env.sample_queries(20, length=4)))
    env.install_reward(reward)
    action = torch.as_tensor(env.action_space.sample())
    _, rewards, terminated, truncated, info = env.step(action)
    steps = Segments.of_steps(obs, action, info["final_obs"], terminated, truncated)
    torch.testing.assert_close(rewards, reward.reward(steps).mean(0)[..., 0])


class Spoilt(VectorWrapper):
    """Gives a NaN somewhere in the third step: in the observation, or in the reward."""

    def __init__(self, env: Any, where: str) -> None:  # noqa: ANN401
        super().__init__(env)
        self.where, self.num_steps = where, 0

    def check(self) -> None:
        """Find nothing."""

    def step(self, actions: Any) -> Any:  # noqa: ANN401
        """Take a step."""
        obs, reward, terminated, truncated, info = self.env.step(actions)
        self.num_steps += 1
        if self.num_steps == 3 and self.where in ("obs", "reward"):
            (info["final_obs"][0] if self.where == "obs" else reward)[1] = torch.nan
        return obs, reward, terminated, truncated, info


@pytest.mark.parametrize(
    ("where", "part"),
    [("obs", "the observation"), ("reward", "the task reward"), ("action", "the agent's action"), ("", "")],
)
def test_the_part_that_was_first_is_named(where: str, part: str) -> None:
    """Though a NaN spoils all that follows, and nobody looks before `check`."""
    env = GuardedTensorEnv(
        Spoilt(gym.make_vec("prefgym/HalfCheetah-v0", 2, reward="task", **DEVICE_ENVS), where), guard_reward=True
    )
    env.reset(seed=0)
    for step in range(5):
        action = torch.zeros(2, 6)
        action[0, 0] = torch.nan if where == "action" and step == 3 else 0.0
        env.step(action)
    if not part:
        env.check()
        return
    with pytest.raises(NotFiniteError, match=f"^{part} is not finite$"):
        env.check()


PEBBLE: Any = agents.cfg(
    "pebble", num_envs=8, num_steps=15, hidden=(8,), random_steps=300, layer_norm=True, normalize_obs=True
)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        pytest.param({"agent": PEBBLE}, marks=pytest.mark.slow),
        pytest.param({"reward": "win-rate", "budget": 100}, marks=pytest.mark.slow),
    ],
    ids=["ppo", "pebble", "win-rate"],
)
def test_a_resumed_run_learns_the_same(
    settings: dict[str, Any], stopped_at: Callable[..., AbstractContextManager[None]]
) -> None:
    """On the CPU device, from the checkpoint before the last, to the last bit; what it learned can be used."""
    tiny_run(**{**SETTINGS, **settings}, out="whole")
    with stopped_at(RunFolder, "write_json"):
        tiny_run(**{**SETTINGS, **settings}, out="stopped")
    Run("stopped").resume("previous")
    names = ["checkpoints/final/policy.safetensors", "preferences/preferences.safetensors"]
    for name in names if "reward" in settings else [*names, "checkpoints/final/reward.safetensors"]:
        assert (Path("whole") / name).read_bytes() == (Path("stopped") / name).read_bytes()
    policy = prefgym.load_policy("whole")
    assert policy.predict(np.zeros((1, 17)), deterministic=True)[0].shape == (1, 6)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"device": "cuda:99"}, r"or use backend='cpu'\.$"),
        ({"device": "abacus"}, "there is no device 'abacus': use 'cuda', 'cuda:1' or 'cpu'"),
        ({"env": "Pendulum-v1", "sampler": tiny_sampler(5)}, "Pendulum-v1 is not simulated by prefgym"),
        ({"env": "prefgym/Humanoid-v0"}, "such as prefgym/HumanoidNewton-v0"),
        ({"agent": agents.cfg("residual", base="zero")}, "agent 'residual' cannot learn in"),
        ({"agent": "sb3-ppo"}, "agent 'sb3-ppo' cannot learn in"),
        (
            {"recorder": RecorderCfg(capacity_steps=2000)},
            "30 steps of each of 64 environments are kept, and a segment has 50",
        ),
    ],
)
def test_what_cannot_be_on_a_device_is_refused(settings: dict[str, Any], sentence: str) -> None:
    """In one sentence, and there is no folder."""
    with pytest.raises(UserError, match=sentence):
        prefgym.train(backend="warp", **settings, out="run")
    assert not Path("run").exists()


def test_room_lies_within_limits() -> None:
    with pytest.raises(ValueError, match="num_contacts must be 1 or more, not 0"):
        WarpCfg(num_contacts=0)


def test_a_backend_that_is_none_ends_a_command(capsys: pytest.CaptureFixture[str]) -> None:
    """On the command line, which alone knows the choices."""
    assert command("train", "--backend", "gpu", "--out", "run") == 2
    assert "pass --backend cpu or --backend warp" in capsys.readouterr().err


def test_too_little_room_ends_a_run_in_one_sentence() -> None:
    """Two constraints are too few for a cheetah's joints; the run folder keeps what there was."""
    with pytest.raises(UserError, match="make num_contacts or num_constraints larger, in the rollout after"):
        tiny_run(**SETTINGS, warp=WarpCfg(num_constraints=2), out="run")
    assert Path("run").exists()


def test_too_little_memory_ends_in_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever it gives out while the parts are made: here, in the recorder."""

    def full(*_: Any, **__: Any) -> None:  # noqa: ANN401
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(DeviceRecorder, "__init__", full)
    with pytest.raises(UserError, match=r"the memory of cpu does not suffice: lower --agent.num-envs"):
        tiny_run(**SETTINGS, out="run")
    assert not Path("run").exists()


@pytest.mark.parametrize("words", ["CUDA out of memory. Tried", "Failed to allocate 8 bytes", "launch: out of memory"])
def test_memory_that_gives_out_later_ends_in_one_sentence(words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a rollout or an update, in torch's words or in Warp's."""

    def full(*_: Any) -> None:  # noqa: ANN401
        raise RuntimeError(words)

    monkeypatch.setattr(PPO, "update", full)
    with pytest.raises(UserError, match=r"^the memory of cpu does not suffice: lower --agent.num-envs"):
        tiny_run(**SETTINGS, rater="none", out="run")


@pytest.mark.parametrize("compiled", [True, False])
def test_whether_formulas_are_compiled_can_be_said(compiled: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[Any] = []

    def compile_nothing(formulas: Any, **_: Any) -> Any:  # noqa: ANN401
        given.append(formulas)
        return formulas

    monkeypatch.setattr(torch, "compile", compile_nothing)
    make_training_env(tiny_cfg(**SETTINGS, warp=WarpCfg(compiled=compiled))).close()
    assert len(given) == compiled


def test_sb3_sees_arrays() -> None:
    """Of the environments, and of what ended: twelve steps are two episodes."""
    envs: Any = VecEnv(gym.make_vec("prefgym/HalfCheetah-v0", 2, reward="task", **DEVICE_ENVS))
    assert isinstance(obs := envs.reset(), np.ndarray) and obs.shape == (2, 17)
    for step in range(12):
        obs, reward, done, infos = envs.step(np.zeros((2, 6), np.float32))
        assert all(isinstance(seen, np.ndarray) for seen in (obs, reward, done))
        assert done.tolist() == [step in (5, 11)] * 2
        if step == 5:
            told = infos[1]
            assert isinstance(last := told["terminal_observation"], np.ndarray) and last.shape == (17,)
            assert told["TimeLimit.truncated"] and not np.array_equal(last, obs[1])


def test_many_envs_have_recent_segments_too() -> None:
    """Of 40 environments, the latest 40 steps are one of each; segments of five can be drawn all the same."""
    env = gym.make_vec("prefgym/HalfCheetah-v0", 40, **{**DEVICE_ENVS, "max_episode_steps": 100})
    assert isinstance(env, PreferenceTensorEnv)
    env.reset(seed=0)
    for _ in range(12):
        env.step(env.action_space.sample())
    starts = env.recorder.starts(5, last_steps=40)
    assert len(starts) == 40 * 6  # ten steps are looked at, and a segment takes five


def test_the_cpu_path_does_without_warp(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither training nor making envs of arrays imports it; asking for it where it is missing says how to get it."""
    code = (
        "import sys, gymnasium, prefgym.training.online; gymnasium.make_vec('prefgym/Hopper-v0', 2);"
        "print('warp' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(ValueError, match=r"pip install 'prefgym\[warp\]'"):
        gym.make_vec("prefgym/Hopper-v0", 2, backend="warp", device="cpu")
