"""Files of reward learners: weights (safetensors), and a card with name, configuration and spaces (JSON)."""

from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any, cast

from torch import Tensor

from prefgym.common.errors import UnknownNameError, UserError
from prefgym.common.files import named
from prefgym.common.from_json import config_from_json
from prefgym.common.registry import NoSettings, registry_of
from prefgym.common.schema import checked
from prefgym.common.spaces import Spaces
from prefgym.core import contact
from prefgym.core.arrays import HasSpaces
from prefgym.core.protocols import Learner
from prefgym.nn.weights import check_sizes, load_weights, save_weights
from prefgym.runs.config_file import check_import
from prefgym.runs.schema import RewardCard


def save_reward(learner: Learner, path: Path | str, env: HasSpaces | None = None) -> None:
    """Write `path`.safetensors and `path`.json, and the folder if it is missing.

    Args:
        learner: Reward learner, ours or another one with `weights` and `load_weights`.
        path: Path without suffix.
        env: Environments, or spaces, that it was made for; None for those that it has noted in `spaces`.

    Raises:
        UserError: If its class cannot be imported by its name, or the files cannot be written.
    """
    cfg: object = getattr(learner, "cfg", None)
    spaces = Spaces.of(env) if env is not None else cast("Spaces | None", getattr(learner, "spaces", None))
    settings = asdict(cfg) if is_dataclass(cfg) and not isinstance(cfg, type) else {}
    save_weights(path, learner.weights(), card_of(_name_of(learner, cfg), settings, spaces))


def card_of(name: str, settings: Mapping[str, Any], spaces: Spaces | None) -> dict[str, Any]:
    """Return the card of a reward learner, as its JSON file holds it."""
    return {"reward": name, "cfg": settings, "spaces": None if spaces is None else spaces.card()}


def load_reward_files(path: Path | str, env: HasSpaces | None = None, *, device: str = "cpu") -> Learner:
    """Load the reward learner that `save_reward` wrote; no code of a file is run.

    Args:
        path: Path without suffix.
        env: Environments, or spaces; None for those in the card.
        device: Device of its networks.

    Raises:
        FileNotFoundError: If one of the two files is missing.
        UserError: If they are of no learner, or of a module that has not been imported.
        ValueError: If this version does not know one of its settings, or its networks have other shapes.
    """
    weights, card = load_weights(path)
    return made_of(card, weights, named(path, ".json"), env, device)


def made_of(
    card: Mapping[str, Any], weights: Mapping[str, Tensor], file: Path, env: HasSpaces | None, device: str = "cpu"
) -> Learner:
    """Make a reward learner from its card and its weights; `file` holds the card. Arguments and errors as above."""
    card = checked(RewardCard, card, file).model_dump()
    name = card["reward"]
    check_import(name, file)
    check_sizes(card["cfg"], weights, file)
    if env is None and card["spaces"] is not None:
        env = Spaces.of_card(card["spaces"])
    registry = registry_of("reward")
    default = registry.cfg(name)
    cfg = default if isinstance(default, NoSettings) else config_from_json(default, card["cfg"])
    given: dict[str, object] = {} if env is None else {"env": env}
    try:
        learner = registry.build(name, cfg, **given, device=device)
    except UnknownNameError as error:
        raise UserError(f"{file} has no spaces of the environments, which {name} needs: pass env=.") from error
    contact.check_methods(contact.LEARNER, learner, "fit", "reward", "weights", "load_weights")
    learner.load_weights(weights)
    return learner


def _name_of(learner: Learner, cfg: object) -> str:
    """Return the registered name of a learner, or `module:Class`.

    Raises:
        UserError: If it has neither.
    """
    registry, kind = registry_of("reward"), type(learner)
    try:
        name = registry.name_of(cfg)
        if registry.get(name) is kind:
            return name
    except UnknownNameError:  # a class of another module
        pass
    if "<" in kind.__qualname__ or kind.__module__ == "__main__":
        raise UserError(f"{kind.__qualname__} cannot be saved: define it in a module, so that it can be imported.")
    return f"{kind.__module__}:{kind.__qualname__}"
