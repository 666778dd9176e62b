"""The data of a report, read from a run folder; missing files are None or empty."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from prefgym.common.array_files import read_arrays
from prefgym.common.errors import DamageError
from prefgym.common.files import SETTINGS_BYTES, read_bytes, read_json
from prefgym.common.schema import LARGEST, FileModel, checked
from prefgym.common.yaml_files import read_yaml
from prefgym.evaluation.evaluate import TRUE_RETURN
from prefgym.runs.metrics import read_metrics
from prefgym.runs.schema import Command, HeldOutFile, PairsFile, ResultFile

FloatArray = NDArray[np.float64]
Read = TypeVar("Read", bound=FileModel)


class Manifest(FileModel):
    """What a report shows of `manifest.json`."""

    command: Command = None


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
        return self.result.get(name, self.config.get(name))

    def number(self, name: str) -> float | None:
        """Return fact `name` if it is a number that can be shown."""
        value = self.fact(name)
        is_number = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= LARGEST
        return float(value) if is_number else None


def load_run(run_dir: Path) -> RunData:
    """Read a run folder; every file in it may be missing.

    Raises:
        DamageError: If a file is damaged.
    """
    config_path, inputs = run_dir / "config.yaml", run_dir / "report"
    config_text = read_bytes(config_path, SETTINGS_BYTES).decode("utf-8", "replace") if config_path.is_file() else ""
    config = read_yaml(config_text, config_path) if config_text.strip() else {}
    result = _read(run_dir / "result.json", ResultFile)
    manifest = _read(run_dir / "manifest.json", Manifest)
    commands = (manifest and manifest.command, config.get("command"), result and result.command)
    held_out = _read(inputs / "held_out.json", HeldOutFile)
    pairs = _read(inputs / "reward_scatter.json", PairsFile)
    return RunData(
        name=run_dir.resolve().name,
        config=config,
        config_text=config_text,
        command=next((_words(command) for command in commands if command), None),
        metrics=Metrics(rows=tuple(read_metrics(run_dir / "metrics.jsonl"))),
        result={} if result is None else result.model_dump(exclude_none=True, exclude_unset=True),
        held_out=None if held_out is None else HeldOut(**_columns(held_out, probability="probability", share="choice")),
        reward_pairs=None if pairs is None else RewardPairs(**_columns(pairs, true="true", learned="learned")),
        final_episode=_read_episode(inputs / "final_episode.safetensors"),
        final_clip=clip if (clip := inputs / "final_clip.safetensors").is_file() else None,
    )


def _words(command: object) -> str:
    return shlex.join(map(str, cast("list[object]", command))) if isinstance(command, list) else str(command)


def _read(path: Path, schema: type[Read]) -> Read | None:
    return checked(schema, read_json(path), path) if path.is_file() else None


def _columns(content: BaseModel, **names: str) -> dict[str, FloatArray]:
    """Return columns of equal length as arrays, without rows of which a number cannot be shown.

    Raises:
        ValueError: If they are not equally long.
    """
    columns = {name: np.array(getattr(content, field), np.float64) for name, field in names.items()}
    kept = np.all([np.abs(column) <= LARGEST for column in columns.values()], axis=0)
    return {name: column[kept] for name, column in columns.items()}


def _read_episode(path: Path) -> Episode | None:
    if not path.is_file():
        return None
    arrays = read_arrays(path)
    state, reward, learned = (
        arrays[name].double().numpy() if name in arrays else None for name in ("state", "reward", "learned")
    )
    shapes = [array.shape for array in (reward, learned) if array is not None]
    num_steps = shapes[0][0] if shapes and shapes[0] else None if state is None else len(state) - 1
    if any(shape != (num_steps,) for shape in shapes):
        raise DamageError(f"{path} is damaged: rewards have the shapes {', '.join(map(str, shapes))}.")
    if state is not None and (state.ndim != 2 or len(state) != (num_steps or 0) + 1 or not len(state)):
        raise DamageError(f"{path} is damaged: states have the shape {state.shape}, and there are {num_steps} steps.")
    for array in (state, reward, learned):
        if array is not None and not bool((np.abs(array) <= LARGEST).all()):
            raise DamageError(f"{path} is damaged: it has numbers that are not finite.")
    return Episode(state=state, reward=reward, learned=learned)
