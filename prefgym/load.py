"""What a run has learned, for use outside of it."""

import json
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any, cast

from prefgym import agents, rewards
from prefgym.config import UserError
from prefgym.evaluate import make_evaluation_env
from prefgym.networks import load_weights
from prefgym.protocols import Agent, Learner
from prefgym.runs import read_config, verify_in


def load_policy(run: Path | str) -> Agent:
    """Load the last policy of a run; `predict` chooses actions.

    Args:
        run: Run folder.

    Raises:
        UserError: If the run has none, or a file of it is damaged.
    """
    card, path = _card(Path(run), "policy")
    cfg = _restored(agents.cfg(card["agent"]), card["cfg"])
    return agents.build(card["agent"], cfg, env=_env(Path(run))).load(path)


def load_reward(run: Path | str) -> Learner:
    """Load what a run has learned to pay; `reward` says what steps are worth, and environments can be made to pay it.

    Args:
        run: Run folder.

    Raises:
        UserError: If the run has none, or a file of it is damaged.
    """
    card, path = _card(Path(run), "reward")
    cfg = _restored(rewards.cfg(card["reward"]), card["cfg"])
    learner = rewards.build(card["reward"], cfg, env=_env(Path(run)))
    learner.load_weights(load_weights(path)[0])
    return learner


def _card(run: Path, name: str) -> tuple[dict[str, Any], Path]:
    """Read what is known of a part, and say where its weights are."""
    path = Path("checkpoints") / "final" / name
    for file in (Path("config.yaml"), path.with_suffix(".json"), path.with_suffix(".safetensors")):
        verify_in(run, file)
    return json.loads((run / path).with_suffix(".json").read_text()), run / path


def _restored(default: Any, told: Any) -> Any:  # noqa: ANN401
    """Turn what JSON holds into a configuration like `default`."""
    if is_dataclass(default) and not isinstance(default, type):
        if unknown := set(told) - {field.name for field in fields(default)}:
            raise UserError(f"This was learned by another version of prefgym: {', '.join(sorted(unknown))} is unknown.")
        known = {name: _restored(getattr(default, name), value) for name, value in told.items()}
        return replace(default, **known)
    # JSON knows no tuples, and configurations no lists
    return tuple(cast("list[Any]", told)) if isinstance(told, list) else told


def _env(run: Path) -> Any:  # noqa: ANN401
    return make_evaluation_env(read_config(run)["env"], 1, 1)
