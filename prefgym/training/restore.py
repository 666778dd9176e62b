"""Restore the configuration of a stopped run from its folder."""

from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any, TypeVar, get_args, get_type_hints

from prefgym.common.errors import UnknownNameError, UserError
from prefgym.common.registry import Kind, registry_of
from prefgym.rl.files import config_from_json
from prefgym.runs.checkpoints import Checkpoints
from prefgym.runs.config_file import read_config
from prefgym.runs.manifest import has_finished
from prefgym.training.config import OfflineCfg, TrainCfg
from prefgym.training.resolve import PARTS, Objects, settings_of

Cfg = TypeVar("Cfg")


def configuration_of(run: Path, objects: Objects) -> TrainCfg | OfflineCfg:
    """Read the configuration of a stopped run.

    Args:
        run: Run folder.
        objects: Parts that were passed as objects; they have no settings.

    Raises:
        UserError: If the run has finished; or as `read_configuration`.
    """
    read_config(run)  # raises for a folder that is not a run
    if has_finished(run):
        Checkpoints(run / "checkpoints").clear()  # it may have been killed just before it cleared them
        raise UserError(f"{run} has finished, and cannot be resumed.")
    return read_configuration(run, objects)


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
        rest = config_from_json(default, config)
        return replace(with_paths(rest), **{name: with_paths(part) for name, part in parts.items()}, out=run)
    except UnknownNameError as error:
        raise UserError(f"{run} cannot be resumed: {error}.") from error
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise UserError(f"{run} cannot be resumed: its configuration is not one of this version: {error}.") from error


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


def with_paths(cfg: Cfg) -> Cfg:
    """Convert text to paths in the fields of type `Path`, since files hold text only."""
    if not is_dataclass(cfg) or isinstance(cfg, type):
        return cfg
    hints = get_type_hints(type(cfg))
    changed: dict[str, Any] = {}
    for field in fields(cfg):
        value, hint = getattr(cfg, field.name), hints[field.name]
        if isinstance(value, str) and (hint is Path or Path in get_args(hint)):
            changed[field.name] = Path(value)
        elif is_dataclass(value):
            changed[field.name] = with_paths(value)
    return replace(cfg, **changed)
