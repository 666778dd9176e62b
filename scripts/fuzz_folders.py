"""Write hostile run folders and feedback folders, and run every command that reads them.

    python scripts/fuzz_folders.py --num 500

A folder is a copy of a good one in which one thing is wrong: links, hard links, pipes, wrong types and shapes, numbers
beyond reason, markup, names that are paths, nesting, aliases; most have right checksums. No file outside may change,
and each command must end within 20 seconds, with exit code 0, or 2 and one sentence.
"""

import io
import os
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType
from typing import Any, Literal

import numpy as np
import torch
import tyro
from hostile_changes import CHANGES, reseal

import prefgym
from prefgym.cli.main import main as prefgym_command
from prefgym.common.errors import UnknownNameError, UserError
from prefgym.common.limits import Count, Natural, check
from prefgym.core.feedback import Feedback
from prefgym.core.kinds import (
    Comparison,
    Correction,
    Demonstration,
    Intervention,
    Mark,
    Ranking,
    Rating,
    Statement,
    Thumbs,
)
from prefgym.core.preferences import Preferences, RaterInfo, Sitting
from prefgym.core.queries import Queries
from prefgym.data.feedback import Card, write_feedback
from prefgym.training.api import train_cfg
from prefgym.training.budget import ScheduleCfg
from prefgym.training.callbacks import Callback
from prefgym.training.config import CheckpointCfg, EvalCfg
from prefgym.training.loop import Loop
from prefgym.training.run import Run, run_training

Kind = Literal["feedback", "mixed", "offline", "offline-stopped", "run", "stopped"]
MOST_SECONDS = 20.0
"""Longest that a command may take."""
MOST_TRAINING_S = 2.0
"""Seconds after which a training is interrupted as by Ctrl-C; many a changed configuration is lawful."""
ENV = "prefgym/InvertedPendulum-v0"
TRAIN = (
    *("--env", ENV, "--steps", "400", "--budget", "10", "--threads", "1", "--segment-length", "5", "--no-report"),
    *("--eval.episodes", "1", "--eval.final-episodes", "1", "--agent.num-envs", "4", "--agent.num-steps", "50"),
    *("--agent.hidden", "8", "--reward.hidden", "8", "8", "--reward.fit.gradient-steps", "5"),
)


@dataclass(frozen=True, kw_only=True)
class FuzzFoldersCfg:
    """Number and seed of the folders."""

    num: Count = 500
    """Number of folders."""
    seed: Natural = 0
    """Seed of what is wrong with them."""
    first: Natural = 0
    """Number of the first folder, to repeat it."""
    kinds: tuple[Kind, ...] = ("feedback", "mixed", "offline", "offline-stopped", "run", "stopped")
    """Kinds of folders."""

    __post_init__ = check


class TooLongError(BaseException):
    """A command takes longer than it may."""


class InterruptAt(Callback):
    """Ctrl-C after some steps: a run that can be resumed."""

    def __init__(self, steps: int) -> None:
        self.steps = steps

    def on_step(self, loop: Loop, metrics: Any) -> None:  # noqa: ANN401
        """Interrupt."""
        if loop.steps >= self.steps:
            raise KeyboardInterrupt


def main(cfg: FuzzFoldersCfg) -> int:
    """Print a line for each folder with a problem, and a summary; return the number of problems."""
    counts: dict[str, int] = {}
    problems = 0
    with TemporaryDirectory() as folder, patient():
        whole = Path(folder) / "whole"
        make_whole(whole, cfg.kinds)
        for number in range(cfg.first, cfg.first + cfg.num):
            work = Path(folder) / str(number)
            for name, told in try_folder(whole, work, np.random.default_rng([cfg.seed, number])):
                counts[told.partition(":")[0]] = counts.get(told.partition(":")[0], 0) + 1
                if not told.startswith(("refused", "read")):
                    problems += 1
                    print(f"{number}: {name}: {told}", flush=True)
            shutil.rmtree(work, ignore_errors=True)
    print(f"{cfg.num} folders: {', '.join(f'{count} {word}' for word, count in sorted(counts.items()))}")
    return problems


def make_whole(whole: Path, kinds: Sequence[Kind]) -> None:
    """Write good folders of some kinds; the offline runs learn from the feedback, which is exported from the run."""
    with quiet():
        cfg = train_cfg(
            ENV,
            agent=prefgym.agents.cfg("ppo", env=ENV, num_envs=4, num_steps=50, epochs=1, hidden=(8,)),
            reward=prefgym.rewards.cfg("ensemble", hidden=(8, 8), num_members=2),
            sampler=prefgym.samplers.cfg("disagreement", segment_length=5),
            steps=600,
            budget=10,
            threads=1,
            report=False,
            schedule=ScheduleCfg(num_sessions=2),
            checkpoint=CheckpointCfg(every=200),
            eval=EvalCfg(every=300, episodes=1, final_episodes=2, keep=True),
        )
        if {*kinds} - {"stopped"}:
            run_training(replace(cfg, out=whole / "run"))
        if "stopped" in kinds:
            run_training(replace(cfg, out=whole / "stopped"), callbacks=[InterruptAt(400)])
        if {*kinds} - {"run", "stopped"}:
            assert _call(["feedback", "export", str(whole / "run"), str(whole / "feedback")]) == 0
        if "mixed" in kinds:
            feedback, card = prefgym.read_feedback(whole / "feedback"), Card(env=ENV, instructions={"2": "Which?"})
            write_feedback(whole / "mixed", of_every_kind(feedback), card)
        offline: dict[str, Any] = {
            "env": ENV, "preferences": whole / "feedback", "updates": 20, "threads": 1,
            "agent": prefgym.agents.cfg("bc"), "eval": EvalCfg(every=10, episodes=1, final_episodes=1),
            "checkpoint": CheckpointCfg(every=10),
        }  # fmt: skip
        if "offline" in kinds:
            prefgym.train_offline(**offline, out=whole / "offline")
        if "offline-stopped" in kinds:
            prefgym.train_offline(**offline, out=whole / "offline-stopped", callbacks=[InterruptAt(10)])
    for made in [*whole.iterdir()]:
        if made.name not in kinds:
            shutil.rmtree(made)


def of_every_kind(feedback: Feedback) -> Feedback:
    """Add answers of the other kinds, by a person in a sitting, about what the choices are about."""
    (choices,) = feedback.of_kind(Comparison)
    options = choices.queries.options
    num, num_steps = len(choices), options.num_steps
    zero, one = torch.zeros(num, dtype=torch.long), torch.ones(num, dtype=torch.long)
    order = torch.tensor([[1, 0]]).expand(num, -1)
    stated: tuple[Statement, ...] = (
        Ranking(status=zero, rank=order),
        Rating(status=zero, level=one, num_levels=3),
        Thumbs(status=zero, reaction=one),
        Mark.of(zero, one, one.bool(), num_steps),
        Intervention(status=zero, start=zero, end=one),
        Correction(status=zero, action=options.action[:, 0], words=Correction.encoded(["up"] * num)),
        Demonstration(status=zero),
    )
    rater = RaterInfo(name="ann", kind="human", sitting=Sitting(name="monday", duration_s=60.0, instructions="2"))
    queries = [Queries.of(options if isinstance(some, Ranking) else options[:, :1]) for some in stated]
    return Feedback.cat([feedback, *(Preferences.of(some, said, rater) for some, said in zip(queries, stated))])


def commands(kind: str, folder: Path, out: Path) -> Mapping[str, Callable[[], object]]:
    """Return what reads a folder of a kind, by name."""
    at = str(folder)
    if kind in ("feedback", "mixed"):
        calls = {
            "validate": ["feedback", "validate", at],
            "show": ["feedback", "show", at],
            "export": ["feedback", "export", at, str(out / "exported")],
            "train": ["train", *TRAIN, "--preferences", at, "--out", str(out / "trained")],
            "train-offline": [
                *(
                    "train-offline",
                    "--preferences",
                    at,
                    "--updates",
                    "2",
                    "--threads",
                    "1",
                    "--eval.final-episodes",
                    "1",
                ),
                *("--out", str(out / "offline")),
            ],
        }
        return {name: lambda argv=argv: _call(argv) for name, argv in calls.items()}
    train = "train-offline" if kind.startswith("offline") else "train"
    calls = {
        "report": ["report", at],
        "evaluate": ["evaluate", at, "--episodes", "1"],
        "compare": ["compare", at, "--no-films", "--out", str(out / "comparison.html")],
        "export": ["feedback", "export", at, str(out / "exported")],
        "stop": ["stop", at],
        "resume": [train, "--resume", at],
        "resume from previous": [train, "--resume", at, "--resume-from", "previous"],
    }
    if kind == "run":
        base = ["train", *TRAIN, "--agent", "residual", "--agent.base", at, "--out", str(out / "residual")]
        base = [word for word in base if word not in ("--agent.num-steps", "50")]
        calls["base policy"] = base
    if not kind.startswith("offline"):
        calls["replay"] = ["train", *TRAIN, "--rater", "replay", "--rater.run", at, "--out", str(out / "replayed")]
    names = ("result", "policy", "reward", "preferences", "metrics")
    from_python = {name: lambda name=name: getattr(Run(at), name) for name in names}
    return {name: lambda argv=argv: _call(argv) for name, argv in calls.items()} | from_python


def try_folder(whole: Path, work: Path, generator: np.random.Generator) -> Iterator[tuple[str, str]]:
    """Change a copy of a good folder, and yield what each command comes to."""
    kinds = sorted(path.name for path in whole.iterdir())
    kind = kinds[int(generator.integers(len(kinds)))]
    folder, canary = work / kind, work / "canary"
    shutil.copytree(whole / kind, folder)
    (canary / "photos").mkdir(parents=True)
    for name in ("file", "photos/000000.safetensors", "photos/000007.safetensors", "photos/step-000000000600"):
        (canary / name).write_text("mine\n")
    change = ""
    while not change:
        names = sorted(CHANGES)
        name = names[int(generator.integers(len(names)))]
        change = CHANGES[name](folder, canary, generator)
    if generator.random() < 0.9:
        reseal(folder)
    before = listing(canary)
    (work / "out").mkdir()
    tries = list(commands(kind, folder, work / "out").items())
    generator.shuffle(tries)  # pyright: ignore[reportArgumentType]
    for command, call in tries:
        told = outcome(call)
        if listing(canary) != before or sorted(path.name for path in work.iterdir()) != sorted([kind, "canary", "out"]):
            told = "outside changed"
            before = listing(canary)
        yield f"{kind}, {name} ({change}), {command}", told


def outcome(call: Callable[[], object]) -> str:
    """Run a command, and say what came: read, refused, or a problem."""
    began = time.monotonic()
    errors = io.StringIO()
    try:
        with quiet(errors), alarm():
            code = call()
    except (UserError, UnknownNameError, FileNotFoundError) as error:
        return told_in_one_sentence(str(error))
    except TooLongError:
        return f"too long: {traceback.format_exc(limit=-6)}"
    except BaseException:
        return f"traceback: {traceback.format_exc(limit=-8)}"
    if (took := time.monotonic() - began) > MOST_SECONDS:
        return f"too long: {took:.0f} s"
    if "Traceback" in errors.getvalue():
        return f"traceback: {errors.getvalue()}"
    if code == 2:
        lines = errors.getvalue().strip().splitlines()
        at = max((number for number, line in enumerate(lines) if line.startswith("prefgym: ")), default=None)
        return f"no sentence: {errors.getvalue()}" if at is None else told_in_one_sentence("\n".join(lines[at:]))
    return "read" if not isinstance(code, int) or code in (0, 130) else f"exit code {code}"


def told_in_one_sentence(message: str) -> str:
    """Check that a message is one line of bounded length."""
    return (
        f"refused: {message}" if "\n" not in message and 0 < len(message) < 1000 else f"no sentence: {message[:2000]}"
    )


def listing(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Return content and time of change of all files in a folder."""
    files = sorted(path for path in folder.rglob("*"))
    return {str(path): (path.read_bytes() if path.is_file() else b"", path.lstat().st_mtime_ns) for path in files}


@contextmanager
def alarm() -> Iterator[None]:
    """Raise `TooLongError` in what takes too long."""

    def ring(signum: int, frame: FrameType | None) -> None:
        raise TooLongError

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, MOST_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@contextmanager
def patient() -> Iterator[None]:
    """Interrupt each training after some seconds, as Ctrl-C does."""
    run_to_end, advance = Loop.run_to_end, Loop.advance

    def begin(loop: Loop) -> None:
        loop.deadline = time.monotonic() + MOST_TRAINING_S  # pyright: ignore[reportAttributeAccessIssue]
        run_to_end(loop)

    def step(loop: Loop) -> None:
        if time.monotonic() > loop.deadline:  # pyright: ignore[reportAttributeAccessIssue]
            raise KeyboardInterrupt
        advance(loop)

    Loop.run_to_end, Loop.advance = begin, step  # pyright: ignore[reportAttributeAccessIssue]
    try:
        yield
    finally:
        Loop.run_to_end, Loop.advance = run_to_end, advance


@contextmanager
def quiet(errors: io.StringIO | None = None) -> Iterator[None]:
    """Keep what is printed."""
    with redirect_stdout(io.StringIO()), redirect_stderr(errors or io.StringIO()):
        yield


def _call(argv: list[str]) -> int:
    try:
        prefgym_command(argv)
    except SystemExit as ended:
        return int(ended.code or 0)
    raise AssertionError("main always exits")


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    sys.exit(main(tyro.cli(FuzzFoldersCfg, description=__doc__)) > 0)
