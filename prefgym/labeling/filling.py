"""A process that puts questions into the store while the server answers already."""

import signal
import sys
import time
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path

from prefgym.common.errors import UserError
from prefgym.labeling.study_file import GoldPart

_GLANCE_S = 1.0
"""Seconds between two looks at a run that goes on."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """What is put into the store."""

    url: str
    """Address of the store."""
    study: str
    """Id of the study."""
    source: Path | None
    """Run folder, or folder of feedback; None for the demonstration."""
    gold: tuple[GoldPart, ...] = ()
    """Questions whose answers are known."""
    most: int | None = None
    """How many queries are asked about."""
    follow: bool = False
    """Whether to go on with what a run asks later."""


def begin(job: Job) -> BaseProcess:
    """Begin a process that fills the store, and that ends with this one.

    It is a process of its own, since it imports torch and MuJoCo and draws: all that would keep pages waiting.
    """
    process = get_context("spawn").Process(target=_fill, args=(job,), daemon=True)
    process.start()
    return process


def _fill(job: Job) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the server, which ends this process
    try:
        fill(job)
    except UserError as error:
        print(f"prefgym: {error}", file=sys.stderr, flush=True)
        sys.exit(2)


def fill(job: Job) -> None:
    """Put questions into the store.

    Raises:
        UserError: If nothing can be asked.
    """
    import torch

    from prefgym.labeling.sources import Source, add_queries, drawing_of
    from prefgym.store.store import Store

    torch.set_num_threads(1)
    store = Store.open(job.url)
    try:
        if job.source is None:
            from prefgym.labeling.demo import add_demo

            add_demo(store, job.study)
            return
        source, cfg = Source(job.source), store.study(job.study).cfg
        drawing, left = drawing_of(store, source), job.most
        while True:
            added = add_queries(store, job.study, cfg, drawing, source.new_queries(), job.gold, left)
            left = None if left is None else left - added.num_asked
            if added.num_left_out:
                told = f"{added.num_left_out} queries of {job.source} are left out: {added.why}"
                print(f"prefgym: {told}", file=sys.stderr, flush=True)
            if not job.follow:
                break
            time.sleep(_GLANCE_S)
        if not store.progress(job.study).num_asked:
            raise UserError(f"{job.source} has no queries that can be shown.")
    finally:
        store.close()
