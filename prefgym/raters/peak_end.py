"""A rater that judges by the peak-end rule of human memory (Kahneman et al., 1993): the best step and the last one."""

from dataclasses import dataclass

from prefgym.common.limits import NonNegative, Share, check
from prefgym.core.choice import BradleyTerry, BradleyTerryCfg
from prefgym.core.preferences import Preferences, RaterInfo
from prefgym.core.queries import Queries
from prefgym.core.scores import PeakEnd
from prefgym.raters.immediate import SeededRater, in_words, require_reward


@dataclass(frozen=True, kw_only=True)
class PeakEndRaterCfg:
    """A rater that judges a whole segment by two of its steps, which no sum of per-step rewards can represent."""

    peak: Share = 0.5
    """Weight of the best step; the last one has the rest."""
    beta: NonNegative = float("inf")
    """Inverse temperature of the choice, per unit of reward; 0 chooses uniformly, inf without error."""

    __post_init__ = check


class PeakEndRater(SeededRater):
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
        super().__init__(seed)
        require_reward(has_reward)
        self.cfg = cfg or PeakEndRaterCfg()
        self._score, self._choice = PeakEnd(self.cfg.peak), BradleyTerry(BradleyTerryCfg(beta=self.cfg.beta))
        self._info = RaterInfo(name="peak-end", settings=in_words(self.cfg))

    def __call__(self, queries: Queries) -> Preferences:
        """Answer at once.

        Raises:
            ValueError: If the queries carry no task reward, or one that is not finite.
        """
        answers = self._choice.sample(self._score(queries.options).cpu(), self.generator)
        return Preferences.of(queries, answers, self._info)
