"""Who answers, with what may be known of the task; and `prefgym make-preferences`: asking about recorded episodes."""

import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import tyro
from gymnasium.vector import VectorEnv

from prefgym import raters
from prefgym.buffers.base_recorder import BaseRecorder
from prefgym.common.errors import UserError
from prefgym.common.finite import NotFiniteError
from prefgym.common.limits import Count, Seed, Threads, check
from prefgym.common.spaces import single_spaces
from prefgym.core.context import RaterContext
from prefgym.core.preferences import Preferences
from prefgym.core.protocols import NoSegmentError, Policy, Rater
from prefgym.core.queries import Queries
from prefgym.data.feedback import Card, check_new, write_feedback
from prefgym.data.minari import load_demos, played_in
from prefgym.evaluation.evaluate import make_evaluation_env
from prefgym.evaluation.experts import Expert, find_expert
from prefgym.samplers.uniform import UniformSampler, UniformSamplerCfg
from prefgym.sim.continuation import Simulator
from prefgym.sim.task import TaskSpec
from prefgym.sim.threads import usable_cpus
from prefgym.training.budget import Budget

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
    seed: Seed = 0
    """Seed of what is asked and of what the rater draws."""
    threads: Threads | None = None
    """Threads of experts who judge; all cores unless said."""
    sampler: UniformSamplerCfg = field(default_factory=lambda: UniformSamplerCfg(recent_steps=None))
    """Which segments are asked about: any, drawn uniformly."""
    rater_cfg: Annotated[object, tyro.conf.arg(name="rater")] = None
    """Settings of the rater."""

    __post_init__ = check


def make_rater(
    name: str,
    cfg: Any,  # noqa: ANN401
    env_id: str,
    env: VectorEnv[Any, Any, Any],
    recorder: BaseRecorder,
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
        env: Environments of it.
        recorder: Where the segments are from.
        policy: Who is trained, if somebody is.
        num_threads: Threads of simulations of its own.
        seed: Of all that it draws.

    Raises:
        UserError: If the settings do not fit the task.
    """
    task: Any = getattr(env.unwrapped, "task", None)
    spec = task if isinstance(task, TaskSpec) else None  # of environments that are simulated here
    file: Path | None = getattr(cfg, "expert_file", None)
    context = RaterContext(
        seed=seed,
        # demonstrations may have been rewarded by another task than this one
        has_reward=recorder.has_reward and "task_description" not in env.metadata,
        task_description=env.metadata.get("task_description", ""),
        step_return=recorder.step_return,
        factor_names=recorder.factor_names,
        ranking=task.ranking if task else (),
        safe_limit=spec.safe_limit if spec else None,
        policy=policy,
        make_expert=lambda: Expert.load(file, env_id) if file else find_expert(env_id),
        make_simulator=lambda: Simulator(spec, num_threads=num_threads) if spec and recorder.has_states else None,
    )
    try:
        return raters.build(name, cfg, context)
    except ValueError as error:
        raise UserError(f"rater {name!r} cannot judge {env_id}: {str(error).rstrip('.')}.") from error


def make_preferences(cfg: MakePreferencesCfg) -> Preferences:
    """Ask about segments of a dataset, and write the answers.

    Raises:
        UserError: If the dataset is missing or too short, the rater cannot judge it, or the folder exists.
    """
    check_new(cfg.out)
    torch.set_num_threads(cfg.threads or usable_cpus())
    recorder, played = load_demos(cfg.dataset, cfg.datasets), played_in(cfg.dataset, cfg.datasets)
    env_id = cfg.env or played
    if cfg.rater == "none":
        raise UserError("--rater none: somebody must answer.")
    if not env_id:
        raise UserError(f"the dataset {cfg.dataset} does not say what it was played in: say so with --env.")
    try:
        env = make_evaluation_env(env_id, 1, 1)
        told, wanted = recorder.sizes, tuple(space.shape[0] for space in single_spaces(env))
    except ValueError as error:  # it cannot be made, or has other spaces than Boxes
        told = str(error).rstrip(".")
        raise UserError(f"{env_id} cannot be asked about: {told}; say with --env what else it is.") from error
    if told != wanted:
        raise UserError(f"{cfg.dataset} has {told} numbers an observation and an action, and {env_id} {wanted}.")
    if played not in ("", env_id):
        print(f"--dataset {cfg.dataset} is of {played}, and the rater judges by {env_id}", file=sys.stderr)
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
    came: list[Preferences] = []
    try:
        for answers in answers_to(rater, Queries.of(options)):
            came.append(answers)  # noqa: PERF402 - one by one, for the sake of what follows
    except NotFiniteError as error:
        raise UserError(f"{cfg.dataset} cannot be asked about: {error}.") from error
    finally:  # what came before Ctrl-C, or before the rater failed, is kept
        if came:
            write_feedback(cfg.out, in_order(came), Card(env=env_id))
    return in_order(came)


def ask(rater: Rater, queries: Queries) -> Preferences:
    """Submit questions, numbered from 0, and return them in their order when all have come back."""
    return in_order(list(answers_to(rater, queries)))


def answers_to(rater: Rater, queries: Queries) -> Iterator[Preferences]:
    """Submit questions, numbered from 0, and tell what comes back, once of each, until all have."""
    budget = Budget(len(queries))
    rater.submit(budget.ask(queries))
    while budget.num_pending:
        if (answers := rater.collect()) is None:
            time.sleep(WAIT_S)
        elif (fresh := budget.receive(answers)) is not None:
            yield fresh


def in_order(came: Sequence[Preferences]) -> Preferences:
    """Put answers together by the numbers of their queries."""
    together = Preferences.cat(came)
    return together[together.query_id.argsort()]
