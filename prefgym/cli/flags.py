"""Configurations from flags: first the names of the parts, then the flags that those parts have."""

import sys
from collections.abc import Sequence
from dataclasses import replace
from itertools import zip_longest
from pathlib import Path
from typing import Any, TypeVar

import tyro

from prefgym.cli.help import write_help
from prefgym.cli.parse import HELP, parse
from prefgym.common.errors import UserError
from prefgym.training.annotate import MakePreferencesCfg
from prefgym.training.config import OfflineCfg, TrainCfg
from prefgym.training.resolve import PARTS, check_env, resolve, resolve_offline, resolve_train

Cfg = TypeVar("Cfg", TrainCfg, OfflineCfg, MakePreferencesCfg)

EVERYDAY = {
    "train": (
        *("--env", "--rater", "--reward", "--agent", "--sampler", "--budget", "--steps", "--segment-length"),
        *("--preferences", "--seed", "--device", "--threads", "--out"),
    ),
    "train-offline": (
        *("--agent", "--preferences", "--dataset", "--datasets", "--env", "--updates"),
        *("--seed", "--device", "--threads", "--out"),
    ),
    "make-preferences": (
        *("--dataset", "--datasets", "--out", "--rater", "--queries", "--sampler.segment-length"),
        *("--env", "--seed", "--threads"),
    ),
}
"""The flags that `--help` shows; `--help-all` shows all."""

MORE = {
    "train": (
        "",
        "Several seeds:  prefgym train --seeds 0-5 [--jobs 2]",
        "Go on:          prefgym train --resume RUN [--steps N] [--budget N]",
        "Names:          prefgym list envs (or raters, rewards, agents, samplers)",
        "All flags:      prefgym train --help-all",
        "                prefgym train --rater mistake --agent sac --help-all",
    ),
    "train-offline": (
        "",
        "Several seeds:  prefgym train-offline --seeds 0-5 [--jobs 2]",
        "Go on:          prefgym train-offline --resume RUN [--updates N]",
        "Agents:         prefgym list agents --matrix",
        "All flags:      prefgym train-offline --agent cpl --help-all",
    ),
    "make-preferences": (
        "",
        "Raters:     prefgym list raters",
        "All flags:  prefgym make-preferences --rater regret --help-all",
    ),
}
"""The end of `--help`."""

OLD_FLAGS = {
    "--agent.num-ahead": "--agent.n-step",
    "--agent.num-judges": "--agent.num-target-critics",
    "--sampler.cut": "--sampler.keep-short",
    "--sampler.no-cut": "--sampler.no-keep-short",
}
"""Flags of version 0.1 and their new names; accepted for one release."""


def parse_train(argv: Sequence[str]) -> TrainCfg:
    """Read a training configuration.

    Raises:
        UserError: If the environment is unknown, or the agent learns from recorded data.
        UnknownNameError: If a part is unknown.
    """
    argv = _renamed(argv)
    names = _peek(argv, TrainCfg, "env", *PARTS)
    default, _ = resolve_train(TrainCfg(env=names.pop("env"), command=("prefgym", "train", *argv)), **names)
    cfg = _parse(argv, default, "train")
    return replace(cfg, **{kind: getattr(default, kind) for kind in PARTS})  # names of papers select parts


def parse_offline(argv: Sequence[str]) -> OfflineCfg:
    """Read the configuration of an offline training; the data name the environment.

    Raises:
        UserError: If the environment is unknown, there are no data, or the agent acts while it learns.
        UnknownNameError: If the agent is unknown.
    """
    argv = _renamed(argv)
    names = _peek(argv, OfflineCfg, "agent", "env", "preferences", "dataset", "datasets")
    if HELP.intersection(argv):  # data may be missing
        agent = resolve("agent", names["agent"], names["env"])
        return _parse(argv, OfflineCfg(agent=agent.name, agent_cfg=agent.cfg), "train-offline")
    paths: dict[str, Any] = {
        name: None if names[name] is None else Path(names[name]) for name in ("preferences", "datasets")
    }
    command = ("prefgym", "train-offline", *argv)
    given = OfflineCfg(env=names["env"], dataset=names["dataset"], command=command, **paths)
    default = resolve_offline(given, names["agent"])
    return replace(_parse(argv, default, "train-offline"), agent=default.agent)


def parse_make_preferences(argv: Sequence[str]) -> MakePreferencesCfg:
    """Read the configuration of `prefgym make-preferences`.

    Raises:
        UserError: If the environment is unknown.
        UnknownNameError: If the rater is unknown.
    """
    names = _peek(argv, MakePreferencesCfg, "env", "rater")
    if names["env"]:
        check_env(names["env"])
    rater = resolve("rater", names["rater"], names["env"])
    default = MakePreferencesCfg(dataset=tyro.MISSING, out=tyro.MISSING, rater=rater.name, rater_cfg=rater.cfg)
    return replace(_parse(argv, default, "make-preferences"), rater=rater.name)


def resumes(argv: Sequence[str]) -> bool:
    """Return whether the flags resume a run."""
    return any(arg.partition("=")[0] in ("--resume", "--resume-from") for arg in argv)


def _peek(argv: Sequence[str], cfg: type[Any], *names: str) -> dict[str, Any]:
    """Read some settings before the others; missing ones are those of `cfg`.

    Raises:
        UserError: If one of these flags has no value.
    """
    values = {name: getattr(cfg, name, None) for name in names}
    for word, following in zip_longest(argv, argv[1:], fillvalue="--"):
        flag, equals, value = word.partition("=")
        if (name := flag.removeprefix("--")) not in values or name == flag:
            continue
        if not equals and following.startswith("--") and not HELP.intersection(argv):
            such = f", such as {flag} {example}" if (example := getattr(cfg, name, None)) else ""
            raise UserError(f"{flag} needs a value{such}")
        if equals or not following.startswith("--"):
            values[name] = value if equals else following
    return values


def _parse(argv: Sequence[str], default: Cfg, command: str) -> Cfg:
    """Let flags change a configuration, those of its parts included; print help and exit if they ask for it."""
    if {"-h", "--help"}.intersection(argv):
        print(write_help(default, f"prefgym {command}", EVERYDAY[command], MORE[command]))
        sys.exit(0)
    return parse(type(default), argv, f"prefgym {command}", default=default)


def _renamed(argv: Sequence[str]) -> list[str]:
    """Replace flags of version 0.1, and print a warning."""
    flags: list[str] = []
    for word in argv:
        name, equals, value = word.partition("=")
        if new := OLD_FLAGS.get(name.replace("_", "-")):
            print(f"{name} is called {new} now", file=sys.stderr)
            word = f"{new}{equals}{value}"
        flags.append(word)
    return flags
