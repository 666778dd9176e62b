"""Measure the share of a run that goes into checkpoints, the log of answers, and guards against NaN and infinity.

    python scripts/overhead.py
    python scripts/overhead.py --agent pebble --steps 20_000

Without flags, it is the training of `make demo` without its report. Timed are the loop and, within it, all calls of the
functions that save and guard.
"""

import importlib
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import tyro

from prefgym.common.errors import UnknownNameError, UserError
from prefgym.common.limits import Count, Threads, check
from prefgym.training.api import train_cfg
from prefgym.training.config import CheckpointCfg, EvalCfg, TrainCfg
from prefgym.training.run import run_training

PARTS = {
    "checkpoints": ("prefgym.training.loop:Loop.save",),
    "log of answers": ("prefgym.runs.answer_log:AnswerLog.append",),
    "guards": ("prefgym.common.finite:check_finite", "torch.nn.utils:get_total_norm"),
}
"""Parts that are timed, and their functions; norms are computed for guards only."""


class Clock:
    """The time spent in some functions together."""

    def __init__(self) -> None:
        self.seconds, self.calls = 0.0, 0

    def timed(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Wrap a function so that its calls count."""

        def call(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
            started = perf_counter()
            try:
                return function(*args, **kwargs)
            finally:
                self.seconds += perf_counter() - started
                self.calls += 1

        return call


def watch(places: Sequence[str]) -> Clock:
    """Time functions, each named as `module:path`, from here on, also where they are imported already."""
    clock = Clock()
    for place in places:
        module, _, path = place.partition(":")
        *owners, name = path.split(".")
        owner: Any = importlib.import_module(module)
        for step in owners:
            owner = getattr(owner, step)
        function = getattr(owner, name)
        timed = clock.timed(function)
        setattr(owner, name, timed)
        for user in [*sys.modules.values()]:
            if user.__name__.startswith("prefgym") and getattr(user, name, None) is function:
                setattr(user, name, timed)
    return clock


@dataclass(frozen=True, kw_only=True)
class OverheadCfg:
    """The training that is timed."""

    env: str = TrainCfg.env
    """Environment id."""
    rater: str = TrainCfg.rater
    """Rater."""
    agent: str = TrainCfg.agent
    """Agent."""
    budget: Count = TrainCfg.budget
    """Queries."""
    steps: Count = TrainCfg.steps
    """Environment steps."""
    threads: Threads | None = None
    """Threads of simulation and networks; default: all cores."""
    checkpoint: CheckpointCfg = field(default_factory=CheckpointCfg)
    """Checkpoints."""
    eval: EvalCfg = field(default_factory=EvalCfg)
    """Evaluations."""

    __post_init__ = check


def main(cfg: OverheadCfg) -> int:
    """Train once, and print the shares; return 2 if the training fails."""
    try:
        measure(train_cfg(report=False, **vars(cfg)))
    except (UserError, UnknownNameError) as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def measure(cfg: TrainCfg) -> None:
    """Train once, and print the shares.

    Raises:
        UserError: If the training fails.
    """
    clocks = {name: watch(places) for name, places in PARTS.items()}
    loop = watch(["prefgym.training.online:train"])
    with TemporaryDirectory() as folder:
        run_training(replace(cfg, out=Path(folder) / "run"))
    for name, clock in clocks.items():
        share = clock.seconds / loop.seconds
        print(f"{name}: {clock.calls:,} calls, {clock.seconds:.2f} s, {share:.2%} of {loop.seconds:.1f} s")


if __name__ == "__main__":
    sys.exit(main(tyro.cli(OverheadCfg, description=__doc__)))
