"""Checks before a run begins; a combination that cannot work is an error of one sentence."""

import math
import sys
from dataclasses import replace
from pathlib import Path
from typing import Protocol, cast

import torch

from prefgym.common.errors import UserError
from prefgym.common.limits import shortened
from prefgym.common.memory import check_fits
from prefgym.common.spaces import single_spaces
from prefgym.core.capabilities import Capability, capabilities_of, declares_fits, fits
from prefgym.core.protocols import Learner, ProposingRater, Rater
from prefgym.data.feedback import read_feedback
from prefgym.data.minari import played_in
from prefgym.data.recorded import recorded
from prefgym.raters.replay import num_queries
from prefgym.runs.config_file import read_config
from prefgym.sim.source import EnvSource
from prefgym.training.config import TrainCfg
from prefgym.training.kinds import names_of, shown_options
from prefgym.training.parts import Parts
from prefgym.wrappers.preference import PreferenceVectorEnv


class BaseAndDemos(Protocol):
    """Settings of agents that act on top of a base policy, beside demonstrations."""

    @property
    def datasets(self) -> str:
        """Return the folder of datasets; empty for Minari's own."""
        ...


class QueueSettings(Protocol):
    """Settings of learners that compare fragments with those of recent rollouts."""

    @property
    def queue(self) -> int:
        """Return how many recent fragments the queue holds."""
        ...


def check_device(device: str) -> None:
    """Check that torch can use a device.

    Raises:
        UserError: If it cannot.
    """
    try:
        torch.zeros(1, device=device).item()
    except (RuntimeError, AssertionError) as error:  # torch raises these for unknown and for missing devices
        reason = str(error).strip().splitlines()[0].rstrip(".")
        raise UserError(f"--device {shortened(device)} cannot be used here ({reason}): pass --device cpu.") from None


def check_self_play(cfg: TrainCfg, learner: Learner) -> None:
    """Check that a self-play learner gets pairs, and no demonstrations, whose steps it cannot reward.

    Raises:
        UserError: If the queries are no pairs, or the agent has demonstrations.
    """
    can = capabilities_of(learner)
    if Capability.JUDGED in can and getattr(cfg.agent_cfg, "demos", ""):
        why = "compares fragments of rollouts, and cannot reward demonstrations"
        raise UserError(f"--reward {cfg.reward} {why}: leave --agent.demos out.")
    if Capability.SELF_PLAY in can and shown_options(cfg.sampler_cfg) != 2:
        raise UserError(f"--reward {cfg.reward} compares two options: leave --sampler.num-options out.")


def check_base_and_demos(cfg: TrainCfg) -> None:
    """Check that the base policy and the demonstrations of an agent, if it has them, are of the task.

    Raises:
        UserError: If demonstrations have the reward of another task. A base policy of another task is a warning.
    """
    settings = cast(BaseAndDemos, cfg.agent_cfg)
    base, demos = getattr(settings, "base", ""), getattr(settings, "demos", "")
    if base and (Path(base) / "config.yaml").is_file() and (learned := read_config(Path(base))["env"]) != cfg.env:
        print(f"--agent.base {base} was learned in {learned}, not in {cfg.env}", file=sys.stderr)
    if demos and cfg.rater == "none":
        folder = settings.datasets
        played = played_in(demos, Path(folder) if folder else None)
        if played not in ("", cfg.env):
            raise UserError(f"the demonstrations {demos} have the reward of {played}, and not of {cfg.env}.")


def within_recorded(cfg: TrainCfg) -> TrainCfg:
    """Lower the budget of a run that uses recorded queries again to their number.

    Raises:
        UserError: If the configuration names none.
    """
    if cfg.rater != "replay":
        return cfg
    run: Path | None = getattr(cfg.rater_cfg, "run", None)
    if run is None:
        raise UserError("--rater replay uses the answers of another run again: pass --rater.run RUN.")
    num = num_queries(recorded(run))
    if cfg.budget > num:
        print(f"{run} has answers to {num} queries: the budget is {num}", file=sys.stderr)
    return replace(cfg, budget=min(cfg.budget, num))


def check_replayed(cfg: TrainCfg, rater: Rater, learner: Learner, env: PreferenceVectorEnv) -> None:
    """Check that recorded queries have the sizes of the environments, if the rater brings some.

    Raises:
        UserError: If they have others, or the learner asks about each rollout.
    """
    if Capability.PROPOSES not in capabilities_of(rater):
        return
    if Capability.JUDGED in capabilities_of(learner):
        raise UserError(f"--rater {cfg.rater} cannot answer --reward {cfg.reward}, which has each rollout judged anew.")
    options = cast(ProposingRater, rater).propose(1)
    observation, action = single_spaces(env)
    there = options.obs.shape[-1], options.action.shape[-1]
    if there != (here := (observation.shape[0], action.shape[0])):
        raise UserError(
            f"--rater {cfg.rater} has queries of {there} numbers an observation and an action, and {cfg.env} {here}."
        )


def check_room(cfg: TrainCfg, env: PreferenceVectorEnv) -> None:
    """Check that a segment fits into the steps that the recorder keeps of each environment.

    Raises:
        UserError: If it does not.
    """
    length, kept = cfg.sampling.segment_length, env.recorder.num_rows - 1
    if length > kept:
        found = f"{kept} steps of each of {env.num_envs} environments are kept, and a segment has {length}"
        flags = "raise --recorder.capacity-steps and --recorder.capacity-bytes, or lower --agent.num-envs"
        raise UserError(f"{found}: {flags}.")


def check_session(cfg: TrainCfg, env: PreferenceVectorEnv) -> None:
    """Check that the queries of a session fit into memory, with the candidates that they are chosen from.

    Raises:
        UserError: If they do not.
    """
    queries = cfg.budget / cfg.schedule.num_sessions * shown_options(cfg.sampler_cfg)
    candidates = queries * getattr(cfg.sampler_cfg, "oversample", 1)
    num_bytes = queries * (cfg.sampling.segment_length + 1) * 8 * sum(env.recorder.sizes) + 24 * candidates
    check_fits("the queries of a session", num_bytes, "lower --budget, or raise --schedule.num-sessions")


def check_queue(cfg: TrainCfg, source: EnvSource, env: PreferenceVectorEnv, num_steps: int) -> None:
    """Check that fragments are as long as a rollout, and stay recorded while the queue holds them.

    Args:
        cfg: Configuration of the run.
        source: Builder of its environments.
        env: These environments.
        num_steps: Steps of each environment in a rollout of its agent.

    Raises:
        UserError: If episodes are shorter than a rollout, or the recorder has too little room.
    """
    num_envs = env.num_envs
    limit = source.max_episode_steps if cfg.eval.copies else source.declared_max_episode_steps
    if limit is not None and limit < num_steps:
        found = f"fragments of {num_steps} steps, and episodes of {cfg.env} end after {limit}"
        shorter = "lower --agent.num-steps, or n_steps in --agent.settings"
        raise UserError(f"--reward {cfg.reward} compares {found}: {shorter}.")
    # a rollout has at least one fragment of each environment, and a step takes two rows
    rollouts = math.ceil(cast(QueueSettings, cfg.reward_cfg).queue / num_envs) + 2
    if env.recorder.num_rows < (rows := rollouts * (2 * num_steps + 1)):
        reach = f"{rows * num_envs:,} steps, and there is room for {env.recorder.num_rows * num_envs:,}"
        flags = "raise --recorder.capacity-steps and --recorder.capacity-bytes"
        raise UserError(f"--reward {cfg.reward} compares with a queue that reaches back {reach}: {flags}.")


def check_preferences(cfg: TrainCfg, folder: Path, parts: Parts) -> None:
    """Check that initial preferences are about the robot of this run, and that its learner fits them.

    A learner that declares which kinds it fits takes segments of other lengths and queries of other sizes than those
    of this run, but for one that compares fragments with rollouts.

    Raises:
        UserError: If the run has no rater or judges each rollout, or they are damaged, unanswered, or do not fit.
    """
    if parts.rater is None:
        raise UserError("--preferences needs a rater: without one, the agent learns from the task reward.")
    if Capability.JUDGED in capabilities_of(parts.learner):
        raise UserError(f"--preferences cannot be used by --reward {cfg.reward}: it has each rollout judged anew.")
    feedback, fitted = read_feedback(folder), fits(parts.learner)
    is_strict = not declares_fits(parts.learner) or Capability.SELF_PLAY in capabilities_of(parts.learner)
    if not feedback.num_answered:
        raise UserError(f"{folder} holds no answered query: pass a folder of --preferences with answers.")
    if not {*feedback.kinds} <= {*fitted}:
        found = f"{folder} holds {names_of(feedback.kinds)}, and --reward {cfg.reward} fits {names_of(fitted)}"
        raise UserError(f"{found}: prefgym list --matrix shows what goes together.")
    for part in feedback.parts:
        options, num_options = part.queries.options, part.queries.num_options
        sizes = {
            "numbers an observation": (options.obs.shape[-1], single_spaces(parts.env)[0].shape[0]),
            "numbers an action": (options.action.shape[-1], single_spaces(parts.env)[1].shape[0]),
        }
        if is_strict:  # it gets all answers as one part
            sizes["steps a segment"] = options.num_steps, cfg.sampling.segment_length
            sizes["options a query"] = num_options, getattr(cfg.sampling, "num_options", None) or num_options
        for name, (there, here) in sizes.items():
            if there != here:
                raise UserError(f"{folder} does not fit: {there} {name}, and {here} in this run.")
