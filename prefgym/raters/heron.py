"""HERON (Bukharin et al., arXiv:2309.02632): the first of ranked factors that distinguishes the options decides."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from prefgym.common.limits import NonNegative, check
from prefgym.common.states import State
from prefgym.core.preferences import Comparison, Preferences, RaterInfo
from prefgym.core.queries import Queries
from prefgym.nn.normalisation import RunningNorm
from prefgym.raters.factors import choose, factor_sums
from prefgym.raters.immediate import ImmediateRater, in_words


@dataclass(frozen=True, kw_only=True)
class HeronRaterCfg:
    """A rater that compares ranked factors, each only if the options tie in all factors before it.

    Raises:
        ValueError: If a tolerance is negative, or there are neither one nor one per ranked factor.
    """

    ranking: str = ""
    """Factors of the task reward, the most important first, separated by commas: `forward,survive,control`; by default
    the ranking of the task."""
    tolerances: tuple[NonNegative, ...] = (0.2,)
    """Largest difference in a factor that counts as a tie, in running standard deviations: one for all, or one each."""

    __post_init__ = check


class HeronRater(ImmediateRater):
    """A rater that answers by ranked factors."""

    def __init__(
        self,
        cfg: HeronRaterCfg | None = None,
        *,
        factor_names: Sequence[str] = (),
        ranking: Sequence[str] = (),
    ) -> None:
        """Rank the factors.

        Args:
            cfg: Ranking and tolerances.
            factor_names: Factors of the task's segments.
            ranking: The task's own ranking of the factors.

        Raises:
            ValueError: If the ranking is empty, or has a factor twice or one that is not in the task, or the number of
                tolerances is neither one nor that of the factors.
        """
        super().__init__()
        self.cfg = cfg or HeronRaterCfg()
        self.ranking = choose(self.cfg.ranking, factor_names, ranking)
        if len(self.cfg.tolerances) not in (1, len(self.ranking)):
            raise ValueError(
                f"{len(self.cfg.tolerances)} tolerances do not fit {len(self.ranking)} factors: give one, or one each"
            )
        self.tolerances = torch.tensor(self.cfg.tolerances, dtype=torch.float64).expand(len(self.ranking))
        self._info = RaterInfo(name="heron", settings={**in_words(self.cfg), "ranking": list(self.ranking)})
        self._shown = RunningNorm(len(self.ranking))

    def __call__(self, queries: Queries) -> Preferences:
        """Answer at once; running deviations include these queries.

        Raises:
            ValueError: If the queries lack a factor, or one is not finite.
        """
        sums = factor_sums(queries.options, self.ranking)
        if len(queries):
            self._shown.update(sums)
        answers = Comparison.of_best(compare(sums, self.tolerances * self._shown.var.sqrt()))
        return Preferences.of(queries, answers, self._info)

    def state_dict(self) -> State:
        """Return the state to resume from; first collect the submitted queries."""
        return self._shown.state_dict()

    def load_state_dict(self, state: State) -> None:
        """Resume from a state that `state_dict` returned."""
        self._shown.load_state_dict(dict(state))


def compare(sums: Tensor, tolerances: Tensor) -> Tensor:
    """Compare options factor by factor; each factor keeps the options within its tolerance of the best.

    For two options: the first factor in which they differ by more than its tolerance decides (Algorithm 1); if there is
    none, they tie.

    Args:
        sums: Shape: (B, K, F), the most important factor first.
        tolerances: In units of the factors. Shape: (F,).

    Returns:
        The options that remain. Shape: (B, K), bool.
    """
    left = torch.ones(sums.shape[:-1], dtype=torch.bool)
    for values, tolerance in zip(sums.unbind(-1), tolerances):
        best = values.masked_fill(~left, -torch.inf).amax(-1, keepdim=True)
        left &= values >= best - tolerance
    return left
