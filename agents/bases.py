"""Base policies: what is corrected stays as it is, and goes into files beside the correction."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import torch

from prefgym import agents
from prefgym.player import Function
from prefgym.protocols import Policy
from prefgym.runs import verify_part
from prefgym.spaces import action_bounds, single_spaces
from prefgym.states import Stateful

Array = npt.NDArray[Any]

ZERO = "zero"
FINAL = "checkpoints/final/policy"


def find_base(name: str, env: Any, device: torch.device) -> tuple[Policy, str | None]:  # noqa: ANN401
    """Make the base that a configuration names.

    Args:
        name: Run folder, or `zero` for actions in the middle of their bounds.
        env: Where it acts.
        device: Where its networks are.

    Returns:
        The base, and a checksum of what it has learned.

    Raises:
        ValueError: If there is no name, or it was learned in worlds with other spaces.
        UserError: If there is no such run, or it is damaged.
    """
    if not name:
        raise ValueError("it corrects a policy, and none was named: see --agent.base")
    if name != ZERO:
        seal = verify_part(Path(name), FINAL)
        return load_policy(Path(name) / FINAL, env, device), seal
    low, high = action_bounds(single_spaces(env)[1])
    middle = ((low + high) / 2).numpy()
    return Function(lambda obs: np.tile(middle, (len(obs), 1))), None


def as_policy(told: Policy | Callable[[Array], Array]) -> Policy:
    """Return a policy as it is, and a function of observations as one."""
    return cast(Policy, told if hasattr(told, "predict") else Function(cast(Any, told)))


def beside(path: Path | str) -> Path:
    """Say where a base is saved, without suffix: beside what corrects it."""
    name = Path(path).with_suffix("").name.replace(".", "-")  # what follows a dot would be taken for a suffix
    return Path(path).with_name(f"{name}-base")


def save_base(base: Policy, path: Path | str) -> None:
    """Save a base beside `path` if one of our agents has learned it; what others' files are like is theirs."""
    if isinstance(base, Stateful) and hasattr(base, "learn"):
        cast(Any, base).save(beside(path))
        return
    for suffix in (".json", ".safetensors"):  # of another one that was saved here
        beside(path).with_suffix(suffix).unlink(missing_ok=True)


def load_policy(path: Path, env: Any, device: torch.device | str) -> Policy:  # noqa: ANN401
    """Load a policy that any of our agents has saved."""
    card = json.loads(path.with_suffix(".json").read_text())
    return cast(Any, agents.get(card["agent"])).load(path, env, device=str(device))
