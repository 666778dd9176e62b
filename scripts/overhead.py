"""Measure what a run spends on not losing anything: checkpoints, the log of answers, and guards.

    python scripts/overhead.py
    python scripts/overhead.py --agent pebble --steps 20_000

Takes the flags of `prefgym train`; without any, it is the main job. Timed are the loop and, within it, all calls of the
functions that save and guard.
"""

import importlib
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

from prefgym.cli.main import main as prefgym

PARTS = {
    "checkpoints": ("prefgym.training.loop:Loop.save",),
    "log of answers": ("prefgym.runs.answer_log:AnswerLog.append",),
    "guards": ("prefgym.common.finite:check_finite", "torch.nn.utils:get_total_norm"),
}
"""What is timed, and the functions that do it; a norm is taken only to be looked at."""


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
    """Time functions, each named as `module:path`, in all that is run from here on, whoever has imported them."""
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


def main(flags: Sequence[str]) -> int:
    """Train once, and print the shares; return the exit code of the run."""
    clocks = {name: watch(places) for name, places in PARTS.items()}
    loop = watch(["prefgym.training.online:train"])
    with TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        try:
            prefgym(["train", *flags, "--no-report", "--out", str(out)])
        except SystemExit as ended:
            if ended.code:
                return int(ended.code)
    for name, clock in clocks.items():
        share = clock.seconds / loop.seconds
        print(f"{name}: {clock.calls:,} calls, {clock.seconds:.2f} s, {share:.2%} of {loop.seconds:.1f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
