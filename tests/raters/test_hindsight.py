"""The hindsight rater judges by what came of a segment: real envs, and Gymnasium's own as the slow reference."""

from dataclasses import replace
from typing import Any

import gymnasium as gym
import mujoco
import numpy as np
import pytest
import torch

from prefgym import raters
from prefgym.core.queries import Queries
from prefgym.core.segments import Segments
from prefgym.envs import TASKS, expert
from prefgym.raters.hindsight import HindsightRater, HindsightRaterCfg
from prefgym.sim.continuation import Simulator
from prefgym.sim.render import STATE_SPEC

HOPPER = "prefgym/Hopper-v0"
CFG = HindsightRaterCfg(num_steps=12, gamma=0.9)


@pytest.fixture(scope="module")
def segments() -> Segments:
    """Let hoppers play at random, and draw 5 queries of 3 options, some of which terminate."""
    env: Any = gym.make_vec(HOPPER, 4, num_threads=1, autoreset_mode="SameStep")
    env.reset(seed=0)
    env.action_space.seed(0)
    for _ in range(60):
        env.step(env.action_space.sample())
    starts = env.recorder.starts(6)
    chosen = torch.randint(len(starts), (5, 3), generator=torch.Generator().manual_seed(1))
    drawn = env.recorder.segments(starts[chosen], 6)
    assert drawn.terminated.any()
    assert not drawn.terminated.all()
    return drawn


def simulator() -> Simulator:
    """Make environments for 4 hoppers."""
    return Simulator(TASKS["Hopper"], num_worlds=4, num_threads=1)


def slow_score(segment: Segments, policy: Any, num_steps: int, gamma: float) -> float:  # noqa: ANN401
    """Sum up a segment, and what Gymnasium's hopper is rewarded when it is put to the last state and goes on."""
    assert segment.reward is not None
    assert segment.state is not None
    length = int(segment.length)
    total = float(segment.reward[:length].sum())
    if segment.terminated:
        return total
    env: Any = gym.make("Hopper-v5").unwrapped
    env.reset(seed=0)
    mujoco.mj_setState(env.model, env.data, segment.state[length].numpy(), STATE_SPEC)  # pyright: ignore[reportAttributeAccessIssue]
    obs = segment.obs[length].numpy()
    for step in range(num_steps):
        action, _ = policy.predict(obs[None].astype(np.float32), deterministic=True)
        obs, reward, terminated, _, _ = env.step(action[0])
        total += gamma**step * reward
        if terminated:
            break
    env.close()
    return total


@pytest.mark.parametrize("who", ["expert", "current"])
def test_a_segment_is_worth_what_came_of_it(who: Any, segments: Segments) -> None:  # noqa: ANN401
    """Under the expert, or under the policy that is trained, which is the medium one here."""
    policies = {"expert": expert(HOPPER), "current": expert(HOPPER, "medium")}
    cfg = replace(CFG, policy=who)
    made = HindsightRater(cfg, expert=policies["expert"], policy=policies["current"], simulator=simulator())
    by_hand = [[slow_score(x, policies[who], cfg.num_steps, cfg.gamma) for x in query] for query in segments]
    torch.testing.assert_close(made.score(segments), torch.tensor(by_hand, dtype=torch.float64), rtol=1e-5, atol=1e-5)
    chosen = made(Queries.of(segments)).answers.choice.argmax(-1).tolist()
    assert chosen == [row.index(max(row)) for row in by_hand]


def test_what_comes_of_it_can_change_the_answer(segments: Segments) -> None:
    """Not in every query, but in some."""
    made = HindsightRater(HindsightRaterCfg(num_steps=200), policy=expert(HOPPER), simulator=simulator())
    assert segments.reward is not None
    assert (made.score(segments).argmax(-1) != segments.reward.sum(-1).argmax(-1)).any()


def test_what_cannot_be_gone_on_from_is_refused(segments: Segments) -> None:
    """Each with a sentence that says why."""
    with pytest.raises(ValueError, match="go on under the expert policy, and there is none"):
        raters.make("hindsight", policy="expert")
    with pytest.raises(ValueError, match="needs recorded physics states of prefgym's own environments"):
        HindsightRater(policy=expert(HOPPER))
    rater = HindsightRater(policy=expert(HOPPER), simulator=simulator())
    with pytest.raises(ValueError, match="these segments carry none"):
        rater(Queries.of(replace(segments, state=None)))
    with pytest.raises(ValueError, match="num_steps must be 1 or more"):
        HindsightRaterCfg(num_steps=0)
