"""Tasks without a reward, from their ids to the report of a run: nobody but evaluation sees what is counted."""

import json
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium.utils.env_checker import check_env
from stable_baselines3.common.env_checker import check_env as sb3_check_env
from tiny import tiny_reward, tiny_run

from prefgym import raters
from prefgym.common.errors import UserError
from prefgym.common.registry import Entry
from prefgym.common.states import State
from prefgym.core.choice import BradleyTerry, BradleyTerryCfg
from prefgym.core.preferences import Preferences, RaterInfo
from prefgym.core.queries import Queries
from prefgym.data.feedback import Card, export_run
from prefgym.data.tables import load_preferences
from prefgym.envs import LANGUAGE_TASKS, registration
from prefgym.evaluation.envs import make_evaluation_env, source_of_run
from prefgym.evaluation.evaluate import evaluate
from prefgym.raters.immediate import ImmediateRater
from prefgym.report import write_report
from prefgym.runs.checkpoints import Checkpoints
from prefgym.training.load import load_policy
from prefgym.wrappers.preference import PreferenceVectorEnv

HOPPER = "prefgym/HopperBackflip-v0"
COUNTED = 0.125


@pytest.mark.filterwarnings("ignore:.*A Box observation space m..imum value is:UserWarning")
@pytest.mark.filterwarnings("ignore:.*we recommend using a symmetric and normalized space:UserWarning")
@pytest.mark.filterwarnings("ignore:.*We recommend you to use a symmetric and normalized Box:UserWarning")
@pytest.mark.filterwarnings("ignore:.*is different from the unwrapped version:UserWarning")
@pytest.mark.parametrize("name", LANGUAGE_TASKS)
def test_checkers_pass(name: str) -> None:
    """Gymnasium's and Stable-Baselines3's check_env find nothing wrong, whatever is rewarded."""
    for reward in ("learned", "metric"):
        check_env(gym.make(f"prefgym/{name}-v0", reward=reward), skip_render_check=True)
        sb3_check_env(gym.make(f"prefgym/{name}-v0", reward=reward))


@pytest.mark.parametrize("name", LANGUAGE_TASKS)
def test_many_envs_equal_one(name: str) -> None:
    """Observations, counts, flags and infos are bit-equal, and metadata say what is wanted."""
    env_id, task = f"prefgym/{name}-v0", LANGUAGE_TASKS[name]
    one, many = gym.make(env_id, reward="metric"), gym.make_vec(env_id, 2, reward="metric", seeding="parity")
    for env in (one, many):
        assert (env.metadata["task_description"], task.metric and task.metric.name) == (
            task.task_description,
            env.metadata["metric"],
        )
    one.action_space.seed(0)
    assert np.array_equal(one.reset(seed=3)[0], many.reset(seed=3)[0][0])
    for _ in range(30):
        action = one.action_space.sample()
        obs, reward, terminated, _, info = one.step(action)
        all_obs, rewards, terminations, _, infos = many.step(np.stack([action, action]))
        assert np.array_equal(obs, all_obs[0])
        assert (reward, terminated) == (rewards[0], terminations[0])
        assert info["x_position"] == infos["x_position"][0]
        assert not any("reward" in key for key in (*info, *infos))
        if terminated:
            break


@pytest.mark.parametrize("make", [gym.make, gym.make_vec], ids=["make", "make_vec"])
def test_there_is_no_task_reward(make: Any) -> None:  # noqa: ANN401
    """One sentence says so, repeats what is wanted, and says what to do."""
    with pytest.raises(
        ValueError, match=r"HumanoidKneel has no task reward, only a description \('The humanoid kneels.*rater"
    ):
        make("prefgym/HumanoidKneel-v0", reward="task")


def test_segments_know_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The wrapper gives 0, and segments carry neither reward nor factors; the measure is not to be recorded at all."""
    count_each_step(monkeypatch)
    assert counts(gym.make_vec(HOPPER, 2, reward="metric")) == {COUNTED}
    assert counts(gym.make_vec(HOPPER, 2, reward="recorded")) == counts(gym.make_vec(HOPPER, 2)) == {0.0}
    env: Any = gym.make_vec(HOPPER, 2)
    assert counts(env) == {0.0}
    options = env.sample_queries(4, length=5).options
    assert options.reward is None
    assert options.factors == {}
    assert options.state is not None
    for metric_env in (
        gym.make_vec(HOPPER, 2, reward="metric"),
        gym.make_vec(HOPPER, 2, reward="metric", vectorization_mode="sync"),
    ):
        with pytest.raises(ValueError, match="raters would see it: make the environment with reward='recorded'"):
            PreferenceVectorEnv(metric_env)
    unknown = PreferenceVectorEnv(gym.make_vec(HOPPER, 2, reward="recorded", vectorization_mode="sync"))
    assert counts(unknown) == {0.0}
    assert unknown.sample_queries(4, length=5).options.reward is None


def test_other_tasks_are_measured_by_their_reward() -> None:
    """What evaluation gives on Hopper is the task reward, as before, and there the measure may be recorded."""
    told = [gym.make_vec("prefgym/Hopper-v0", 2, reward=reward) for reward in ("task", "metric", "recorded")]
    assert counts(told[0]) == counts(told[1]) == counts(told[2]) != {0.0}
    assert PreferenceVectorEnv(told[1]).recorder.has_reward
    assert "metric" not in told[0].metadata


@pytest.mark.parametrize(
    ("rater", "sentence"),
    [
        ("none", "has no task reward: without a rater there is nothing to learn from."),
        *(
            (
                name,
                f"rater '{name}' cannot judge {HOPPER}: it judges by the task reward, and this environment has none.",
            )
            for name in ("oracle", "partial-return", "soft", "peak-end", "mixture", "fallible", "drifting", "foresight")
        ),
        *(
            (name, "it looks at factors of the task reward, and this environment has none")
            for name in ("heron", "cyclic", "turning", "weighted")
        ),
    ],
)
def test_raters_who_need_a_reward_are_refused(rater: str, sentence: str) -> None:
    """In one sentence, and there is no folder."""
    with pytest.raises(UserError) as told:
        tiny_run(HOPPER, rater=rater, out="run")
    assert sentence in str(told.value)
    assert "\n" not in str(told.value)
    assert not Path("run").exists()


@dataclass(frozen=True, kw_only=True)
class CoinRaterCfg:
    """A rater who tosses a coin."""


class CoinRater(ImmediateRater):
    """Look at nothing, and remember what was wanted."""

    def __init__(self, cfg: CoinRaterCfg, *, seed: int = 0, task_description: str = "") -> None:
        super().__init__()
        self.task_description, self.generator = task_description, torch.Generator().manual_seed(seed)

    def __call__(self, queries: Queries) -> Preferences:
        assert queries.options.reward is None
        assert queries.options.factors == {}
        scores = torch.zeros(queries.options.batch_shape, dtype=torch.float64)
        answers = BradleyTerry(BradleyTerryCfg(beta=1.0)).sample(scores, self.generator)
        return Preferences.of(
            queries, answers, RaterInfo(name="coin", settings={"task_description": self.task_description})
        )

    def state_dict(self) -> State:
        return {"generator": self.generator.get_state()}

    def load_state_dict(self, state: State) -> None:
        self.generator.set_state(state["generator"])


def test_a_run_without_a_reward(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Evaluation counts 0.125 a step, 125 an episode; preferences and checkpoints know nothing of it."""
    count_each_step(monkeypatch)
    monkeypatch.setitem(sys.modules, "coin", sys.modules[__name__])
    monkeypatch.setitem(raters.registry._ours, "coin", Entry(part="coin:CoinRater", cfg="coin:CoinRaterCfg"))
    monkeypatch.setattr(Checkpoints, "finish", lambda self, **_: None)  # so that they can be looked at
    tiny_run(HOPPER, rater="coin", reward=tiny_reward(hidden=(8,)), report=False, out="run")
    said = capsys.readouterr()
    assert "backflips 125.0 ± 0.0, 0 of 2 end early, after 600 steps and 10 queries" in said.out
    assert "true return" not in said.out + said.err
    rows = [json.loads(line) for line in Path("run/metrics.jsonl").read_text().splitlines()]
    evaluated = [row["eval/mean_reward"] for row in rows if "eval/mean_reward" in row]
    assert evaluated == [125.0] * 4  # before the first step, at two sessions, and at the end
    result, task_description = (
        json.loads(Path("run/result.json").read_text()),
        LANGUAGE_TASKS["HopperBackflip"].task_description,
    )
    assert (result["task_description"], result["metric"], result["returns"]) == (
        task_description,
        "backflips",
        [125.0, 125.0],
    )
    kept = load_preferences(Path("run/preferences/preferences"))
    assert len(kept) == 10
    assert kept.queries.options.reward is None
    assert kept.queries.options.factors == {}
    assert kept.raters[0].settings == {"task_description": task_description}
    loaded = Checkpoints(Path("run/checkpoints")).load()
    assert loaded is not None
    state, shards = loaded
    assert shards
    assert not any(shard["reward"].any() for shard in shards)
    assert {"0/obs", "0/state", "0/choice"} <= set(state["preferences"]["arrays"])
    assert not any("reward" in name or "factor" in name for name in state["preferences"]["arrays"])
    page = write_report(Path("run"), model=None, camera={}, fps=125.0, preferences=kept.only).read_text()
    assert task_description in page
    assert "Backflips 125 from" in page
    assert "rue return" not in page
    again = evaluate(load_policy("run"), make_evaluation_env(source_of_run(Path("run")), 2, 1))
    assert again.in_words(1) == "backflips 125.00 ± 0.00, 0 of 2 end early"
    export_run(Path("run"), Path("shared"), Card(env=HOPPER))


def count_each_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the hopper's measure count 0.125 a step, which nothing else does."""
    task = LANGUAGE_TASKS["HopperBackflip"]
    assert task.metric is not None
    each = replace(task.metric, step=lambda task, views, memory, xp: (memory, 0 * views["qpos"][..., 0] + COUNTED))
    monkeypatch.setitem(registration._SPECS, task.name, replace(task, metric=each))


def counts(env: Any) -> set[float]:  # noqa: ANN401
    """Take twenty steps, and return what was rewarded."""
    env.reset(seed=0)
    env.action_space.seed(0)
    return {float(reward) for _ in range(20) for reward in env.step(env.action_space.sample())[1]}
