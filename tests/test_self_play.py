"""Self-play in the loop: what is asked, what is rewarded, going on where a run was stopped, and what makes no sense."""

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from tiny import tiny_ppo, tiny_reward, tiny_run, tiny_sampler

import prefgym
from prefgym import agents
from prefgym.buffers.recorder import RecorderCfg
from prefgym.common.errors import UserError
from prefgym.data.tables import load_preferences
from prefgym.runs.folder import RunFolder
from prefgym.training.budget import ScheduleCfg
from prefgym.training.config import CheckpointCfg, EvalCfg
from prefgym.training.run import Run

HOPPER = "prefgym/Hopper-v0"
REWARDS: dict[str, dict[str, Any]] = {
    "win-rate": {"reward": "win-rate"},
    "preference-model": {"reward": tiny_reward("preference-model"), "schedule": ScheduleCfg(num_sessions=5)},
}
AGENTS: dict[str, Any] = {
    "ppo": tiny_ppo(HOPPER, num_steps=20),
    "sac": agents.cfg(
        "sac", num_envs=4, num_steps=20, hidden=(8,), random_steps=400, batch_size=16, updates_per_step=0.1
    ),
}


def play(agent: str = "ppo", env: str = HOPPER, **changes: Any) -> Run:  # noqa: ANN401
    """Train on 2000 steps."""
    settings: dict[str, Any] = {
        **{"agent": AGENTS[agent], "sampler": tiny_sampler(20), "schedule": ScheduleCfg()},
        **{"steps": 2000, "budget": 45, "report": False},
        **{"eval": EvalCfg(episodes=2, final_episodes=2), "checkpoint": CheckpointCfg(every=500)},
    }
    return tiny_run(env, **{**settings, **changes})


def metrics(folder: str) -> list[dict[str, float]]:
    """Read what was logged, but for clock readings."""
    lines = [json.loads(line) for line in (Path(folder) / "metrics.jsonl").read_text().splitlines()]
    return [{k: v for k, v in line.items() if k not in ("time/time_elapsed", "time/fps")} for line in lines]


@pytest.mark.parametrize("agent", AGENTS)
@pytest.mark.parametrize("reward", REWARDS)
def test_a_run_goes_on_where_it_was_stopped(
    reward: str, agent: str, stopped_at: Callable[..., AbstractContextManager[None]]
) -> None:
    """From the checkpoint before the last, between which and the end fragments are compared."""
    play(agent, **REWARDS[reward], out="whole")
    with stopped_at(RunFolder, "write_json"):
        play(agent, **REWARDS[reward], out="stopped")
    Run("stopped").resume("previous")
    for name in ("checkpoints/final/policy.safetensors", "preferences/preferences.safetensors"):
        assert (Path("whole") / name).read_bytes() == (Path("stopped") / name).read_bytes()
    assert metrics("whole") == metrics("stopped")


def test_each_rollout_is_judged_and_the_budget_is_spread() -> None:
    """25 rollouts of 80 steps and 45 queries: after k of them, 45 k / 25 were asked, rounded up."""
    play(reward="win-rate", out="run")
    asked = [line["feedback/num_asked"] for line in metrics("run") if "feedback/num_asked" in line]
    assert asked == [-(-45 * k // 25) for k in range(1, 26)]
    preferences = load_preferences(Path("run") / "preferences" / "preferences")
    options = preferences.queries.options
    assert ((options.length == 20) | options.terminated).all()  # none that the end of a rollout has cut short
    assert (options.length < 20).any()
    assert options.reward is not None
    assert options.batch_shape == (45, 2)
    returned = options.reward.masked_fill(~options.mask, 0).sum(-1)
    assert (returned.argmax(-1) == preferences.answers.choice.argmax(-1))[~preferences.answers.tie].all()
    steps = [line["time/total_timesteps"] for line in metrics("run") if "feedback/num_asked" in line]
    assert set(preferences.queries.asked_at.tolist()) == set(steps)


@pytest.mark.parametrize("agent", AGENTS)
def test_rollouts_may_be_more_than_queries(agent: str) -> None:
    """25 rollouts and 3 queries: most rollouts have none, and give one half."""
    play(agent, budget=3, reward="win-rate", out="run")
    asked = [line["feedback/num_asked"] for line in metrics("run") if "feedback/num_asked" in line]
    assert asked == [1, 2, 3]


@pytest.mark.parametrize("reward", REWARDS)
def test_comparisons_need_a_rater(reward: str) -> None:
    sentence = f"--reward {reward} compares fragments by the answers of a rater: pass --rater"
    with pytest.raises(UserError, match=sentence):
        play(**REWARDS[reward], rater="none", out="none")
    assert not Path("none").exists()


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        (
            {"reward": "preference-model", "sampler": tiny_sampler(20, num_options=3)},
            "compares two options: leave --sampler.num-options out",
        ),
        (
            {"reward": "win-rate", "recorder": RecorderCfg(capacity_steps=600)},
            "there is room for 600: raise --recorder",
        ),
        (
            {"reward": "win-rate", "env": "prefgym/Reacher-v0", "agent": tiny_ppo(num_steps=64)},
            "end after 50: lower --agent.num-steps",
        ),
    ],
)
def test_what_makes_no_sense_is_refused(settings: dict[str, Any], sentence: str) -> None:
    """In one sentence."""
    given = {"env": HOPPER, "agent": AGENTS["ppo"], "sampler": tiny_sampler(20), "steps": 2000, "budget": 45}
    with pytest.raises(UserError) as told:
        tiny_run(**{**given, **settings}, out="none")
    assert sentence in str(told.value)
    assert "\n" not in str(told.value)


def test_rollouts_of_sb3_are_as_long_as_its_own_settings_say() -> None:
    told = (
        "fragments of 2048 steps, and episodes of prefgym/Hopper-v0 end after 1000: lower --agent.num-steps, or n_steps"
    )
    with pytest.raises(UserError, match=told):
        prefgym.train(HOPPER, agent="sb3-ppo", reward="win-rate", out="none")
    agent, recorder = agents.cfg("sb3-ppo", settings='{"n_steps": 640}'), RecorderCfg(capacity_steps=2000)
    with pytest.raises(UserError, match="reaches back"):  # 64 fragments of 640 steps
        prefgym.train(HOPPER, agent=agent, reward="win-rate", recorder=recorder, out="none")
