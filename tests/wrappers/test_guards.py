"""Guards: a NaN stops a run where it appears, and nothing before it is lost."""

import json
import re
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium.vector import AutoresetMode
from safetensors.torch import load_file
from tiny import tiny_cfg, tiny_reward, tiny_sampler

import prefgym.rewards.fit
from prefgym import agents
from prefgym.agents.ppo import PPO
from prefgym.agents.residual import Residual
from prefgym.agents.sac import SAC
from prefgym.common.finite import NotFiniteError, check_finite
from prefgym.common.states import flatten
from prefgym.core.choice import BradleyTerry
from prefgym.rewards.ensemble import Ensemble
from prefgym.runs.checkpoints import Checkpoints
from prefgym.runs.folder import RunFolder
from prefgym.sim.vector_env import PoolVectorEnv
from prefgym.training.budget import ScheduleCfg
from prefgym.training.config import EvalCfg
from prefgym.training.loop import train
from prefgym.training.online import build
from prefgym.wrappers.guards import GuardedVectorEnv

HOPPER = "prefgym/Hopper-v0"
SMALL: dict[str, Any] = {
    **{"env": HOPPER, "steps": 1500, "budget": 40, "sampler": tiny_sampler(10), "eval": EvalCfg(every=1_000_000)},
    "reward": tiny_reward(hidden=(16,), num_members=3),
    "schedule": ScheduleCfg(num_sessions=4, first=0.1),
}

_SAC: dict[str, Any] = {"hidden": (16,), "updates_per_step": 0.1, "random_steps": 200}
_SB3 = '{"learning_starts": 200, "gradient_steps": 1, "policy_kwargs": {"net_arch": [16]}}'
AGENTS: dict[str, dict[str, Any]] = {
    "residual": {"base": "zero", "random_steps": 200, "hidden": (16,), "critic_updates": 20, "updates_per_step": 0.5},
    "ppo": {"epochs": 2},
    "sac": _SAC,
    "pebble": _SAC,
    "sb3-ppo": {"settings": '{"n_steps": 16, "n_epochs": 2}'},
    "sb3-sac": {"settings": _SB3},
    "sb3-td3": {"settings": _SB3},
}


@pytest.mark.parametrize("value", [torch.tensor([1.0, torch.inf]), np.array([np.nan])])
def test_what_is_not_finite_is_named_with_what_it_was_made_of(value: Any) -> None:  # noqa: ANN401
    with pytest.raises(NotFiniteError, match=r"^the sum is not finite$") as told:
        check_finite("the sum", value, summand=np.zeros(1))
    assert set(told.value.arrays) == {"values", "summand"}
    check_finite("the sum", value[:0])
    check_finite("the sum", torch.full((9,), 3e38))  # finite, though their sum is not
    for bad in ([torch.inf, -torch.inf], [torch.nan, 0.0]):
        with pytest.raises(NotFiniteError, match="the sum is not finite"):
            check_finite("the sum", torch.tensor(bad))


def test_a_bad_action_never_reaches_the_physics() -> None:
    env = GuardedVectorEnv(gym.make_vec("prefgym/Hopper-v0", 2, reward="task"), guard_reward=True)
    env.reset(seed=0)
    base = cast(PoolVectorEnv, env.unwrapped)
    before = base.physics_state()
    with pytest.raises(NotFiniteError, match="the agent's action"):
        env.step(np.array([[0.0, 0.0, 0.0], [0.0, np.inf, 0.0]]))
    assert np.array_equal(base.physics_state(), before)


def test_the_last_observation_of_an_episode_is_guarded(monkeypatch: pytest.MonkeyPatch) -> None:
    """What autoreset hides in `info` is an observation, too."""
    env = gym.make_vec("prefgym/Reacher-v0", 1, reward="task", autoreset_mode=AutoresetMode.SAME_STEP)
    guarded = GuardedVectorEnv(env, guard_reward=True)
    guarded.reset(seed=0)
    for _ in range(49):
        guarded.step(np.zeros((1, 2)))
    step = PoolVectorEnv.step

    def spoiled(self: PoolVectorEnv, actions: Any) -> Any:  # noqa: ANN401
        told = step(self, actions)
        told[4]["final_obs"][0][0] = np.nan
        return told

    monkeypatch.setattr(PoolVectorEnv, "step", spoiled)
    with pytest.raises(NotFiniteError, match="the observation"):
        guarded.step(np.zeros((1, 2)))


def spoil_first(array: Any) -> None:  # noqa: ANN401
    """Plant a NaN."""
    array.reshape(-1)[0] = np.nan


def spoil_gradient(told: object, members: Any, *_: object) -> None:  # noqa: ANN401
    """Plant a NaN in the gradient of the last layer's bias."""
    spoil_first(members.biases[-1].grad)


Plant = tuple[object, str, Callable[..., None]]
PLANTS: dict[str, Plant] = {
    "the observation": (PoolVectorEnv, "step", lambda told, *_: spoil_first(told[0])),
    "the agent's action": (GuardedVectorEnv, "step", lambda _, env, actions: spoil_first(actions)),
    "the learned reward": (Ensemble, "reward", lambda told, *_: spoil_first(told)),
    "the gradient of the reward model": (prefgym.rewards.fit, "accumulate", spoil_gradient),
    "a label": (BradleyTerry, "sample", lambda told, *_: replace(told, choice=told.choice * torch.nan)),
}
"""Where a NaN is planted once there is a checkpoint: at the call of what, and into what it told or was given."""
GRADIENTS: dict[str, Plant] = {
    "ppo": (PPO, "advantages", lambda told, *_: spoil_first(told[0])),
    "sac": (SAC, "step", lambda _, agent, batch: batch.obs.fill_(np.nan)),
    "pebble": (SAC, "step", lambda _, agent, batch: batch.obs.fill_(np.nan)),
    "residual": (Residual, "step", lambda _, agent, batch: batch[0].obs.fill_(np.nan)),
}
"""The same for the gradient, or the loss, of agents that are ours."""


@pytest.mark.parametrize("agent", AGENTS)
@pytest.mark.parametrize("part", PLANTS)
def test_a_planted_nan_stops_the_run(part: str, agent: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The part is named, the last checkpoint is whole, and a dump holds the NaN."""
    stops(part, agent, PLANTS[part], tmp_path, monkeypatch)


@pytest.mark.parametrize("agent", GRADIENTS)
def test_a_planted_nan_in_the_gradient_of_the_agent_stops_the_run(
    agent: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    part = "the gradient of the agent" if agent == "ppo" else "the loss of the agent"
    stops(part, agent, GRADIENTS[agent], tmp_path, monkeypatch)


def stops(part: str, agent: str, plant: Plant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Plant a NaN, train, and look at what is left."""
    owner, name, spoil = plant
    before = name.endswith("step") and part != "the observation"  # spoil what it is given, not what it told
    function, saved = getattr(owner, name), tmp_path / "run" / "checkpoints"

    def planted(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        due = any(saved.glob("step-*/manifest.json"))
        if due and before:
            spoil(None, *args)
        told = function(*args, **kwargs)
        if due and not before:
            spoil(told, *args)
        return told

    monkeypatch.setattr(owner, name, planted)
    chosen = agents.cfg(agent, env=HOPPER, num_envs=8, num_steps=16, **AGENTS[agent])
    cfg = tiny_cfg(**SMALL, agent=chosen, out=tmp_path / "run")
    with closing(RunFolder(cfg)) as run:
        stop = train(cfg, build(cfg), run).stop
    assert stop is not None
    assert re.match(f"{part}( of the rater ScriptedRater)? is not finite, in the rollout after", stop.reason)
    assert str(run.path / "dump") in stop.reason
    assert json.loads((run.path / "dump" / "about.json").read_text())["part"].startswith(part)
    assert not load_file(run.path / "dump" / "arrays.safetensors")["values"].isfinite().all()
    loaded = Checkpoints(run.path / "checkpoints").load()
    assert loaded is not None
    kept = flatten({"agent": loaded[0]["agent"]})[0]
    assert all(array.isfinite().all() for array in kept.values() if array.is_floating_point())
