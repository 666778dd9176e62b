"""Load the policy and the reward of a run."""

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
from prefgym.runs.manifest import verify_part

Loaded = TypeVar("Loaded")


def load_policy(run: Path | str, steps: int | None = None) -> Agent:
    """Load a policy of a run; `predict` chooses actions.

    Args:
        run: Run folder.
        steps: Environment steps of a policy that `--eval.keep` kept; None for the last policy.

    Raises:
        UserError: If the run has none, or one of its files is damaged.
    """
    card, path = _card(Path(run), "checkpoints/final/policy" if steps is None else f"policies/{steps}")
    env = _env(Path(run))
    return _load(path, lambda: registry_of("agent").get(card["agent"]).load(path, env))


def load_reward(run: Path | str) -> Learner:
    """Load the reward learner of a run; its `reward` rewards segments, and wrappers can return it in environments.

    Args:
        run: Run folder.

    Raises:
        UserError: If the run has none, or one of its files is damaged.
    """
    card, path = _card(Path(run), "checkpoints/final/reward")
    env = _env(Path(run))

    def load() -> Learner:
        learner = rewards.build(card["reward"], config_from_json(rewards.cfg(card["reward"]), card["cfg"]), env=env)
        learner.load_weights(load_weights(path)[0])
        return learner

    return _load(path, load)


def _card(run: Path, path: str) -> tuple[dict[str, Any], Path]:
    """Return the card of a part, and the path of its weights."""
    verify_part(run, path)
    return read_json(run / f"{path}.json"), run / path


def _load(path: Path, load: Callable[[], Loaded]) -> Loaded:
    """Call `load`; an error about files of another version becomes one sentence."""
    try:
        return load()
    except UserError:
        raise
    except (ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
        message = " ".join(str(error).split())
        raise UserError(f"{path} was not written by this version of prefgym: {message}.") from error


def _env(run: Path) -> Any:  # noqa: ANN401
    return make_evaluation_env(source_of_run(run), 1, 1)
