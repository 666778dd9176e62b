"""What a run has learned, for use outside of it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from safetensors import SafetensorError

from prefgym import rewards
from prefgym.common.errors import UserError
from prefgym.common.files import read_json
from prefgym.common.registry import registry_of
from prefgym.core.protocols import Agent, Learner
from prefgym.evaluation.envs import make_evaluation_env, source_of_run
from prefgym.nn.weights import load_weights
from prefgym.rl.files import config_from_json
from prefgym.runs.folder import verify_part

Loaded = TypeVar("Loaded")


def load_policy(run: Path | str, steps: int | None = None) -> Agent:
    """Load a policy of a run; `predict` chooses actions.

    Args:
        run: Run folder.
        steps: Steps after which it was kept, by `--eval.keep`; the last one unless said.

    Raises:
        UserError: If the run has none, or a file of it is damaged.
    """
    card, path = _card(Path(run), "checkpoints/final/policy" if steps is None else f"policies/{steps}")
    env = _env(Path(run))
    return _told(path, lambda: registry_of("agent").get(card["agent"]).load(path, env))


def load_reward(run: Path | str) -> Learner:
    """Load the reward that a run has learned; `reward` says what steps are worth, and envs can be made to give it.

    Args:
        run: Run folder.

    Raises:
        UserError: If the run has none, or a file of it is damaged.
    """
    card, path = _card(Path(run), "checkpoints/final/reward")
    env = _env(Path(run))

    def load() -> Learner:
        learner = rewards.build(card["reward"], config_from_json(rewards.cfg(card["reward"]), card["cfg"]), env=env)
        learner.load_weights(load_weights(path)[0])
        return learner

    return _told(path, load)


def _card(run: Path, path: str) -> tuple[dict[str, Any], Path]:
    """Read what is known of a part, and say where its weights are."""
    verify_part(run, path)
    return read_json(run / f"{path}.json"), run / path


def _told(path: Path, load: Callable[[], Loaded]) -> Loaded:
    """Turn what another version has written into a sentence."""
    try:
        return load()
    except UserError:
        raise
    except (ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
        told = " ".join(str(error).split())
        raise UserError(f"{path} is not what this version of prefgym writes: {told}.") from error


def _env(run: Path) -> Any:  # noqa: ANN401
    return make_evaluation_env(source_of_run(run), 1, 1)
