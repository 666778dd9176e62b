"""An online run: build the parts, run the training loop, and write the run folder and its report."""

import sys
from collections.abc import Generator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import cast

import numpy as np
import torch

from prefgym import rewards, samplers
from prefgym.common.errors import UserError
from prefgym.common.memory import is_out_of_memory
from prefgym.common.registry import registry_of
from prefgym.common.signals import terminable
from prefgym.core import contact
from prefgym.core.capabilities import Capability, capabilities_of
from prefgym.core.context import AgentContext, LearnerContext, SamplerContext
from prefgym.core.protocols import Agent, Rater
from prefgym.core.segments import Segments
from prefgym.data.asked import remove_asked
from prefgym.data.feedback import copy_feedback
from prefgym.evaluation.envs import say_limit
from prefgym.raters.immediate import as_rater
from prefgym.runs.checkpoints import Checkpoints, Which
from prefgym.runs.folder import RunFolder
from prefgym.sim.source import EnvSource
from prefgym.training.budget import Budget, Schedule
from prefgym.training.callbacks import Callback
from prefgym.training.checks import (
    check_base_and_demos,
    check_device,
    check_preferences,
    check_queue,
    check_replayed,
    check_room,
    check_self_play,
    check_session,
    within_recorded,
)
from prefgym.training.config import TrainCfg
from prefgym.training.ended import Ended
from prefgym.training.ending import add_report, attempt, say_stopped, seal
from prefgym.training.envs import is_drawn, make_training_env, source_of
from prefgym.training.history import INITIAL_PREFERENCES
from prefgym.training.keep import keep_episode, keep_fit, keep_learned, keep_result
from prefgym.training.kinds import check_kinds, with_num_options
from prefgym.training.live import LivePage
from prefgym.training.loop import Outcome, train
from prefgym.training.parts import Parts, stateless
from prefgym.training.people import asking, check_people, people_of
from prefgym.training.raters import make_rater
from prefgym.training.resolve import Objects
from prefgym.training.stop import memory_sentence
from prefgym.wrappers.preference import PreferenceVectorEnv


def train_online(
    cfg: TrainCfg,
    objects: Objects | None = None,
    *,
    resume_from: Which | None = None,
    callbacks: Sequence[Callback] = (),
) -> Ended:
    """Train an agent that acts, and write the run folder with its report.

    Args:
        cfg: Resolved configuration.
        objects: Parts that replace those that the configuration names.
        resume_from: Checkpoint in `cfg.out` to resume from; None begins a new run.
        callbacks: Called after the standard callbacks.

    Returns:
        The agent, the learner and the run folder; after Ctrl-C, with what was learned so far.

    Raises:
        UserError: If the parts do not fit each other, the device has too little memory, or a part returns NaN or inf.
    """
    cfg = within_recorded(cfg)
    with threads(cfg.num_threads):
        with enough_memory(cfg.device):
            parts = build(cfg, objects)
        cfg = with_options(cfg, parts.rater, objects)
        if cfg.preferences is not None and resume_from is None:
            check_preferences(cfg, cfg.preferences, parts)
        if names := stateless(parts):
            why = "it has no checkpoints, since these parts have no state_dict()"
            print(f"this run cannot be resumed: {why}: {', '.join(names)}", file=sys.stderr)
        if cfg.eval.copies:
            say_limit(parts.source, cfg.eval.max_episode_steps, "--eval.max-episode-steps")
        is_resumed, prepare = resume_from is not None, partial(copy_initial_preferences, cfg.preferences)
        check_people(parts.rater)
        with terminable(), closing(RunFolder(cfg, resume=is_resumed, prepare=prepare)) as folder:
            keep = partial(keep_learned, cfg, parts, folder)
            looking_on = [*([LivePage()] if cfg.report else []), *callbacks]
            with asking(parts.rater, folder.path):
                outcome = train(cfg, parts, folder, resume_from, looking_on, lambda source: keep(source.history))
            outcome = seal(folder, outcome, lambda: keep_result(cfg, parts, folder, outcome))
            say_result(cfg, parts, folder, outcome)
            say_stopped(folder, outcome, stateless(parts))
            if not outcome.interrupted:
                if outcome.preferences is not None:
                    remove_asked(folder.path, outcome.preferences)
                horizon = sampled_from(cfg, parts)
                Checkpoints(folder.path / "checkpoints").finish(keep=cfg.checkpoint.keep_final, horizon=horizon)
                show(cfg, parts, folder, outcome)
    learner = parts.learner if outcome.fit is not None else None
    return Ended(path=folder.path, agent=parts.agent, learner=learner)


def sampled_from(cfg: TrainCfg, parts: Parts) -> int:
    """Return the position up to which no recorded step will be sampled again, if the run is extended."""
    recorder = parts.recorder
    if recorder is None or Capability.JUDGED in capabilities_of(parts.learner):
        return 0 if recorder is None else recorder.horizon
    return recorder.horizon_of(getattr(cfg.sampler_cfg, "recent_steps", None), cfg.sampling.segment_length)


def say_result(cfg: TrainCfg, parts: Parts, folder: RunFolder, outcome: Outcome) -> None:
    """Print the true return of the last policy, and what it took."""
    result = "not evaluated" if outcome.evaluation is None else outcome.evaluation.in_words(0)
    print(f"{result}, after {outcome.steps:,} steps and {parts.budget.num_asked} queries; see {folder.path}")
    budget = parts.budget
    if parts.rater is not None and budget.left and not outcome.interrupted:
        print(f"{budget.left} of the budget of {cfg.budget} queries were left over", file=sys.stderr)
    if budget.num_pending:
        waiting = "--schedule.wait-minutes N has each session wait for them"
        if people_of(parts.rater) is not None:
            waiting = "--rater.wait-first N or --rater.block has sessions wait for people"
        print(f"{budget.num_pending} of {budget.num_asked} queries have no answer yet: {waiting}", file=sys.stderr)
    if budget.num_asked and not budget.num_answered:
        learned = "nothing was learned" if cfg.preferences is None else "nothing was learned beyond --preferences"
        print(f"{learned}: the rater {cfg.rater} answered none of {budget.num_asked} queries", file=sys.stderr)


def show(cfg: TrainCfg, parts: Parts, folder: RunFolder, outcome: Outcome) -> None:
    """Record an episode, and write the report; a run is whole without them."""
    fit = outcome.fit
    if fit is not None:
        attempt("statistics of the reward", lambda: keep_fit(parts, folder, fit))
    if cfg.eval.copies:
        attempt("film", lambda: keep_episode(cfg, parts, folder, outcome.evaluation, has_reward=fit is not None))
    if cfg.report:
        from prefgym.report.collect import write_run_report  # plots and videos take long to import

        attempt("report", lambda: print(f"report: {write_run_report(folder.path, parts.source, 'finished')}"))
    add_report(folder)


@contextmanager
def threads(num_threads: int) -> Generator[None]:
    """Set the number of threads of torch within the context."""
    before = torch.get_num_threads()
    torch.set_num_threads(num_threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def enough_memory(device: str) -> Generator[None]:
    """Turn out-of-memory errors of NumPy, torch and Warp into one sentence.

    Raises:
        UserError: If the memory of the device does not suffice.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        raise UserError(f"{memory_sentence(device)}.") from error


def build(cfg: TrainCfg, objects: Objects | None = None) -> Parts:
    """Build all parts of a run.

    Args:
        cfg: Resolved configuration.
        objects: Parts that replace those that the configuration names; None for none.

    Raises:
        UserError: If the parts do not fit the environment or each other.
    """
    objects = objects or Objects()
    if cfg.backend != "warp":  # environments on a GPU raise errors of more detail
        check_device(cfg.device)
    # one seed for each part that samples
    env_seed, agent_seed, learner_seed, rater_seed, sampler_seed = map(
        int, np.random.SeedSequence(cfg.seed).generate_state(5)
    )
    check_base_and_demos(cfg)
    source = objects.env or source_of(cfg)
    env = make_training_env(cfg, source)
    recording = None if cfg.rater == "none" else cast(PreferenceVectorEnv, env)
    if recording is not None:
        check_room(cfg, recording)
    learner = objects.reward or rewards.build(
        cfg.reward, cfg.reward_cfg, LearnerContext(env=env, seed=learner_seed, device=cfg.device)
    )
    can = capabilities_of(learner)
    if cfg.rater == "none" and can & {Capability.SELF_PLAY, Capability.JUDGED}:
        raise UserError(f"--reward {cfg.reward} compares fragments by the answers of a rater: pass --rater.")
    contact.check_methods(contact.LEARNER, learner, "fit", "reward", "weights", "load_weights")
    check_self_play(cfg, learner)
    agent = objects.agent or build_agent(cfg, AgentContext(env=env, seed=agent_seed, device=cfg.device))
    contact.check_methods(contact.AGENT, agent, "collect", "update", "predict", "save")
    rater = None
    if recording is not None:
        if Capability.JUDGED in can:
            check_queue(cfg, source, recording, getattr(agent, "rollout_steps", cfg.acting.num_steps))
        given = objects.rater
        rater = build_rater(cfg, source, recording, agent, rater_seed) if given is None else as_rater(given)
        if Capability.JUDGED in can and Capability.OUTSIDE in capabilities_of(rater):
            raise UserError(f"--reward {cfg.reward} needs a rater that answers at once, unlike --rater {cfg.rater}.")
        check_kinds(cfg.rater, rater, cfg.reward, learner)
        check_replayed(cfg, rater, learner, recording)
        cfg = with_options(cfg, rater, objects)
        if Capability.JUDGED not in can:  # which holds no sessions
            check_session(cfg, recording)
    env.reset(seed=env_seed)
    shown: list[Segments] = []
    context = SamplerContext(asked=lambda: Segments.cat(shown) if shown else None)
    sampler = objects.sampler or samplers.build(cfg.sampler, cfg.sampler_cfg, context)
    contact.check_methods(contact.SAMPLER, sampler, "__call__")
    return Parts(
        source=source,
        env=env,
        agent=agent,
        rater=rater,
        sampler=sampler,
        shown_so_far=shown,
        learner=learner,
        budget=Budget(cfg.budget, cfg.budget_counts),
        schedule=Schedule(cfg.schedule, cfg.budget, cfg.steps, cfg.extensions),
        generator=torch.Generator().manual_seed(sampler_seed),
    )


def with_options(cfg: TrainCfg, rater: Rater | None, objects: Objects | None) -> TrainCfg:
    """Set the number of segments of a query by the kind of feedback that the rater gives.

    Raises:
        UserError: If the sampler sets a number that does not fit the kind.
    """
    if rater is None:
        return cfg
    is_made = objects is not None and objects.sampler is not None
    return replace(cfg, sampler_cfg=with_num_options(cfg.sampler_cfg, rater, is_made=is_made))


def build_agent(cfg: TrainCfg, context: AgentContext) -> Agent:
    """Build the agent.

    Raises:
        UserError: If it cannot learn in the environment.
    """
    try:
        return registry_of("agent").build(cfg.agent, cfg.agent_cfg, context)
    except ValueError as error:
        raise UserError(f"agent {cfg.agent!r} cannot learn in {cfg.env}: {str(error).rstrip('.')}.") from error


def build_rater(cfg: TrainCfg, source: EnvSource, env: PreferenceVectorEnv, agent: Agent, seed: int) -> Rater:
    """Build the rater.

    Raises:
        UserError: If it cannot judge the task.
    """
    num_threads = cfg.num_threads
    rater = make_rater(
        cfg.rater,
        cfg.rater_cfg,
        cfg.env,
        env,
        env.recorder,
        source=source if env.recorder.has_states or is_drawn(cfg) else None,
        policy=agent,
        num_threads=num_threads,
        seed=seed,
    )
    return as_rater(rater)


def copy_initial_preferences(preferences: Path | None, into: Path) -> None:
    """Copy initial preferences into a run folder."""
    if preferences is not None:
        copy_feedback(preferences, into / INITIAL_PREFERENCES)
