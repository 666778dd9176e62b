"""Run folders: configuration, metrics, what was learned, and a manifest over all of it."""

import hashlib
import json
import math
import os
import platform
import subprocess
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import yaml
from safetensors import SafetensorError
from safetensors.torch import save_file  # pyright: ignore[reportUnknownVariableType]
from torch.utils.tensorboard.writer import SummaryWriter

from prefgym.config import TrainCfg, UserError
from prefgym.guards import NotFiniteError
from prefgym.states import State, flatten

_PACKAGES = ("prefgym", "torch", "numpy", "mujoco", "gymnasium", "safetensors")


@contextmanager
def writing(path: Path) -> Generator[None]:
    """Name what cannot be written, when a disk is full or may not be written to.

    Raises:
        UserError: If something within cannot be written.
    """
    try:
        yield
    except (OSError, SafetensorError) as error:
        raise UserError(f"{path} cannot be written: {error}.") from error


class Run:
    """A run folder that is being written.

    Args:
        cfg: Resolved configuration.
        resume: Whether the folder is there; `rewind` says from where it is written on.

    Raises:
        UserError: If a new run's folder exists.
    """

    def __init__(self, cfg: TrainCfg, *, resume: bool = False) -> None:
        self.cfg = cfg
        self.path = cfg.out or Path("runs") / f"{cfg.env.split('/')[-1]}-{cfg.rater}-{time.strftime('%Y%m%d-%H%M%S')}"
        try:
            self.path.mkdir(parents=True, exist_ok=resume)
        except FileExistsError:
            raise UserError(f"The run folder {self.path} exists; name another one with --out.") from None
        (self.path / "manifest.json").unlink(missing_ok=True)  # until it has finished again
        with writing(self.path):
            if not resume:
                (self.path / "config.yaml").write_text(yaml.safe_dump(plain(asdict(cfg)), sort_keys=False))
            self._metrics = self.path / "metrics.jsonl"
            self._metrics.touch()
        self._board = None if resume else SummaryWriter(str(self.path / "tensorboard"))
        self._started = time.perf_counter()

    def state_dict(self) -> State:
        """Return how much is written, and the time that took."""
        return {"metrics_bytes": self._metrics.stat().st_size, "wall_time_s": self.wall_time_s}

    def rewind(self, state: State, steps: int) -> None:
        """Forget what was written after `state_dict`, at so many steps; from the beginning if the state is empty."""
        os.truncate(self._metrics, state.get("metrics_bytes", 0))
        self._board = SummaryWriter(str(self.path / "tensorboard"), purge_step=steps)
        self._started = time.perf_counter() - state.get("wall_time_s", 0.0)

    @property
    def wall_time_s(self) -> float:
        """Return the time since the run started."""
        return time.perf_counter() - self._started

    def log(self, steps: int, metrics: Mapping[str, float | None]) -> None:
        """Append one line to `metrics.jsonl` and the same to TensorBoard.

        What is None is left out; what is not finite is null in JSON, which has no word for it.
        """
        elapsed = self.wall_time_s
        clock = {"time/total_timesteps": steps, "time/time_elapsed": elapsed, "time/fps": steps / elapsed}
        line = clock | {name: value for name, value in metrics.items() if value is not None}
        told = {name: value if math.isfinite(value) else None for name, value in line.items()}
        with writing(self._metrics), self._metrics.open("a") as file:
            file.write(json.dumps(told) + "\n")
        if self._board is not None:
            for name, value in line.items():
                self._board.add_scalar(name, value, steps)  # pyright: ignore[reportUnknownMemberType]

    def write_json(self, name: str, value: Any) -> None:  # noqa: ANN401
        """Write a JSON file into the folder."""
        file = self.path / name
        with writing(file):
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps(plain(value), indent=2) + "\n")

    def dump(self, error: NotFiniteError, steps: int) -> Path:
        """Write what was seen when something was not finite; return the folder."""
        folder = self.folder("dump")
        save_file(flatten(error.arrays)[0], folder / "arrays.safetensors")
        self.write_json("dump/about.json", {"part": error.part, "steps": steps})
        return folder

    def folder(self, name: str) -> Path:
        """Return a folder inside the run folder, made if need be."""
        folder = self.path / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def close(self) -> None:
        """Close the logs."""
        if self._board is not None:
            self._board.close()


def digest(file: Path) -> str:
    """Return the SHA-256 of a file."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def verify(file: Path, expected: str) -> None:
    """Compare a file with its SHA-256.

    Raises:
        UserError: If it is missing or another.
    """
    if not file.is_file():
        raise UserError(f"{file} is missing.")
    if digest(file) != expected:
        raise UserError(f"{file} is damaged: its SHA-256 is not that of the manifest.")


def verify_in(run: Path, name: Path) -> Path:
    """Compare a file of a run that has ended with the manifest, and return where it is.

    Raises:
        UserError: If the run has not ended, or the file was not part of it, is missing or is damaged.
    """
    read_config(run)  # a folder that is no run is told as such
    manifest = run / "manifest.json"
    if not manifest.is_file():
        raise UserError(f"{run} has no manifest.json: if it was stopped, prefgym train --resume {run} goes on.")
    try:
        sums: dict[str, str] = json.loads(manifest.read_bytes())["sha256"]
    except (ValueError, KeyError):
        raise UserError(f"{manifest} is damaged: it cannot be read.") from None
    if name.as_posix() not in sums:
        raise UserError(f"{run} has no {name}.")
    verify(run / name, sums[name.as_posix()])
    return run / name


def write_manifest(path: Path) -> None:
    """Write which versions made a run folder, and the checksum of each file in it; to be called last.

    A folder without a manifest is that of a run that has not finished.
    """
    files = sorted(file for file in path.rglob("*") if file.is_file() and file.name != "manifest.json")
    manifest = {
        "versions": {name: version(name) for name in _PACKAGES} | {"python": platform.python_version()},
        "git_revision": _git_revision(),
        "sha256": {str(file.relative_to(path)): digest(file) for file in files},
    }
    (path / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n")


def has_finished(path: Path) -> bool:
    """Tell whether a run came to its end, and was not stopped by Ctrl-C."""
    result = path / "result.json"
    return (path / "manifest.json").is_file() and not json.loads(result.read_text())["interrupted"]


def read_config(path: Path) -> dict[str, Any]:
    """Read the resolved configuration of a run.

    Raises:
        UserError: If `path` is no run folder.
    """
    file = path / "config.yaml"
    if not file.is_file():
        raise UserError(f"{path} is not a run folder: it has no config.yaml.")
    return yaml.safe_load(file.read_text())


def plain(value: Any) -> Any:  # noqa: ANN401
    """Turn paths and tuples into what YAML and JSON know."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]  # pyright: ignore[reportUnknownVariableType]
    return str(value) if isinstance(value, Path) else value


def _git_revision() -> str | None:
    here = Path(__file__).resolve().parent
    try:
        told = subprocess.run(["git", "rev-parse", "HEAD"], cwd=here, capture_output=True, text=True, check=False)
    except FileNotFoundError:  # git is not installed
        return None
    return told.stdout.strip() if told.returncode == 0 else None
