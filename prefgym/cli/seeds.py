"""The flags `--seeds` and `--jobs`, which `prefgym train` and `prefgym train-offline` have beside their settings."""

from dataclasses import replace
from pathlib import Path
from typing import NamedTuple, TypeVar

from prefgym.common.errors import UserError
from prefgym.common.interrupt import INTERRUPTED
from prefgym.runs.manifest import has_finished
from prefgym.runs.seeds import is_seeds, parse_seeds
from prefgym.training.config import OfflineCfg, TrainCfg
from prefgym.training.run import Run
from prefgym.training.seeds import MOST_JOBS, resume_seeds, train_seeds

Cfg = TypeVar("Cfg", TrainCfg, OfflineCfg)


class SeedFlags(NamedTuple):
    """The two flags, as given."""

    seeds: tuple[int, ...] | None
    """Seeds, if there are several."""
    jobs: int | None
    """Processes at the same time."""


def take_seeds(argv: list[str]) -> tuple[list[str], SeedFlags]:
    """Take `--seeds` and `--jobs` out of the flags; return the other flags, and the two.

    >>> take_seeds(["--seeds", "0-2", "--steps", "5", "--jobs=2"])
    (['--steps', '5'], SeedFlags(seeds=(0, 1, 2), jobs=2))

    Raises:
        UserError: If one has no value or a wrong one, or `--seed` is given beside `--seeds`.
    """
    rest, given, flags = list[str](), dict[str, str](), iter(argv)
    for flag in flags:
        name, equals, value = flag.partition("=")
        if name not in ("--seeds", "--jobs"):
            rest.append(flag)
            continue
        given[name] = value if equals else next(flags, "")
    if "--seeds" in given and any(flag.partition("=")[0] == "--seed" for flag in rest):
        raise UserError("--seed and --seeds name seeds: pass one of them.")
    seeds = parse_seeds(given["--seeds"]) if "--seeds" in given else None
    return rest, SeedFlags(seeds, _jobs(given["--jobs"]) if "--jobs" in given else None)


def run_seeds(cfg: TrainCfg | OfflineCfg, flags: SeedFlags) -> int:
    """Train several seeds. Returns the exit code."""
    assert flags.seeds is not None
    return _exit_code(train_seeds(cfg, flags.seeds, jobs=_or_one(flags)))


def go_on(folder: Path, flags: SeedFlags) -> int | None:
    """Go on with a folder of seeds. Returns the exit code; None for another folder.

    Raises:
        UserError: If `--jobs` is given for a folder of one run, or `--seeds` for any.
    """
    if flags.seeds is not None:
        raise UserError("--resume goes on with all seeds of the folder: leave out --seeds.")
    if is_seeds(folder):
        return _exit_code(resume_seeds(folder, jobs=_or_one(flags)))
    check_alone(flags)
    return None


def check_alone(flags: SeedFlags) -> None:
    """Check the flags of one run.

    Raises:
        UserError: If `--jobs` is given.
    """
    if flags.jobs is not None:
        raise UserError("--jobs trains several seeds side by side: pass --seeds 0-5 with it.")


def with_command(cfg: Cfg, name: str, argv: list[str]) -> Cfg:
    """Note the whole command in a configuration."""
    return replace(cfg, command=("prefgym", name, *argv))


def _or_one(flags: SeedFlags) -> int:
    return 1 if flags.jobs is None else flags.jobs


def _jobs(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 4 and int(text) <= MOST_JOBS):
        shown = text if len(text) <= 40 else f"{text[:40]}..."
        raise UserError(f"--jobs {shown}: pass the number of processes at the same time, 0 to {MOST_JOBS}.")
    return int(text)


def _exit_code(runs: list[Run]) -> int:
    return 0 if all(has_finished(run.path) for run in runs) else INTERRUPTED
