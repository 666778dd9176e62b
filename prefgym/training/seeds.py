"""Several seeds of one configuration: a folder of runs that can be resumed, and processes to train them."""

import copy
import os
import sys
import traceback
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path

from prefgym.common.errors import UserError
from prefgym.common.files import open_to_change
from prefgym.common.modules import load_module, trust, trusted
from prefgym.common.processes import can_be_sent, in_processes
from prefgym.common.signals import terminable
from prefgym.runs.folder import plain, timed_name, unused
from prefgym.runs.lock import locked
from prefgym.runs.manifest import has_finished
from prefgym.runs.seeds import ALIKE, is_seeds, read_seeds, run_of, write_seeds
from prefgym.runs.settings import flat, made_by_run, relevant, without
from prefgym.training.callbacks import Callback
from prefgym.training.config import OfflineCfg, TrainCfg
from prefgym.training.resolve import Objects
from prefgym.training.restore import read_configuration
from prefgym.training.run import Run, run_offline, run_training
from prefgym.training.seeds_progress import SeedsProgress

Cfg = TrainCfg | OfflineCfg

MOST_JOBS = 64


@dataclass(frozen=True, kw_only=True, eq=False)
class Parts:
    """What a configuration cannot hold."""

    objects: Objects = field(default_factory=Objects)
    callbacks: Sequence[Callback] = ()

    def copied(self) -> "Parts":
        """Copy the rater and the sampler, so that each seed begins with them as they were given.

        A rater that cannot be copied, such as one with a connection to people, serves all seeds.
        """
        sampler = copy.deepcopy(self.objects.sampler)
        try:
            rater = copy.deepcopy(self.objects.rater)
        except Exception:  # an object's own __deepcopy__ may raise anything
            rater = self.objects.rater
            print(f"the rater {type(rater).__name__} cannot be copied: one object serves all seeds", file=sys.stderr)
        return replace(self, objects=replace(self.objects, rater=rater, sampler=sampler))

    @property
    def names(self) -> dict[str, object]:
        """Return the objects by their names."""
        given = {name: part for name, part in vars(self.objects).items() if part is not None}
        return {**given, **{f"callback {type(one).__name__}": one for one in self.callbacks}}


def complete(cfg: Cfg, parts: Parts | None = None) -> Run:
    """Train into `cfg.out`: from the last checkpoint if the run was stopped, and not at all if it has finished."""
    parts, out = parts or Parts(), cfg.out
    assert out is not None
    if has_finished(out):
        return Run(out, objects=parts.objects)
    if (out / "config.yaml").is_file():
        return Run(out, objects=parts.objects).resume(callbacks=parts.callbacks)
    if isinstance(cfg, OfflineCfg):
        return run_offline(cfg, callbacks=parts.callbacks)
    return run_training(cfg, parts.objects, callbacks=parts.callbacks)


def train_seeds(cfg: Cfg, seeds: Iterable[int], *, jobs: int, parts: Parts | None = None) -> list[Run]:
    """Train several seeds into one folder; a folder of the same configuration goes on with what is missing.

    Args:
        cfg: Resolved configuration; `out` is the folder of all seeds, default: a new one in `runs/`.
        seeds: Seeds.
        jobs: Processes at the same time, of one thread each if they are several; with 0 all seeds are trained here.
        parts: Objects that the configuration cannot hold.

    Returns:
        The runs in the order of their seeds; after Ctrl-C, those that have begun.

    Raises:
        UserError: If a seed fails, after the others have ended; or if the folder is of another configuration.
    """
    parts, seeds = parts or Parts(), tuple(seeds)
    if not 0 <= jobs <= MOST_JOBS:
        raise UserError(f"jobs must lie between 0 and {MOST_JOBS}, not {jobs}.")
    check_parts(parts, jobs)
    folder = cfg.out or next(unused(timed_name(cfg.title)))
    if folder.exists() and not is_seeds(folder):
        raise UserError(f"{folder} exists, and is no folder of seeds; name another one with --out.")
    before = read_seeds(folder) if is_seeds(folder) else ()
    check_alike(cfg, folder, before)
    write_seeds(folder, tuple(sorted({*before, *seeds})))
    if jobs > 1 and cfg.threads is None:
        cfg = replace(cfg, threads=1)
    return _train({seed: replace(cfg, seed=seed, out=run_of(folder, seed)) for seed in seeds}, folder, jobs, parts)


def resume_seeds(folder: Path, *, jobs: int, parts: Parts | None = None) -> list[Run]:
    """Go on with a folder of seeds: with stopped ones from their checkpoints, and with those that have not begun.

    Args:
        folder: Folder of seeds.
        jobs: See `train_seeds`.
        parts: Objects that the configuration cannot hold.

    Raises:
        UserError: If none of them has begun, so that there is no configuration; or as `train_seeds`.
    """
    parts, seeds = parts or Parts(), read_seeds(folder)
    begun = next((run for seed in seeds if (run := run_of(folder, seed)) and (run / "config.yaml").is_file()), None)
    if begun is None:
        raise UserError(f"no seed of {folder} has begun: give the command again that began it.")
    return train_seeds(replace(read_configuration(begun, parts.objects), out=folder), seeds, jobs=jobs, parts=parts)


def check_parts(parts: Parts, jobs: int) -> None:
    """Check that objects can serve several seeds, and other processes.

    Raises:
        UserError: If one cannot.
    """
    for kind in ("agent", "reward"):
        if getattr(parts.objects, kind) is not None:
            raise UserError(
                f"several seeds need a new {kind} each, and this one is an object: pass its name or configuration."
            )
    for name, part in parts.names.items() if jobs else ():
        if not can_be_sent(part):
            raise UserError(
                f"jobs={jobs} trains in other processes, and this {name} cannot be pickled for them: pass its class or"
                " configuration, or jobs=0."
            )


def check_alike(cfg: Cfg, folder: Path, seeds: Iterable[int]) -> None:
    """Compare a configuration with those of the seeds that have begun in a folder.

    Raises:
        UserError: If a setting that changes results differs.
    """
    wanted = without(relevant(flat(plain(asdict(cfg)))), *ALIKE)
    wanted = without(wanted, *made_by_run(wanted))
    for seed in seeds:
        if (run_of(folder, seed) / "config.yaml").is_file():
            there = without(relevant(flat(Run(run_of(folder, seed)).config)), *ALIKE)
            for name in wanted.keys() & there.keys():
                if wanted[name] != there[name]:
                    raise UserError(
                        f"{folder} was begun with {name} {there[name]}, not {wanted[name]}: name another folder with"
                        f" --out, or go on with prefgym train --resume {folder}."
                    )


def _train(configs: dict[int, Cfg], folder: Path, jobs: int, parts: Parts) -> list[Run]:
    tasks: dict[int, Callable[[], bool]] = {}
    for seed, cfg in configs.items():
        if not has_finished(run_of(folder, seed)):
            log = folder / f"seed-{seed}.log"
            tasks[seed] = partial(_apart, cfg, parts, log, trusted()) if jobs else partial(_here, cfg, parts)
    failed: dict[int, BaseException] = {}
    stopped = False
    runs = {seed: run_of(folder, seed) for seed in configs}
    with locked(folder), terminable(), SeedsProgress(runs, jobs) as progress:
        try:
            for seed, future in in_processes(tasks, jobs, progress.show):
                stopped = _ended(seed, future, failed, progress) or stopped
                if stopped and not jobs:
                    break
        except KeyboardInterrupt:
            stopped = True
    return _conclude(folder, list(configs), failed, parts)


def _ended(seed: int, future: Future[bool], failed: dict[int, BaseException], progress: SeedsProgress) -> bool:
    """Note how a seed has ended; return whether it was interrupted."""
    error = future.exception()
    if error is None:
        progress.end(seed, "stopped" if future.result() else "")
        return future.result()
    if not isinstance(error, KeyboardInterrupt):
        failed[seed] = error
    progress.end(seed, _in_words(error))
    return isinstance(error, KeyboardInterrupt)


def _conclude(folder: Path, seeds: list[int], failed: dict[int, BaseException], parts: Parts) -> list[Run]:
    finished = sum(has_finished(run_of(folder, seed)) for seed in seeds)
    again = "the same call goes on" if parts.names else f"prefgym train --resume {folder} goes on"
    left = "" if finished == len(seeds) else f"; {again}"
    if failed:
        words = "; ".join(f"seed {seed}: {_in_words(error)}" for seed, error in failed.items())
        first = next(iter(failed.values()))
        raise UserError(f"{words}; {finished} of {len(seeds)} seeds have finished{left}.") from first
    print(f"{finished} of {len(seeds)} seeds have finished, see {folder}{left}", file=sys.stderr)
    paths = [run_of(folder, seed) for seed in seeds]
    return [Run(path, objects=parts.objects) for path in paths if (path / "config.yaml").is_file()]


def _in_words(error: BaseException) -> str:
    kind = "" if isinstance(error, UserError) else f"{type(error).__name__}: "
    return f"{kind}{error}".rstrip(".: ")


def _here(cfg: Cfg, parts: Parts) -> bool:
    """Train in this process; return whether Ctrl-C ended it."""
    print(f"seed {cfg.seed}, in {cfg.out}", file=sys.stderr)
    return complete(cfg, parts.copied()).result.interrupted


def _apart(cfg: Cfg, parts: Parts, log: Path, modules: tuple[str, ...]) -> bool:
    """Train in a process of its own, which writes into a log; return whether a signal ended it."""
    with open_to_change(log) as file:
        for stream in (1, 2):
            os.dup2(file.fileno(), stream)
    try:
        for module in modules:
            load_module(module)
            trust(module)
        return complete(cfg, parts).result.interrupted
    except BaseException:
        traceback.print_exc()
        raise
