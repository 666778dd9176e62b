"""The loop: nothing leaks, nothing is lost, and one seed gives one result."""

import json
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch._dynamo  # torch's optimisers import it when first made, and that draws from `random`
from gymnasium.vector import VectorWrapper
from tiny import tiny_cfg, tiny_ppo, tiny_reward, tiny_run, tiny_sampler

from prefgym.agents.ppo import PPO
from prefgym.common.errors import UserError
from prefgym.core.preferences import Comparison, Preferences, RaterInfo, Status
from prefgym.core.queries import Queries
from prefgym.raters.scripted import ScriptedRater, oracle
from prefgym.rewards.fit import FitCfg
from prefgym.runs.folder import RunFolder
from prefgym.testing import LateRater, LateRaterCfg
from prefgym.training.budget import ScheduleCfg
from prefgym.training.config import CheckpointCfg, EvalCfg, TrainCfg
from prefgym.training.loop import Outcome, train
from prefgym.training.online import build
from prefgym.training.parts import Parts
from prefgym.wrappers.preference import PreferenceVectorEnv

HOPPER = "prefgym/Hopper-v0"


class FixedStream:
    """Answer from a fixed stream of coins, whatever is shown."""

    def __init__(self) -> None:
        self._generator = torch.Generator().manual_seed(5)
        self._answered: list[Preferences] = []

    def submit(self, queries: Queries) -> None:
        """Toss a coin for each question."""
        chosen = torch.randint(2, (len(queries),), generator=self._generator)
        self._answered.append(Preferences.of(queries, Comparison.of(chosen, 2), RaterInfo(name="coin")))

    def collect(self) -> Preferences | None:
        """Return the tosses."""
        return self._answered.pop() if self._answered else None


class OtherReward(VectorWrapper):
    """Change the task reward by a factor."""

    def __init__(self, env: Any, factor: float) -> None:  # noqa: ANN401
        super().__init__(env)
        self._factor = factor

    def step(self, actions: Any) -> tuple[Any, Any, Any, Any, dict[str, Any]]:  # noqa: ANN401
        """Give something else."""
        obs, reward, terminated, truncated, info = self.env.step(actions)
        return obs, reward * self._factor, terminated, truncated, info


def small_ppo(env: str = HOPPER, num_steps: int = 32) -> Any:  # noqa: ANN401
    """Configure an agent with eight environments."""
    return tiny_ppo(env, num_envs=8, num_steps=num_steps, hidden=(64, 64))


def configure(out: Path, **changes: Any) -> TrainCfg:  # noqa: ANN401
    """Make a small configuration."""
    settings: dict[str, Any] = {
        **{"env": HOPPER, "steps": 3000, "budget": 40, "checkpoint": CheckpointCfg()},
        "agent": small_ppo(),
        "sampler": tiny_sampler(10),
        "reward": tiny_reward(hidden=(16,), num_members=3, fit=FitCfg(gradient_steps=10)),
        "schedule": ScheduleCfg(num_sessions=4, first=0.2),
        "eval": EvalCfg(every=1000, episodes=2, final_episodes=2),
    }
    return tiny_cfg(**{**settings, **changes}, out=out)


def run_parts(cfg: TrainCfg, parts: Parts) -> tuple[Outcome, list[dict[str, float]]]:
    """Run the loop and return what it came to and its metrics."""
    with closing(RunFolder(cfg)) as run:
        outcome = train(cfg, parts, run)
    assert cfg.out is not None
    return outcome, [json.loads(line) for line in (cfg.out / "metrics.jsonl").read_text().splitlines()]


def without_clock(metrics: list[dict[str, float]], *more: str) -> list[dict[str, float]]:
    """Drop clock readings, and whatever else is named by its beginning."""
    clocks = ("time/time_elapsed", "time/fps", *more)
    return [{k: v for k, v in line.items() if not k.startswith(clocks)} for line in metrics]


def learned(parts: Parts) -> bytes:
    """Return all weights as bytes."""
    assert isinstance(parts.agent, PPO)
    weights = {**parts.agent.weights(), **parts.learner.weights()}
    return b"".join(value.numpy().tobytes() for value in weights.values())


def test_the_task_reward_reaches_nothing_but_rater_and_evaluation(tmp_path: Path) -> None:
    """With answers from a fixed stream, turned-around or NaN task rewards change nothing that is learned."""
    results: list[tuple[bytes, str, bytes]] = []
    for name, factor in (("as-is", 1.0), ("turned", -1.0), ("nan", float("nan"))):
        cfg = configure(tmp_path / name)
        parts = build(cfg)
        assert isinstance(parts.env, PreferenceVectorEnv)
        parts = replace(parts, env=PreferenceVectorEnv(OtherReward(parts.env.env, factor)), rater=FixedStream())
        parts.env.reset(seed=3)
        outcome, metrics = run_parts(cfg, parts)
        assert outcome.preferences is not None and outcome.preferences.queries.options.reward is not None
        options = outcome.preferences.queries.options
        shown = b"".join(x.numpy().tobytes() for x in (options.obs, options.action, options.length))
        results.append((learned(parts), json.dumps(without_clock(metrics, "eval/")), shown))
        rewards = options.reward
        assert rewards is not None
        assert bool(rewards.isnan().any()) == (name == "nan")
    assert results[0] == results[1] == results[2]


@pytest.fixture
def two_alike_and_one_other(tmp_path: Path) -> list[TrainCfg]:
    """Make configurations with seeds 0, 0 and 1."""
    return [configure(tmp_path / name, seed=seed) for name, seed in (("a", 0), ("b", 0), ("c", 1))]


def test_one_seed_gives_one_result(two_alike_and_one_other: list[TrainCfg], no_global_rng: None) -> None:
    """Two runs are equal to the last bit, clock readings aside; another seed gives another."""
    results: list[tuple[bytes, str]] = []
    for cfg in two_alike_and_one_other:
        parts = build(cfg)
        _, metrics = run_parts(cfg, parts)
        results.append((learned(parts), json.dumps(without_clock(metrics))))
    assert results[0] == results[1]
    assert results[0][0] != results[2][0]


def test_late_double_and_lost_answers_are_accounted_for(tmp_path: Path) -> None:
    """Each query is used at most once; what never came back stays pending; the run goes on regardless."""
    cfg = configure(tmp_path / "late", rater="equal")
    parts = build(cfg)
    env = parts.env
    assert isinstance(env, PreferenceVectorEnv)
    scripted = ScriptedRater(oracle(), step_return=env.recorder.step_return)
    parts = replace(parts, rater=LateRater(scripted, LateRaterCfg(delay=2, lost=0.2, twice=0.4), seed=2))
    outcome, metrics = run_parts(cfg, parts)
    assert outcome.preferences is not None
    numbers = outcome.preferences.query_id.tolist()
    assert len(set(numbers)) == len(numbers)
    assert parts.budget.num_asked == 40
    assert parts.budget.num_answered + parts.budget.num_pending == 40
    assert parts.budget.num_pending > 0
    assert any("train/value_loss" in line for line in metrics)


def test_a_session_in_which_all_is_skipped_is_survived(tmp_path: Path) -> None:
    """Nothing can be fitted, so nothing is rewarded and the agent does not move; both counts are logged."""

    class Skipper(FixedStream):
        def submit(self, queries: Queries) -> None:
            num = len(queries)
            status = torch.full((num,), int(Status.SKIPPED))
            answers = Comparison(status=status, choice=torch.zeros(num, 2), tie=torch.zeros(num, dtype=torch.bool))
            self._answered.append(Preferences.of(queries, answers, RaterInfo(name="skipper")))

    cfg = configure(tmp_path / "skip")
    parts = replace(build(cfg), rater=Skipper())
    before = learned(parts)
    outcome, metrics = run_parts(cfg, parts)
    assert learned(parts) == before
    assert outcome.fit is None
    counts = [line for line in metrics if "feedback/num_asked" in line][-1]
    assert (counts["feedback/num_asked"], counts["feedback/num_answers"]) == (40, 0)


def test_a_session_waits_for_the_first_episode_that_is_long_enough(tmp_path: Path) -> None:
    """HalfCheetah never falls, so windows of 40 steps are kept whole, and the first two rollouts of 16 hold none."""
    cheetah = "prefgym/HalfCheetah-v0"
    parts = {"agent": small_ppo(cheetah, num_steps=16), "sampler": tiny_sampler(40)}
    schedule = ScheduleCfg(num_sessions=2, first=0.0, last=0.5)
    cfg = configure(tmp_path / "wait", env=cheetah, **parts, schedule=schedule)
    outcome, _ = run_parts(cfg, build(cfg))
    assert outcome.preferences is not None
    # 8 environments: 40 steps of each are there after three rollouts of 128; the last session is due at 1500
    assert sorted(set(outcome.preferences.queries.asked_at.tolist())) == [384, 1536]


def test_a_run_in_which_nothing_can_be_asked_says_so(tmp_path: Path) -> None:
    """Hopper falls within 200 steps when it acts at random: no window of 300 steps is ever whole."""
    cfg = configure(tmp_path / "never", sampler=tiny_sampler(300, keep_short=False))
    with closing(RunFolder(cfg)) as run, pytest.raises(UserError, match="the sampler found no segment"):
        train(cfg, build(cfg), run)


def test_evaluation_keeps_to_its_grid_whatever_episodes_do(tmp_path: Path) -> None:
    """Steps come in rollouts of 256: evaluations follow 1000 and 2000 at 1024 and 2048, and the end at 3072."""
    cfg = configure(tmp_path / "grid")
    cfg = replace(cfg, eval=replace(cfg.eval, at_sessions=False))
    _, metrics = run_parts(cfg, build(cfg))
    assert [line["time/total_timesteps"] for line in metrics if "eval/mean_reward" in line] == [1024, 2048, 3072]


def test_policies_are_evaluated_before_the_first_step_and_at_sessions_and_learn_the_same(tmp_path: Path) -> None:
    """Sessions are held after rollouts of 200, at 200 and 600; none is evaluated within a twentieth of 14,000."""
    often, far = EvalCfg(every=800, episodes=1, final_episodes=1), EvalCfg(every=14_000, episodes=1, final_episodes=1)
    schedule = ScheduleCfg(num_sessions=2, first=0.2, last=0.5)
    told: dict[str, tuple[list[float], list[float | None], bytes]] = {}
    for name, cfg in {"often": often, "far": far, "never": replace(often, at_sessions=False)}.items():
        run = tiny_run(steps=1000, schedule=schedule, eval=cfg, out=tmp_path / name, report=False)
        lines = [json.loads(line) for line in (run.path / "metrics.jsonl").read_text().splitlines()]
        lines = [line for line in lines if "eval/mean_reward" in line]
        policy = (run.path / "checkpoints/final/policy.safetensors").read_bytes()
        steps, labels = ([line.get(key) for line in lines] for key in ("time/total_timesteps", "eval/num_answers"))
        told[name] = steps, labels, policy
    assert told["often"][:2] == ([0, 200, 600, 800, 1000], [0, 5, 10, 10, 10])
    assert told["far"][:2] == ([0, 1000], [0, 10])
    assert told["never"][:2] == ([800, 1000], [10, 10])
    assert told["often"][2] == told["far"][2] == told["never"][2]


def test_without_a_rater_the_agent_learns_from_the_task_reward(tmp_path: Path) -> None:
    """The reference arm asks nothing and logs the task return."""
    cfg = configure(tmp_path / "none", rater="none")
    parts = build(cfg)
    assert parts.rater is None
    outcome, metrics = run_parts(cfg, parts)
    assert outcome.preferences is None
    returns = [line["rollout/ep_rew_mean"] for line in metrics if "rollout/ep_rew_mean" in line]
    assert np.isfinite(returns).all() and max(returns) > 5  # Hopper is rewarded about 1 a step for living
    assert not any(key.startswith(("feedback/", "reward_model/")) for line in metrics for key in line)


@pytest.mark.parametrize("sampler", ["uniform", "entropy", "k-center", "disagreement-k-center"])
def test_every_sampler_takes_part(tmp_path: Path, sampler: str) -> None:
    """Each asks the whole budget."""
    cfg = configure(tmp_path / sampler, sampler=tiny_sampler(10, sampler), steps=1500)
    outcome, _ = run_parts(cfg, build(cfg))
    assert outcome.preferences is not None and len(outcome.preferences) == 40
