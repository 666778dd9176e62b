"""Compare policies head to head: episodes of both, and how often a rater prefers those of one."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

import numpy as np
import torch
from torch import Tensor

from prefgym import agents
from prefgym.buffers.recorder import RecorderCfg
from prefgym.core.protocols import Rater
from prefgym.core.queries import Queries
from prefgym.core.segments import Segments
from prefgym.rl.policy_runner import Act
from prefgym.samplers.uniform import UniformSampler, UniformSamplerCfg
from prefgym.training.annotate import ask
from prefgym.training.api import train_cfg
from prefgym.training.envs import make_training_env
from prefgym.training.raters import make_rater
from prefgym.wrappers.preference import PreferenceVectorEnv

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


@dataclass(frozen=True)
class Judge:
    """A rater of a task."""

    env: str
    """Environment id."""
    rater: str
    """Name of the rater."""
    cfg: "DataclassInstance"
    """Its configuration."""


def envs_and_rater(
    judge: Judge, num_envs: int, capacity_steps: int = RecorderCfg.capacity_steps
) -> tuple[PreferenceVectorEnv, Rater]:
    """Make environments that record their steps, and the rater that judges them.

    Args:
        judge: The rater, and its task.
        num_envs: Environments.
        capacity_steps: Steps that are recorded.
    """
    config = train_cfg(
        judge.env,
        rater=judge.rater,
        agent=agents.cfg("ppo", env=judge.env, num_envs=num_envs),
        recorder=RecorderCfg(state=False, capacity_steps=capacity_steps),
        threads=1,
    )
    config = replace(config, rater_cfg=judge.cfg)
    env = cast(PreferenceVectorEnv, make_training_env(config))
    given = config.rater, config.rater_cfg, config.env, env, env.recorder
    return env, make_rater(*given, policy=None, num_threads=1, seed=0)


def play(judge: Judge, act: Act, num_episodes: int, fragment_length: int) -> tuple[Segments, Segments]:
    """Play an episode in each of as many environments.

    Args:
        judge: A rater of the task; the envs record the data that it needs.
        act: The policy.
        num_episodes: N.
        fragment_length: Steps of a fragment.

    Returns:
        The episodes, and as many fragments, sampled as queries are from all steps until the last episode has ended.
        Batch shapes: (N,).
    """
    # 1000 steps an environment, and a last observation of each episode: those that end early go on until all have ended
    env, _ = envs_and_rater(judge, num_episodes, capacity_steps=num_episodes * 2002)
    obs, _ = env.reset(seed=0)
    running = ended = np.ones(env.num_envs, np.bool_)
    while running.any():
        obs, _, terminated, truncated, _ = env.step(act(obs, ended))
        ended = terminated | truncated
        running = running & ~ended
    episodes = env.recorder.episodes(1000)  # of equal length, so that they can be shown beside each other
    assert episodes.origin is not None  # a recorder knows where its segments come from
    first = episodes.origin[:, 0].argsort()[: env.num_envs]  # of each environment, in their order
    assert torch.equal(episodes.origin[first, 0], torch.arange(env.num_envs))
    sampler = UniformSampler(UniformSamplerCfg(segment_length=fragment_length, recent_steps=None))
    fragments = sampler(env.recorder, None, num_episodes, torch.Generator().manual_seed(0))[:, 0]
    return episodes[first], fragments


def preferred(rater: Rater, first: Segments, second: Segments) -> Tensor:
    """Return the share of each choice that is for the first; ties and skips count one half. Shape: (N,)."""
    answers = ask(rater, Queries.of(Segments.stack([first, second], dim=1))).answers
    return torch.where(answers.answered, answers.choice[:, 0], 0.5)


def shuffled(episodes: Segments, drawn: torch.Generator) -> Segments:
    """Bring episodes into a random order."""
    return episodes[torch.randperm(len(episodes), generator=drawn)]


def worst(rater: Rater, first: Segments, second: Segments, num_policies: int, drawn: torch.Generator) -> float:
    """Return the least share in which `first` is preferred to one of the policies that took turns in `second`.

    Args:
        rater: The judge.
        first: Episodes of one side. Batch shape: (N,).
        second: Those of the other, episode i by policy i modulo their number. Batch shape: (M,).
        num_policies: Of the other side, at most M.
        drawn: Draws which of a policy's episodes is met.
    """
    rows = torch.arange(len(first)).repeat(num_policies)
    policy = torch.arange(num_policies).repeat_interleave(len(first))
    turn = (torch.rand(len(rows), generator=drawn) * (len(second) // num_policies)).long()
    wins = preferred(rater, first[rows], second[policy + num_policies * turn])
    return float(wins.view(num_policies, len(first)).mean(1).min())
