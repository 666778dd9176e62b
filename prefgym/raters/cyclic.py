"""A rater whose preferences go round in a circle, so that no score can stand for them."""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from prefgym.networks import RunningNorm
from prefgym.preferences import Answers, Preferences, RaterInfo
from prefgym.queries import Queries
from prefgym.raters.factors import choose, factor_sums
from prefgym.raters.prompt import PromptRater, in_words
from prefgym.states import State


@dataclass(frozen=True, kw_only=True)
class CyclicRaterCfg:
    """A rater who sorts segments by what is outstanding in them; each class beats the next one in a circle."""

    factors: str = ""
    """Factors of the task reward, at least three, separated by commas; all of the task, in its ranking, unless said. A
    minus turns one round: `forward,ctrl,-forward`."""


class CyclicRater(PromptRater):
    """Answer by classes in a circle, and within a class by what is outstanding in it."""

    def __init__(
        self, cfg: CyclicRaterCfg | None = None, *, factor_names: Sequence[str] = (), ranking: Sequence[str] = ()
    ) -> None:
        """Arrange the factors.

        Args:
            cfg: Which factors.
            factor_names: What the task's segments carry.
            ranking: The task's own ranking of these.

        Raises:
            ValueError: If there are fewer than three, one is named twice, or the task has not got it.
        """
        super().__init__()
        self.cfg = cfg or CyclicRaterCfg()
        self.factors = choose(self.cfg.factors, factor_names, ranking, signed=True)
        if len(self.factors) < 3:
            raise ValueError(f"a circle takes three factors, and there are {len(self.factors)}")
        self._info = RaterInfo(name="cyclic", settings={**in_words(self.cfg), "factors": list(self.factors)})
        self._shown = RunningNorm(len(self.factors))

    def __call__(self, queries: Queries) -> Preferences:
        """Answer at once; means and deviations are those of all segments shown so far, these included.

        Raises:
            ValueError: If the queries lack a factor, or one is not finite.
        """
        sums = factor_sums(queries.options, self.factors)
        if len(queries):
            self._shown.update(sums)
        standing = (sums - self._shown.mean) / self._shown.var.sqrt().clamp_min(1e-12)
        return Preferences.of(queries, Answers.of_best(most_wins(standing)), self._info)

    def state_dict(self) -> State:
        """Return all that moves, once what was submitted is collected."""
        return self._shown.state_dict()

    def load_state_dict(self, state: State) -> None:
        """Go on from what `state_dict` returned."""
        self._shown.load_state_dict(dict(state))


def beats(standing: Tensor) -> Tensor:
    """Compare all options with each other.

    The class of a segment is the factor in which it stands out most. Class f beats class f + 1, the last one the first;
    other classes are alike; within a class the higher standing wins.

    Args:
        standing: Deviations from the mean. Shape: (..., K, F).

    Returns:
        Whether the first option beats the second. Shape: (..., K, K), bool.
    """
    height, kind = standing.max(-1)
    ahead = (kind.unsqueeze(-2) - kind.unsqueeze(-1)) % standing.shape[-1]
    return (ahead == 1) | ((ahead == 0) & (height.unsqueeze(-1) > height.unsqueeze(-2)))


def most_wins(standing: Tensor) -> Tensor:
    """Find the options that beat the most others; in a full circle, all. Shape: (..., K, F) to (..., K), bool."""
    wins = beats(standing).sum(-1)
    return wins == wins.amax(-1, keepdim=True)
