"""Who is preferred to whom: episodes of policies, and what a rater says of them."""

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from prefgym.cli.flags import parse_train
from prefgym.core.queries import Queries
from prefgym.core.segments import Segments
from prefgym.rl.policy_runner import Act
from prefgym.samplers.uniform import UniformSampler, UniformSamplerCfg
from prefgym.training.annotate import ask
from prefgym.training.config import TrainCfg
from prefgym.training.envs import make_training_env
from prefgym.training.raters import make_rater
from prefgym.wrappers.preference import PreferenceVectorEnv


def envs_and_rater(flags: Sequence[str], num_envs: int) -> tuple[TrainCfg, PreferenceVectorEnv, Any]:
    """Make environments that record what happens in them, and who judges it."""
    config = parse_train([*flags, "--agent.num-envs", str(num_envs), "--recorder.no-state", "--threads", "1"])
    env = cast(PreferenceVectorEnv, make_training_env(config))
    told = config.rater, config.rater_cfg, config.env, env, env.recorder
    return config, env, make_rater(*told, policy=None, num_threads=1, seed=0)


def play(flags: Sequence[str], act: Act, num_episodes: int, fragment_length: int) -> tuple[Segments, Segments]:
    """Play an episode in each of as many worlds.

    Args:
        flags: Of `prefgym train`: where, and who may look.
        act: Who acts.
        num_episodes: N.
        fragment_length: Steps of a fragment.

    Returns:
        The episodes, and as many fragments, drawn as queries are from all steps until the last of them has ended. Batch
        shapes: (N,).
    """
    # 1000 steps an env, and a last observation of each episode: who ends early goes on until all have ended once
    room = ["--recorder.capacity-steps", str(num_episodes * 2002)]
    _, env, _ = envs_and_rater([*flags, *room], num_envs=num_episodes)
    obs, _ = env.reset(seed=0)
    running = ended = np.ones(env.num_envs, np.bool_)
    while running.any():
        obs, _, terminated, truncated, _ = env.step(act(obs, ended))
        ended = terminated | truncated
        running = running & ~ended
    episodes = env.recorder.episodes(1000)  # alike long, so that they can be shown beside each other
    assert episodes.origin is not None  # a recorder knows where its segments come from
    first = episodes.origin[:, 0].argsort()[: env.num_envs]  # of each environment, in their order
    assert torch.equal(episodes.origin[first, 0], torch.arange(env.num_envs))
    sampler = UniformSampler(UniformSamplerCfg(segment_length=fragment_length, recent_steps=None))
    fragments = sampler(env.recorder, None, num_episodes, torch.Generator().manual_seed(0))[:, 0]
    return episodes[first], fragments


def preferred(rater: Any, first: Segments, second: Segments) -> Tensor:  # noqa: ANN401
    """Say how much of each choice is for the first. Shape: (N,)."""
    answers = ask(rater, Queries.of(Segments.stack([first, second], dim=1))).answers
    return torch.where(answers.answered, answers.choice[:, 0], 0.5)


def shuffled(episodes: Segments, drawn: torch.Generator) -> Segments:
    """Draw an order."""
    return episodes[torch.randperm(len(episodes), generator=drawn)]


def worst(rater: Any, first: Segments, second: Segments, num_policies: int, drawn: torch.Generator) -> float:  # noqa: ANN401
    """Return the least share in which `first` is preferred to one of the policies that took turns in `second`.

    Args:
        rater: Who judges.
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
