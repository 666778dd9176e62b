"""Foresight: judge a segment together with a prediction of what follows (Liang et al., arXiv:2501.08617).

This is the baseline of RLHS; `hindsight` simulates what follows instead. The prediction is an expert's value of the
last state: the future under a policy that the rater trusts, by one observation alone, whatever the agent would do.
"""

from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from prefgym.core.protocols import Expert
from prefgym.core.scores import PartialReturn
from prefgym.core.segments import Segments
from prefgym.raters.immediate import require_reward
from prefgym.raters.scoring import ScoringRater, ScoringRaterCfg


@dataclass(frozen=True, kw_only=True)
class ForesightRaterCfg(ScoringRaterCfg):
    """A rater that judges by what it sees and what it expects to follow."""

    expert_file: Path | None = None
    """File of the expert whose values are the predictions, with or without its ending; by default that of the task."""


class ForesightRater(ScoringRater):
    """A rater that answers by the return of segments and a prediction of the return that follows."""

    def __init__(
        self,
        cfg: ForesightRaterCfg | None = None,
        *,
        seed: int = 0,
        expert: Expert | None = None,
        has_reward: bool = True,
    ) -> None:
        """Store the expert.

        Args:
            cfg: File of the expert, and temperature of the choice.
            seed: Seed of its own random number generator.
            expert: The expert whose values are the predictions.
            has_reward: Whether there is a task reward to judge by.

        Raises:
            ValueError: If there is no task reward or no expert.
        """
        self.cfg = cfg or ForesightRaterCfg()
        super().__init__("foresight", self.cfg, seed=seed, judged="the return predicted by rater 'foresight'")
        require_reward(has_reward)
        if expert is None:
            raise ValueError("it predicts by an expert's values, and there is no expert for this environment")
        self.expert = expert

    def score(self, segments: Segments) -> Tensor:
        """Return sum_t r_t + V(s_L), where V is 0 after a termination. Shape: that of the batch.

        Raises:
            ValueError: If the segments carry no task reward.
        """
        segments = segments.map(Tensor.cpu)  # the device of the expert
        _, last = segments.ends(segments.obs)
        predicted = self.expert.value(last).double()
        return PartialReturn()(segments) + predicted.masked_fill(segments.terminated, 0.0)
