"""Recorded demonstrators of several qualities."""

import torch
from demonstrated import accuracy_on, demonstrated, queries_of

from prefgym.core.scores import PartialReturn
from prefgym.core.segments import Segments
from prefgym.rewards.ensemble import Ensemble, EnsembleCfg


def test_demonstrators_differ_in_quality() -> None:
    """The second half of the environments, which are seldom disturbed, has the higher rewards; seeds differ."""
    env = demonstrated("prefgym/HalfCheetah-v0", seed=0, num_envs=8, num_steps=60)
    queries = queries_of(env, 200, 2, seed=0)
    origin, returns = queries.options.origin, PartialReturn()(queries.options)
    assert origin is not None
    assert queries.options.num_steps == 50
    good = origin[..., 0] >= 4
    assert float(returns[good].mean()) > float(returns[~good].mean()) + 10
    again, other = (demonstrated("prefgym/HalfCheetah-v0", seed, num_envs=8, num_steps=60) for seed in (0, 1))
    assert torch.equal(queries_of(again, 20, 2, seed=0).options.obs, queries_of(env, 20, 2, seed=0).options.obs)
    assert not torch.equal(queries_of(other, 20, 2, seed=0).options.obs, queries_of(env, 20, 2, seed=0).options.obs)


def test_accuracy_is_the_share_of_pairs_in_the_right_order() -> None:
    """A model with the opposite of a reward is right where that one is wrong."""
    env = demonstrated("prefgym/HalfCheetah-v0", seed=0, num_envs=2, num_steps=60)
    pairs: Segments = queries_of(env, 100, 2, seed=0).options
    learner = Ensemble(EnsembleCfg(hidden=(4,), num_members=1), env)
    right = accuracy_on(learner, pairs)
    last = [name for name in learner.weights() if name.startswith(("weights", "biases"))]
    opposite = {
        name: -value if name in last and value.shape[-1] == 1 else value for name, value in learner.weights().items()
    }
    learner.load_weights(opposite)
    assert 0 < right < 1
    assert accuracy_on(learner, pairs) == 1 - right
