"""A run folder as `prefgym train` leaves it, small, with real states of a real model."""

import json
from collections.abc import Callable
from pathlib import Path

import gymnasium
import numpy as np
import pytest
import torch
import yaml
from numpy.typing import NDArray
from safetensors.numpy import save_file

from prefgym.core.preferences import Comparison, Preferences, RaterInfo
from prefgym.core.queries import Queries
from prefgym.core.segments import Segments
from prefgym.sim.gl import MjModel, RenderingUnavailable, mujoco
from prefgym.sim.render import STATE_SPEC, render_states

FPS = 20.0
NUM_QUERIES, NUM_STEPS = 9, 8


@pytest.fixture(scope="session")
def model() -> MjModel:
    path = Path(gymnasium.__file__).parent / "envs" / "mujoco" / "assets" / "half_cheetah.xml"
    return mujoco.MjModel.from_xml_path(str(path))


@pytest.fixture(scope="session")
def gl(model: MjModel) -> None:
    """Skip a test that needs pictures where there is no OpenGL."""
    try:
        render_states(model, np.empty((0, mujoco.mj_stateSize(model, STATE_SPEC))), width=16, height=16)
    except RenderingUnavailable as error:
        pytest.skip(str(error))


Run = Callable[[int, float], tuple[NDArray[np.float64], NDArray[np.float64]]]


@pytest.fixture(scope="session")
def roll(model: MjModel) -> Run:
    """Run the cheetah for some steps; returns states (T+1, S) and rewards (T,)."""

    def run(num_steps: int, phase: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        data = mujoco.MjData(model)
        states, x = np.empty((num_steps + 1, mujoco.mj_stateSize(model, STATE_SPEC))), np.empty(num_steps + 1)
        for step in range(num_steps + 1):
            mujoco.mj_getState(model, data, states[step], STATE_SPEC)
            x[step] = data.qpos[0]
            data.ctrl[:] = np.sin(step + phase * np.arange(model.nu))
            mujoco.mj_step(model, data, 5)
        return states, np.diff(x) * FPS

    return run


@pytest.fixture(scope="session")
def preferences(roll: Run) -> Preferences:
    """Nine answered queries: number 3 is a tie, number 5 a skip, and the second option of number 0 ends early."""
    clips = [[roll(NUM_STEPS, 0.3 * query + option) for option in range(2)] for query in range(NUM_QUERIES)]
    state = torch.tensor(np.array([[states for states, _ in query] for query in clips]))
    reward = torch.tensor(np.array([[rewards for _, rewards in query] for query in clips])).float()
    length = torch.full((NUM_QUERIES, 2), NUM_STEPS)
    length[0, 1] = 3
    terminated = length < NUM_STEPS
    options = Segments(
        obs=torch.zeros(NUM_QUERIES, 2, NUM_STEPS + 1, 3),
        action=torch.zeros(NUM_QUERIES, 2, NUM_STEPS, 2),
        length=length,
        terminated=terminated,
        truncated=torch.zeros_like(terminated),
        reward=reward,
        state=state,
    )
    number = torch.arange(NUM_QUERIES)
    queries = Queries(options=options, query_id=number + 100, asked_at=1000 * number)
    answers = Comparison.of((number % 3 == 0).long(), 2, tie=number == 3, skipped=number == 5)
    return Preferences.of(queries, answers, RaterInfo(name="partial-return"))


@pytest.fixture(scope="session")
def make_run(roll: Run) -> Callable[[Path], Path]:
    """Write a run folder with everything in it."""
    return lambda folder: write_run(folder / "demo", roll)


@pytest.fixture
def run_dir(tmp_path: Path, make_run: Callable[[Path], Path]) -> Path:
    """Give the test a complete run folder of its own."""
    return make_run(tmp_path)


def write_run(run: Path, roll: Run) -> Path:
    (run / "report").mkdir(parents=True)
    config = {"env": "prefgym/HalfCheetah-v0", "rater": "partial-return", "agent": "ppo", "budget": 10, "steps": 10_000}
    (run / "config.yaml").write_text(yaml.safe_dump(config))
    (run / "manifest.json").write_text(json.dumps({"command": "prefgym train --steps 10_000"}))
    rows: list[dict[str, float]] = []
    for k in range(1, 11):
        row = {"time/total_timesteps": 1000.0 * k, "time/time_elapsed": 6.15 * k, "rollout/ep_rew_mean": 10.0 * k}
        if k % 2:
            row |= {"eval/mean_reward": 400.0 * k, "eval/std_reward": 30.0}
        if k % 3 == 0:
            row |= {"feedback/session": k / 3, "feedback/num_asked": k, "feedback/num_answers": k - 1.0}
            row |= {"reward_model/accuracy": 0.7 + 0.02 * k, "reward_model/train_accuracy": 0.75 + 0.02 * k}
        rows.append(row)
    (run / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    result = {
        "final_return_mean": 4123.4, "final_return_std": 56.7, "returns": [4100.0, 4146.8],
        "num_asked": 9, "num_answered": 8, "steps": 10_000, "wall_time_s": 61.5, "env": "prefgym/HalfCheetah-v0",
        "rater": "partial-return", "agent": "ppo", "seed": 3, "version": "0.1.0",
    }  # fmt: skip
    (run / "result.json").write_text(json.dumps(result))
    states, rewards = roll(40, 1.0)
    learned = 0.5 * rewards + 0.1
    save_file({"state": states, "reward": rewards, "learned": learned}, run / "report" / "final_episode.safetensors")
    probability = np.linspace(0.02, 0.98, 40)
    held_out = {"probability": probability.tolist(), "choice": (probability > 0.4).astype(float).tolist()}
    (run / "report" / "held_out.json").write_text(json.dumps(held_out))
    pairs = {"true": rewards.tolist(), "learned": learned.tolist()}
    (run / "report" / "reward_scatter.json").write_text(json.dumps(pairs))
    return run
