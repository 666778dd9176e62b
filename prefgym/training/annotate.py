"""`prefgym make-preferences`: a rater is asked about recorded episodes."""

import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import tyro

from prefgym.common.errors import UserError
from prefgym.common.finite import NotFiniteError
from prefgym.common.limits import Count, Seed, Threads, check
from prefgym.common.spaces import single_spaces
from prefgym.core.preferences import Preferences
from prefgym.core.protocols import NoSegmentError, Rater
from prefgym.core.queries import Queries
from prefgym.data.feedback import Card, check_new, write_feedback
from prefgym.data.minari import dataset_folder, load_demos, played_in
from prefgym.evaluation.envs import make_evaluation_env
from prefgym.runs.config_file import check_call
from prefgym.samplers.uniform import UniformSampler, UniformSamplerCfg
from prefgym.sim.source import EnvCfg, EnvSource
from prefgym.sim.threads import usable_cpus
from prefgym.training.budget import Budget
from prefgym.training.raters import make_rater

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
    """Environment that the rater judges by; that of the dataset unless said."""
    env_cfg: Annotated[EnvCfg, tyro.conf.arg(name="env")] = field(default_factory=EnvCfg)
    """Keyword arguments of the environment, and wrappers around it."""
    seed: Seed = 0
    """Seed of what is asked and of what the rater draws."""
    threads: Threads | None = None
    """Threads of experts who judge; all cores unless said."""
    sampler: UniformSamplerCfg = field(default_factory=lambda: UniformSamplerCfg(recent_steps=None))
    """Which segments are asked about: any, drawn uniformly."""
    rater_cfg: Annotated[object, tyro.conf.arg(name="rater")] = None
    """Settings of the rater."""

    __post_init__ = check


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
    if not cfg.env:
        check_call(env_id, dataset_folder(cfg.dataset, cfg.datasets))
    try:
        env = make_evaluation_env(EnvSource.of(env_id, cfg.env_cfg), 1, 1)
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
