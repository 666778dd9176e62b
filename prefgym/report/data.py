"""The data of a report, read from a run folder; missing files are None or empty."""

import json
import math
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np
import safetensors.numpy
import yaml
from numpy.typing import NDArray
from safetensors import SafetensorError

from prefgym.common.errors import DamageError
from prefgym.evaluation.evaluate import TRUE_RETURN
from prefgym.runs.metrics import read_metrics

_safetensors: Any = safetensors.numpy

FloatArray = NDArray[np.float64]


OLD_FACTS = {"task_description": "wish", "metric": "measure"}
"""Names of these facts in results of earlier versions."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Curve:
    """One metric over another; x increases."""

    x: FloatArray
    y: FloatArray

    def __len__(self) -> int:
        return len(self.x)


@dataclass(frozen=True, kw_only=True)
class Metrics:
    """The lines of `metrics.jsonl`, oldest first."""

    rows: tuple[Mapping[str, float], ...] = ()

    def curve(self, y: str, x: str = "time/total_timesteps") -> Curve:
        """Return `y` over `x` from the lines that have both; of two lines with one x, the later counts."""
        points = {row[x]: row[y] for row in self.rows if x in row and y in row}
        ordered = sorted(points)
        return Curve(x=np.array(ordered, dtype=float), y=np.array([points[at] for at in ordered], dtype=float))

    def last(self, name: str) -> float | None:
        """Return the latest value of a metric."""
        return next((row[name] for row in reversed(self.rows) if name in row), None)

    def session_starts(self) -> FloatArray:
        """Return the environment steps at which sessions took place. Shape: (sessions,)."""
        first: dict[float, float] = {}
        for row in self.rows:
            if "feedback/session" in row and "time/total_timesteps" in row:
                first.setdefault(row["feedback/session"], row["time/total_timesteps"])
        return np.array(sorted(first.values()), dtype=float)


@dataclass(frozen=True, eq=False, kw_only=True)
class HeldOut:
    """Predictions of the reward model for held-out preferences."""

    probability: FloatArray
    """Predicted probability that the first option is chosen. Shape: (B,)."""
    share: FloatArray
    """Share of the choice the first option got: 1, 0, or 0.5 for a tie. Shape: (B,)."""


@dataclass(frozen=True, eq=False, kw_only=True)
class RewardPairs:
    """True and learned reward of the same steps."""

    true: FloatArray
    """Shape: (N,)."""
    learned: FloatArray
    """Shape: (N,)."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Episode:
    """One evaluation episode of the final policy."""

    state: FloatArray | None
    """Physics states before and after each step. Shape: (T+1, S)."""
    reward: FloatArray | None
    """Task reward. Shape: (T,)."""
    learned: FloatArray | None
    """Learned reward. Shape: (T,)."""


@dataclass(frozen=True, eq=False, kw_only=True)
class RunData:
    """All data of a report from a run folder, except for the preferences."""

    name: str
    """Name of the run folder."""
    config: Mapping[str, Any] = field(default_factory=dict[str, Any])
    config_text: str = ""
    """The configuration, as the text of the file."""
    command: str | None = None
    """The command line of the run."""
    metrics: Metrics = Metrics()
    result: Mapping[str, Any] = field(default_factory=dict[str, Any])
    held_out: HeldOut | None = None
    reward_pairs: RewardPairs | None = None
    final_episode: Episode | None = None
    final_clip: Path | None = None
    """Clip of the episode, which the run rendered if its environment has no physics states."""

    @property
    def learns_from_labels(self) -> bool:
        """Return whether there was a rater; `none` means training on the task reward."""
        return self.fact("rater") != "none"

    @property
    def metric(self) -> str:
        """Return the name of the evaluation metric: `true return` in a task with a reward."""
        return str(self.fact("metric") or TRUE_RETURN)

    @property
    def is_counted(self) -> bool:
        """Return whether the metric is another one than the true return."""
        return bool(self.fact("metric"))

    def fact(self, name: str) -> Any:  # noqa: ANN401
        """Return `name` from the result, or else from the configuration, or else None."""
        old = OLD_FACTS.get(name)
        return self.result.get(name, self.result.get(old, self.config.get(name)) if old else self.config.get(name))

    def number(self, name: str) -> float | None:
        """Return fact `name` if it is a finite number."""
        value = self.fact(name)
        is_number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        return float(value) if is_number else None


def load_run(run_dir: Path) -> RunData:
    """Read a run folder; every file in it may be missing.

    Raises:
        DamageError: If a file is damaged.
    """
    config_path, inputs = run_dir / "config.yaml", run_dir / "report"
    config_text = config_path.read_text(encoding="utf-8") if config_path.is_file() else ""
    config = _read_yaml(config_path, config_text)
    result = _read_json(run_dir / "result.json")
    manifest = _read_json(run_dir / "manifest.json")
    command = next((part["command"] for part in (manifest, config, result) if part.get("command")), None)
    held_out = _read_arrays(inputs / "held_out.json", "probability", "choice")
    pairs = _read_arrays(inputs / "reward_scatter.json", "true", "learned")
    return RunData(
        name=run_dir.resolve().name,
        config=config,
        config_text=config_text,
        command=_words(command),
        metrics=Metrics(rows=tuple(read_metrics(run_dir / "metrics.jsonl"))),
        result=result,
        held_out=HeldOut(probability=held_out[0], share=held_out[1]) if held_out else None,
        reward_pairs=RewardPairs(true=pairs[0], learned=pairs[1]) if pairs else None,
        final_episode=_read_episode(inputs / "final_episode.safetensors"),
        final_clip=clip if (clip := inputs / "final_clip.safetensors").is_file() else None,
    )


def _words(command: object) -> str | None:
    if isinstance(command, list):
        return shlex.join(map(str, cast("list[Any]", command)))
    return None if command is None else str(command)


def _read_yaml(path: Path, text: str) -> Mapping[str, Any]:
    try:
        loaded: Any = yaml.safe_load(text) or {}
    except yaml.YAMLError as error:
        raise DamageError(f"{path} is not valid YAML.") from error
    if not isinstance(loaded, dict):
        raise DamageError(f"{path} holds no settings.")
    return cast("dict[str, Any]", loaded)


def _read_json(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        loaded = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DamageError(f"{path} is not valid JSON.") from error
    if not isinstance(loaded, dict):
        raise DamageError(f"{path} holds no JSON object.")
    return cast("dict[str, Any]", loaded)


def _read_arrays(path: Path, first: str, second: str) -> tuple[FloatArray, FloatArray] | None:
    loaded = _read_json(path)
    if first not in loaded or second not in loaded:
        return None
    try:
        x, y = (np.asarray(loaded[name], dtype=float).reshape(-1) for name in (first, second))
    except (ValueError, TypeError) as error:
        raise DamageError(f"{path} must hold numbers only.") from error
    if x.shape != y.shape:
        raise DamageError(f"{path} has {len(x)} values of {first}, but {len(y)} of {second}.")
    finite = np.isfinite(x) & np.isfinite(y)
    return x[finite], y[finite]


def _read_episode(path: Path) -> Episode | None:
    if not path.is_file():
        return None
    try:
        arrays: dict[str, Any] = _safetensors.load_file(path)
    except SafetensorError as error:
        raise DamageError(f"{path} is not a valid safetensors file.") from error
    state, reward, learned = (
        np.asarray(arrays[name], dtype=float) if name in arrays else None for name in ("state", "reward", "learned")
    )
    return Episode(state=state, reward=reward, learned=learned)
