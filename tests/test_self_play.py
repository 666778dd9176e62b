"""Self-play in the loop: what is asked, what is rewarded, going on where a run was stopped, and what makes no sense."""

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from commands import TINY_REWARD, run

from prefgym.cli.main import main
from prefgym.data.tables import load_preferences
from prefgym.runs.folder import RunFolder

TINY = (
    *("train", "--env", "prefgym/Hopper-v0", "--steps", "2000", "--budget", "45", "--threads", "1", "--no-report"),
    *("--segment-length", "20", "--agent.num-envs", "4", "--agent.num-steps", "20", "--agent.hidden", "8"),
    *("--eval.episodes", "2", "--eval.final-episodes", "2", "--checkpoint.every", "500"),
)
REWARDS = {"win-rate": (), "preference-model": (*TINY_REWARD, "--schedule.num-sessions", "5")}
SLOW = ("--agent.random-steps", "400", "--agent.batch-size", "16", "--agent.updates-per-step", "0.1")
AGENTS = {"ppo": ("--agent.epochs", "1"), "sac": SLOW}


def metrics(folder: str) -> list[dict[str, float]]:
    """Read what was logged, but for clock readings."""
    lines = [json.loads(line) for line in (Path(folder) / "metrics.jsonl").read_text().splitlines()]
    return [{k: v for k, v in line.items() if k not in ("time/time_elapsed", "time/fps")} for line in lines]


@pytest.mark.parametrize("agent", AGENTS)
@pytest.mark.parametrize("reward", REWARDS)
def test_a_run_goes_on_where_it_was_stopped(
    reward: str, agent: str, capsys: pytest.CaptureFixture[str], stopped_at: Callable[..., AbstractContextManager[None]]
) -> None:
    """From the checkpoint before the last, between which and the end fragments are compared."""
    flags = (*TINY, "--reward", reward, *REWARDS[reward], "--agent", agent, *AGENTS[agent])
    assert run(capsys, *flags, "--out", "whole")[0] == 0

    with stopped_at(RunFolder, "write_json"):
        main([*flags, "--out", "stopped"])
    assert run(capsys, "train", "--resume", "stopped", "--resume-from", "previous")[0] == 0
    for name in ("checkpoints/final/policy.safetensors", "preferences/preferences.safetensors"):
        assert (Path("whole") / name).read_bytes() == (Path("stopped") / name).read_bytes()
    assert metrics("whole") == metrics("stopped")


def test_each_rollout_is_judged_and_the_budget_is_spread(capsys: pytest.CaptureFixture[str]) -> None:
    """25 rollouts of 80 steps and 45 queries: after k of them, 45 k / 25 were asked, rounded up."""
    assert run(capsys, *TINY, "--reward", "win-rate", "--out", "run")[0] == 0
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
def test_rollouts_may_be_more_than_queries(agent: str, capsys: pytest.CaptureFixture[str]) -> None:
    """25 rollouts and 3 queries: most rollouts have none, and give one half."""
    flags = (*TINY, "--budget", "3", "--reward", "win-rate", "--agent", agent, *AGENTS[agent])
    assert run(capsys, *flags, "--out", "run")[0] == 0
    asked = [line["feedback/num_asked"] for line in metrics("run") if "feedback/num_asked" in line]
    assert asked == [1, 2, 3]


def test_what_makes_no_sense_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    for reward in REWARDS:
        code, _, error = run(capsys, *TINY, "--reward", reward, "--rater", "none", "--out", "none")
        assert (code, error.count("\n")) == (2, 1)
        assert f"--reward {reward} compares fragments by the answers of a rater: pass --rater" in error
    assert not Path("none").exists()
    wrong = {
        ("preference-model", "--sampler.num-options", "3"): "compares two options: leave --sampler.num-options out",
        ("win-rate", "--recorder.capacity-steps", "600"): "there is room for 600: raise --recorder",
        ("win-rate", "--env", "prefgym/Reacher-v0", "--agent.num-steps", "64"): "end after 50: lower --agent.num-steps",
    }
    for flags, sentence in wrong.items():
        code, _, error = run(capsys, *TINY, "--reward", *flags, "--out", "none")
        assert (code, error.count("\n")) == (2, 1)
        assert sentence in error


def test_rollouts_of_sb3_are_as_long_as_its_own_settings_say(capsys: pytest.CaptureFixture[str]) -> None:
    flags = ("train", "--env", "prefgym/Hopper-v0", "--agent", "sb3-ppo", "--reward", "win-rate", "--out", "none")
    code, _, error = run(capsys, *flags)
    told = (
        "fragments of 2048 steps, and episodes of prefgym/Hopper-v0 end after 1000: lower --agent.num-steps, or n_steps"
    )
    assert (code, told in error) == (2, True)
    code, _, error = run(capsys, *flags, "--agent.settings", '{"n_steps": 640}', "--recorder.capacity-steps", "2000")
    assert (code, "reaches back" in error) == (2, True)  # 64 fragments of 640 steps
