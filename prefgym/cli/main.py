"""The command line: `prefgym train | train-offline | make-preferences | evaluate | report | ...`."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import gymnasium as gym
import tyro
from rich.console import Console
from rich.table import Table

import prefgym
from prefgym import agents
from prefgym.cli.flags import (
    REGISTRIES,
    check_env,
    configuration_of,
    hint,
    parse_make_preferences,
    parse_offline,
    parse_train,
)
from prefgym.common.errors import UnknownNameError, UserError
from prefgym.common.finite import NotFiniteError
from prefgym.common.limits import Count, Seed, Threads, check
from prefgym.core.preferences import Preferences, Status
from prefgym.data.feedback import read_manifest
from prefgym.evaluation.evaluate import FIRST_SEED
from prefgym.runs.checkpoints import Which
from prefgym.runs.folder import read_config, renew_in_manifest, verify_reported


def main(argv: Sequence[str] | None = None) -> None:
    """Run one command; bad input ends in one sentence and exit code 2, Ctrl-C in 130."""
    argv = list(sys.argv[1:] if argv is None else argv)
    try:
        sys.exit(_dispatch(_import(argv)))
    # OSError: a file that cannot be read, a name too long
    except (UserError, UnknownNameError, OSError, NotFiniteError, gym.error.DependencyNotInstalled) as error:
        print(f"prefgym: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("prefgym: interrupted", file=sys.stderr)
        sys.exit(130)


def _import(argv: list[str]) -> list[str]:
    """Import what `--import` says before the command; return what is left."""
    while argv[:1] == ["--import"]:
        if len(argv) < 2:
            raise UserError("say which module: prefgym --import MODULE COMMAND ...")
        if not all(part.isidentifier() for part in argv[1].split(".")):
            raise UserError(f"--import {argv[1]!r}: that is no name of a module.")
        try:
            import_module(argv[1])
        except ImportError as error:
            raise UserError(f"--import {argv[1]}: {error}.") from None
        argv = argv[2:]
    return argv


def _dispatch(argv: list[str]) -> int:
    commands: dict[str, Callable[[list[str]], int]] = {
        "train": _train,
        "train-offline": _train_offline,
        "make-preferences": _make_preferences,
        "evaluate": _evaluate,
        "report": _report,
        "demos": _demos,
        "feedback": _feedback,
        "list": _list,
        "bench": _bench,
    }
    if argv[:1] in ([], ["-h"], ["--help"]):
        print(__doc__, "\n\n".join(f"  prefgym {name} --help" for name in commands), sep="\n\n")
        print("\n  prefgym --import MODULE ... imports what registers environments, or what a run was trained with")
        return 0
    if argv[0] == "--version":
        print(prefgym.__version__)
        return 0
    if argv[0] not in commands:
        raise UserError(f"unknown command {argv[0]!r}: {hint(argv[0], commands)}")
    return commands[argv[0]](argv[1:])


@dataclass(frozen=True, kw_only=True)
class ResumeArgs:
    """Go on with a run that was stopped, as if it had never been."""

    resume: Path
    """Its folder."""
    resume_from: Which = "latest"
    """Which of its two checkpoints; the previous one where a file of the latest is damaged."""


def _train(argv: list[str]) -> int:
    from prefgym.training.online import train_and_report

    if not _resumes(argv):
        return train_and_report(parse_train(argv))
    args = tyro.cli(ResumeArgs, args=argv, prog="prefgym train")
    return train_and_report(configuration_of(args.resume, "train", parse_train), args.resume_from)


def _train_offline(argv: list[str]) -> int:
    from prefgym.training.offline import train_offline

    if not _resumes(argv):
        return train_offline(parse_offline(argv))
    args = tyro.cli(ResumeArgs, args=argv, prog="prefgym train-offline")
    return train_offline(configuration_of(args.resume, "train-offline", parse_offline), args.resume_from)


def _make_preferences(argv: list[str]) -> int:
    from prefgym.training.annotate import make_preferences

    cfg = parse_make_preferences(argv)
    _say(cfg.out, make_preferences(cfg))
    return 0


def _resumes(argv: list[str]) -> bool:
    return any(arg.partition("=")[0] in ("--resume", "--resume-from") for arg in argv)


@dataclass(frozen=True, kw_only=True)
class EvaluateArgs:
    """Measure the true return of a run's last policy, or of an expert."""

    run: tyro.conf.Positional[Path]
    """Run folder; or `expert:ID` or `medium:ID` for what ships with prefgym, such as expert:prefgym/Hopper-v0."""
    episodes: Count = 20
    """Episodes, each in an environment of its own."""
    seed: Seed = FIRST_SEED
    """Seed of the first; the others count on from it."""
    threads: Threads = 1
    """Threads of the simulation."""
    video: bool = False
    """Whether to write a video of the first episode into the run folder; that of an expert is written here."""

    __post_init__ = check


def _evaluate(argv: list[str]) -> int:
    from prefgym.evaluation.evaluate import evaluate, make_evaluation_env
    from prefgym.evaluation.experts import LEVELS, load_expert
    from prefgym.training.load import load_policy
    from prefgym.training.online import film

    args = tyro.cli(EvaluateArgs, args=argv, prog="prefgym evaluate")
    level, colon, env = str(args.run).partition(":")
    if colon and level in LEVELS:
        policy, file = load_expert(env, level), Path(f"{env.rpartition('/')[-1]}-{level}-{args.seed}.mp4")
    else:
        policy, env = load_policy(args.run), read_config(args.run)["env"]
        file = args.run / f"episode-{args.seed}.mp4"
    evaluation = evaluate(policy, make_evaluation_env(env, args.episodes, args.threads), args.seed)
    print(f"{evaluation.in_words(1)} over {args.episodes} episodes")
    if args.video:
        print(f"video: {film(env, policy, args.seed, file)}")
    return 0


def _report(argv: list[str]) -> int:
    from prefgym.training.online import write_run_report

    def report(run: Annotated[Path, tyro.conf.Positional]) -> Path:
        """Write the report of a run again.

        Args:
            run: Run folder.
        """
        return run

    run = tyro.cli(report, args=argv, prog="prefgym report")
    verify_reported(run)
    report_path = write_run_report(run)
    renew_in_manifest(run, report_path.name)
    print(report_path)
    return 0


def _demos(argv: list[str]) -> int:
    from prefgym.demos.collect import DemosCfg, write_demos

    cfg = tyro.cli(DemosCfg, args=argv, prog="prefgym demos")
    check_env(cfg.env)
    write_demos(cfg, ("prefgym", "demos", *argv))
    return 0


@dataclass(frozen=True, kw_only=True)
class ExportArgs:
    """Write what was asked and answered in a run into a folder that others can read."""

    run: tyro.conf.Positional[Path]
    """Run folder."""
    folder: tyro.conf.Positional[Path]
    """Folder to write, which must not exist."""
    truth: bool = True
    """Whether task reward, factors, physics states and pictures of the segments come along."""
    instructions: str = ""
    """What raters were told."""
    licence: str = ""
    """Under which the folder may be used."""
    consent: str = ""
    """What people who answered have agreed to."""


@dataclass(frozen=True, kw_only=True)
class ValidateArgs:
    """Read such a folder, and check all that it says."""

    folder: tyro.conf.Positional[Path]
    """Folder to read."""


def _feedback(argv: list[str]) -> int:
    from prefgym.data.feedback import Card, export_run, read_feedback

    if argv[:1] == ["export"]:
        args = tyro.cli(ExportArgs, args=argv[1:], prog="prefgym feedback export")
        env = read_config(args.run)["env"]
        card = Card(env=env, instructions=args.instructions, licence=args.licence, consent=args.consent)
        preferences, folder = export_run(args.run, args.folder, card, truth=args.truth), args.folder
    elif argv[:1] == ["validate"]:
        folder = tyro.cli(ValidateArgs, args=argv[1:], prog="prefgym feedback validate").folder
        preferences = read_feedback(folder)
    elif argv[:1] in (["-h"], ["--help"]):
        print("  prefgym feedback export --help\n\n  prefgym feedback validate --help")
        return 0
    else:
        raise UserError("say what to do: prefgym feedback export RUN FOLDER, prefgym feedback validate FOLDER")
    _say(folder, preferences)
    return 0


def _say(folder: Path, preferences: Preferences) -> None:
    """Say what a folder of answers holds."""
    env = read_manifest(folder)["env"]
    raters = ", ".join(info.name for info in preferences.raters)
    counts = preferences.answers.status.bincount(minlength=len(Status)).numpy().tolist()
    told = ", ".join(f"{count} {status.name.lower()}" for status, count in zip(Status, counts) if count)
    print(f"{folder}: {len(preferences)} queries about {env} to {raters}: {told}")


def _list(argv: list[str]) -> int:
    kinds: dict[str, Callable[[], Sequence[str]]] = {
        "envs": lambda: [name for name in gym.registry if name.startswith("prefgym/")],
        **{f"{kind}s": registry.names for kind, registry in REGISTRIES.items()},
    }
    told = [*(f"prefgym list {kind}" for kind in kinds), "prefgym list agents --matrix"]
    if argv[:1] in (["-h"], ["--help"]):
        print("\n".join(f"  {one}" for one in told))
    elif argv == ["agents", "--matrix"]:
        Console(width=120).print(matrix())
    elif len(argv) == 1 and argv[0] in kinds:
        print("\n".join(kinds[argv[0]]()))
    else:
        raise UserError(f"say what to list: {', '.join(told)}")
    return 0


def matrix() -> Table:
    """Lay out what each agent learns from, and where."""
    table = Table("agent", "command", "task reward", "learned reward", "preferences", "demonstrations", "actions")
    for name in agents.names():
        agent = agents.get(name)  # other people's, and SB3's, may say less
        sources, bounds = getattr(agent, "learns_from", ("reward",)), getattr(agent, "needs_bounds", None)
        acts = "reward" in sources
        table.add_row(
            name,
            "train" if acts else "train-offline",
            *["yes" if acts else ""] * 2,
            "yes" if "preferences" in sources else "",
            "yes" if "demonstrations" in sources else "" if acts else "beside preferences",
            "as the algorithm asks" if bounds is None else "within bounds" if bounds else "any",
        )
    table.caption = "Observations and actions are one-dimensional Boxes; dict observations are flattened."
    return table


def _bench(argv: list[str]) -> int:
    from prefgym.bench import reward, sim

    benches: dict[str, tuple[type[Any], Callable[[Any], object]]] = {
        "sim": (sim.BenchSimCfg, sim.run_bench_sim),
        "reward": (reward.BenchRewardCfg, reward.run_bench_reward),
    }
    if argv[:1] in (["-h"], ["--help"]):
        print("\n\n".join(f"  prefgym bench {name} --help" for name in benches))
        return 0
    if argv[:1] == [] or argv[0] not in benches:
        raise UserError(f"say what to measure: {', '.join(f'prefgym bench {name}' for name in benches)}")
    cfg, run = benches[argv[0]]
    told = tyro.cli(cfg, args=argv[1:], prog=f"prefgym bench {argv[0]}")
    for env in told.envs:
        check_env(env)
    run(told)
    return 0
