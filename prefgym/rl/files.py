"""Files of agents: weights (safetensors), and a card with the agent's name, configuration and spaces (JSON)."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

from torch import Tensor

from prefgym.common.files import named
from prefgym.common.schema import checked
from prefgym.common.spaces import Spaces
from prefgym.core.arrays import Env
from prefgym.nn.weights import check_sizes, load_weights, save_weights
from prefgym.rl.settings import AgentSettings
from prefgym.runs.schema import AgentCard

Card = dict[str, Any]
"""Content of the JSON file beside the weights: `agent`, `cfg`, `spaces`."""


def save_agent(path: Path | str, name: str, cfg: AgentSettings, env: Env, weights: Mapping[str, Tensor]) -> None:
    """Write `path`.safetensors and `path`.json.

    Args:
        path: Path without suffix.
        name: Registered name of the agent.
        cfg: Hyperparameters.
        env: Environments, for their spaces.
        weights: Learned weights by name.
    """
    save_weights(Path(path), weights, {"agent": name, "cfg": asdict(cfg), "spaces": Spaces.of(env).card()})


def read_agent(path: Path | str, name: str, env: Env | None) -> tuple[dict[str, Tensor], Card]:
    """Read the files that `save_agent` wrote.

    Args:
        path: Path without suffix.
        name: Registered name of the agent.
        env: Environments in which the agent will act; None for those that the card describes.

    Raises:
        FileNotFoundError: If one of the two files is missing.
        ValueError: If they belong to another agent, or to environments with other spaces.
    """
    weights, card = read_card(path)
    if card["agent"] != name:
        raise ValueError(f"{path} holds {card['agent']}, not {name}")
    if env is not None and Spaces.of(env).card() != card["spaces"]:
        raise ValueError(f"{path} was learned in environments with other spaces")
    return weights, card


def read_card(path: Path | str) -> tuple[dict[str, Tensor], Card]:
    """Read the weights and the card of an agent.

    Raises:
        FileNotFoundError: If one of the two files is missing.
        DamageError: If one of them is damaged, or the networks of the card are larger than the weights.
    """
    weights, content = load_weights(path)
    card = checked(AgentCard, content, named(path, ".json")).model_dump()
    check_sizes(card["cfg"], weights, named(path, ".json"))
    return weights, card


def env_of(card: Card) -> Env:
    """Return the spaces of a card, which replace environments in an agent that only predicts."""
    return cast(Env, Spaces.of_card(card["spaces"]))
