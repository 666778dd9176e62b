"""Who is preferred to whom."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from head_to_head import Judge, play, preferred, shuffled, worst

from prefgym import raters
from prefgym.core.segments import Segments


def rewarded(returns: Sequence[float]) -> Segments:
    """Make episodes of one step that is rewarded so much."""
    seen, ended = torch.zeros(len(returns), 1), torch.zeros(len(returns), dtype=torch.bool)
    return replace(Segments.of_steps(seen, seen, seen, ended, ended), reward=torch.tensor(returns)[:, None])


def test_ties_count_one_half() -> None:
    told = preferred(raters.make("oracle"), rewarded([1.0, 1.0, 1.0]), rewarded([0.0, 1.0, 2.0]))
    assert told.tolist() == [1.0, 0.5, 0.0]


def test_the_worst_match_by_hand() -> None:
    """Returns of 1 against those of three policies, in turn: the least share over the three counts."""
    drawn, rater = torch.Generator().manual_seed(0), raters.make("oracle")
    for three, expected in (((0, 2, 0), 0.0), ((0, 0, 0), 1.0), ((2, 2, 2), 0.0), ((1, 0, 0), 0.5)):
        assert worst(rater, rewarded([1.0] * 40), rewarded([float(x) for x in three] * 5), 3, drawn) == expected


def test_an_order_has_all_episodes_once() -> None:
    order = shuffled(rewarded([1.0, 2.0, 3.0, 4.0]), torch.Generator().manual_seed(0)).reward
    assert order is not None
    assert sorted(order.flatten().tolist()) == [1.0, 2.0, 3.0, 4.0] != order.flatten().tolist()


def test_whole_episodes_are_played_one_in_each_env() -> None:
    """Actions of 0 in environment 0, and of 1 in environment 1, cost nothing and 0.1 x 6 a step."""
    reach = np.arange(2.0)[:, None]
    judge = Judge("prefgym/HalfCheetah-v0", "oracle", raters.cfg("oracle"))
    episodes, fragments = play(judge, lambda obs, _: reach * np.ones((len(obs), 6)), 2, 50)
    assert episodes.batch_shape == (2,) and episodes.length.tolist() == [1000, 1000]
    assert torch.allclose(episodes.factors["reward_ctrl"].sum(-1), torch.tensor([0.0, -600.0]), atol=0.1)
    assert fragments.batch_shape == (2,) and fragments.length.tolist() == [50, 50]
    assert set(fragments.factors["reward_ctrl"].sum(-1).round().tolist()) <= {0.0, -30.0}
