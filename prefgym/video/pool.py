"""Clips drawn by worker processes, each once: they are kept by a hash of what they show."""

import json
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import asdict
from functools import lru_cache
from hashlib import sha256
from multiprocessing import get_context
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray

from prefgym.common.errors import UserError
from prefgym.common.files import write_bytes
from prefgym.common.modules import load_module, trust, trusted
from prefgym.core.segments import Segments
from prefgym.sim.env_cfg import EnvCfg
from prefgym.sim.source import EnvSource
from prefgym.video.drawing import Drawer

Array = NDArray[Any]

SIZE = (480, 360)
"""Width and height of a clip, in pixels."""
MOST_KEPT = 256
"""Clips that are kept in memory; those asked for longest ago go first."""


class ClipPool:
    """Draws clips of segments in processes of its own; the same segment is drawn once.

    Args:
        workers: Number of processes. They start with the first clip; each keeps a drawer for each environment.
        size: Width and height of rendered pictures, in pixels.
        folder: Folder in which clips are kept beyond the life of the pool, as `HASH.mp4`; None keeps none.
    """

    def __init__(self, *, workers: int = 1, size: tuple[int, int] = SIZE, folder: Path | None = None) -> None:
        self._workers, self._size, self._folder = workers, size, folder
        self._executor: ProcessPoolExecutor | None = None
        self._kept: OrderedDict[str, Future[bytes]] = OrderedDict()

    def draw(self, env: EnvSource | str, segment: Segments) -> Future[bytes]:
        """Draw the clip of a segment without batch axes, or find the one that was drawn; an MP4.

        The future raises `CannotDraw`, as `Drawer.clip` does. What failed is tried again when it is asked for again.

        Raises:
            UserError: If the environment has no name by which another process could make it.
        """
        source = EnvSource.of(env)
        if not source.is_named:
            raise UserError(f"clips of {source.name} cannot be drawn: another process needs a name to make it by.")
        key, shown = self._key(source, segment), _shown(segment)
        known = self._kept.get(key)
        if known is not None and not (known.done() and known.exception()):
            self._kept.move_to_end(key)
            return known
        file = None if self._folder is None else self._folder / f"{key}.mp4"
        if file is not None and file.is_file():
            clip = Future[bytes]()
            clip.set_result(file.read_bytes())
        else:
            clip = self._start().submit(_draw, source.name, source.cfg, self._size, *shown)
            if file is not None:
                clip.add_done_callback(lambda done: None if done.exception() else write_bytes(file, done.result()))
        self._kept[key] = clip
        while len(self._kept) > MOST_KEPT:
            self._kept.popitem(last=False)
        return clip

    def close(self) -> None:
        """End the processes when what they draw is done; what waits is not drawn. Closing twice does nothing."""
        if self._executor is not None:
            self._executor.shutdown(cancel_futures=True)
            self._executor = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.close()

    def _start(self) -> ProcessPoolExecutor:
        if self._executor is None:
            if self._folder is not None:
                self._folder.mkdir(parents=True, exist_ok=True)
            # spawned, since a forked process would inherit the locks of threads, and OpenGL
            self._executor = ProcessPoolExecutor(self._workers, get_context("spawn"), _begin, (trusted(),))
        return self._executor

    def _key(self, source: EnvSource, segment: Segments) -> str:
        told = json.dumps([source.name, asdict(source.cfg), self._size], sort_keys=True)
        hashed = sha256(told.encode())
        for array in _shown(segment):
            hashed.update(b"none" if array is None else f"{array.shape} {array.dtype}".encode())
            hashed.update(b"" if array is None else np.ascontiguousarray(array).tobytes())
        return hashed.hexdigest()


def _shown(segment: Segments) -> tuple[Array | None, Array | None]:
    """Return what a clip is drawn from: pictures, or else states; without padding."""
    length = int(segment.length)
    if segment.frames is not None:
        return None, segment.frames[:length].cpu().numpy()
    return None if segment.state is None else segment.state[: length + 1].double().cpu().numpy(), None


def _begin(modules: Sequence[str]) -> None:
    """Import the modules that the caller's user has named."""
    for module in modules:
        load_module(module)
        trust(module)


@lru_cache(maxsize=4)
def _drawer(name: str, cfg: str, size: tuple[int, int]) -> Drawer:
    """Make a drawer, once in a process; the settings as JSON."""
    return Drawer(EnvSource.of(name, EnvCfg.from_json(json.loads(cfg))), width=size[0], height=size[1])


def _draw(name: str, cfg: EnvCfg, size: tuple[int, int], state: Array | None, frames: Array | None) -> bytes:
    """Draw a clip, in a worker process."""
    num = len(frames) if frames is not None else max(1, 0 if state is None else len(state) - 1)
    flag = torch.tensor(False)
    segment = Segments(
        obs=torch.zeros(num + 1, 0), action=torch.zeros(num, 0), length=torch.tensor(num), terminated=flag,
        truncated=flag, state=None if state is None else torch.as_tensor(state),
        frames=None if frames is None else torch.as_tensor(frames),
    )  # fmt: skip
    return _drawer(name, json.dumps(asdict(cfg)), size).clip(segment).content
