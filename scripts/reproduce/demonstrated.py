"""Recorded behaviour of several qualities, so that reward models can be compared without a training."""

import numpy as np
import torch
from head_to_head import Judge, envs_and_rater

from prefgym import raters
from prefgym.common.spaces import single_spaces
from prefgym.core.queries import Queries
from prefgym.core.scores import PartialReturn
from prefgym.core.segments import Segments
from prefgym.demos.policies import make_policies
from prefgym.rewards.ensemble import Ensemble
from prefgym.samplers.uniform import UniformSampler, UniformSamplerCfg
from prefgym.wrappers.preference import PreferenceVectorEnv


def demonstrated(env_id: str, seed: int, num_envs: int = 32, num_steps: int = 500) -> PreferenceVectorEnv:
    """Record demonstrators of several qualities, which say how many steps have a trained policy's action.

    Half of the environments have the medium policy, half the expert. Of each, the first one acts at random, the last
    one is never disturbed, and the shares between are evenly spaced.

    Args:
        env_id: Environment with experts.
        seed: Seed of the environments and of the random actions.
        num_envs: Environments.
        num_steps: Steps in each.

    Returns:
        The environments, whose recorder has the steps with their task reward.
    """
    env, _ = envs_and_rater(Judge(env_id, "oracle", raters.cfg("oracle")), num_envs)
    (_, space), generator = single_spaces(env), np.random.default_rng(seed)
    act = make_policies(env_id, ("medium", "expert"), space)
    quality = np.linspace(0, 1, num_envs // 2).repeat(2)[:, None]
    obs, _ = env.reset(seed=seed)
    begins = np.ones(num_envs, np.bool_)
    for _ in range(num_steps):
        action = act(obs, begins)
        disturbed = generator.random((num_envs, 1)) >= quality
        action = np.where(disturbed, generator.uniform(space.low, space.high, action.shape), action)
        obs, _, terminated, truncated, _ = env.step(action.astype(np.float32))
        begins = terminated | truncated
    return env


def queries_of(env: PreferenceVectorEnv, num_queries: int, num_options: int, seed: int) -> Queries:
    """Sample queries of segments of 50 steps uniformly from all recorded steps."""
    sampler = UniformSampler(UniformSamplerCfg(num_options=num_options, recent_steps=None))
    return Queries.of(sampler(env.recorder, None, num_queries, torch.Generator().manual_seed(seed)))


def accuracy_on(learner: Ensemble, pairs: Segments) -> float:
    """Return the share of pairs that a reward model puts in the order of the task return. Batch shape: (B, 2)."""
    predicted, true = learner.score(pairs.without_truth()).mean(0), PartialReturn()(pairs)
    return float((predicted.argmax(-1) == true.argmax(-1)).double().mean())
