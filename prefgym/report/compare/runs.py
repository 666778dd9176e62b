"""A run that is compared: its settings, its evaluations, and what it came to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, cast

import gymnasium as gym
import numpy as np

from prefgym.report.data import FloatArray, RunData, load_run
from prefgym.runs.activity import activity_of
from prefgym.runs.manifest import verify_in
from prefgym.runs.settings import Settings, flat, relevant, without

Axis = Literal["steps", "labels", "minutes"]

UNCOMPARED = ("seed", "threads", "eval.keep")
"""Settings in which the runs of an arm may differ; the number of threads changes rounding only."""
READ = ("config.yaml", "metrics.jsonl", "result.json")
STEPS, ELAPSED, TRUE = "time/total_timesteps", "time/time_elapsed", "eval/mean_reward"


@dataclass(frozen=True, eq=False, kw_only=True)
class ComparedRun:
    """A run."""

    path: Path
    data: RunData
    state: Literal["running", "stopped", "finished"]
    """A stopped run may have a result, too: of Ctrl-C."""

    @property
    def name(self) -> str:
        """Return a short name: that of the folder, and of the folder of seeds around it."""
        folder = self.path.resolve()
        return f"{folder.parent.name}/{folder.name}" if folder.name.startswith("seed-") else folder.name

    @property
    def is_finished(self) -> bool:
        """Return whether it came to its last step, and has a result."""
        return self.state == "finished" and self.data.number("final_return_mean") is not None

    @property
    def final(self) -> float:
        """Return the mean true return of the last policy."""
        return self.data.number("final_return_mean") or 0.0

    @property
    def seed(self) -> int | None:
        """Return the seed."""
        seed = self.data.number("seed")
        return None if seed is None else int(seed)

    @property
    def is_offline(self) -> bool:
        """Return whether it learned from recorded data."""
        return "updates" in self.data.config

    @cached_property
    def settings(self) -> Settings:
        """Return the settings that can change results, without the seed."""
        config = {name: value for name, value in self.data.config.items() if value is not None}
        return {k: v for k, v in without(relevant(flat(config)), *UNCOMPARED).items() if v != "None"}

    @property
    def labels(self) -> int:
        """Return the number of answers."""
        told = self.data.number("num_answered")
        return round(self.data.metrics.last("feedback/num_answers") or 0 if told is None else told)

    @property
    def steps(self) -> int:
        """Return the environment steps so far; offline, the updates."""
        told = self.data.number("updates" if self.is_offline else "steps") if self.data.result else None
        return round(self.data.metrics.last(STEPS) or 0 if told is None else told)

    @property
    def seconds(self) -> float:
        """Return the wall time so far."""
        told = self.data.number("wall_time_s")
        return self.data.metrics.last(ELAPSED) or 0.0 if told is None else told

    @property
    def held_out(self) -> tuple[int, int] | None:
        """Return how many held-out choices the reward predicts, and how many there are; None without any."""
        told = self.data.held_out
        if told is None:
            return None
        decided = told.share != 0.5
        right = (told.probability > 0.5) == (told.share > 0.5)
        return (int(right[decided].sum()), int(decided.sum())) if decided.any() else None

    @cached_property
    def lengths(self) -> FloatArray:
        """Return the steps of each final episode. Shape: (episodes,)."""
        told: Any = self.data.fact("episode_lengths")
        lengths = cast("list[Any]", told) if isinstance(told, list) else []
        return np.array([length for length in lengths if isinstance(length, int | float)], float)

    def early(self, limit: float) -> tuple[int, int]:
        """Return how many final episodes ended early, and how many there were.

        Args:
            limit: Steps of an episode that does not end early, for runs of versions that did not count them.
        """
        counted = self.data.number("num_early")
        return int((self.lengths < limit).sum()) if counted is None else int(counted), len(self.lengths)

    def evaluations(self, axis: Axis) -> tuple[FloatArray, FloatArray]:
        """Return the true return of each evaluation over an axis. Shapes: (evaluations,)."""
        points: list[tuple[float, float]] = []
        labels = 0.0
        for row in self.data.metrics.rows:
            labels = row.get("feedback/num_answers", labels)
            if TRUE in row and STEPS in row:
                points.append((_at(row, axis, labels), row[TRUE]))
        x, y = np.array(points, float).reshape(-1, 2).T
        return x, y


def _at(row: Mapping[str, float], axis: Axis, labels: float) -> float:
    return {"steps": row[STEPS], "labels": labels, "minutes": row.get(ELAPSED, 0.0) / 60}[axis]


def read_run(path: Path) -> ComparedRun:
    """Read a run folder.

    Raises:
        UserError: If it is damaged.
    """
    state = activity_of(path).state
    if state == "finished":
        verify_in(path, *READ)
    return ComparedRun(path=path, data=load_run(path), state=state)


def limit_of(runs: Sequence[ComparedRun]) -> float:
    """Return the steps of an episode that does not end early: the time limit, or else the longest final episode."""
    longest = max((run.lengths.max() for run in runs if len(run.lengths)), default=0.0)
    settings = [item for run in runs for item in run.settings.items()]
    is_changed = any(name.startswith("env_cfg.") and value != "[]" for name, value in settings)
    spec = None if is_changed else gym.registry.get(str(runs[0].data.config["env"]))
    declared = None if spec is None else spec.max_episode_steps
    return float(declared or longest)
