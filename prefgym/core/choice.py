"""Choice models: how scores become choices."""

import math
from dataclasses import dataclass, replace

import torch
from torch import Generator, Tensor

from prefgym.common.limits import NonNegative, Share, check
from prefgym.core.preferences import Comparison


@dataclass(frozen=True, kw_only=True)
class BradleyTerryCfg:
    """The choice model: temperature, lapses, ties and skips.

    Raises:
        ValueError: If a value lies outside its range.
    """

    beta: NonNegative = 1.0
    """Inverse temperature, per unit of score; 0 chooses blindly, inf chooses the best without error."""
    lapse: Share = 0.0
    """Probability of naming one of the other options instead."""
    tie_margin: NonNegative = 0.0
    """A query is a tie if the scores of its options differ by less than this, in units of score."""
    skip_threshold: float = -math.inf
    """A query is skipped if its best option scores no more than this, in units of score."""
    soft: bool = False
    """Answers hold the probabilities of the options as shares of the choice, in the place of a sample."""

    __post_init__ = check


class BradleyTerry:
    """Choose among K options by a softmax over their scores.

    Reference: Eq. 1 of arXiv:1706.03741 for K = 2; lapses, ties and skips are those of B-Pref, arXiv:2111.03026.
    """

    def __init__(self, cfg: BradleyTerryCfg | None = None) -> None:
        self.cfg = cfg or BradleyTerryCfg()

    def probabilities(self, scores: Tensor) -> Tensor:
        """Return the probability of naming each option, lapses included. Shape: (..., B, K), like `scores`."""
        p = self._log_softmax(scores).exp()
        # P = (1 - lapse) p + lapse (1 - p) / (K - 1)
        return p + self.cfg.lapse * ((1.0 - p) / (scores.shape[-1] - 1) - p)

    def sample(self, scores: Tensor, generator: Generator, *, returns: Tensor | None = None) -> Comparison:
        """Sample choices.

        The order of operations is B-Pref's: skip, then choose, then lapse, and a tie overrides the choice.
        Each query takes the same random numbers whatever its outcome.

        Args:
            scores: Scores of the options. Shape: (B, K).
            generator: Source of the random numbers.
            returns: Scores for ties and skips, if they differ from `scores`. Shape: (B, K).

        Raises:
            ValueError: If a score is not finite.
        """
        returns = scores if returns is None else returns
        if not (torch.isfinite(scores).all() and torch.isfinite(returns).all()):
            raise ValueError("a score passed to the choice model is not finite")
        num_queries, num_options = scores.shape
        choosing, lapsing, other = torch.rand(3, num_queries, dtype=torch.float64, generator=generator)
        best, worst = returns.amax(-1), returns.amin(-1)
        skipped = best <= self.cfg.skip_threshold
        # the chosen option is the number of options whose cumulated probability lies at or below the sample
        below = self._log_softmax(scores.double()).exp().cumsum(-1)[:, :-1]
        chosen = (below <= choosing.unsqueeze(-1)).sum(-1)
        # a lapse steps 1 .. K-1 options further, cyclically
        step = 1 + (other * (num_options - 1)).long()
        chosen = torch.where(lapsing < self.cfg.lapse, (chosen + step) % num_options, chosen)
        tie = best - worst < self.cfg.tie_margin
        if math.isinf(self.cfg.beta):  # without error, options of exactly equal score tie
            tie |= scores.amax(-1) == scores.amin(-1)
        answers = Comparison.of(chosen, num_options, tie, skipped)
        if not self.cfg.soft:
            return answers
        shares = self.probabilities(scores.double()).to(answers.choice)
        shared = (answers.answered & ~answers.tie).unsqueeze(-1)
        return replace(answers, choice=torch.where(shared, shares, answers.choice))

    def log_prob(self, scores: Tensor, answers: Comparison) -> Tensor:
        """Return the log-likelihood of answers: the cross-entropy with their choice, 0 where there is no answer.

        Args:
            scores: Scores under any number of leading axes, such as the members of an ensemble. Shape: (..., B, K).
            answers: The choices; a tie counts as an equal share of every option.

        Returns:
            The log-likelihood of each answer. Shape: (..., B).
        """
        log_p = self._log_softmax(scores) if self.cfg.lapse == 0.0 else self.probabilities(scores).log()
        choice = answers.choice.to(log_p)
        return torch.where(choice > 0.0, choice * log_p, 0.0).sum(-1)  # 0 log 0 = 0

    def _log_softmax(self, scores: Tensor) -> Tensor:
        if math.isinf(self.cfg.beta):  # the limit: all on the best, shared if there are several
            best = scores == scores.amax(-1, keepdim=True)
            return torch.where(best, 0.0, -math.inf).to(scores).log_softmax(-1)
        return (self.cfg.beta * scores).log_softmax(-1)
