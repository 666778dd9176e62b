"""Restore the configuration of a run from its folder, and extend it."""

import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from prefgym.common.errors import UnknownNameError, UserError, in_one_line
from prefgym.common.from_json import config_from_json
from prefgym.common.registry import Kind, registry_of
from prefgym.runs.checkpoints import Checkpoints, Which
from prefgym.runs.config_file import read_config
from prefgym.runs.manifest import has_finished
from prefgym.training.config import OfflineCfg, TrainCfg
from prefgym.training.extension import Extension
from prefgym.training.resolve import PARTS, Objects, settings_of


@dataclass(frozen=True, kw_only=True)
class More:
    """What a run is given beyond its first plan.

    Raises:
        UserError: If there is nothing, or less than nothing.
    """

    steps: int = 0
    """Steps; updates of an offline run."""
    budget: int = 0
    """Queries."""

    def __post_init__(self) -> None:
        if min(self.steps, self.budget) < 0 or not self.steps + self.budget:
            raise UserError(f"a run cannot go on for {self.steps} steps and {self.budget} queries: pass 1 or more.")


def configuration_of(
    run: Path, objects: Objects, more: More | None = None, resume_from: Which = "latest"
) -> TrainCfg | OfflineCfg:
    """Read the configuration of a run that is to go on.

    Args:
        run: Run folder.
        objects: Parts that were passed as objects; they have no settings.
        more: Steps and queries that it is given; None if it goes on to the end that it has.
        resume_from: Checkpoint from which it goes on.

    Raises:
        UserError: If the run has finished and is given nothing; or as `read_configuration`.
    """
    config = read_config(run)
    if more is None and has_finished(run):
        command = "train-offline" if "updates" in config else "train"
        how = "updates" if "updates" in config else "steps"
        raise UserError(f"{run} has finished: prefgym {command} --resume {run} --{how} N gives it N more {how}.")
    cfg = read_configuration(run, objects)
    return cfg if more is None else extended(cfg, run, more, resume_from)


def read_configuration(run: Path, objects: Objects) -> TrainCfg | OfflineCfg:
    """Read the configuration of a run, finished or not.

    Args:
        run: Run folder.
        objects: Parts that were passed as objects; they have no settings.

    Raises:
        UserError: If it has a part or a setting that this version does not know.
    """
    config = read_config(run)
    kinds: tuple[Kind, ...] = PARTS
    default: TrainCfg | OfflineCfg = TrainCfg()
    if "updates" in config:
        kinds, default = ("agent",), OfflineCfg()
    try:
        parts: dict[str, Any] = {f"{kind}_cfg": part_of(kind, config, objects) for kind in kinds}
        cfg = replace(config_from_json(default, config), **parts, out=run)
    except UnknownNameError as error:
        raise UserError(f"{run} cannot be resumed: {error}.") from error
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise UserError(
            f"{run} cannot be resumed: its configuration is not one of this version: {in_one_line(error)}."
        ) from error
    return cfg


def extended(cfg: TrainCfg | OfflineCfg, run: Path, more: More, resume_from: Which = "latest") -> TrainCfg | OfflineCfg:
    """Give a run more steps and queries, and print what it comes to; its folder is not changed.

    Raises:
        UserError: If the run cannot have them, or it has finished and kept no state.
    """
    had_finished, rated = has_finished(run), isinstance(cfg, TrainCfg) and cfg.rater != "none"
    old_steps, unit = (cfg.steps, "steps") if isinstance(cfg, TrainCfg) else (cfg.updates, "updates")
    old_budget = cfg.budget if isinstance(cfg, TrainCfg) else 0
    at = Checkpoints(run / "checkpoints").steps(resume_from)
    if had_finished and at is None:
        why = "no state to go on from: it was run without --checkpoint.keep-final, by an earlier version, or with parts"
        raise UserError(f"{run} has finished, and kept {why} that have none.")
    if more.budget and not rated:
        raise UserError(f"{run} asks no rater: leave the budget out.")
    at, extensions = at or 0, cfg.extensions
    if not more.steps and at >= old_steps:
        raise UserError(f"{run} has no steps left in which to use answers: pass --steps N as well.")
    if extensions and extensions[-1].at == at and not had_finished:  # it was stopped before it had saved anything new
        last, extensions = extensions[-1], extensions[:-1]
        old_steps, old_budget, had_finished = last.old_steps, last.old_budget, last.had_finished
    steps, budget = (at if had_finished else max(old_steps, at)) + more.steps, old_budget + more.budget
    print(
        f"{run} goes on at {at:,} {unit}, to {steps:,} {unit}{f' and {budget:,} queries' if rated else ''} in all",
        file=sys.stderr,
    )
    if getattr(cfg.agent_cfg, "anneal", False):
        begins = "begins again at its first value" if had_finished else "goes on from its present value"
        print(f"the learning rate {begins}, and falls to 0 at the new end", file=sys.stderr)
    extension = Extension(at=at, old_steps=old_steps, old_budget=old_budget, had_finished=had_finished)
    if isinstance(cfg, TrainCfg):
        return replace(cfg, steps=steps, budget=budget, extensions=(*extensions, extension))
    return replace(cfg, updates=steps, extensions=(*extensions, extension))


def part_of(kind: Kind, config: dict[str, Any], objects: Objects) -> object:
    """Return the settings of a part, and remove them from a configuration.

    Raises:
        UnknownNameError: If the part is not registered.
        ValueError: If it has a setting that this version does not know.
    """
    settings = config.pop(f"{kind}_cfg")
    if (part := getattr(objects, kind)) is not None:
        return settings_of(kind, part)
    return config_from_json(registry_of(kind).cfg(config[kind]), settings)
