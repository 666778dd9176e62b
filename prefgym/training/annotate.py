"""`prefgym make-preferences`: query a rater about recorded episodes."""

import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import tyro

from prefgym.common.errors import UserError
from prefgym.common.finite import NotFiniteError
from prefgym.common.limits import Count, Seed, Threads, check
from prefgym.common.registry import registry_of
from prefgym.common.spaces import single_spaces
from prefgym.core import contact
from prefgym.core.feedback import Feedback
from prefgym.core.protocols import NoSegmentError, Rater
from prefgym.core.queries import Queries
from prefgym.data.asked import kept_beside
from prefgym.data.feedback import Card, check_new, write_feedback
from prefgym.data.minari import dataset_folder, load_demos, played_in
from prefgym.evaluation.envs import make_evaluation_env
from prefgym.runs.config_file import check_call
from prefgym.samplers.uniform import UniformSampler, UniformSamplerCfg
from prefgym.sim.capabilities import physics_of
from prefgym.sim.source import EnvCfg, EnvSource
from prefgym.sim.threads import usable_cpus
from prefgym.training.budget import Budget
from prefgym.training.kinds import with_num_options
from prefgym.training.raters import make_rater
from prefgym.training.sessions import WAIT_S
from prefgym.training.ties import warn_of_ties


@dataclass(frozen=True, kw_only=True)
class MakePreferencesCfg:
    """Query a rater about segments of a Minari dataset, and write the answers as prefgym-feedback/2.

    Raises:
        ValueError: If a number lies outside its limits.
    """

    dataset: str
    """Id of the dataset."""
    out: Path
    """Folder to write, which must not exist."""
    rater: str = "oracle"
    """Rater that answers the queries: a registered name or `module:Name`."""
    queries: Count = 1000
    """Number of queries."""
    datasets: Path | None = None
    """Folder of datasets; default: Minari's own."""
    env: str = ""
    """Environment whose task the rater judges; default: the environment of the dataset."""
    env_cfg: Annotated[EnvCfg, tyro.conf.arg(name="env")] = field(default_factory=EnvCfg)
    """Keyword arguments of the environment, and wrappers around it."""
    seed: Seed = 0
    """Seed of the queries and of the rater."""
    threads: Threads | None = None
    """Threads of raters that simulate, such as those with an expert; default: all cores."""
    sampler: UniformSamplerCfg = field(default_factory=lambda: UniformSamplerCfg(recent_steps=None))
    """Settings of the sampler, which samples segments uniformly."""
    rater_cfg: Annotated[object, tyro.conf.arg(name="rater")] = None
    """Settings of the rater."""

    __post_init__ = check


def make_preferences(cfg: MakePreferencesCfg) -> Feedback:
    """Query the rater about segments of a dataset, and write the answers.

    Raises:
        UserError: If the dataset is missing or too short, the rater cannot judge it, or the folder exists.
    """
    if cfg.rater_cfg is None:
        cfg = replace(cfg, rater_cfg=registry_of("rater").cfg(cfg.rater))
    check_new(cfg.out)
    torch.set_num_threads(cfg.threads or usable_cpus())
    recorder, played = load_demos(cfg.dataset, cfg.datasets, with_reward=True), played_in(cfg.dataset, cfg.datasets)
    env_id = cfg.env or played
    if cfg.rater == "replay":
        raise UserError("--rater replay has the answers of a run: prefgym feedback export RUN FOLDER writes these.")
    if cfg.rater == "human":
        raise UserError("--rater human asks people while a run trains: use it with prefgym train.")
    if cfg.rater == "none":
        raise UserError("--rater none: make-preferences needs a rater that answers: pass --rater oracle or another.")
    if not env_id:
        raise UserError(f"the dataset {cfg.dataset} does not name its environment: pass --env ID.")
    if not cfg.env:
        check_call(env_id, dataset_folder(cfg.dataset, cfg.datasets))
    try:
        env = make_evaluation_env(EnvSource.of(env_id, cfg.env_cfg), 1, 1)
        sizes, wanted = recorder.sizes, tuple(space.shape[0] for space in single_spaces(env))
    except ValueError as error:  # it cannot be made, or has other spaces than Boxes
        reason = str(error).rstrip(".")
        raise UserError(f"{env_id} cannot be used: {reason}; pass another environment with --env.") from error
    if sizes != wanted:
        raise UserError(f"{cfg.dataset} has {sizes} numbers an observation and an action, and {env_id} {wanted}.")
    if played not in ("", env_id):
        print(f"--dataset {cfg.dataset} is of {played}, and the rater judges {env_id}", file=sys.stderr)
    physics = physics_of(env)
    if recorder.has_states and (physics is None or physics.state_size != recorder.state_size):
        print(f"--dataset {cfg.dataset}: its physics states are left out, since {env_id} has others", file=sys.stderr)
        recorder = recorder.without_states()
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
    sampler = UniformSampler(with_num_options(cfg.sampler, rater))
    try:
        options = sampler(recorder, None, cfg.queries, torch.Generator().manual_seed(query_seed))
    except NoSegmentError as error:
        raise UserError(f"{error}: lower --sampler.segment-length.") from error
    received: list[Feedback] = []
    queries = Queries.of(options)
    with kept_beside(cfg.out, env_id, queries) as log:
        try:
            for answers in answers_to(rater, queries):
                log.append(answers, None)
                received.append(answers)
        except NotFiniteError as error:
            raise UserError(f"{cfg.dataset} cannot be used for queries: {error}.") from error
        finally:  # answers before Ctrl-C, or before an error of the rater, are kept
            if received:
                write_feedback(cfg.out, in_order(received), Card(env=env_id))
    answered = in_order(received)
    warn_of_ties(answered)
    return answered


def ask(rater: Rater, queries: Queries) -> Feedback:
    """Submit queries, numbered from 0, wait for all answers, and return them in the order of the queries."""
    return in_order(list(answers_to(rater, queries)))


def answers_to(rater: Rater, queries: Queries) -> Iterator[Feedback]:
    """Submit queries, numbered from 0, and yield each answer once, until all have arrived."""
    budget = Budget(len(queries))
    contact.submit(rater, budget.ask(queries))
    while budget.num_pending:
        if (answers := contact.collect(rater, len(queries))) is None:
            time.sleep(WAIT_S)
        elif (fresh := budget.receive(answers)) is not None:
            yield fresh


def in_order(answers: Sequence[Feedback]) -> Feedback:
    """Concatenate answers, and sort those of each kind by the numbers of their queries."""
    together = Feedback.cat(answers)
    return Feedback(tuple(part[part.query_id.argsort(stable=True)] for part in together.parts))
