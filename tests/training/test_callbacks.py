"""Callbacks and the driver: what they see, in which order, and how they stop a run, from environments or records."""

import json
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny import tiny_cfg, tiny_ppo, tiny_reward, tiny_sampler

from prefgym.agents.bc import BC, BCCfg
from prefgym.common.finite import NotFiniteError
from prefgym.common.signals import Terminated
from prefgym.common.states import State
from prefgym.core.protocols import Array, PolicyState
from prefgym.evaluation.envs import make_evaluation_env
from prefgym.evaluation.evaluate import Evaluation
from prefgym.rewards.fit import FitCfg
from prefgym.rewards.health import troubles
from prefgym.rl.base import StopTraining
from prefgym.rl.offline import OfflineData
from prefgym.runs.checkpoints import Shard
from prefgym.runs.folder import RunFolder
from prefgym.sim.source import EnvSource
from prefgym.testing.examples import example_preferences
from prefgym.training.budget import ScheduleCfg
from prefgym.training.callbacks import Callback, standard_callbacks
from prefgym.training.config import CheckpointCfg, EvalCfg, OfflineCfg, OfflineEvalCfg, TrainCfg
from prefgym.training.loop import Loop, SavedPolicy, train
from prefgym.training.online import build
from prefgym.training.parts import Advance, Metrics
from prefgym.training.sources import OfflineSource
from prefgym.training.stop import Stop

SETTINGS: dict[str, Any] = {
    **{"steps": 400, "budget": 6, "checkpoint": CheckpointCfg(every=100)},
    "agent": tiny_ppo(num_envs=2, num_steps=25, hidden=(4,)),
    "sampler": tiny_sampler(4),
    "reward": tiny_reward(hidden=(4,), num_members=3, fit=FitCfg(gradient_steps=2)),
    "schedule": ScheduleCfg(num_sessions=2, first=0.2),
    "eval": EvalCfg(every=200, episodes=1, final_episodes=1),
}

OFFLINE = OfflineCfg(agent="bc", updates=300, threads=1, eval=OfflineEvalCfg(every=120, episodes=1, final_episodes=1))


class Still:
    """A policy that pushes nothing."""

    def predict(
        self,
        observation: Array,
        /,
        state: PolicyState = None,
        episode_start: Array | None = None,
        deterministic: bool = False,
    ) -> tuple[Array, PolicyState]:
        """Return zeros. Shape: (N, 1)."""
        del episode_start, deterministic
        return np.zeros((len(observation), 1)), state

    def save(self, path: Path | str) -> None:
        """Write a name."""
        Path(path).write_text("still")


class Counter:
    """A source that counts to ten in steps of two, without data."""

    unit, total, steps, place, num_answers = "steps", 10, 0, "while counting", None
    agent: SavedPolicy = Still()
    env_source = EnvSource.of("prefgym/InvertedPendulum-v0")

    def begin(self) -> Metrics:
        """Log the beginning."""
        return {"begun": 1.0}

    def advance(self) -> Advance:
        """Count; answers come in after four steps."""
        self.steps += 2
        return Advance(
            session={"answers": 3.0, "feedback/session": 1.0} if self.steps == 4 else {},
            learning={"count": float(self.steps)},
        )

    def finish(self) -> None:
        """Be satisfied."""

    def stateless(self) -> list[str]:
        """Name nothing."""
        return []

    def shard(self) -> tuple[Shard | None, int]:
        """Record nothing."""
        return None, 0

    def state_dict(self) -> State:
        """Return the count."""
        return {"count": self.steps}

    def resume(self, state: State, shards: list[State], *, mend: bool) -> None:
        """Count on."""
        del shards, mend
        self.steps = state["count"]


class Diary(Callback):
    """Writes down what it sees, and raises something at one place.

    Args:
        error: What is raised.
        hook: In which hook.
        steps: After how many steps.
    """

    def __init__(self, error: BaseException | None = None, hook: str = "on_step", steps: int = 4) -> None:
        self.error, self.hook, self.steps = error, hook, steps
        self.seen: list[tuple[str, int, object]] = []

    def _note(self, hook: str, loop: Loop, value: object = None) -> None:
        self.seen.append((hook, loop.steps, value))
        if self.error is not None and (hook, loop.steps) == (self.hook, self.steps):
            raise self.error

    def on_start(self, loop: Loop) -> None:
        """Write it down."""
        self._note("on_start", loop)

    def on_session(self, loop: Loop, metrics: Metrics) -> None:
        """Write it down."""
        self._note("on_session", loop, {**metrics})

    def on_evaluation(self, loop: Loop, evaluation: Evaluation) -> None:
        """Write it down."""
        assert len(evaluation.returns) > 0
        self._note("on_evaluation", loop, loop.is_running)

    def on_step(self, loop: Loop, metrics: Metrics) -> None:
        """Write it down."""
        self._note("on_step", loop, sorted(metrics))

    def on_end(self, loop: Loop) -> None:
        """Write it down."""
        self._note("on_end", loop)

    @property
    def hooks(self) -> list[tuple[str, int]]:
        """Return hooks and steps."""
        return [(hook, steps) for hook, steps, _ in self.seen]


@pytest.fixture
def cfg(tmp_path: Path) -> TrainCfg:
    """Configure evaluations and checkpoints every four steps."""
    often = {"eval": EvalCfg(every=4, episodes=1, final_episodes=1, keep=True), "checkpoint": CheckpointCfg(every=4)}
    return tiny_cfg(**{**SETTINGS, **often}, out=tmp_path / "run")


@pytest.fixture
def stops() -> list[Stop | None]:
    """Collect what stopped the driver."""
    return []


@pytest.fixture
def count(cfg: TrainCfg, stops: list[Stop | None]) -> Callable[..., list[dict[str, float]]]:
    """Make what runs the driver on a counter, and returns the lines that were logged."""

    def counting(*callbacks: Callback, resume: bool = False) -> list[dict[str, float]]:
        with closing(RunFolder(cfg, resume=resume)) as run:
            standard = standard_callbacks(cfg.eval, cfg.checkpoint, Callback())
            outcome = Loop(cfg, Counter(), run, [*standard, *callbacks]).train("latest" if resume else None)
        stops.extend([outcome.stop] * outcome.interrupted)
        return [json.loads(line) for line in (run.path / "metrics.jsonl").read_text().splitlines()]

    return counting


Count = Callable[..., list[dict[str, float]]]


def test_a_callback_sees_the_whole_run(count: Count, cfg: TrainCfg) -> None:
    diary = Diary()
    lines = count(diary)
    assert diary.hooks == [
        *(("on_start", 0), ("on_evaluation", 0), ("on_step", 2)),
        *(("on_session", 4), ("on_evaluation", 4), ("on_step", 4)),
        *(("on_step", 6), ("on_evaluation", 8), ("on_step", 8), ("on_step", 10)),
        *(("on_evaluation", 10), ("on_end", 10)),
    ]
    seen = {(hook, steps): value for hook, steps, value in diary.seen}
    assert seen["on_session", 4] == {"answers": 3.0, "feedback/session": 1.0}
    evaluated = ["mean_ep_length", "mean_reward", "num_early", "num_episodes", "std_reward"]
    assert seen["on_step", 4] == ["answers", "count", *(f"eval/{name}" for name in evaluated), "feedback/session"]
    assert [seen["on_evaluation", steps] for steps in (0, 4, 8, 10)] == [True, True, True, False]
    assert [line["time/total_timesteps"] for line in lines] == [0, 0, 2, 4, 6, 8, 10, 10]
    assert lines[0]["begun"] == 1.0
    assert cfg.out is not None
    assert sorted(path.name for path in (cfg.out / "policies").iterdir()) == ["0", "4", "8"]


@pytest.mark.parametrize("hook", ["on_session", "on_evaluation", "on_step"])
def test_stop_training_ends_the_run_in_order(count: Count, hook: str) -> None:
    """Other callbacks still see the step, and the last policy is evaluated."""
    first, second = Diary(StopTraining(), hook), Diary()
    lines = count(first, second)
    assert first.hooks == second.hooks
    assert second.hooks[-3:] == [("on_step", 4), ("on_evaluation", 4), ("on_end", 4)]
    assert [line["time/total_timesteps"] for line in lines] == [0, 0, 2, 4, 4]


def test_an_error_of_a_callback_names_it(count: Count, cfg: TrainCfg, stops: list[Stop]) -> None:
    """What was learned is evaluated, others come to their end, and the traceback is in the folder."""
    error, other = ZeroDivisionError("mine"), Diary()
    count(Diary(error), other)
    assert cfg.out is not None
    trace = cfg.out / "error.txt"
    (stop,) = stops
    assert stop.cause is error
    assert stop.reason == f"the callback Diary raised ZeroDivisionError: mine, while counting; see {trace}"
    assert "raised in on_step of the callback Diary" in trace.read_text()
    assert other.hooks[-2:] == [("on_evaluation", 4), ("on_end", 4)]


@pytest.mark.parametrize("hook", ["on_evaluation", "on_end"])
def test_an_error_after_the_last_step_is_kept_as_well(hook: str, count: Count, stops: list[Stop]) -> None:
    count(Diary(SystemExit(1), hook, steps=10))
    assert stops[0].reason.startswith("the callback Diary raised SystemExit: 1, while counting; see")


def test_what_is_not_finite_is_written_beside_the_run(count: Count, cfg: TrainCfg, stops: list[Stop]) -> None:
    count(Diary(NotFiniteError("the sum", {"values": np.array([np.nan])})))
    assert cfg.out is not None and (cfg.out / "dump" / "about.json").is_file()
    assert stops[0].reason == f"the sum is not finite, while counting; see {cfg.out / 'dump'}"


def test_a_counter_goes_on_where_it_was_stopped(count: Count, stops: list[Stop]) -> None:
    whole = Diary()
    count(Diary(ZeroDivisionError(), steps=6))
    lines = count(whole, resume=True)
    assert len(stops) == 1
    assert whole.hooks[:2] == [("on_start", 4), ("on_step", 6)]
    assert [line["time/total_timesteps"] for line in lines] == [0, 0, 2, 4, 6, 8, 10, 10]


def test_ctrl_c_ends_in_an_evaluation(count: Count) -> None:
    diary = Diary(KeyboardInterrupt())
    count(diary)
    assert diary.hooks[-2:] == [("on_evaluation", 4), ("on_end", 4)]


@pytest.mark.parametrize(("error", "reason"), [(KeyboardInterrupt(), "Ctrl-C"), (Terminated(15), "SIGTERM")])
def test_an_interrupted_evaluation_is_not_made_again(
    error: KeyboardInterrupt, reason: str, count: Count, stops: list[Stop], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor the last one after SIGTERM, when there is little time left."""

    def interrupted(*_: object) -> None:
        raise error

    diary = Diary()
    monkeypatch.setattr("prefgym.training.loop.evaluate", interrupted)
    count(diary)
    assert diary.hooks == [("on_start", 0), ("on_end", 0)]
    assert [stop.reason for stop in stops] == [reason]


def test_a_fall_of_the_true_return_is_logged_beside_the_rise_of_the_learned_one(
    count: Count, monkeypatch: pytest.MonkeyPatch
) -> None:
    """True returns 10, 300 and 150 before the first step, at 4 and at 8; the learned one rises from 4 to 8."""
    returns = iter((10.0, 300.0, 150.0, 150.0))
    monkeypatch.setattr(
        "prefgym.training.loop.evaluate", lambda *_: Evaluation(returns=(next(returns),), lengths=(1,), early=(False,))
    )
    monkeypatch.setattr(Counter, "num_answers", 3)
    advance = Counter.advance

    def paid(self: Counter) -> Advance:
        told = advance(self)
        return replace(told, learning={**told.learning, "rollout/ep_rew_mean": float(self.steps)})

    monkeypatch.setattr(Counter, "advance", paid)
    lines = {line["time/total_timesteps"]: line for line in count() if "health/true_fall" in line}
    assert [lines[4]["health/true_fall"], lines[8]["health/true_fall"]] == [0.0, 0.5]
    assert [lines[4]["health/learned_rise"], lines[8]["health/learned_rise"]] == [0.0, 4.0]
    assert "May be exploited" in troubles(lines[8])


def test_a_run_in_environments_calls_the_same_hooks(tmp_path: Path) -> None:
    cfg, diary = tiny_cfg(**SETTINGS, out=tmp_path / "run"), Diary(StopTraining(), "on_step", 300)
    with closing(RunFolder(cfg)) as run:
        outcome = train(cfg, build(cfg), run, callbacks=[diary])
    assert (outcome.steps, outcome.interrupted) == (300, False)
    assert [steps for hook, steps in diary.hooks if hook == "on_step"] == [50, 100, 150, 200, 250, 300]
    assert [steps for hook, steps in diary.hooks if hook == "on_evaluation"] == [0, 100, 200, 300, 300]
    sessions = [(steps, value) for hook, steps, value in diary.seen if hook == "on_session"]
    assert [steps for steps, _ in sessions] == [100, 300]
    assert isinstance(sessions[0][1], dict) and sessions[0][1]["feedback/num_asked"] == 3
    assert outcome.preferences is not None and len(outcome.preferences) == 6


def test_a_run_on_records_calls_the_same_hooks(tmp_path: Path) -> None:
    """Updates are taken up to the next evaluation or checkpoint, at most a hundred at once."""
    cfg = replace(OFFLINE, env="prefgym/InvertedPendulum-v0", out=tmp_path / "run")
    env, diary = make_evaluation_env(cfg.env, 1, 1), Diary(StopTraining(), "on_step", 220)
    data = OfflineData(preferences=example_preferences(obs_dim=4, action_dim=1))
    source = OfflineSource(cfg, BC(BCCfg(), env, data=data), {})
    with closing(RunFolder(cfg)) as run:
        outcome = Loop(cfg, source, run, [*standard_callbacks(cfg.eval, cfg.checkpoint, Callback()), diary]).train()
    assert outcome.steps == 220
    assert diary.hooks == [
        *(
            ("on_start", 0),
            ("on_evaluation", 0),
            ("on_step", 100),
            ("on_evaluation", 120),
            ("on_step", 120),
            ("on_step", 220),
        ),
        *(("on_evaluation", 220), ("on_end", 220)),
    ]
