"""The configuration of a run folder, read as data: reading imports no module and calls no function named in a file."""

import sys
from collections.abc import Mapping
from functools import reduce
from pathlib import Path
from typing import Any, cast

import gymnasium as gym

from prefgym.common.errors import DamageError, UserError
from prefgym.common.files import read_sealed_text
from prefgym.common.folders import check_folder
from prefgym.common.modules import is_trusted
from prefgym.common.yaml_files import read_yaml


def read_config(path: Path) -> dict[str, Any]:
    """Read the resolved configuration of a run.

    Raises:
        UserError: If `path` is no run folder, it holds links, the configuration is damaged, or using it would import a
            module that the user has not named.
    """
    file = path / "config.yaml"
    if not file.is_file():
        raise UserError(f"{path} is not a run folder: it has no config.yaml.")
    check_folder(path)
    content = read_yaml(read_sealed_text(file), file)
    if not isinstance(content.get("env"), str):
        raise DamageError(f"{file} is damaged: it does not name an environment.")
    settings = content.get("agent_cfg")
    algorithm = cast("dict[str, Any]", settings).get("algorithm") if isinstance(settings, dict) else None
    for name in (algorithm, *(content.get(kind) for kind in ("rater", "reward", "sampler", "agent"))):
        if isinstance(name, str):
            check_import(name, file)
    for name in made_by(content):
        check_call(name, file)
    return content


def made_by(config: Mapping[str, Any]) -> list[str]:
    """List the makers of a configuration's environments: the environment id, and the wrappers around it."""
    settings: object = config.get("env_cfg")
    wrappers = cast("dict[str, Any]", settings).get("wrappers", ()) if isinstance(settings, dict) else ()
    return [str(name) for name in (config.get("env", ""), *wrappers)]


def check_import(name: str, file: Path) -> None:
    """Allow `module:Name` in a file only if the module is imported already: loading a file runs no code.

    Python's own modules are always imported, and have no parts; what is in them may do anything.

    Raises:
        UserError: If it is not imported.
    """
    module, colon, _ = name.partition(":")
    is_known = module in {*sys.modules, "stable_baselines3"} and module.partition(".")[0] not in sys.stdlib_module_names
    if colon and not is_known and not is_trusted(module):
        raise UserError(_ask_to_import(module, file))


def check_call(name: str, file: Path) -> None:
    """Allow `module:EnvId`, or an environment's maker, in a file: as `check_import`, and no function is called.

    A function of an imported module could be any, such as `os:system`. It is called only if the user of this process
    has named its module: by `--import`, or for a run of this process.

    Raises:
        UserError: If the user has to name the module first.
    """
    module, colon, path = name.partition(":")
    if not colon or is_trusted(module):
        return
    check_import(name, file)
    part = reduce(lambda found, step: getattr(found, step, None), path.split("."), cast(Any, sys.modules.get(module)))
    if path not in gym.registry and not (isinstance(part, type) and issubclass(part, gym.Env)):
        raise UserError(_ask_to_import(module, file))


def _ask_to_import(module: str, file: Path) -> str:
    return f"{file} asks for the module {module}; if you trust it, run prefgym --import {module} ..."
