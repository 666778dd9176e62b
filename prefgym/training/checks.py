"""What is looked at before a run begins, so that what makes no sense ends in one sentence."""

import math
import sys
from pathlib import Path
from typing import Protocol, cast

import torch

from prefgym.common.errors import UserError
from prefgym.common.spaces import single_spaces
from prefgym.core.capabilities import Capability, capabilities_of
from prefgym.core.protocols import Learner
from prefgym.data.feedback import read_feedback
from prefgym.data.minari import played_in
from prefgym.runs.folder import read_config
from prefgym.sim.source import EnvSource
from prefgym.training.config import TrainCfg
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
        """Return how many fragments are kept to compare with."""
        ...


def check_device(device: str) -> None:
    """See that a device can be used.

    Raises:
        UserError: If it cannot.
    """
    try:
        torch.zeros(1, device=device).item()
    except (RuntimeError, AssertionError):  # as torch tells of what it does not know, or has not got
        raise UserError(f"--device {device} cannot be used here.") from None


def check_self_play(cfg: TrainCfg, learner: Learner) -> None:
    """Check that a learner by comparisons gets pairs, and no demonstrations whose steps it would have to reward.

    Raises:
        UserError: If it is not.
    """
    can = capabilities_of(learner)
    if Capability.JUDGED in can and getattr(cfg.agent_cfg, "demos", ""):
        raise UserError(f"--reward {cfg.reward} rewards by comparisons, which demonstrations take no part in.")
    if Capability.SELF_PLAY in can and getattr(cfg.sampler_cfg, "num_options", 2) != 2:
        raise UserError(f"--reward {cfg.reward} compares two options: leave --sampler.num-options out.")


def check_base_and_demos(cfg: TrainCfg) -> None:
    """See that a base policy and demonstrations are of the task, where the agent has such.

    Raises:
        UserError: If demonstrations tell the reward of another task. A base may be of another one, which is printed.
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


def check_room(cfg: TrainCfg, env: PreferenceVectorEnv) -> None:
    """See that segments fit into what is kept of each world.

    Raises:
        UserError: If they do not.
    """
    length, kept = cfg.sampling.segment_length, env.recorder.num_rows - 1
    if length > kept:
        told = f"{kept} steps of each of {env.num_envs} environments are kept, and a segment has {length}"
        raise UserError(f"{told}: raise --recorder.capacity-steps and --recorder.capacity-bytes, or have fewer worlds.")


def check_queue(cfg: TrainCfg, source: EnvSource, env: PreferenceVectorEnv, num_steps: int) -> None:
    """See that fragments are as long as a rollout, and stay recorded while others are compared with them.

    Args:
        cfg: Of the run.
        source: Builder of its environments.
        env: These environments.
        num_steps: Steps of each environment in a rollout of its agent.

    Raises:
        UserError: If episodes end before, or there is too little room.
    """
    num_envs = env.num_envs
    limit = source.max_episode_steps
    if limit is not None and limit < num_steps:
        told = f"fragments of {num_steps} steps, and episodes of {cfg.env} end after {limit}"
        shorter = "lower --agent.num-steps, or n_steps in --agent.settings"
        raise UserError(f"--reward {cfg.reward} compares {told}: {shorter}.")
    # each rollout has a fragment of each env at least, those of older ones are left out, and a step takes two rows
    rollouts = math.ceil(cast(QueueSettings, cfg.reward_cfg).queue / num_envs) + 2
    if env.recorder.num_rows < (rows := rollouts * (2 * num_steps + 1)):
        told = f"{rows * num_envs:,} steps, and there is room for {env.recorder.num_rows * num_envs:,}"
        raise UserError(f"--reward {cfg.reward} compares with a queue that reaches back {told}: see --recorder.")


def check_preferences(cfg: TrainCfg, folder: Path, parts: Parts) -> None:
    """See that preferences to begin with are such as the rater will be asked for.

    Raises:
        UserError: If nobody is asked, they are damaged, nothing is answered in them, or sizes differ.
    """
    if parts.rater is None:
        raise UserError("--preferences needs a rater: without one, the agent learns from the task reward.")
    if Capability.JUDGED in capabilities_of(parts.learner):
        raise UserError(f"--preferences cannot be used by --reward {cfg.reward}: it has each rollout judged anew.")
    preferences, sampler = read_feedback(folder), cfg.sampling
    queries = preferences.queries
    if not preferences.answers.answered.any():
        raise UserError(f"{folder} has nothing to begin with: no query in it was answered.")
    options = queries.options
    sizes = {
        "numbers an observation": (options.obs.shape[-1], single_spaces(parts.env)[0].shape[0]),
        "numbers an action": (options.action.shape[-1], single_spaces(parts.env)[1].shape[0]),
        "steps a segment": (options.num_steps, sampler.segment_length),
        "options a query": (queries.num_options, getattr(sampler, "num_options", queries.num_options)),
    }
    for name, (there, here) in sizes.items():
        if there != here:
            raise UserError(f"{folder} does not fit: {there} {name}, and {here} in this run.")
