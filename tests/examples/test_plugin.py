"""The package in examples/plugin: each part complies, and all of them train together under their names."""

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
import torch
from prefgym_example.agent import RandomSearch, RandomSearchCfg
from prefgym_example.learner import LinearReward, LinearRewardCfg
from prefgym_example.rater import ThriftyRater, ThriftyRaterCfg
from prefgym_example.sampler import ContrastSampler, ContrastSamplerCfg

from prefgym.core.queries import Queries
from prefgym.testing import (
    check_agent,
    check_learner,
    check_rater,
    check_sampler,
    example_env,
    example_recorder,
    example_segments,
)

ROOT = Path(__file__).resolve().parents[2]
PLUGIN = ROOT / "examples" / "plugin"
NAMES = {"rater": "thrifty", "reward": "linear", "sampler": "contrast", "agent": "random-search"}


def installed(folder: Path) -> dict[str, str]:
    """Lay out what pip would, and return an environment in which Python finds it."""
    project = tomllib.loads((PLUGIN / "pyproject.toml").read_text())["project"]
    info = folder / f"prefgym_example_plugin-{project['version']}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")
    lines = [
        line
        for group, points in project["entry-points"].items()
        for line in (f"[{group}]", *(f"{name} = {value}" for name, value in points.items()))
    ]
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n")
    return {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (folder, PLUGIN, ROOT)))}


def test_the_rater_complies() -> None:
    check_rater(lambda: ThriftyRater(ThriftyRaterCfg()))


def test_the_learner_complies() -> None:
    check_learner(lambda: LinearReward(LinearRewardCfg(), example_env()))


def test_the_sampler_complies() -> None:
    check_sampler(lambda: ContrastSampler(ContrastSamplerCfg(segment_length=4)))


def test_the_agent_complies() -> None:
    check_agent(lambda env: RandomSearch(RandomSearchCfg(num_envs=2, num_steps=6), env))


def test_the_agent_learns() -> None:
    """Pushing a point to the origin, an episode costs less than half of what it costs to do nothing."""
    env = example_env(16, obs_dim=2)
    agent = RandomSearch(RandomSearchCfg(num_envs=16, num_steps=12), env)
    before = float(agent.collect(env).reward.mean())
    for _ in range(40):
        agent.update(agent.collect(env), 0.0)
    assert float(agent.collect(env).reward.mean()) > before / 2


def test_the_learner_finds_what_the_rater_wants() -> None:
    """One action, always positive, so that thrift is linear: its weight is below 0 and most choices are predicted."""
    options = example_segments(64, 2, action_dim=1, equal_lengths=True)
    options.action.abs_()
    answers = ThriftyRater(ThriftyRaterCfg(beta=100.0))(Queries.of(options))
    learner = LinearReward(LinearRewardCfg(), example_env(action_dim=1))
    report = learner.fit(answers)
    assert float(learner.w[-1]) < 5 * -float(learner.w[:-1].abs().max())
    assert report.train_accuracy > 0.9


def test_the_sampler_asks_about_what_differs() -> None:
    """Of five candidates a query, the one is kept whose ends are farthest apart."""

    def spread(oversample: int) -> float:
        sampler = ContrastSampler(ContrastSamplerCfg(segment_length=4, oversample=oversample))
        options = sampler(example_recorder(), None, 20, torch.Generator().manual_seed(0))
        _, last = options.ends(options.obs)
        return float((last[:, 0] - last[:, 1]).abs().sum(-1).mean())

    assert spread(5) > 1.3 * spread(1)


def test_an_odd_number_of_environments_is_refused() -> None:
    with pytest.raises(ValueError, match="num_envs must be even, not 3"):
        RandomSearch(RandomSearchCfg(num_envs=3), example_env(3))


def test_all_parts_train_together(tmp_path: Path) -> None:
    """By their names, from the command line, as after `pip install`."""
    environment = installed(tmp_path / "site")
    parts = [word for kind, name in NAMES.items() for word in (f"--{kind}", name)]
    argv = (
        *(sys.executable, "-m", "prefgym", "train", "--env", "prefgym/InvertedPendulum-v0", *parts),
        *("--steps", "2000", "--budget", "10", "--threads", "1", "--segment-length", "5", "--agent.num-envs", "4"),
        *("--eval.episodes", "2", "--eval.final-episodes", "2", "--schedule.num-sessions", "2", "--no-report"),
        *("--reward.ridge", "0.1", "--rater.beta", "5", "--sampler.oversample", "2", "--out", "run"),
    )
    done = subprocess.run(argv, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "cannot be resumed" not in done.stderr
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    assert (result["rater"], result["agent"], result["num_answered"]) == ("thrifty", "random-search", 10)
    assert np.isfinite(result["returns"]).all()
