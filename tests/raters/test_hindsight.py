"""The hindsight rater judges by what came of a segment."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from prefgym import raters
from prefgym.queries import Queries
from prefgym.raters.hindsight import HindsightRater, HindsightRaterCfg
from prefgym.testing import example_segments

STATE = torch.randn(20, 3, 7, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
SEGMENTS = replace(example_segments(20, 3, num_steps=6), state=STATE)


class Nobody:
    """A policy."""

    def predict(self, observation: Any, /, *, deterministic: bool = False) -> tuple[Any, Any]:  # noqa: ANN401
        """Never asked here."""
        raise NotImplementedError


class Ahead:
    """What follows pays the numbers of the state, one a step."""

    def __init__(self, reward: Any) -> None:  # noqa: ANN401
        self.reward = reward

    def discounted(self, gamma: float) -> Any:  # noqa: ANN401
        """Return sum_h gamma^h r_h."""
        return (self.reward * gamma ** np.arange(self.reward.shape[1])).sum(-1)


class Worlds:
    """A simulator that remembers who acted."""

    def __init__(self) -> None:
        self.acted: Any = None

    def play_on(self, state: Any, obs: Any, policy: Any, num_steps: int) -> Ahead:  # noqa: ANN401
        """Pay what the state says."""
        assert len(state) == len(obs)
        self.acted = policy
        return Ahead(state[:, :num_steps])


def test_a_segment_is_worth_what_came_of_it() -> None:
    """Its return, and what follows unless it terminated; for three options, all lengths."""
    rater = HindsightRater(HindsightRaterCfg(num_steps=3, gamma=0.5), policy=Nobody(), simulator=Worlds())
    by_hand: list[list[float]] = []
    for query in SEGMENTS:
        row: list[float] = []
        for x in query:
            assert x.reward is not None
            assert x.state is not None
            length = int(x.length)
            followed = sum(0.5**h * float(x.state[length, h]) for h in range(3))
            row.append(float(x.reward[:length].sum()) + (0.0 if x.terminated else followed))
        by_hand.append(row)
    assert SEGMENTS.terminated.any()
    torch.testing.assert_close(rater.score(SEGMENTS), torch.tensor(by_hand, dtype=torch.float64), rtol=1e-6, atol=1e-6)
    chosen = rater(Queries.of(SEGMENTS)).answers.choice.argmax(-1).tolist()
    assert chosen == [row.index(max(row)) for row in by_hand]


def test_who_acts_is_a_setting() -> None:
    """The policy that is trained, or the expert."""
    current, expert, worlds = Nobody(), Nobody(), Worlds()
    for cfg, wanted in ((HindsightRaterCfg(), current), (HindsightRaterCfg(policy="expert"), expert)):
        HindsightRater(cfg, expert=expert, policy=current, simulator=worlds).score(SEGMENTS)
        assert worlds.acted is wanted


def test_what_cannot_be_gone_on_from_is_refused() -> None:
    """Each with a sentence that says why."""
    with pytest.raises(ValueError, match="go on under the expert policy, and there is none"):
        raters.make("hindsight", policy="expert")
    with pytest.raises(ValueError, match="needs recorded physics states of prefgym's own worlds"):
        HindsightRater(policy=Nobody())
    rater = HindsightRater(policy=Nobody(), simulator=Worlds())
    with pytest.raises(ValueError, match="these segments carry none"):
        rater(Queries.of(replace(SEGMENTS, state=None)))
    with pytest.raises(ValueError, match="num_steps must be 1 or more"):
        HindsightRaterCfg(num_steps=0)
