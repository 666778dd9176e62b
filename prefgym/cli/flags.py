"""Configurations from flags: first the names of the parts, then the flags that those parts have."""

import argparse
import difflib
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, field, fields, make_dataclass, replace
from pathlib import Path
from typing import Annotated, Any, TypeVar, cast

import gymnasium as gym
import tyro

from prefgym import agents, raters, rewards, samplers
from prefgym.common.errors import UserError
from prefgym.data.feedback import read_manifest
from prefgym.data.minari import played_in
from prefgym.rl.base import OLD_FIELDS
from prefgym.rl.offline import OfflineAgent
from prefgym.runs.checkpoints import Checkpoints
from prefgym.runs.folder import has_finished, plain, read_config
from prefgym.sim.third_party import find
from prefgym.training.annotate import MakePreferencesCfg
from prefgym.training.config import OfflineCfg, TrainCfg

Cfg = TypeVar("Cfg", TrainCfg, OfflineCfg, MakePreferencesCfg)
REGISTRIES = {"rater": raters, "agent": agents, "sampler": samplers, "reward": rewards}


def hint(name: str, known: Sequence[str] | dict[str, Any], otherwise: str = "") -> str:
    """Say which known name was probably meant; where none is close, `otherwise`, or all of them."""
    close = difflib.get_close_matches(name, list(known), n=1)
    return f"did you mean {close[0]!r}?" if close else otherwise or f"there is {', '.join(known)}"


RESUME = "prefgym train --resume RUN [--resume-from previous] goes on with a run that was stopped."
RESUME_OFFLINE = RESUME.replace("train", "train-offline")


def parse_train(argv: Sequence[str]) -> TrainCfg:
    """Read a training configuration: first the names of the parts, then the flags those parts have.

    Raises:
        UserError: If the environment is unknown, or the agent learns from what is recorded.
        UnknownNameError: If a part is unknown.
    """
    told = _names(argv, TrainCfg, "env", "agent")
    env = told["env"]
    check_env(env)
    if issubclass(agents.get(told["agent"]), OfflineAgent):
        raise UserError(
            f"agent {told['agent']!r} learns from what is recorded, and does not act: prefgym train-offline trains it."
        )
    return _compose(argv, TrainCfg, "train", env, tuple(REGISTRIES), RESUME)


def parse_offline(argv: Sequence[str]) -> OfflineCfg:
    """Read the configuration of a training on recorded data, which say what environment they are of.

    Raises:
        UserError: If the environment is unknown, there are no data to say so, or the agent acts while it learns.
        UnknownNameError: If the agent is unknown.
    """
    told = _names(argv, OfflineCfg, "agent", "env", "preferences", "dataset", "datasets")
    if not issubclass(agents.get(told["agent"]), OfflineAgent):
        raise UserError(f"agent {told['agent']!r} acts while it learns: prefgym train trains it.")
    env = told["env"] or _env_of(told)
    if env:
        check_env(env)
    elif told["dataset"] is not None:
        raise UserError(f"the dataset {told['dataset']} does not say what it was played in: say so with --env.")
    cfg = _compose(argv, OfflineCfg, "train-offline", env, ("agent",), RESUME_OFFLINE)
    if cfg.preferences is None and cfg.dataset is None:
        raise UserError("there is nothing to learn from: give --preferences FOLDER, --dataset ID, or both.")
    return replace(cfg, env=env)


def parse_make_preferences(argv: Sequence[str]) -> MakePreferencesCfg:
    """Read what is asked about, and who answers.

    Raises:
        UnknownNameError: If the rater is unknown.
    """
    env = _names(argv, MakePreferencesCfg, "env")["env"]
    if env:
        check_env(env)
    return _compose(argv, MakePreferencesCfg, "make-preferences", env, ("rater",))


def _env_of(told: Mapping[str, Any]) -> str:
    """Look up what environment preferences or a dataset are of; nothing if there are neither."""
    if told["preferences"] is not None:
        return read_manifest(Path(told["preferences"]))["env"]
    if told["dataset"] is not None:
        return played_in(told["dataset"], None if told["datasets"] is None else Path(told["datasets"]))
    return ""


def _names(argv: Sequence[str], cfg: type[Any], *names: str) -> dict[str, Any]:
    """Read some settings before the others; what is missing is as in `cfg`."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    for name in names:
        parser.add_argument(f"--{name}", default=getattr(cfg, name, None))
    return vars(parser.parse_known_args(argv)[0])


def _compose(
    argv: Sequence[str], cfg: type[Cfg], command: str, env: str, kinds: tuple[str, ...], epilogue: str = ""
) -> Cfg:
    """Read a configuration that has the flags of the parts it names.

    Args:
        argv: The flags.
        cfg: The configuration; a part of the kind `rater` is named in `rater`, and its settings are in `rater_cfg`.
        command: What the flags are of.
        env: Environment id, for settings that were fixed for a task.
        kinds: The kinds of its parts.
        epilogue: What `--help` says beside the docstring.
    """
    argv = _renamed(argv)
    parts: list[tuple[str, Any, Any]] = []
    for kind, name in _names(argv, cfg, *kinds).items():
        part = REGISTRIES[kind].cfg(name, env=env)
        parts.append((f"{kind}_cfg", Annotated[type(part), tyro.conf.arg(name=kind)], field(default=part)))
    if "command" in (known.name for known in fields(cfg)):
        told = ("prefgym", command, *argv)
        parts.append(("command", Annotated[tuple[str, ...], tyro.conf.Suppress], field(default=told)))
    composed: type[Cfg] = make_dataclass(cfg.__name__, parts, bases=(cfg,), frozen=True, kw_only=True)  # pyright: ignore[reportAssignmentType]
    described = f"{cfg.__doc__}\n\n{epilogue}".strip()
    return tyro.cli(composed, args=list(argv), prog=f"prefgym {command}", description=described)


OLD_FLAGS = {
    "--agent.num-ahead": "--agent.n-step",
    "--agent.num-judges": "--agent.num-target-critics",
    "--sampler.cut": "--sampler.keep-short",
    "--sampler.no-cut": "--sampler.no-keep-short",
}
"""Flags that earlier versions called otherwise; they are taken for one release."""


def _renamed(argv: Sequence[str]) -> list[str]:
    """Replace flags of earlier versions, and say so."""
    flags: list[str] = []
    for word in argv:
        name, equals, value = word.partition("=")
        if new := OLD_FLAGS.get(name.replace("_", "-")):
            print(f"{name} is called {new} now", file=sys.stderr)
            word = f"{new}{equals}{value}"
        flags.append(word)
    return flags


def check_env(env_id: str) -> None:
    """Look an environment up.

    Raises:
        UserError: If it is not registered.
    """
    try:
        find(env_id)
    except gym.error.Error:
        told = hint(env_id, list(gym.registry), "prefgym list envs shows ours")
        raise UserError(f"unknown environment {env_id!r}: {told}") from None


def _present(config: Any) -> Any:  # noqa: ANN401
    """Call the settings of a configuration as this version does."""
    if not isinstance(config, dict):
        return config
    settings = cast("dict[str, Any]", config)
    return {OLD_FIELDS.get(name, name): _present(value) for name, value in settings.items()}


def configuration_of(run: Path, command: str, parse: Callable[[Sequence[str]], Cfg]) -> Cfg:
    """Read the configuration of a run that was stopped.

    Args:
        run: Its folder.
        command: What it was started with.
        parse: What reads the flags of that command.

    Raises:
        UserError: If the run has finished, was not started with that command, or would be another one today.
    """
    config = read_config(run)
    if has_finished(run):
        Checkpoints(run / "checkpoints").clear()  # should it have been killed just before that
        raise UserError(f"{run} has finished: there is nothing left to do.")
    if not config.get("command"):
        raise UserError(f"{run} cannot be resumed: it was not started from the command line.")
    if config["command"][1] != command:
        raise UserError(f"{run} was started with another command: prefgym {config['command'][1]} --resume {run}.")
    # the environment is named, since what it was read from may be gone
    cfg = replace(parse([*config["command"][2:], "--env", config["env"]]), out=run)
    told, today = ({**_present(c), "out": None, "command": None} for c in (config, plain(asdict(cfg))))
    if changed := sorted(name for name in {*told, *today} if told.get(name) != today.get(name)):
        raise UserError(f"{run} cannot be resumed: {', '.join(changed)} would not be what it was when the run began.")
    return cfg
