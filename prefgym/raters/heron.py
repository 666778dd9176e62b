"""HERON (Bukharin et al., arXiv:2309.02632): of ranked concerns, the first that tells the options apart decides."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from prefgym.common.limits import NonNegative, check
from prefgym.common.states import State
from prefgym.core.preferences import Answers, Preferences, RaterInfo
from prefgym.core.queries import Queries
from prefgym.nn.normalisation import RunningNorm
from prefgym.raters.factors import choose, factor_sums
from prefgym.raters.immediate import ImmediateRater, in_words


@dataclass(frozen=True, kw_only=True)
class HeronRaterCfg:
    """A rater who ranks concerns, and looks at the next one only where the options are alike in the last.

    Raises:
        ValueError: If a tolerance is negative, or there are neither one nor as many as ranked factors.
    """

    ranking: str = ""
    """Factors of the task reward, the most important first, separated by commas: `forward,survive,control`; the ranking
    of the task unless said."""
    tolerances: tuple[NonNegative, ...] = (0.2,)
    """Differences in a factor that do not count, in its running standard deviations: one for all, or one each."""

    __post_init__ = check


class HeronRater(ImmediateRater):
    """Answer by ranked factors."""

    def __init__(
        self,
        cfg: HeronRaterCfg | None = None,
        *,
        factor_names: Sequence[str] = (),
        ranking: Sequence[str] = (),
    ) -> None:
        """Rank the factors.

        Args:
            cfg: The ranking, and how alike is alike.
            factor_names: What the task's segments carry.
            ranking: The task's own ranking of these.

        Raises:
            ValueError: If the ranking is empty, names a factor twice or one that the task has not, or the number of
                tolerances fits neither.
        """
        super().__init__()
        self.cfg = cfg or HeronRaterCfg()
        self.ranking = choose(self.cfg.ranking, factor_names, ranking)
        if len(self.cfg.tolerances) not in (1, len(self.ranking)):
            raise ValueError(f"{len(self.cfg.tolerances)} tolerances do not fit {len(self.ranking)} factors")
        self.tolerances = torch.tensor(self.cfg.tolerances, dtype=torch.float64).expand(len(self.ranking))
        self._info = RaterInfo(name="heron", settings={**in_words(self.cfg), "ranking": list(self.ranking)})
        self._shown = RunningNorm(len(self.ranking))

    def __call__(self, queries: Queries) -> Preferences:
        """Answer at once; deviations are those of all segments shown so far, these included.

        Raises:
            ValueError: If the queries lack a factor, or one is not finite.
        """
        sums = factor_sums(queries.options, self.ranking)
        if len(queries):
            self._shown.update(sums)
        answers = Answers.of_best(compare(sums, self.tolerances * self._shown.var.sqrt()))
        return Preferences.of(queries, answers, self._info)

    def state_dict(self) -> State:
        """Return the state to resume from, once what was submitted is collected."""
        return self._shown.state_dict()

    def load_state_dict(self, state: State) -> None:
        """Go on from what `state_dict` returned."""
        self._shown.load_state_dict(dict(state))


def compare(sums: Tensor, tolerances: Tensor) -> Tensor:
    """Let the options compete in one factor after the other; each keeps those that come close to its best.

    For two options: the first factor in which they differ by more than its tolerance decides (Algorithm 1); if there is
    none, they are alike.

    Args:
        sums: Shape: (B, K, F), the most important factor first.
        tolerances: In units of the factors. Shape: (F,).

    Returns:
        Those that are left. Shape: (B, K), bool.
    """
    left = torch.ones(sums.shape[:-1], dtype=torch.bool)
    for values, tolerance in zip(sums.unbind(-1), tolerances):
        best = values.masked_fill(~left, -torch.inf).amax(-1, keepdim=True)
        left &= values >= best - tolerance
    return left
