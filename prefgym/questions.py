"""Who answers, with what may be known of the task; and `prefgym make-preferences`: asking about recorded episodes."""

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from gymnasium.vector import VectorEnv

from prefgym import raters
from prefgym.buffers.recorder import Recorder
from prefgym.config import UserError
from prefgym.datasets import load_demos, played_in
from prefgym.evaluate import make_evaluation_env
from prefgym.experts import Expert, find_expert
from prefgym.feedback import Card, write_feedback
from prefgym.limits import Count, Natural, check
from prefgym.preferences import Preferences
from prefgym.protocols import NoSegmentError, Policy, Rater
from prefgym.queries import Queries
from prefgym.registry import Offers
from prefgym.samplers.uniform import UniformSampler, UniformSamplerCfg
from prefgym.sim.continuation import Simulator
from prefgym.sim.task import TaskSpec
from prefgym.sim.threads import usable_cpus
from prefgym.spaces import single_spaces

WAIT_S = 0.2
"""Seconds between two looks at whether a rater that takes its time has answered."""


@dataclass(frozen=True, kw_only=True)
class MakePreferencesCfg:
    """Ask a rater about segments of a Minari dataset, and write the answers as prefgym-feedback/1.

    Raises:
        ValueError: If a number lies outside its limits.
    """

    dataset: str
    """Id of the dataset."""
    out: Path
    """Folder to write, which must not exist."""
    rater: str = "oracle"
    """Who answers."""
    queries: Count = 1000
    """Questions that are asked."""
    datasets: Path | None = None
    """Folder of datasets; Minari's own unless said."""
    env: str = ""
    """Environment id that the rater judges by; that of the dataset unless said."""
    seed: Natural = 0
    """Seed of what is asked and of what the rater draws."""
    threads: Count | None = None
    """Threads of simulations; all cores unless said."""
    sampler: UniformSamplerCfg = field(default_factory=lambda: UniformSamplerCfg(recent_steps=None))
    """Which segments are asked about: any, drawn uniformly."""
    rater_cfg: Any = None
    """Settings of the rater."""

    __post_init__ = check


def make_rater(
    name: str,
    cfg: Any,  # noqa: ANN401
    env_id: str,
    env: VectorEnv[Any, Any, Any],
    recorder: Recorder,
    *,
    policy: Policy | None,
    num_threads: int,
    seed: int,
) -> Rater:
    """Make who answers, and give what may be known of the task, and who is trained.

    Args:
        name: As registered.
        cfg: Its settings.
        env_id: Environment id.
        env: Worlds of it.
        recorder: Where the segments are from.
        policy: Who is trained, if somebody is.
        num_threads: Threads of simulations of its own.
        seed: Of all that it draws.

    Raises:
        UserError: If the settings do not fit the task.
    """
    task: Any = getattr(env.unwrapped, "task", None)
    spec = task if isinstance(task, TaskSpec) else None  # of worlds that are simulated here
    file: Path | None = getattr(cfg, "expert_file", None)
    offers: Offers = Offers(
        has_reward=lambda: recorder.has_reward,
        wish=lambda: env.metadata.get("wish", ""),
        step_return=lambda: recorder.step_return,
        factor_names=lambda: recorder.factor_names,
        ranking=lambda: task.ranking if task else (),
        safe_limit=lambda: spec and spec.safe_limit,
        expert=lambda: Expert.load(file, env_id) if file else find_expert(env_id),
        policy=lambda: policy,
        simulator=lambda: Simulator(spec, num_threads=num_threads) if spec and recorder.has_states else None,
        offers=lambda: offers,
    )
    try:
        return raters.build(name, cfg, offers, seed=seed)
    except ValueError as error:
        raise UserError(f"rater {name!r} cannot judge {env_id}: {str(error).rstrip('.')}.") from error


def make_preferences(cfg: MakePreferencesCfg) -> Preferences:
    """Ask about segments of a dataset, and write the answers.

    Raises:
        UserError: If the dataset is missing or too short, the rater cannot judge it, or the folder exists.
    """
    if cfg.out.exists():
        raise UserError(f"{cfg.out} exists: name another folder.")
    recorder, env_id = load_demos(cfg.dataset, cfg.datasets), cfg.env or played_in(cfg.dataset, cfg.datasets)
    if cfg.rater == "none":
        raise UserError("--rater none: somebody must answer.")
    if not env_id:
        raise UserError(f"the dataset {cfg.dataset} does not say what it was played in: say so with --env.")
    try:
        env = make_evaluation_env(env_id, 1, 1)
    except gym.error.Error as error:
        raise UserError(f"{env_id} cannot be made: {error}; say with --env what else it is.") from error
    told, wanted = recorder.sizes, tuple(space.shape[0] for space in single_spaces(env))
    if told != wanted:
        raise UserError(f"{cfg.dataset} has {told} numbers an observation and an action, and {env_id} {wanted}.")
    query_seed, rater_seed = map(int, np.random.SeedSequence(cfg.seed).generate_state(2))
    rater = make_rater(
        cfg.rater,
        cfg.rater_cfg,
        env_id,
        env,
        recorder,
        policy=None,
        num_threads=cfg.threads or usable_cpus(),
        seed=rater_seed,
    )
    try:
        options = UniformSampler(cfg.sampler)(recorder, None, cfg.queries, torch.Generator().manual_seed(query_seed))
    except NoSegmentError as error:
        raise UserError(f"{error}: lower --sampler.segment-length.") from error
    preferences = ask(rater, Queries.of(options))
    write_feedback(cfg.out, preferences, Card(env=env_id))
    return preferences


def ask(rater: Rater, queries: Queries) -> Preferences:
    """Submit questions, and wait until all have come back."""
    rater.submit(queries)
    came: list[Preferences] = []
    while sum(map(len, came)) < len(queries):
        if (answers := rater.collect()) is not None:
            came.append(answers)
        else:
            time.sleep(WAIT_S)
    return Preferences.cat(came)
