"""Checkpoints: states to resume a run from, written atomically, so that interruptions leave the last one intact."""

import json
import shutil
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, NamedTuple

from safetensors import SafetensorError
from safetensors.torch import save_file  # pyright: ignore[reportUnknownVariableType]
from torch import Tensor

from prefgym.common.array_files import apart, read_arrays
from prefgym.common.errors import UserError, read_as
from prefgym.common.files import (
    LOG_BYTES,
    digest,
    read_json,
    read_sealed_json,
    sync,
    sync_below,
    verify,
    write_sealed_json,
    write_text,
    writing,
)
from prefgym.common.schema import checked
from prefgym.common.states import State, flatten, unflatten
from prefgym.runs.schema import CheckpointManifest, PolicyManifest

Which = Literal["latest", "previous"]

_KEPT = 2
_NAMES = ("step-*", ".step-*", "policy-*", ".policy-*")
_ARRAYS, _PLAIN, _MANIFEST = "arrays.safetensors", "plain.json", "manifest.json"


class Shard(NamedTuple):
    """The rows recorded since the last checkpoint; written once, and shared by all checkpoints that need them."""

    state: State
    end: int
    """Position of the recorder at its end, in the units of `horizon`."""


class Checkpoints:
    """The newest two checkpoints in a folder.

        step-000204800/  arrays.safetensors, plain.json, manifest.json (SHA-256 of these and of the shards it needs)
        shards/          000000.safetensors, ...

    Of a run that cannot be resumed, since a part has no state, policies are in their place, which can be evaluated:

        policy-000204800/  policy.safetensors, policy.json, manifest.json (SHA-256 of these; the parts without a state)

    Each is written under a temporary name, synced and renamed, so that it is complete or absent.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._shards: list[dict[str, Any]] = []  # name, sha256, end
        self._next_shard = 0
        self._given_up: list[Path] = []
        self._saved_s = time.monotonic()

    def are_older_than(self, minutes: float) -> bool:
        """Return whether the last checkpoint is older than this."""
        return time.monotonic() - self._saved_s > 60 * minutes

    def save(self, steps: int, state: State, shard: Shard | None = None, horizon: int = 0) -> None:
        """Write a checkpoint, and remove all but the last two.

        Args:
            steps: Environment steps so far.
            state: The state to resume from.
            shard: Rows recorded since the last checkpoint.
            horizon: Shards that end at or before this are no longer needed.

        Raises:
            UserError: If it cannot be written; earlier ones are kept.
        """
        with self._writing(f"step-{steps:012d}") as part:
            self._save(part, steps, state, shard, horizon)

    def save_policy(self, steps: int, save: Callable[[Path], None], stateless: Sequence[str]) -> None:
        """Write the policy of a run that cannot be resumed, and remove all but the last two.

        Args:
            steps: Environment steps so far.
            save: Writes the policy to files whose names begin with a path.
            stateless: The parts of the run without a state.

        Raises:
            UserError: If it cannot be written; earlier ones are kept.
        """
        with self._writing(f"policy-{steps:012d}") as part:
            save(part / "policy")
            files = {str(file.relative_to(part)): digest(file) for file in sorted(part.rglob("*")) if file.is_file()}
            write_sealed_json(part / _MANIFEST, {"steps": steps, "stateless": [*stateless], "sha256": files})

    @contextmanager
    def _writing(self, name: str) -> Generator[Path]:
        """Give a folder to write into, which gets its name once it is on the disk; the oldest one is removed then."""
        part = self.folder / f".{name}"
        try:
            with writing(self.folder):
                self.folder.mkdir(parents=True, exist_ok=True)
                sync(self.folder.parent)
                shutil.rmtree(part, ignore_errors=True)  # left by an interrupted save
                part.mkdir()
                yield part
                sync_below(part)
                part.rename(self.folder / name)
                sync(self.folder)
                self._drop_old()
        except UserError:  # such as a full disk, which has room again for what was learned
            shutil.rmtree(part, ignore_errors=True)
            raise
        self._saved_s = time.monotonic()

    def _save(self, part: Path, steps: int, state: State, shard: Shard | None, horizon: int) -> None:
        (self.folder / "shards").mkdir(exist_ok=True)
        for path in self._given_up:  # checkpoints after the one that was resumed
            shutil.rmtree(path)
        self._given_up = []
        if shard is not None:
            name = f"shards/{self._next_shard:06d}.safetensors"
            _write_arrays(self.folder / name, flatten(shard.state)[0])
            self._shards.append({"name": name, "sha256": digest(self.folder / name), "end": shard.end})
            self._next_shard += 1
        self._shards = [kept for kept in self._shards if kept["end"] > horizon]
        arrays, plain = flatten(state)
        _write_arrays(part / _ARRAYS, arrays)
        try:
            write_text(part / _PLAIN, json.dumps(plain))
        except TypeError as error:
            raise UserError(f"The state of a part cannot be saved: {error}.") from None
        files = {name: digest(part / name) for name in (_ARRAYS, _PLAIN)}
        write_sealed_json(part / _MANIFEST, {"steps": steps, "files": files, "shards": self._shards})
        sync(self.folder / "shards")

    def load(self, which: Which = "latest") -> tuple[State, list[State]] | None:
        """Read the last checkpoint or the one before, and its shards; None before the first.

        The next save continues from it and removes later ones. If there is only one, it is also the previous one.

        Raises:
            UserError: If a file is missing or damaged, or there is no previous one.
        """
        found = sorted(self.folder.glob("step-*"))
        if not found and which == "previous":
            raise UserError(f"{self.folder} has no previous checkpoint; without that folder the run begins again.")
        if not found:
            return None
        path = found[-1] if which == "latest" else found[max(len(found) - 2, 0)]
        manifest = _read_manifest(path)
        _verify_state(path, manifest)
        for shard in manifest.shards:
            verify(self.folder / shard.name, shard.sha256)
        self._given_up = found[found.index(path) + 1 :]
        self._shards = [shard.model_dump() for shard in manifest.shards]
        self._next_shard = 1 + max((int(Path(shard.name).stem) for shard in manifest.shards), default=-1)
        state = _read_state(path)
        with read_as(f"{path} cannot be read"):
            return state, [unflatten(read_arrays(self.folder / shard.name), {}) for shard in manifest.shards]

    def state(self, steps: int) -> State:
        """Read the state of a checkpoint, without what was recorded.

        Raises:
            DamageError: If a file is missing or damaged.
        """
        path = self.folder / f"step-{steps:012d}"
        _verify_state(path, _read_manifest(path))
        return _read_state(path)

    def steps(self, which: Which = "latest") -> int | None:
        """Return the steps of a checkpoint; None before the first."""
        found = sorted(self.folder.glob("step-*"))[-1 if which == "latest" else -2 :]
        return _read_manifest(found[0]).steps if found else None

    def policy(self, steps: int) -> Path:
        """Return the path of a policy of a run that cannot be resumed, as it was given to `save`.

        Raises:
            DamageError: If a file is missing or damaged.
        """
        folder = self.folder / f"policy-{steps:012d}"
        for name, expected in _read_policy_manifest(folder).sha256.items():
            verify(folder / name, expected)
        return folder / "policy"

    def policy_steps(self) -> int | None:
        """Return the steps of the last policy of a run that cannot be resumed; None before the first."""
        manifest = self.latest_policy()
        return None if manifest is None else manifest.steps

    def latest_policy(self) -> PolicyManifest | None:
        """Read the manifest of the last policy of a run that cannot be resumed; None before the first."""
        found = sorted(self.folder.glob("policy-*"))
        return _read_policy_manifest(found[-1]) if found else None

    def finish(self, *, keep: bool, horizon: int = 0) -> None:
        """Remove what a finished run does not need: all checkpoints but the last, which is its final state.

        Args:
            keep: Whether to keep the last one, and its shards.
            horizon: Shards that end at or before this are not needed any more.
        """
        if keep and (found := sorted(self.folder.glob("step-*"))):
            manifest = _read_manifest(found[-1])
            recent = [shard for shard in manifest.shards if shard.end > horizon]
            if recent != manifest.shards:
                thinner = manifest.model_copy(update={"shards": recent})
                write_sealed_json(found[-1] / _MANIFEST, thinner.model_dump(by_alias=True))
            self._drop_old(num_kept=1)
            return
        written = (path for name in _NAMES for path in self.folder.glob(name))
        for path in (*written, self.folder / "shards"):
            shutil.rmtree(path, ignore_errors=True)

    def _drop_old(self, num_kept: int = _KEPT) -> None:
        """Remove all checkpoints but the last ones, and the shards that none of these needs."""
        for path in sorted(self.folder.glob("policy-*"))[:-num_kept]:
            shutil.rmtree(path)
        found = sorted(self.folder.glob("step-*"))
        for path in found[:-num_kept]:
            shutil.rmtree(path)
        try:
            kept = [_read_manifest(path) for path in found[-num_kept:]]
        except UserError:  # the shards of a damaged checkpoint are unknown, so nothing is removed
            return
        needed = {self.folder / shard.name for manifest in kept for shard in manifest.shards}
        for file in (self.folder / "shards").glob("*"):
            if file not in needed:
                file.unlink()


def _verify_state(checkpoint: Path, manifest: CheckpointManifest) -> None:
    for name, expected in ((_ARRAYS, manifest.files.arrays), (_PLAIN, manifest.files.plain)):
        verify(checkpoint / name, expected)


def _read_state(checkpoint: Path) -> State:
    plain = read_json(checkpoint / _PLAIN, LOG_BYTES)
    with read_as(f"{checkpoint} cannot be read"):
        return unflatten(read_arrays(checkpoint / _ARRAYS), plain)


def _read_policy_manifest(policy: Path) -> PolicyManifest:
    file = policy / _MANIFEST
    return checked(PolicyManifest, read_sealed_json(file), file)


def _read_manifest(checkpoint: Path) -> CheckpointManifest:
    file = checkpoint / _MANIFEST
    return checked(CheckpointManifest, read_sealed_json(file), file)


def _write_arrays(file: Path, arrays: dict[str, Tensor]) -> None:
    with writing(file):
        file.unlink(missing_ok=True)
        try:
            save_file(apart(arrays), file)
            sync(file)
        except (OSError, SafetensorError):
            file.unlink(missing_ok=True)
            raise
