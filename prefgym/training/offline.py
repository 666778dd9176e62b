"""An offline run: read recorded data, train the agent, and write the run folder."""

import sys
from collections.abc import Sequence
from contextlib import closing
from functools import partial
from typing import Any, cast

import gymnasium as gym
import numpy as np
from gymnasium.vector import VectorEnv

from prefgym.common.errors import UserError
from prefgym.common.files import digest, writing
from prefgym.common.registry import registry_of
from prefgym.common.signals import terminable
from prefgym.common.spaces import Spaces
from prefgym.core import contact
from prefgym.core.context import AgentContext
from prefgym.core.protocols import Agent, Env
from prefgym.data.feedback import read_feedback, read_manifest
from prefgym.data.minari import dataset_folder, load_demos, played_in
from prefgym.evaluation.envs import NO_ENV, make_evaluation_env, say_limit
from prefgym.evaluation.evaluate import TRUE_RETURN, metric_of
from prefgym.rl.offline import OfflineAgent, OfflineData
from prefgym.runs.checkpoints import Which
from prefgym.runs.folder import RunFolder
from prefgym.training.callbacks import Callback, standard_callbacks
from prefgym.training.checks import check_device
from prefgym.training.config import OfflineCfg
from prefgym.training.ended import Ended
from prefgym.training.ending import say_stopped, seal
from prefgym.training.envs import source_of
from prefgym.training.estimate import Estimate
from prefgym.training.history import initial_folder
from prefgym.training.loop import Loop, Outcome
from prefgym.training.online import copy_initial_preferences, threads
from prefgym.training.progress import Progress
from prefgym.training.results import write_result
from prefgym.training.sources import OfflineSource


def train_on_records(cfg: OfflineCfg, *, resume_from: Which | None = None, callbacks: Sequence[Callback] = ()) -> Ended:
    """Train on recorded data, and write the run folder.

    Args:
        cfg: Resolved configuration.
        resume_from: Checkpoint in `cfg.out` to resume from; None begins a new run.
        callbacks: Called after the standard callbacks.

    Returns:
        The agent and the run folder; after Ctrl-C, with the policy learned so far.

    Raises:
        UserError: If the agent cannot learn from these data, or they are damaged.
    """
    is_resumed = resume_from is not None
    with threads(cfg.num_threads):
        check_device(cfg.device)
        data = read_data(cfg, resumed=is_resumed)
        env = spaces_of(cfg, data) if cfg.env == NO_ENV else make_evaluation_env(source_of(cfg), 1, 1)
        agent, seals = make_agent(cfg, data, env), sums_of(cfg)
        if not is_resumed:
            warn_of_other_envs(cfg)
            if cfg.preferences is not None and cfg.dataset is not None and "demonstrations" in agent.learns_from:
                sources = "learns from --dataset, and not from --preferences beside it"
                print(f"agent {cfg.agent!r} {sources}", file=sys.stderr)
        if cfg.eval.copies:
            say_limit(source_of(cfg), cfg.eval.max_episode_steps, "--eval.max-episode-steps")
        prepare = partial(copy_initial_preferences, cfg.preferences)
        with terminable(), closing(RunFolder(cfg, resume=is_resumed, prepare=prepare)) as folder:
            metric = TRUE_RETURN if isinstance(env, Spaces) else metric_of(env)
            progress = Progress(cfg.env, cfg.updates, metric=metric, unit="updates")
            standard = standard_callbacks(cfg.eval, cfg.checkpoint, progress)
            loop = Loop(cfg, OfflineSource(cfg, agent, seals), folder, [Estimate(), *standard, *callbacks])
            outcome = loop.train(resume_from, lambda: keep_policy(agent, folder))
            outcome = seal(folder, outcome, lambda: keep_result(cfg, folder, outcome))
            result = "not evaluated" if outcome.evaluation is None else outcome.evaluation.in_words(0)
            print(f"{result}, after {outcome.steps:,} updates; see {folder.path}")
            say_stopped(folder, outcome, ())
            if not outcome.interrupted:
                loop.checkpoints.finish(keep=cfg.checkpoint.keep_final)
    return Ended(path=folder.path, agent=cast(Agent, agent))


def keep_policy(agent: OfflineAgent, folder: RunFolder) -> None:
    """Write the policy."""
    with writing(folder.path), contact.raised_by(contact.AGENT, agent):
        agent.save(folder.folder("checkpoints/final") / "policy")


def keep_result(cfg: OfflineCfg, folder: RunFolder, outcome: Outcome) -> None:
    """Write the result."""
    counts, names = {"updates": outcome.steps}, {"env": cfg.env, "agent": cfg.agent}
    write_result(folder, outcome, counts=counts, names=names, seed=cfg.seed)


def read_data(cfg: OfflineCfg, *, resumed: bool = False) -> OfflineData:
    """Read the preferences and the demonstrations of a run.

    Args:
        cfg: Resolved configuration.
        resumed: Whether to read the copy of the preferences in the run folder.

    Raises:
        UserError: If there are no data, or a file of them is damaged.
    """
    preferences = demos = None
    if cfg.preferences is not None:
        assert cfg.out is not None or not resumed  # a run that is resumed has a folder
        preferences = read_feedback(initial_folder(cfg.out) if resumed and cfg.out else cfg.preferences).without_truth()
    if cfg.dataset is not None:
        demos = load_demos(cfg.dataset, cfg.datasets, with_state=False)
    try:
        return OfflineData(preferences=preferences, demos=demos)
    except ValueError as error:
        raise UserError(f"{error}: give --preferences FOLDER, --dataset ID, or both.") from None


def spaces_of(cfg: OfflineCfg, data: OfflineData) -> Spaces:
    """Return the spaces of an agent that has no environment: sizes of the data, and bounds of actions.

    Raises:
        UserError: If the bounds that were given do not fit the actions.
    """
    (kind, (obs_dim, action_dim)), *_ = reversed(data.sizes().items())  # those of demonstrations, if there are any
    bounds: list[np.ndarray[Any, np.dtype[np.float32]]] = []
    recorded = data.steps().action.flatten(0, -2)
    for flag, given, found in (
        ("--action-low", cfg.action_low, recorded.amin(0)),
        ("--action-high", cfg.action_high, recorded.amax(0)),
    ):
        if len(given) not in (0, 1, action_dim):
            raise UserError(f"{flag} has {len(given)} numbers, and actions have {action_dim}: pass so many, or one.")
        bounds.append(np.broadcast_to(np.array(given, np.float32), action_dim) if given else found.numpy())
        if not given:
            words = " ".join(f"{number:g}" for number in bounds[-1].tolist())
            print(f"{flag} is that of the {kind}: {words}", file=sys.stderr)
    low, high = bounds
    if not (low < high).all():
        raise UserError("--action-low must lie below --action-high in each part of an action: pass both.")
    without = np.full(obs_dim, np.inf, np.float32)
    return Spaces(gym.spaces.Box(-without, without), gym.spaces.Box(low, high))


def warn_of_other_envs(cfg: OfflineCfg) -> None:
    """Print a warning if data are of another environment than the one that evaluates the policy.

    Sizes of observations and actions alone may agree by chance.
    """
    envs: dict[str, str] = {}
    if cfg.preferences is not None:
        envs[f"--preferences {cfg.preferences}"] = read_manifest(cfg.preferences)["env"]
    if cfg.dataset is not None:
        envs[f"--dataset {cfg.dataset}"] = played_in(cfg.dataset, cfg.datasets)
    for source, env in envs.items():
        if env not in ("", cfg.env) and cfg.env != NO_ENV:
            print(f"{source} is of {env}, and the policy is evaluated in {cfg.env}", file=sys.stderr)


def make_agent(
    cfg: OfflineCfg,
    data: OfflineData,
    env: VectorEnv[Any, Any, Any] | Spaces,
) -> OfflineAgent:
    """Build the agent with its data.

    Raises:
        UserError: If it cannot learn from these data.
    """
    try:
        context = AgentContext(env=cast(Env, env), data=data, seed=cfg.seed, device=cfg.device)
        return cast(OfflineAgent, registry_of("agent").build(cfg.agent, cfg.agent_cfg, context))
    except ValueError as error:
        raise UserError(f"agent {cfg.agent!r} cannot learn from these data: {str(error).rstrip('.')}.") from error


def sums_of(cfg: OfflineCfg) -> dict[str, str]:
    """Return the checksums of the files of the dataset; empty without a dataset."""
    if cfg.dataset is None:
        return {}
    folder = dataset_folder(cfg.dataset, cfg.datasets) / "data"
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    return {str(file.relative_to(folder)): digest(file) for file in files}
