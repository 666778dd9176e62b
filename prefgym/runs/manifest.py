"""The manifest of a run folder: versions, and checksums of all files of a finished run."""

import hashlib
import platform
import sys
from importlib.metadata import version
from pathlib import Path

from prefgym.common.errors import UserError
from prefgym.common.files import digest, read_json, read_sealed_json, sync_below, verify, write_sealed_json
from prefgym.common.revision import git_revision
from prefgym.common.schema import checked
from prefgym.runs.config_file import read_config
from prefgym.runs.lock import LOCK
from prefgym.runs.schema import ResultFile, RunManifest

_PACKAGES = ("prefgym", "torch", "numpy", "mujoco", "gymnasium", "safetensors")


def verify_in(run: Path, *names: str) -> None:
    """Compare files of a finished run with its manifest.

    Raises:
        UserError: If the run has not finished, or a file is missing, damaged or not in the manifest.
    """
    sums = read_sums(run)
    for name in names:
        if name not in sums:
            raise UserError(f"{run} has no {name}.")
        verify(run / name, sums[name])


def verify_part(run: Path, path: str) -> str:
    """Compare the files of a learned part of a run with the manifest.

    Args:
        run: Run folder.
        path: Their path in it, without suffix. Files whose names continue with a dash belong to the part, such as the
            base policy of a residual agent.

    Returns:
        A checksum of all of them.

    Raises:
        UserError: As `verify_in`.
    """
    sums = read_sums(run)
    beside = sorted(name for name in sums if name.startswith(f"{path}-"))
    names = [f"{path}.json", f"{path}.safetensors", *beside]
    verify_in(run, "config.yaml", *names)
    return hashlib.sha256("".join(sums[name] for name in names).encode()).hexdigest()


_REPORTED = ("config.yaml", "metrics.jsonl", "result.json", "report/", "preferences/")
"""The files that a report shows."""


def verify_reported(run: Path) -> None:
    """Compare the files that a report shows with the manifest; warn if there is none yet.

    Raises:
        UserError: If a file is missing or damaged.
    """
    read_config(run)  # raises for a folder that is not a run
    if (run / "manifest.json").is_file():
        verify_in(run, *(name for name in read_sums(run) if name.startswith(_REPORTED)))
    else:
        print(f"{run} has not finished: its files are not checked for damage", file=sys.stderr)


def read_sums(run: Path) -> dict[str, str]:
    """Read the SHA-256 of each file of a finished run.

    Raises:
        UserError: If it has not finished, or the manifest is damaged.
    """
    config = read_config(run)  # raises for a folder that is not a run
    manifest = run / "manifest.json"
    if not manifest.is_file():
        command = "train-offline" if "updates" in config else "train"  # Python begins runs without a command line
        raise UserError(
            f"{run} has no manifest.json: if it was stopped, continue with prefgym {command} --resume {run}."
        )
    return checked(RunManifest, read_sealed_json(manifest), manifest).sha256


def write_manifest(path: Path) -> None:
    """Write the manifest of a run folder: versions, and checksums of all files but checkpoints and queries.

    The store of people's answers is left out as well. A run folder without a manifest has not finished.
    """
    unlisted = [path / "preferences" / "asked", path / "checkpoints" / "shards", *path.glob("checkpoints/*step-*")]
    unlisted += path.glob("checkpoints/*policy-*")
    unlisted += path.glob("labels*")  # the store of people's answers goes on when the run has ended
    files = sorted(
        file
        for file in path.rglob("*")
        if file.is_file()
        and file.name not in ("manifest.json", LOCK)
        and not any(file.is_relative_to(part) for part in unlisted)
    )
    sync_below(path)
    manifest = {
        "versions": {name: version(name) for name in _PACKAGES} | {"python": platform.python_version()},
        "git_revision": git_revision(),
        "sha256": {str(file.relative_to(path)): digest(file) for file in files},
    }
    write_sealed_json(path / "manifest.json", manifest)


def renew_in_manifest(run: Path, *names: str) -> None:
    """Update the checksums of rewritten files; a run without a manifest gets none."""
    file = run / "manifest.json"
    if file.is_file():
        manifest = read_sealed_json(file)
        sync_below(run, "checkpoints")
        manifest["sha256"] |= {name: digest(run / name) for name in names}
        write_sealed_json(file, manifest)


def has_finished(path: Path) -> bool:
    """Return whether a run finished, rather than being stopped by Ctrl-C."""
    result = path / "result.json"
    if not (path / "manifest.json").is_file() or not result.is_file():
        return False
    verify_in(path, result.name)
    return not checked(ResultFile, read_json(result), result).interrupted
