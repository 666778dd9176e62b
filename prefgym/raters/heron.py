"""HERON (Bukharin et al., arXiv:2309.02632): of ranked concerns, the first that tells the options apart decides."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import torch
from torch import Tensor

from prefgym.guards import check_finite
from prefgym.limits import NonNegative, check
from prefgym.preferences import Answers, Preferences, RaterInfo
from prefgym.queries import Queries
from prefgym.raters.prompt import PromptRater
from prefgym.segments import Segments
from prefgym.states import State

_ALSO_CALLED = {"control": "ctrl"}


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


class HeronRater(PromptRater):
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
        told = [name.strip() for name in self.cfg.ranking.split(",")] if self.cfg.ranking else list(ranking)
        self.ranking = tuple(resolve(name, factor_names) for name in told)
        if not self.ranking:
            raise ValueError("rater 'heron' ranks factors of the task reward, and this environment tells none")
        if len(set(self.ranking)) < len(self.ranking):
            raise ValueError(f"the ranking {','.join(told)} names a factor twice")
        if len(self.cfg.tolerances) not in (1, len(self.ranking)):
            raise ValueError(f"{len(self.cfg.tolerances)} tolerances do not fit {len(self.ranking)} factors")
        self.tolerances = torch.tensor(self.cfg.tolerances, dtype=torch.float64).expand(len(self.ranking))
        self._info = RaterInfo(name="heron", settings={**asdict(self.cfg), "ranking": list(self.ranking)})
        # number, mean and sum of squared deviations of what was shown so far
        self._count = torch.zeros((), dtype=torch.float64)
        self._mean, self._m2 = torch.zeros(2, len(self.ranking), dtype=torch.float64)

    def __call__(self, queries: Queries) -> Preferences:
        """Answer at once; deviations are those of all segments shown so far, these included.

        Raises:
            ValueError: If the queries lack a factor, or one is not finite.
        """
        sums = factor_sums(queries.options, self.ranking)
        self._take_in(sums)
        deviations = (self._m2 / self._count).sqrt()
        share = compare(sums, self.tolerances * deviations)
        status = torch.zeros(len(queries), dtype=torch.long)
        answers = Answers(status=status, choice=share.float(), tie=(share > 0).all(-1))
        return Preferences.of(queries, answers, self._info)

    def _take_in(self, sums: Tensor) -> None:
        """Update the statistics by the parallel form of Welford's method (Chan, Golub, LeVeque, 1979)."""
        values = sums.flatten(0, -2)
        if not len(values):
            return
        total = self._count + len(values)
        delta = values.mean(0) - self._mean
        # M2 = M2_a + M2_b + delta^2 n_a n_b / (n_a + n_b)
        self._m2 = self._m2 + values.var(0, correction=0) * len(values) + delta**2 * self._count * len(values) / total
        self._mean = self._mean + delta * len(values) / total
        self._count = total

    def state_dict(self) -> State:
        """Return all that moves, once what was submitted is collected."""
        return {"count": self._count, "mean": self._mean, "m2": self._m2}

    def load_state_dict(self, state: State) -> None:
        """Go on from what `state_dict` returned."""
        self._count, self._mean, self._m2 = state["count"], state["mean"], state["m2"]


def resolve(name: str, factor_names: Sequence[str]) -> str:
    """Find the factor that a name means.

    >>> resolve("control", ["reward_forward", "reward_ctrl"]), resolve("distance", ["distance_penalty"])
    ('reward_ctrl', 'distance_penalty')

    Raises:
        ValueError: If there is none.
    """
    short = {factor.removeprefix("reward_").removesuffix("_penalty"): factor for factor in factor_names}
    known = {factor: factor for factor in factor_names} | short
    found = known.get(name) or known.get(_ALSO_CALLED.get(name, name))
    if found is None:
        raise ValueError(f"there is no factor {name!r}: the task has {', '.join(short) or 'none'}")
    return found


def factor_sums(segments: Segments, names: Sequence[str]) -> Tensor:
    """Sum factors over the valid steps. Shape: (..., F).

    Raises:
        ValueError: If one is not there, or not finite.
    """
    if missing := [name for name in names if name not in segments.factors]:
        raise ValueError(f"the segments carry no factor {missing[0]!r}; they may have lost it in without_truth()")
    factors = torch.stack([segments.factors[name] for name in names], -1).cpu().double()
    sums = factors.masked_fill(~segments.mask.cpu().unsqueeze(-1), 0.0).sum(-2)
    check_finite("a factor of the task reward shown to rater 'heron'", sums)
    return sums


def compare(sums: Tensor, tolerances: Tensor) -> Tensor:
    """Let the options compete in one factor after the other; each keeps those that come close to its best.

    For two options: the first factor in which they differ by more than its tolerance decides (Algorithm 1); if there is
    none, they are alike.

    Args:
        sums: Shape: (B, K, F), the most important factor first.
        tolerances: In units of the factors. Shape: (F,).

    Returns:
        Equal shares for those that are left. Shape: (B, K).
    """
    left = torch.ones(sums.shape[:-1], dtype=torch.bool)
    for values, tolerance in zip(sums.unbind(-1), tolerances):
        best = values.masked_fill(~left, -torch.inf).amax(-1, keepdim=True)
        left &= values >= best - tolerance
    return left / left.sum(-1, keepdim=True)
