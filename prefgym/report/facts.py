"""Numbers of a run that several cards of its page show."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import numpy as np

from prefgym.core.feedback import Feedback
from prefgym.core.intervals import wilson
from prefgym.core.kinds import KINDS
from prefgym.report.data import Curve, FloatArray, RunData
from prefgym.report.footage import Footage
from prefgym.report.frame import State
from prefgym.runs.schema import PolicyManifest

Row = Mapping[str, float]


@dataclass(frozen=True, eq=False, kw_only=True)
class View:
    """A run, and what is shown of it beside its files of numbers."""

    run: RunData
    state: State
    """Whether it is running, was stopped or has finished."""
    fps: float
    """Environment steps for each second of an episode."""
    preferences: Feedback | None = None
    """Queries and answers."""
    footage: Footage = field(default_factory=Footage)
    """Clips."""
    kept: PolicyManifest | None = None
    """The last policy that was kept of a stopped run that cannot be resumed; None of one that can be."""
    expert: float | None = None
    """Mean true return of the expert that ships with prefgym; None without one."""

    @property
    def path(self) -> str:
        """Return the run folder as commands name it: relative to where the run began, or else its name alone."""
        out = self.run.config.get("out")
        is_relative = isinstance(out, str) and not Path(out).is_absolute() and Path(out).name == self.run.name
        return str(out) if is_relative else self.run.name

    @property
    def unit(self) -> str:
        """Return the unit of the training, in words."""
        return "updates" if "updates" in self.run.config else "environment steps"

    @property
    def steps(self) -> float:
        """Return the environment steps, or updates, so far."""
        told = self.run.result.get("updates", self.run.result.get("steps"))
        return float(told) if isinstance(told, int | float) else self.run.metrics.last(STEPS) or 0.0

    @property
    def total(self) -> float | None:
        """Return the environment steps, or updates, of the whole training."""
        found = self.run.config.get("updates", self.run.config.get("steps"))
        return float(found) if isinstance(found, int | float) and math.isfinite(found) and found > 0 else None

    @property
    def share(self) -> float | None:
        """Return which share of the training is done."""
        return None if self.total is None else min(self.steps / self.total, 1.0)

    @property
    def seconds(self) -> float | None:
        """Return the time since the run began, without pauses."""
        told = self.run.number("wall_time_s")
        return self.run.metrics.last("time/time_elapsed") if told is None else told

    @property
    def speed(self) -> float | None:
        """Return the latest steps a second; None before two lines of metrics."""
        times = self.run.metrics.curve("time/time_elapsed")
        if len(times) < 2:
            return None
        recent = times.x >= times.x[-1] - 0.1 * max(self.total or 0.0, 1.0)
        x, y = (times.x[recent], times.y[recent]) if recent.sum() > 1 else (times.x[-2:], times.y[-2:])
        return float((x[-1] - x[0]) / (y[-1] - y[0])) if y[-1] > y[0] else None

    @property
    def seconds_left(self) -> float | None:
        """Return a guess of the time to the end of the training."""
        return max(self.total - self.steps, 0.0) / self.speed if self.total and self.speed else None

    @property
    def labels(self) -> tuple[int, int] | None:
        """Return the numbers of queries that were asked and answered; None without a rater or any count."""
        run, metrics = self.run, self.run.metrics
        if not run.learns_from_labels:
            return None
        asked, answered = run.number("num_asked"), run.number("num_answered")
        asked = metrics.last("feedback/num_asked") if asked is None else asked
        answered = metrics.last("feedback/num_answers") if answered is None else answered
        if asked is not None and answered is not None:
            return round(asked), round(answered)
        return (len(self.preferences), self.preferences.num_answered) if self.preferences else None


STEPS = "time/total_timesteps"


@dataclass(frozen=True, eq=False, kw_only=True)
class Return:
    """The true return of a policy, or the metric of a task without a reward."""

    mean: float
    std: float | None = None
    """Standard deviation between episodes."""
    episodes: int | None = None
    """Number of episodes."""
    early: int | None = None
    """Episodes that ended before their time limit."""
    is_final: bool = False
    """Whether it is that of the last policy."""

    @property
    def ends(self) -> str:
        """Return how many episodes end early, in words; empty if it is not known."""
        return "" if self.early is None or self.episodes is None else f"{self.early} of {self.episodes} end early"


def latest_return(run: RunData) -> Return | None:
    """Return the final true return, or else that of the last evaluation; None before the first."""
    mean = run.number("final_return_mean")
    if mean is not None:
        returns, early = numbers(run, "returns"), run.number("num_early")
        std, ended = run.number("final_return_std"), None if early is None else round(early)
        return Return(mean=mean, std=std, episodes=len(returns) or None, early=ended, is_final=True)
    metrics = run.metrics
    latest = next((row for row in reversed(metrics.rows) if "eval/mean_reward" in row), None)
    if latest is None:
        return None
    num, early = (
        None if name not in latest else round(latest[name]) for name in ("eval/num_episodes", "eval/num_early")
    )
    return Return(mean=latest["eval/mean_reward"], std=latest.get("eval/std_reward"), episodes=num, early=early)


def values_at(curve: Curve, x: FloatArray) -> FloatArray:
    """Return the latest value of a curve at each x; the first one before it begins. Shape: as x."""
    return curve.y[np.clip(np.searchsorted(curve.x, x, side="right") - 1, 0, len(curve) - 1)]


def numbers(run: RunData, name: str) -> FloatArray:
    """Return a list of numbers of the result; empty without one. Shape: (n,)."""
    values = run.fact(name)
    told = cast("list[object]", values) if isinstance(values, list) else []
    return np.array([value for value in told if isinstance(value, int | float) and math.isfinite(value)], np.float64)


@dataclass(frozen=True, eq=False, kw_only=True)
class Accuracies:
    """How well the reward predicts answers, session by session; NaN where it is not known. Shape of each: (S,)."""

    session: FloatArray
    held_out: FloatArray
    """Share of held-out choices that it predicts."""
    fitted: FloatArray
    """Share of fitted choices that it predicts."""
    num: FloatArray
    """Number of held-out choices."""
    by_session: bool = True
    """Whether `session` counts sessions; otherwise it counts steps."""

    def __len__(self) -> int:
        return len(self.session)

    @property
    def interval(self) -> tuple[FloatArray, FloatArray]:
        """Return Wilson's 95 % interval of `held_out`; NaN without its number. Shape: (S,)."""
        num = np.clip(np.nan_to_num(self.num), 0, 1e9).astype(np.int64)
        known = num > 0
        low, high = np.full_like(self.held_out, np.nan), np.full_like(self.held_out, np.nan)
        low[known], high[known] = wilson(np.clip(self.held_out[known], 0, 1), num[known])
        return low, high


def accuracies(run: RunData) -> Accuracies:
    """Return the accuracies of a run; empty without a fit."""
    by_session = bool(len(run.metrics.curve("reward_model/accuracy", "feedback/session")))
    x = "feedback/session" if by_session else STEPS
    found = run.metrics.curve("reward_model/accuracy", x)
    fitted, num = (_aligned(run.metrics.curve(name, x), found.x) for name in ("reward_model/train_accuracy", HELD_OUT))
    return Accuracies(session=found.x, held_out=found.y, fitted=fitted, num=num, by_session=by_session)


HELD_OUT = "health/num_held_out"


@dataclass(frozen=True, kw_only=True)
class KindAccuracy:
    """How well the reward of the last fit predicts held-out answers of one kind."""

    kind: str
    accuracy: float
    """Share of the held-out answers that it predicts."""
    num: int
    """Number of these; those that cannot be predicted, such as silences and ties, are left out."""
    cross_entropy: float | None
    """Mean negative log-likelihood of all held-out answers, in nats."""


def by_kind(run: RunData) -> list[KindAccuracy]:
    """Return the latest accuracy of each kind; empty where all answers are comparisons."""
    found: list[KindAccuracy] = []
    for kind in KINDS:
        accuracy, num, loss = (
            run.metrics.last(f"reward_model/{kind}_{name}") for name in ("accuracy", "num_held_out", "cross_entropy")
        )
        if accuracy is not None and num is not None and num >= 1:
            found.append(KindAccuracy(kind=kind, accuracy=accuracy, num=round(num), cross_entropy=loss))
    return found


def _aligned(curve: Curve, x: FloatArray) -> FloatArray:
    known = dict(zip(curve.x.tolist(), curve.y.tolist(), strict=True))
    return np.array([known.get(at, math.nan) for at in x.tolist()])
