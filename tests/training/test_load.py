"""What a run has learned works outside of it, and is what the run has learned."""

import json
import shutil
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
import torch
from tiny import tiny_reward, tiny_run

import prefgym
from prefgym.common.errors import UserError
from prefgym.core.segments import Segments
from prefgym.data.tables import load_preferences
from prefgym.evaluation.envs import make_evaluation_env
from prefgym.evaluation.evaluate import evaluate
from prefgym.rewards.preference_model import PreferenceModel
from prefgym.runs.manifest import write_manifest


@pytest.fixture
def run(finished_run: Path, tmp_path: Path) -> Path:
    """Copy a run, so that it may be damaged."""
    return Path(shutil.copytree(finished_run, tmp_path / "trained"))


def test_a_policy_acts_as_it_did(run: Path) -> None:
    """Its true return over the first evaluation seed is the one that was measured."""
    policy = prefgym.load_policy(run)
    env = gym.make("prefgym/InvertedPendulum-v0", reward="task")
    obs, _ = env.reset(seed=10_000)
    total, over = 0.0, False
    while not over:
        action, _ = policy.predict(np.asarray(obs, np.float32), deterministic=True)
        obs, reward, terminated, truncated, _ = env.step(action)
        total, over = total + float(reward), terminated or truncated
    assert total == json.loads((run / "result.json").read_text())["returns"][0]


def test_a_preference_model_knows_whom_it_meets(tmp_path: Path) -> None:
    """With the queue of the last rollouts; two of them are told apart by what they give the same steps."""
    tiny_run(reward=tiny_reward("preference-model"), steps=1000, report=False, out=tmp_path / "run")
    learner = prefgym.load_reward(tmp_path / "run")
    assert isinstance(learner, PreferenceModel) and len(learner.queue) == 64
    options = load_preferences(tmp_path / "run" / "preferences" / "preferences").queries.options
    rewards = learner.reward(options)
    assert rewards.shape == (2, *options.batch_shape, 5) and rewards.isfinite().all()
    learner.observe_fragments(options[:, 0])
    assert not torch.allclose(learner.reward(options), rewards)


def test_a_policy_on_the_way_is_kept(run: Path) -> None:
    """It has the return that was measured when it was kept, and the last one stays what it was."""
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    measured = {line["time/total_timesteps"]: line["eval/mean_reward"] for line in lines if "eval/mean_reward" in line}
    kept = prefgym.load_policy(run, steps=400)
    assert evaluate(kept, make_evaluation_env("prefgym/InvertedPendulum-v0", 1, 1)).mean == measured[400]
    obs = np.ones((1, 4), np.float32)
    assert not np.array_equal(
        kept.predict(obs, deterministic=True)[0], prefgym.load_policy(run).predict(obs, deterministic=True)[0]
    )
    with pytest.raises(UserError, match=r"has no policies/7\.json"):
        prefgym.load_policy(run, steps=7)


def test_a_reward_gives_what_it_was_learned_to(run: Path) -> None:
    """With its own configuration, and in an environment it is installed in."""
    reward = prefgym.load_reward(run)
    flag = torch.zeros(1, dtype=torch.bool)
    obs, action = torch.randn(1, 2, 4, generator=torch.Generator().manual_seed(0)), torch.zeros(1, 1, 1)
    step = Segments(obs=obs, action=action, length=torch.ones(1).long(), terminated=flag, truncated=flag)
    weights = reward.weights()
    assert [weights[f"weights.{depth}"].shape for depth in range(3)] == [(2, 5, 8), (2, 8, 8), (2, 8, 1)]
    x = (torch.cat([obs[0, 0], action[0, 0]]) - weights["input_mean"]) * weights["input_scale"]
    outputs = []
    for member in range(2):
        hidden = x
        for depth in range(3):
            hidden = hidden @ weights[f"weights.{depth}"][member] + weights[f"biases.{depth}"][member]
            hidden = hidden.tanh() if depth < 2 else hidden
        outputs.append((hidden[0] - weights["shift"][member]) / weights["scale"][member])
    torch.testing.assert_close(reward.reward(step)[:, 0, 0], torch.stack(outputs))
    env = prefgym.PreferenceEnv(gym.make("InvertedPendulum-v5"))
    env.install_reward(reward)
    env.reset(seed=0)
    assert env.step(env.action_space.sample())[1] != 0.0


@pytest.mark.parametrize("name", ["policy.json", "policy.safetensors"])
def test_a_damaged_file_is_named(name: str, run: Path, tmp_path: Path) -> None:
    """One bit of it is enough; a run without a manifest, or none at all, is told as such."""
    file = run / "checkpoints" / "final" / name
    whole = file.read_bytes()
    file.write_bytes(whole[:-3] + bytes([whole[-3] ^ 1]) + whole[-2:])
    with pytest.raises(UserError, match=f"{file} is damaged"):
        prefgym.load_policy(run)
    file.write_bytes(whole)
    manifest = run / "manifest.json"
    manifest.rename(tmp_path / "manifest.json")
    with pytest.raises(UserError, match=r"has no manifest\.json"):
        prefgym.load_reward(run)
    (tmp_path / "manifest.json").rename(manifest)
    with pytest.raises(UserError, match="is not a run folder"):
        prefgym.load_policy(tmp_path)


@pytest.mark.parametrize(
    ("name", "content"),
    [("policy.json", b"{}"), ("policy.json", b'{"agent": "sac"}'), ("policy.safetensors", b"")],
)
def test_what_another_version_has_written_is_told(name: str, content: bytes, run: Path, tmp_path: Path) -> None:
    """It is what its manifest says, and makes no sense here."""
    copy = tmp_path / "copy"
    shutil.copytree(run, copy)
    (copy / "checkpoints" / "final" / name).write_bytes(content)
    write_manifest(copy)
    with pytest.raises(
        UserError,
        match=r"policy was not written by this version of |policy\.(safetensors|json) is damaged: ",
    ):
        prefgym.load_policy(copy)
