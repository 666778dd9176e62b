"""Run folders: configuration, metrics, and whatever is learned."""

import hashlib
import json
import math
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import Field, asdict
from itertools import count
from pathlib import Path
from typing import Any, BinaryIO, ClassVar, Protocol

import yaml
from torch.utils.tensorboard.writer import SummaryWriter

from prefgym.common.array_files import write_arrays
from prefgym.common.errors import DamageError, UserError
from prefgym.common.files import (
    LOG_BYTES,
    digest,
    open_to_change,
    read_bytes,
    sync,
    sync_below,
    write_sealed_text,
    write_text,
    writing,
)
from prefgym.common.finite import NotFiniteError
from prefgym.common.folders import check_folder
from prefgym.common.modules import trust
from prefgym.common.states import State, flatten
from prefgym.runs.config_file import made_by, read_config
from prefgym.runs.lock import LOCK, lock, unlock

GO_ON = "prefgym train --resume RUN --resume-from previous continues without the lost files"
ERROR_FILE = "error.txt"
"""The traceback of the error that stopped a run."""


class RunConfig(Protocol):
    """The configuration of a run folder: a frozen dataclass with the run's path and title."""

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]

    @property
    def out(self) -> Path | None:
        """Return the run folder; None for a name made of title and time."""
        ...

    @property
    def title(self) -> str:
        """Return the name of the run, without the time."""
        ...

    @property
    def command(self) -> tuple[str, ...]:
        """Return the command line that started the run."""
        ...


def timed_name(title: str) -> Path:
    """Name a folder in `runs/` by a title and the time."""
    return Path("runs") / f"{title}-{time.strftime('%Y%m%d-%H%M%S')}"


def unused(path: Path) -> Iterator[Path]:
    """Yield the path, path-2, path-3 and so on, as far as they do not exist."""
    names = (path if number == 1 else path.with_name(f"{path.name}-{number}") for number in count(1))
    yield from (name for name in names if not name.exists())


def reserved(path: Path) -> Path:
    """Return a path that no other process will use, since its folder under construction exists from here on.

    Raises:
        UserError: If the folder cannot be made.
    """
    for free in unused(path):
        part = _part_of(free)
        try:
            with writing(part.parent):
                part.parent.mkdir(parents=True, exist_ok=True)
            part.mkdir()
        except FileExistsError:  # two runs of one task and rater began in the same second
            continue
        if not free.exists():
            return free
        part.rmdir()
    raise AssertionError("there is always a next name")


def _part_of(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.part")


class RunFolder:
    """A run folder open for writing.

    Args:
        cfg: Resolved configuration.
        resume: Whether the folder exists; `rewind` then sets the position to continue from.
        prepare: Called with a new folder before it becomes a run folder.

    Raises:
        UserError: If the folder of a new run exists, or another process writes to it.
    """

    def __init__(
        self, cfg: RunConfig, *, resume: bool = False, prepare: Callable[[Path], None] = lambda folder: None
    ) -> None:
        self.cfg = cfg
        self.path = cfg.out or reserved(timed_name(cfg.title))
        if resume:
            check_folder(self.path)
        elif self.path.exists():
            raise UserError(f"The run folder {self.path} exists; name another one with --out.")
        with writing(self.path):
            self._lock = lock(self.path) if resume else self._begin(prepare)
        self._metrics = self.path / "metrics.jsonl"
        self._board = None if resume else SummaryWriter(str(self.path / "tensorboard"))
        self._started = time.perf_counter()

    def _begin(self, prepare: Callable[[Path], None]) -> BinaryIO:
        """Build the folder under another name, so that it is there with its configuration, or not at all; lock it."""
        part = _part_of(self.path)
        if part.is_symlink():
            raise UserError(f"{part} is a link: remove it.")
        part.mkdir(parents=True, exist_ok=True)
        held = lock(part)
        try:
            for left in part.iterdir():  # by a process that was killed here
                if left.is_dir() and not left.is_symlink():
                    shutil.rmtree(left)
                elif left.name != LOCK:
                    left.unlink()
            for name in made_by(plain(asdict(self.cfg))):  # modules named to this process may be read back
                trust(name)
            prepare(part)
            write_sealed_text(part / "config.yaml", yaml.safe_dump(plain(asdict(self.cfg)), sort_keys=False))
            (part / "metrics.jsonl").touch()
            sync(part)
            part.rename(self.path)
            sync(self.path.parent)
        except BaseException:
            shutil.rmtree(part, ignore_errors=True)
            held.close()
            raise
        return held

    def state_dict(self) -> State:
        """Return the size of the metrics on the disk, and the elapsed time; all other files are on the disk as well."""
        self.sync()
        written = {"metrics_bytes": self._metrics.stat().st_size, "metrics_sha256": digest(self._metrics)}
        return {**written, "wall_time_s": self.wall_time_s}

    def sync(self) -> None:
        """Wait until metrics and all other files but checkpoints are on the disk."""
        with writing(self.path):
            if self._board is not None:
                self._board.flush()
            sync_below(self.path, "checkpoints")

    def rewind(self, state: State, steps: int, *, mend: bool = False) -> None:
        """Drop everything written after `state_dict`, at a number of steps; everything if the state is empty.

        Args:
            state: State from `state_dict`.
            steps: Environment steps at that time.
            mend: Whether to set damaged metrics aside and continue without them, instead of raising.

        Raises:
            UserError: If metrics written at that time are missing or damaged.
        """
        num_bytes = state.get("metrics_bytes", 0)
        kept = read_bytes(self._metrics, LOG_BYTES)[:num_bytes] if self._metrics.is_file() else b""
        if num_bytes and hashlib.sha256(kept).hexdigest() != state["metrics_sha256"]:
            if not mend:
                problem = "damaged: its content has changed" if self._metrics.is_file() else "missing"
                command = (self.cfg.command or ("prefgym", "train"))[1]
                raise DamageError(f"{self._metrics} is {problem}; {GO_ON.replace('train', command)}.")
            set_aside(self._metrics)
        for name in ("manifest.json", ERROR_FILE):  # until the run has finished, or failed, again
            (self.path / name).unlink(missing_ok=True)
        sync(self.path)
        self._record_extensions()
        with open_to_change(self._metrics) as file:
            file.truncate(min(num_bytes, os.fstat(file.fileno()).st_size))
        self._board = SummaryWriter(str(self.path / "tensorboard"), purge_step=steps + 1)
        self._started = time.perf_counter() - state.get("wall_time_s", 0.0)

    def _record_extensions(self) -> None:
        """Write the totals of a run that was given more steps or queries into `config.yaml`."""
        config, now = read_config(self.path), plain(asdict(self.cfg))
        totals = {name: now[name] for name in ("steps", "updates", "budget", "extensions") if name in now}
        if totals.get("extensions") and any(config.get(name) != total for name, total in totals.items()):
            write_sealed_text(self.path / "config.yaml", yaml.safe_dump({**config, **totals}, sort_keys=False))

    @property
    def wall_time_s(self) -> float:
        """Return the time since the run started."""
        return time.perf_counter() - self._started

    def log(self, steps: int, metrics: Mapping[str, float | None]) -> None:
        """Append one line to `metrics.jsonl` and the same to TensorBoard.

        None is left out; numbers that are not finite become null in JSON, which cannot represent them.
        """
        elapsed = self.wall_time_s
        clock = {"time/total_timesteps": steps, "time/time_elapsed": elapsed, "time/fps": steps / elapsed}
        line = clock | {name: value for name, value in metrics.items() if value is not None}
        record = {name: value if math.isfinite(value) else None for name, value in line.items()}
        with writing(self._metrics):
            with open_to_change(self._metrics) as file:
                file.write(f"{json.dumps(record)}\n".encode())
            if self._board is not None:
                for name, value in line.items():
                    self._board.add_scalar(name, value, steps)  # pyright: ignore[reportUnknownMemberType]

    def write_json(self, name: str, value: Any) -> None:  # noqa: ANN401
        """Write a JSON file into the folder."""
        file = self.path / name
        with writing(file):
            file.parent.mkdir(parents=True, exist_ok=True)
        write_text(file, json.dumps(plain(value), indent=2) + "\n")

    def dump(self, error: NotFiniteError, steps: int) -> Path:
        """Write the arrays of a `NotFiniteError` to a folder, and return it."""
        folder = self.folder("dump")
        with writing(folder):
            write_arrays(folder / "arrays.safetensors", flatten(error.arrays)[0])
        self.write_json("dump/about.json", {"part": error.part, "steps": steps})
        return folder

    def folder(self, name: str) -> Path:
        """Return a folder inside the run folder, made if need be."""
        folder = self.path / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def close_logs(self) -> None:
        """Close the logs, so that a manifest can hold their checksums."""
        if self._board is not None:
            self._board.close()
            self._board = None

    def close(self) -> None:
        """Close the logs, and release the lock on the folder."""
        self.close_logs()
        unlock(self._lock)


def set_aside(file: Path) -> None:
    """Rename a damaged file to NAME.damaged, NAME.damaged-2 and so on, and report it, or that it was missing."""
    if not file.is_file():
        print(f"{file} was missing", file=sys.stderr)
        return
    names = (f"{file.name}.damaged{'' if number == 1 else f'-{number}'}" for number in count(1))
    name = next(name for name in names if not file.with_name(name).exists())
    file.replace(file.with_name(name))
    print(f"{file} was damaged: it is set aside as {name}", file=sys.stderr)


def plain(value: Any) -> Any:  # noqa: ANN401
    """Convert paths and tuples to values of YAML and JSON."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]  # pyright: ignore[reportUnknownVariableType]
    return str(value) if isinstance(value, Path) else value
