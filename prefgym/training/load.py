"""Load the policy and the reward of a run, finished or not, and a reward learner from files of its own."""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar, cast

from prefgym.common.errors import DamageError, UserError, read_as
from prefgym.common.files import named, read_json
from prefgym.common.registry import registry_of
from prefgym.common.schema import FileModel, checked
from prefgym.common.spaces import Spaces
from prefgym.common.states import State
from prefgym.core.arrays import Env, HasSpaces
from prefgym.core.context import AgentContext
from prefgym.core.protocols import Agent, Learner
from prefgym.evaluation.envs import is_evaluated, make_evaluation_env, source_of_config
from prefgym.nn.weights import load_weights
from prefgym.rewards.files import load_reward_files, made_of
from prefgym.runs.checkpoints import Checkpoints
from prefgym.runs.config_file import check_import, read_config
from prefgym.runs.manifest import verify_part
from prefgym.runs.schema import AgentCard, RewardCard
from prefgym.training.resolve import Objects
from prefgym.training.restore import part_of

Loaded = TypeVar("Loaded")


def load_policy(run: Path | str, steps: int | None = None) -> Agent:
    """Load a policy of a run; `predict` chooses actions.

    Of a run that is running, or was killed, it is that of the latest checkpoint, and its step is printed.

    Args:
        run: Run folder.
        steps: Environment steps of a policy that `--eval.keep` kept; None for the last policy.

    Raises:
        UserError: If the run has none, or one of its files is damaged.
    """
    run = Path(run)
    config = read_config(run)
    name = "checkpoints/final/policy" if steps is None else f"policies/{steps}"
    if (run / "manifest.json").is_file():
        verify_part(run, name)
        return _policy_of_files(run, config, run / name)
    if steps is None:
        return _policy_on_the_way(run, config)
    agent = _policy_of_files(run, config, run / name)
    told = f"its policy after {_count(steps, config)} is not checked for damage"
    print(f"{run} has not finished: {told}", file=sys.stderr)
    return agent


def _policy_of_files(run: Path, config: dict[str, Any], path: Path) -> Agent:
    """Load a policy from its own files, by their path without suffix."""
    card = _card(path, AgentCard)
    env = _env(run, config, card)
    if isinstance(env, Spaces) and card["agent"] == "sb3":
        raise UserError(f"{run} has a policy of Stable-Baselines3, which needs its environments to be loaded.")
    given = cast(Env, None if isinstance(env, Spaces) else env)  # all but SB3's need none to predict
    check_import(card["agent"], named(path, ".json"))
    return _load(path, lambda: registry_of("agent").get(card["agent"]).load(path, given))


def load_reward(run: Path | str, env: HasSpaces | None = None) -> Learner:
    """Load a reward learner; its `reward` rewards segments, and wrappers can return it in environments.

    Args:
        run: Run folder, or the path that was given to `save` of a learner.
        env: Environments, or spaces, for its inputs; None for those of the run or of the file.

    Raises:
        UserError: If there is none, or one of its files is damaged.
    """
    run = Path(run)
    if not run.is_dir():
        return _load(run, lambda: load_reward_files(run, env))
    config = read_config(run)
    path = run / "checkpoints/final/reward"
    verify_part(run, "checkpoints/final/reward")
    card = _card(path, RewardCard)
    spaces = env or _env(run, config, card)
    return _load(path, lambda: made_of(card, load_weights(path)[0], run / "checkpoints/final/reward.json", spaces))


def _card(path: Path, schema: type[FileModel]) -> dict[str, Any]:
    """Return the card of a part, beside its weights."""
    file = named(path, ".json")
    return checked(schema, read_json(file), file).model_dump()


def _load(path: Path, load: Callable[[], Loaded]) -> Loaded:
    """Call `load`; an error about files of another version becomes one sentence."""
    try:
        with read_as(f"{path} was not written by this version of prefgym"):
            return load()
    except FileNotFoundError as error:
        raise UserError(f"{path} is no run folder, and {error}.") from error


def _env(run: Path, config: Mapping[str, Any], card: Mapping[str, Any]) -> Any:  # noqa: ANN401
    """Make an environment of a run; the spaces of a card replace one that cannot be made once more."""
    if not is_evaluated(config) and card.get("spaces") is not None:
        return Spaces.of_card(card["spaces"])
    return make_evaluation_env(source_of_config(config, run), 1, 1)


def _policy_on_the_way(run: Path, config: dict[str, Any]) -> Agent:
    """Load the policy of the latest checkpoint of a run that is running, or was killed.

    Raises:
        UserError: If there is none yet.
    """
    checkpoints = Checkpoints(run / "checkpoints")
    if found := _latest(checkpoints.steps, checkpoints.state):
        steps, state = found
        agent = _policy_of_state(run, config, state)
    elif found := _latest(checkpoints.policy_steps, checkpoints.policy):
        steps, path = found
        agent = _policy_of_files(run, config, path)
    else:
        raise UserError(f"{run} has no policy: there is no checkpoint yet (--checkpoint.every).")
    print(f"{run} has not finished: this is its policy after {_count(steps, config)}", file=sys.stderr)
    return agent


def _count(steps: int, config: Mapping[str, Any]) -> str:
    return f"{steps:,} {'updates' if 'updates' in config else 'steps'}"


def _policy_of_state(run: Path, config: dict[str, Any], state: State) -> Agent:
    """Load the policy of the state of a checkpoint."""
    name = str(config["agent"])

    def load() -> Agent:
        cfg = part_of("agent", config, Objects())
        context = AgentContext(env=make_evaluation_env(source_of_config(config, run), 1, 1))
        agent = registry_of("agent").build(name, cfg, context)
        restore = getattr(agent, "load_policy_state", None) or cast(Any, agent).load_state_dict
        restore(state["agent"])
        return agent

    return _load(run, load)


def _latest(latest: Callable[[], int | None], read: Callable[[int], Loaded]) -> tuple[int, Loaded] | None:
    """Read what is there of the latest step, or of the next one if a running run has replaced it in the meantime."""
    while (steps := latest()) is not None:
        try:
            return steps, read(steps)
        except DamageError:
            if latest() == steps:
                raise
    return None
