"""Give every flag of every command absurd values, and see that each is refused in one sentence, or lawful and started.

    python scripts/fuzz_flags.py --share 0.1

The flags are those of the configurations. Each command runs in a child of this process, so that nothing is imported
twice. It fails by a traceback, by a refusal of several sentences, by more than 10 CPU seconds before the first step, by
more than 1 GB, and by a file outside of its folder.
"""

import os
import random
import resource
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
import torch
import tyro
from watched import STARTED, watch

from prefgym import agents, raters, rewards, samplers
from prefgym.bench.reward import BenchRewardCfg
from prefgym.bench.sim import BenchSimCfg
from prefgym.cli.compare import CompareArgs
from prefgym.cli.evaluate import EvaluateArgs
from prefgym.cli.feedback import ExportArgs, ValidateArgs
from prefgym.cli.main import main as prefgym
from prefgym.cli.report import ReportArgs
from prefgym.cli.settings import Setting, settings_of
from prefgym.cli.stop import StopArgs
from prefgym.cli.train import ResumeArgs, ResumeOfflineArgs
from prefgym.common.limits import Natural, Seed, Share, check
from prefgym.common.registry import Kind
from prefgym.data.importers.registry import IMPORTERS
from prefgym.demos.collect import DemosCfg
from prefgym.evaluation.experts import load_expert
from prefgym.sim.vector_env import PoolVectorEnv
from prefgym.training.annotate import MakePreferencesCfg
from prefgym.training.config import OfflineCfg, TrainCfg
from prefgym.training.resolve import is_offline, resolve

POLE = "prefgym/InvertedPendulum-v0"
TINY = (
    *("--steps", "300", "--budget", "6", "--schedule.num-sessions", "2", "--segment-length", "5", "--threads", "1"),
    *("--eval.every", "200", "--eval.episodes", "1", "--eval.final-episodes", "1", "--no-report"),
)
"""What follows `train` for a run of a fraction of a second; later flags replace earlier ones."""
SMALL = {
    "num-envs": "4",
    "num-steps": "25",
    "epochs": "1",
    "hidden": "8",
    "random-steps": "50",
    "capacity-steps": "1000",
    "gradient-steps": "2",
    "clone-updates": "2",
    "base": "zero",
    "batch-size": "8",
    "settings": None,
}

HUGE = ("2147483648", "1e18", "1" + "0" * 29, "9" * 400)
VALUES: dict[type[object], tuple[str, ...]] = {
    int: ("-1", "0", "1", "1.5", "nan", "", "many", *HUGE),
    float: ("-1", "0", "1e-320", "1e308", "1e999", "inf", "-inf", "nan", "", "many", "9" * 400),
    bool: ("", "2", "None"),
    Path: ("", ".", "/", "/dev/null", "../../x", "a" * 5000, "half\udcff", "a\0b", "no/such/folder", "ünï 🙂"),
    str: (
        *(
            "",
            " ",
            "-",
            ":",
            "a:",
            ":b",
            "../../x",
            "../../x:y",
            "os:path",
            "os:getcwd",
            "sys:exit",
            "half\udcff",
            "a\0b",
        ),
        *("a" * 5000, "ünï 🙂", "None", "0", "$(id)", "<b>", "*", "\n"),
    ),
    object: ("", "a", "a=", "=b", "a=[", "a=" + "[" * 3000, "a=nan", "reward=5"),
}
"""Absurd values by the type of the flag."""
FILES = {"trajectories": "tables/arm.npz", "answers": "tables/answers.csv", "dataset": "pole/random-v0"}
"""What the importers of tables and datasets read; those of other formats refuse the first of these."""
ABSENT = "<nothing>"
"""Stands for a flag without its value."""


class Case(NamedTuple):
    """A command with one absurd value."""

    argv: tuple[str, ...]
    flag: str
    value: str


class Ended(NamedTuple):
    """What became of a command."""

    outcome: str
    """`refused`, `ran`, `started`, or what is wrong."""
    is_fine: bool
    seconds: float
    grown_bytes: int
    said: str
    """The last line of its error output."""


@dataclass(frozen=True, kw_only=True)
class FuzzFlagsCfg:
    """Give every flag of every command absurd values."""

    share: Share = 1.0
    """Share of the cases that are run."""
    num: Natural | None = None
    """Number of cases that are run, in the place of a share."""
    seed: Seed = 0
    """Seed of the sample of cases."""
    only: str = ""
    """Words that a command line has: `train --agent.`, say."""
    show: bool = False
    """Whether each case is printed, not only those that fail."""

    __post_init__ = check


def main(cfg: FuzzFlagsCfg) -> int:
    """Run the cases. Returns the number of those that fail."""
    torch.set_num_threads(1)
    failed, begun = 0, time.monotonic()
    with TemporaryDirectory() as folder:
        os.chdir(folder)
        prepare()
        cases = [case for case in all_cases() if cfg.only in " ".join([*case.argv, case.flag])]
        num = round(cfg.share * len(cases)) if cfg.num is None else cfg.num
        chosen = random.Random(cfg.seed).sample(cases, min(num, len(cases)))
        outcomes: dict[str, int] = {}
        for number, case in enumerate(chosen):
            ended = run(case, Path(f"case-{number}"))
            outcomes[ended.outcome] = outcomes.get(ended.outcome, 0) + 1
            failed += not ended.is_fine
            if cfg.show or not ended.is_fine:
                value = case.value if len(case.value) < 40 else f"{case.value[:30]}... ({len(case.value)} characters)"
                line = f"{' '.join(case.argv[:4])} ... {case.flag} {value!a}"
                print(f"{ended.outcome}: {line}: {ended.said[:300]}", f"[{ended.seconds:.1f} s]", flush=True)
        counts = ", ".join(f"{count} {outcome}" for outcome, count in sorted(outcomes.items()))
        print(f"{len(chosen)} of {len(cases)} cases in {time.monotonic() - begun:.0f} s: {counts}")
    return failed


def prepare() -> None:
    """Make the run, the preferences, the tables and the dataset that commands read; load what all of them need."""
    load_expert(POLE, "expert")
    Path("tables").mkdir()
    Path(FILES["answers"]).write_text("first,second,choice\n0,1,second\n")
    np.savez(FILES["trajectories"], obs=np.zeros((2, 4, 3)), action=np.ones((2, 3, 1)))
    for argv in (
        ("train", "--env", POLE, *TINY, *small("agent", agents.cfg("ppo")), *small("reward", rewards.cfg("ensemble"))),
        (
            "demos",
            "--env",
            POLE,
            "--dataset",
            "pole/random-v0",
            "--policy",
            "random",
            "--episodes",
            "4",
            "--num-envs",
            "2",
        ),
        ("feedback", "export", "run", "answers"),
    ):
        extra = {"train": ("--out", "run"), "demos": ("--out", "datasets")}.get(argv[0], ())
        try:
            prefgym([*argv, *extra])
        except SystemExit as told:
            assert not told.code, (argv, told.code)


def all_cases() -> Iterator[Case]:
    """Yield each flag of each command with each absurd value."""
    for argv, settings in commands():
        for setting in settings:
            values = VALUES[setting.kind]
            for value in (ABSENT, *values, *["zzz"] * bool(setting.choices)):
                yield Case(argv, setting.flags[0], value)


def commands() -> Iterator[tuple[tuple[str, ...], list[Setting]]]:
    """Yield commands that end at once, and their flags; the flags of a part once, with the part."""
    train = ("train", "--env", POLE, *TINY)
    ppo, ensemble = small("agent", agents.cfg("ppo")), small("reward", rewards.cfg("ensemble"))
    yield (*train, *ppo, *ensemble), list(settings_of(TrainCfg()))
    for name in raters.names():
        if resolved := _settings("rater", name):
            yield (*train, "--rater", name, *ppo, *ensemble), resolved
    for name in rewards.names():
        yield (*train, "--reward", name, *ppo, *small("reward", rewards.cfg(name))), _settings("reward", name)
    for name in samplers.names():
        yield (*train, "--sampler", name, *ppo, *ensemble), _settings("sampler", name)
    online = [name for name in agents.names() if not is_offline(name)]
    for name in online:
        yield (*train, "--agent", name, *small("agent", agents.cfg(name)), *ensemble), _settings("agent", name)
    seeds = [
        Setting(flags=(flag,), owner=TrainCfg, name=flag[2:], hint=kind, default=None)
        for flag, kind in (("--seeds", str), ("--jobs", int))
    ]
    yield (*train, "--seeds", "0-1", *ppo, *ensemble), seeds
    data = ("--preferences", "answers", "--dataset", "pole/random-v0", "--datasets", "datasets")
    offline = ("train-offline", *data, "--updates", "5", "--eval.final-episodes", "1", "--threads", "1")
    for name in agents.names():
        if name not in online:
            yield (*offline, "--agent", name, *small("agent", agents.cfg(name))), _settings("agent", name)
    yield (*offline, "--agent", "bc", *small("agent", agents.cfg("bc"))), list(settings_of(OfflineCfg()))
    ask = (
        "make-preferences",
        "--datasets",
        "datasets",
        "--dataset",
        "pole/random-v0",
        "--out",
        "new",
        "--queries",
        "5",
    )
    yield (*ask, "--sampler.segment-length", "2"), list(settings_of(MakePreferencesCfg))
    play = ("demos", "--env", POLE, "--dataset", "pole/other-v0", "--policy", "random", "--episodes", "2", "--out", "d")
    yield play, list(settings_of(DemosCfg))
    yield ("evaluate", "run", "--episodes", "2"), list(settings_of(EvaluateArgs))
    yield ("compare", "run", "--no-films"), list(settings_of(CompareArgs))
    yield ("stop", "run"), list(settings_of(StopArgs))
    yield ("report", "run"), list(settings_of(ReportArgs))
    yield ("train", "--resume", "run"), list(settings_of(ResumeArgs))
    yield ("train-offline", "--resume", "run"), list(settings_of(ResumeOfflineArgs))
    yield ("feedback", "export", "run", "new"), list(settings_of(ExportArgs))
    yield ("feedback", "validate", "answers"), list(settings_of(ValidateArgs))
    for name, importer in IMPORTERS.items():
        flags = list(settings_of(importer.cfg))
        places = [FILES.get(setting.name, FILES["trajectories"]) for setting in flags if setting.is_positional]
        rest = ("--datasets", "datasets") if name == "minari" else ()
        rest += ("--dataset", FILES["trajectories"]) if "--dataset" in {setting.flags[0] for setting in flags} else ()
        yield ("feedback", "import", name, *places, *rest, "--out", "new"), flags
    yield (
        ("bench", "sim", "--tasks", "Hopper", "--num-envs", "2", "--rounds", "1", "--no-envpool"),
        list(settings_of(BenchSimCfg)),
    )
    bench = ("bench", "reward", "--env", POLE, "--num-pairs", "4", "--segment-length", "3", "--num-queries", "4")
    yield (*bench, "--hidden", "8", "--rounds", "1"), list(settings_of(BenchRewardCfg))


def small(kind: str, cfg: object) -> Iterator[str]:
    """Yield flags that make the part of a kind small, as far as it has them."""
    for setting in settings_of(cfg, f"{kind}."):
        name = setting.flags[0].rpartition(".")[2]
        if SMALL.get(name) is not None:
            yield from (setting.flags[0], str(SMALL[name]))


def _settings(kind: Kind, name: str) -> list[Setting]:
    return list(settings_of(resolve(kind, name, POLE).cfg, f"{kind}."))


def run(case: Case, folder: Path) -> Ended:
    """Run a command in a child, in an empty folder beside the data, and watch it."""
    deep = folder / "a" / "b"  # so that ../../x is within the folder
    deep.mkdir(parents=True)
    for name in ("run", "answers", "datasets", "tables"):
        (deep / name).symlink_to(Path(name).resolve())
    before = {*Path().iterdir()}
    started, child_end = os.pipe()
    child = os.fork()
    if not child:
        be_child(case, deep, child_end)
    os.close(child_end)
    outcome, seconds, grown = watch(child, started)
    os.close(started)
    said = (deep / "stderr").read_text(errors="replace")
    last = said.strip().splitlines()[-1] if said.strip() else ""
    if outcome == "refused":
        sentences = [line for line in said.splitlines() if line.startswith("prefgym: ")]
        if "Traceback" in said:
            outcome = "TRACEBACK"
        elif len(sentences) != 1 or last != sentences[0] or len(last) > 700:
            outcome = "NOT ONE SENTENCE"
    elif outcome == "ran" and "Traceback" in said:
        outcome = "TRACEBACK"
    if {*Path().iterdir()} != before:
        outcome = "FILES OUTSIDE"
    return Ended(outcome, outcome in ("refused", "ran", "started"), seconds, grown, last)


def be_child(case: Case, folder: Path, started: int) -> None:
    """Become the command; never returns."""
    os.setsid()
    os.chdir(folder)
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        os.dup2(os.open(name if number else os.devnull, os.O_RDWR | os.O_CREAT), number)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    step = PoolVectorEnv.step

    def first_step(*arguments: Any, **named: Any) -> Any:  # noqa: ANN401 - as the method
        os.write(started, STARTED)
        setattr(PoolVectorEnv, "step", step)  # noqa: B010 - pyright allows no other method
        return step(*arguments, **named)

    setattr(PoolVectorEnv, "step", first_step)  # noqa: B010
    code = 1
    try:
        if case.flag.startswith("--"):
            value = (
                (case.flag,)
                if case.value == ABSENT
                else (f"{case.flag}={case.value}",)
                if case.value.startswith("-")
                else (case.flag, case.value)
            )
            prefgym([*case.argv, *value])
        else:  # the first positional argument is the one that is absurd
            place = next(i for i, word in enumerate(case.argv) if word in ("run", "answers", *FILES.values()))
            prefgym([*case.argv[:place], case.value, *case.argv[place + 1 :]])
    except SystemExit as told:
        code = told.code if isinstance(told.code, int) else 0
    except BaseException:
        import traceback

        traceback.print_exc()
        code = 2
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    sys.exit(main(tyro.cli(FuzzFlagsCfg, description=__doc__)) > 0)
