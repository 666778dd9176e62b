"""What is saved under a name that people give: dots belong to the name, and a missing folder is made."""

from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium.vector import AutoresetMode
from tiny import POLE

import prefgym
from prefgym.data.tables import load_preferences, save_preferences
from prefgym.evaluation.experts import Expert, load_expert
from prefgym.nn.weights import load_weights, save_weights
from prefgym.testing import example_preferences

NAMES = ("models/lr0.001", "models/lr0.003")


@pytest.mark.parametrize("name", ["ppo", "sac", "sb3-ppo"])
def test_two_agents_are_two_files(name: str) -> None:
    env = gym.make_vec(POLE, num_envs=2, reward="task", autoreset_mode=AutoresetMode.SAME_STEP)
    made: list[Any] = [prefgym.agents.make(name, env=env, seed=seed) for seed in range(2)]
    for path, agent in zip(NAMES, made):
        agent.save(path)
    loaded: list[Any] = [type(made[0]).load(path, env) for path in NAMES]
    obs = np.linspace(-1, 1, 4, dtype=np.float32)
    before, after = ([agent.predict(obs, deterministic=True)[0].item() for agent in row] for row in (made, loaded))
    assert before == after and before[0] != before[1]


def test_each_has_its_own_base_policy_beside_it() -> None:
    env = gym.make_vec(POLE, num_envs=2, reward="task")
    base: list[Any] = [prefgym.agents.make("ppo", env=env, seed=seed) for seed in range(2)]
    for path, policy in zip(NAMES, base):
        prefgym.agents.make("residual", env=env, base_policy=policy).save(path)  # pyright: ignore[reportAttributeAccessIssue]
    residual: Any = prefgym.agents.get("residual")
    loaded = [residual.load(path) for path in NAMES]
    obs = np.linspace(-1, 1, 4, dtype=np.float32)
    after = [agent.base.predict(obs, deterministic=True)[0].item() for agent in loaded]
    before = [policy.predict(obs, deterministic=True)[0].item() for policy in base]
    assert before == after and before[0] != before[1]


def test_two_preferences_are_two_files() -> None:
    made = [example_preferences("one", 0), example_preferences("two", 4)]
    for path, preferences in zip(NAMES, made):
        save_preferences(Path(path), preferences)
    assert [load_preferences(Path(path)).raters[0].name for path in NAMES] == ["one", "two"]


def test_two_weights_are_two_files() -> None:
    for number, path in enumerate(NAMES):
        save_weights(path, {"w": torch.full((1,), float(number))}, {"number": number})
    assert [(load_weights(path)[0]["w"].item(), load_weights(path)[1]["number"]) for path in NAMES] == [(0, 0), (1, 1)]


def test_two_experts_are_two_files() -> None:
    for path, env in zip(NAMES, ("prefgym/Hopper-v0", "prefgym/Walker2d-v0")):
        load_expert(env).save(Path(path))
    assert [Expert.load(Path(path)).card.env for path in NAMES] == ["prefgym/Hopper-v0", "prefgym/Walker2d-v0"]
