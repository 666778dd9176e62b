"""A rater that judges by the peak-end rule of human memory (Kahneman et al., 1993): the best step and the last one."""

from dataclasses import dataclass

from torch import Tensor

from prefgym.common.limits import Share
from prefgym.core.scores import PeakEnd
from prefgym.core.segments import Segments
from prefgym.raters.immediate import require_reward
from prefgym.raters.scoring import ScoringRater, ScoringRaterCfg


@dataclass(frozen=True, kw_only=True)
class PeakEndRaterCfg(ScoringRaterCfg):
    """A rater that judges a whole segment by two of its steps, which no sum of per-step rewards can represent."""

    peak: Share = 0.5
    """Weight of the best step; the last one has the rest."""


class PeakEndRater(ScoringRater):
    """A rater that answers by peak and end."""

    def __init__(self, cfg: PeakEndRaterCfg | None = None, *, seed: int = 0, has_reward: bool = True) -> None:
        """Seed the rater's generator.

        Args:
            cfg: Weight of the peak, and temperature of the choice.
            seed: Seed of its own random number generator.
            has_reward: Whether there is a task reward to judge by.

        Raises:
            ValueError: If there is none.
        """
        self.cfg = cfg or PeakEndRaterCfg()
        super().__init__("peak-end", self.cfg, seed=seed)
        require_reward(has_reward)

    def score(self, segments: Segments) -> Tensor:
        """Weigh the best step and the last one. Shape: that of the batch.

        Raises:
            ValueError: If the segments carry no task reward.
        """
        return PeakEnd(self.cfg.peak)(segments)
