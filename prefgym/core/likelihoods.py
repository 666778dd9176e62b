"""Likelihoods: how scores of segments become feedback of each kind. Raters sample them, learners differentiate them."""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Generic, TypeVar

import torch
from torch import Generator, Tensor
from torch.nn.functional import logsigmoid, softplus

from prefgym.core.kinds import Comparison, Mark, Ranking, Rating, Statement, Status, Thumbs

S = TypeVar("S", bound=Statement)

Parameters = Mapping[str, Tensor]
"""What is learned beside the scores, by name; under any leading axes of the scores, such as the members."""

FAR = 1e6
"""Stands for an infinite threshold, so that gradients stay finite."""


class Likelihood(ABC, Generic[S]):
    """The probability of statements of one kind about segments with scores.

    Args:
        beta: Inverse temperature, per unit of score; with infinity, statements are without error.
    """

    def __init__(self, beta: float = 1.0) -> None:
        self.beta = beta

    @abstractmethod
    def log_prob(self, scores: Tensor, statement: S, parameters: Parameters) -> Tensor:
        """Return the log-likelihood of statements, 0 where there is no answer.

        Args:
            scores: Scores under any leading axes. Shape: (..., B, K).
            statement: The statements.
            parameters: What `parameters` returned, learned since. Shapes: (..., n).

        Returns:
            Shape: (..., B).
        """

    def parameters(self, statement: S) -> dict[str, Tensor]:
        """Return what is learned beside the scores, at its best value for scores of 0. Shapes: (n,)."""
        del statement
        return {}

    @abstractmethod
    def hits(self, scores: Tensor, statement: S, parameters: Parameters) -> Tensor:
        """Return the share of each statement that is predicted, NaN where nothing can be. Shape: (..., B)."""

    @abstractmethod
    def event(self, scores: Tensor, statement: S, parameters: Parameters) -> tuple[Tensor, Tensor]:
        """Return the probability of an event, and whether it occurred: of calibration. Shapes: (..., B), (B,)."""

    def step_weight(self, statement: S, mask: Tensor) -> Tensor | None:
        """Return the weight of each step's reward in the score; None if the score is the sum. Shape: (B, K, T).

        Args:
            statement: The statements.
            mask: Valid steps. Shape: (B, K, T), bool.
        """
        del statement, mask

    def scaled(self, difference: Tensor) -> Tensor:
        """Multiply a difference of scores by beta; 0 stays 0 if that is infinite."""
        return torch.where(difference == 0.0, 0.0, self.beta * difference)


class Choice(Likelihood[Comparison]):
    """A choice by Bradley and Terry (1952), with the ties of Davidson (1970) and a margin by strength.

    With g the mean score of the options and nu >= 0,

        P(k) = exp(s_k) / Z,   P(tie) = nu exp(g) / Z,   Z = sum_j exp(s_j) + nu exp(g)

    nu is learned where there are ties, and 0 elsewhere. A choice that several options share is the distribution of
    several answers. A choice of strength m counts as one by more than m times the margin (Llama 2, arXiv:2307.09288,
    eq. 2).

    Args:
        beta: Inverse temperature, per unit of score.
        margin: Margin of a choice of strength 1, in units of score.
        smoothing: Share of each choice that is spread evenly over the options.
    """

    def __init__(self, beta: float = 1.0, margin: float = 0.0, smoothing: float = 0.0) -> None:
        super().__init__(beta)
        self.margin, self.smoothing = margin, smoothing

    def log_prob(self, scores: Tensor, statement: Comparison, parameters: Parameters) -> Tensor:
        """Return the log-likelihood of choices, the cross-entropy with those that are shared. Shape: (..., B)."""
        choice = statement.choice.to(scores)
        if self.margin:
            scores = scores - self.margin * statement.strength.unsqueeze(-1).to(scores) * choice
        if self.smoothing:
            even = choice.sum(-1, keepdim=True) / choice.shape[-1]
            choice = (1 - self.smoothing) * choice + self.smoothing * even
        if "log_tie" not in parameters:
            return torch.where(choice > 0.0, choice * (self.beta * scores).log_softmax(-1), 0.0).sum(-1)
        outcome = torch.cat([choice * ~statement.tie.unsqueeze(-1), statement.tie.unsqueeze(-1).to(choice)], -1)
        return (outcome * self.log_probabilities(scores, parameters)).sum(-1)

    def log_probabilities(self, scores: Tensor, parameters: Parameters) -> Tensor:
        """Return the log-probabilities of the options, and of a tie. Shape: (..., B, K + 1)."""
        scaled = self.beta * scores
        tie = parameters["log_tie"].unsqueeze(-1) + scaled.mean(-1, keepdim=True)
        return torch.cat([scaled, tie], -1).log_softmax(-1)

    def parameters(self, statement: Comparison) -> dict[str, Tensor]:
        """Return log nu: for scores of 0, a share p of ties needs nu = K p / (1 - p).

        Without ties there is none, and if all are ties, they say nothing about nu: each then counts as equal shares.
        """
        ties, answered = int(statement.tie.sum()), int(statement.answered.sum())
        if not 0 < ties < answered:
            return {}
        return {"log_tie": torch.tensor([math.log(statement.choice.shape[-1] * ties / (answered - ties))])}

    def hits(self, scores: Tensor, statement: Comparison, parameters: Parameters) -> Tensor:
        """Return whether the most likely option was chosen; ties are left out. Shape: (..., B)."""
        del parameters
        decided = statement.choice.amax(-1) > 0.5
        return (scores.argmax(-1) == statement.choice.argmax(-1)).to(scores).masked_fill(~decided, torch.nan)

    def event(self, scores: Tensor, statement: Comparison, parameters: Parameters) -> tuple[Tensor, Tensor]:
        """Return the probability of the first option against the others, and its share of the choice."""
        del parameters
        return (self.beta * scores).log_softmax(-1)[..., 0].exp(), statement.choice[..., 0]

    def sample(self, scores: Tensor, parameters: Parameters, generator: Generator) -> Comparison:
        """Sample choices. Shape of the scores: (B, K)."""
        num_options = scores.shape[-1]
        p = self.log_probabilities(scores, parameters).exp() if "log_tie" in parameters else self._choice(scores)
        outcome = torch.multinomial(p, 1, generator=generator).squeeze(-1)
        tie = outcome == num_options
        return Comparison.of(outcome.masked_fill(tie, 0), num_options, tie)

    def _choice(self, scores: Tensor) -> Tensor:
        return self.scaled(scores - scores.amax(-1, keepdim=True)).softmax(-1)


class PlackettLuce(Likelihood[Ranking]):
    """A ranking as a sequence of choices of the best of those that are left (Plackett 1975, Luce 1959).

    log P = sum_i (s_i - log sum_{j behind or at i} exp(s_j))   over the ranked options i

    Options that are left unranked lie behind all others, in an unknown order. Of equally ranked ones, each has all of
    them in its denominator (the approximation of Breslow, 1974).

    Args:
        beta: Inverse temperature, per unit of score.
        num_ranked: Options that a sampled ranking names; None for all.
    """

    def __init__(self, beta: float = 1.0, num_ranked: int | None = None) -> None:
        super().__init__(beta)
        self.num_ranked = num_ranked

    def log_prob(self, scores: Tensor, statement: Ranking, parameters: Parameters) -> Tensor:
        """Return the log-likelihood of rankings. Shape: (..., B)."""
        del parameters
        scaled, rank = self.beta * scores, statement.rank
        # who is left when option i is chosen: (B, K, K), indexed by i and j
        left = (rank.unsqueeze(-2) < 0) | (rank.unsqueeze(-2) >= rank.unsqueeze(-1))
        among = scaled.unsqueeze(-2).masked_fill(~left, -math.inf).logsumexp(-1)
        return ((scaled - among) * (rank >= 0)).sum(-1)

    def hits(self, scores: Tensor, statement: Ranking, parameters: Parameters) -> Tensor:
        """Return the share of ordered pairs that are predicted. Shape: (..., B)."""
        del parameters
        first, second, ordered = _pairs(statement.rank)
        right = (scores[..., first] > scores[..., second]) == (ordered > 0)
        known = ordered != 0
        share = (right & known).sum(-1) / known.sum(-1)  # NaN without an ordered pair
        return share.to(scores)

    def event(self, scores: Tensor, statement: Ranking, parameters: Parameters) -> tuple[Tensor, Tensor]:
        """Return the probability that the first option is before the second, and whether it is; 1/2 for a tie."""
        del parameters
        ordered = _pairs(statement.rank)[2][..., 0]
        return torch.sigmoid(self.beta * (scores[..., 0] - scores[..., 1])), (1 + ordered) / 2

    def sample(self, scores: Tensor, parameters: Parameters, generator: Generator) -> Ranking:
        """Sample rankings: the order of scores with noise of Gumbel (Yellott, 1977). Shape: (B, K)."""
        del parameters
        noise = -torch.empty_like(scores, dtype=torch.float64).exponential_(generator=generator).log()
        if math.isinf(self.beta):  # noise orders those of equal scores only
            by_noise = noise.argsort(-1, descending=True)
            order = by_noise.gather(-1, scores.gather(-1, by_noise).sort(dim=-1, descending=True, stable=True).indices)
        else:
            order = (self.beta * scores + noise).argsort(-1, descending=True)
        ranking = Ranking.of(order)
        named = self.num_ranked or scores.shape[-1]
        return Ranking(status=ranking.status, rank=ranking.rank.masked_fill(ranking.rank >= named, -1))


class Ordinal(Likelihood[Rating]):
    """A level by thresholds on the score (cumulative link; McCullagh, 1980).

    P(level <= l) = sigma(theta_l - s),   theta_0 < theta_1 < ...
    """

    def log_prob(self, scores: Tensor, statement: Rating, parameters: Parameters) -> Tensor:
        """Return the log-likelihood of levels. Shapes: (..., B, 1) to (..., B)."""
        theta, score = thresholds(parameters["thresholds"]), scores.squeeze(-1)
        far = theta.new_full((*theta.shape[:-1], 1), FAR)
        bounds = torch.cat([-far, theta, far], -1)
        level = statement.level.expand(*theta.shape[:-1], -1)
        below, above = bounds.gather(-1, level), bounds.gather(-1, level + 1)
        # log(sigma(a) - sigma(b)) = log sigma(a) + log sigma(-b) + log(1 - exp(b - a))
        upper, lower = self.beta * (above - score), self.beta * (below - score)
        gap = torch.log(-torch.expm1(self.beta * (below - above)))
        return (logsigmoid(upper) + logsigmoid(-lower) + gap) * statement.answered

    def parameters(self, statement: Rating) -> dict[str, Tensor]:
        """Return thresholds that give levels their shares, for scores of 0: logit P(level <= l)."""
        counts = torch.bincount(statement.level[statement.answered], minlength=statement.num_levels) + 0.5
        share = counts.cumsum(0)[:-1] / counts.sum()
        return {"thresholds": free(torch.logit(share))}

    def hits(self, scores: Tensor, statement: Rating, parameters: Parameters) -> Tensor:
        """Return whether the most likely level was named. Shape: (..., B)."""
        theta = thresholds(parameters["thresholds"])
        p = self._probabilities(scores.squeeze(-1), theta)
        return (p.argmax(-1) == statement.level).to(scores)

    def event(self, scores: Tensor, statement: Rating, parameters: Parameters) -> tuple[Tensor, Tensor]:
        """Return the probability of a level in the upper half of the scale, and whether it was. Shape: (..., B)."""
        theta, middle = thresholds(parameters["thresholds"]), (statement.num_levels - 1) // 2
        upper = torch.sigmoid(self.beta * (scores.squeeze(-1) - theta[..., middle].unsqueeze(-1)))
        return upper, (statement.level > middle).to(scores)

    def sample(self, scores: Tensor, parameters: Parameters, generator: Generator) -> Rating:
        """Sample levels. Shape of the scores: (B, 1)."""
        theta, score = thresholds(parameters["thresholds"]), scores.squeeze(-1)
        chance = torch.rand(score.shape, dtype=torch.float64, generator=generator)
        if math.isinf(self.beta):  # a score at a threshold is not above it
            level = (score.unsqueeze(-1) > theta).sum(-1)
        else:
            at_most = torch.sigmoid(self.beta * (theta - score.unsqueeze(-1)).double())
            level = (chance.unsqueeze(-1) >= at_most).sum(-1)
        return Rating(status=_answered(level), level=level, num_levels=theta.shape[-1] + 1)

    def _probabilities(self, score: Tensor, theta: Tensor) -> Tensor:
        at_most = torch.sigmoid(self.beta * (theta.unsqueeze(-2) - score.unsqueeze(-1)))
        return torch.diff(at_most, prepend=torch.zeros_like(score)[..., None], append=torch.ones_like(score)[..., None])


class Reactions(Likelihood[Thumbs]):
    """A reaction with probability rho, good by the distance of the score from a reference (Bernoulli).

    P(good) = rho q,   P(bad) = rho (1 - q),   P(silent) = 1 - rho,   q = sigma(s - r)

    A silence is an answer about rho alone.

    Args:
        beta: Inverse temperature, per unit of score.
        hostile: Share of reactions that say the opposite; q becomes (1 - h) q + h (1 - q).
    """

    def __init__(self, beta: float = 1.0, hostile: float = 0.0) -> None:
        super().__init__(beta)
        self.hostile = hostile

    def log_prob(self, scores: Tensor, statement: Thumbs, parameters: Parameters) -> Tensor:
        """Return the log-likelihood of reactions and silences. Shapes: (..., B, 1) to (..., B)."""
        reacting, above = parameters["reacting"], self._above(scores, parameters)
        sign = statement.reaction.to(scores)
        quality = logsigmoid(sign * above)
        if self.hostile:
            h = self.hostile
            quality = torch.logaddexp(quality + math.log1p(-h), logsigmoid(-sign * above) + math.log(h))
        said = torch.where(statement.reaction != 0, logsigmoid(reacting) + quality, logsigmoid(-reacting))
        return said * statement.answered

    def parameters(self, statement: Thumbs) -> dict[str, Tensor]:
        """Return the reference and the logit of rho, for scores of 0: r = -logit of the share of good reactions."""
        reaction = statement.reaction[statement.answered]
        num_good, num_bad = int((reaction > 0).sum()), int((reaction < 0).sum())
        num_silent = len(reaction) - num_good - num_bad
        reference = math.log((num_bad + 0.5) / (num_good + 0.5))
        reacting = math.log((num_good + num_bad + 0.5) / (num_silent + 0.5))
        return {"reference": torch.tensor([reference]), "reacting": torch.tensor([reacting])}

    def hits(self, scores: Tensor, statement: Thumbs, parameters: Parameters) -> Tensor:
        """Return whether the likelier of good and bad was the reaction; silences are left out. Shape: (..., B)."""
        right = (self._above(scores, parameters) > 0) == (statement.reaction > 0)
        return right.to(scores).masked_fill(statement.reaction == 0, torch.nan)

    def event(self, scores: Tensor, statement: Thumbs, parameters: Parameters) -> tuple[Tensor, Tensor]:
        """Return the probability of a good reaction, and whether there was one. Shapes: (..., B), (B,)."""
        q = self._quality(self._above(scores, parameters))
        return torch.sigmoid(parameters["reacting"]) * q, (statement.reaction > 0).to(scores)

    def sample(self, scores: Tensor, parameters: Parameters, generator: Generator) -> Thumbs:
        """Sample reactions and silences. Shape of the scores: (B, 1)."""
        reacting, good = torch.rand(2, len(scores), dtype=torch.float64, generator=generator)
        reaction = torch.where(good < self._quality(self._above(scores, parameters)), 1, -1)
        reaction = torch.where(reacting < torch.sigmoid(parameters["reacting"].double()), reaction, 0)
        return Thumbs(status=_answered(reaction), reaction=reaction)

    def _above(self, scores: Tensor, parameters: Parameters) -> Tensor:
        above = scores.squeeze(-1) - parameters["reference"]
        if math.isinf(self.beta):  # a score at the reference is not above it
            return torch.where(above > 0.0, math.inf, -math.inf).to(above)
        return self.beta * above

    def _quality(self, above: Tensor) -> Tensor:
        q = torch.sigmoid(above.double())
        return q + self.hostile * (1 - 2 * q)


class Marks(Likelihood[Mark]):
    """A part of a segment as good or bad, by its reward against as many steps of the rest.

    With m_t the share of step t that is meant, and r the mean reward of what is not,

        s = sum_t m_t r_t - r sum_t m_t,   P(good) = sigma(s)

    Where a whole segment is marked, there is no rest, and r is 0.
    """

    def log_prob(self, scores: Tensor, statement: Mark, parameters: Parameters) -> Tensor:
        """Return the log-likelihood of good and bad. Shapes: (..., B, 1) to (..., B)."""
        del parameters
        sign = torch.where(statement.good, 1.0, -1.0).to(scores)
        return logsigmoid(sign * self.scaled(scores.squeeze(-1))) * statement.answered

    def step_weight(self, statement: Mark, mask: Tensor) -> Tensor:
        """Return m_t - (1 - m_t) sum m / sum (1 - m) on the valid steps. Shape: (B, 1, T)."""
        valid = mask.to(statement.share)
        meant = statement.share.unsqueeze(-2) * valid
        rest = valid - meant
        total = rest.sum(-1, keepdim=True)
        return meant - rest * torch.where(total > 0, meant.sum(-1, keepdim=True) / total.clamp_min(1e-6), 0.0)

    def hits(self, scores: Tensor, statement: Mark, parameters: Parameters) -> Tensor:
        """Return whether the likelier of good and bad was said. Shape: (..., B)."""
        del parameters
        return ((scores.squeeze(-1) > 0) == statement.good).to(scores)

    def event(self, scores: Tensor, statement: Mark, parameters: Parameters) -> tuple[Tensor, Tensor]:
        """Return the probability of good, and whether it was said. Shapes: (..., B), (B,)."""
        del parameters
        return torch.sigmoid(self.scaled(scores.squeeze(-1))), statement.good.to(scores)

    def sample(self, scores: Tensor, share: Tensor, generator: Generator) -> Mark:
        """Sample what is said about marked parts.

        Args:
            scores: Scores of the parts, weighted by `step_weight`. Shape: (B, 1).
            share: How much of each step is meant. Shape: (B, T).
            generator: Source of the random numbers.
        """
        chance = torch.rand(len(scores), dtype=torch.float64, generator=generator)
        good = chance < torch.sigmoid(self.scaled(scores.squeeze(-1)).double())
        return Mark(status=_answered(good), share=share, good=good)


LIKELIHOODS: dict[type[Statement], type[Likelihood[Any]]] = {
    Comparison: Choice,
    Ranking: PlackettLuce,
    Rating: Ordinal,
    Thumbs: Reactions,
    Mark: Marks,
}
"""The likelihood of each kind that a learner can fit."""


def thresholds(free_: Tensor) -> Tensor:
    """Return increasing numbers from free ones: t_0 = x_0, t_l = t_(l-1) + softplus(x_l). Shape: (..., n)."""
    return torch.cat([free_[..., :1], softplus(free_[..., 1:])], -1).cumsum(-1)


def free(theta: Tensor) -> Tensor:
    """Return the free numbers of increasing ones, the inverse of `thresholds`. Shape: (..., n)."""
    gaps = theta.diff(dim=-1)
    return torch.cat([theta[..., :1], gaps + torch.log(-torch.expm1(-gaps))], -1)


def _pairs(rank: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the two options of all pairs (P,), and which is before the other: 1, -1, or 0 if unknown (B, P)."""
    first, second = torch.triu_indices(rank.shape[-1], rank.shape[-1], 1, device=rank.device)
    place = torch.where(rank < 0, rank.shape[-1], rank)
    return first, second, torch.sign(place[..., second] - place[..., first])


def _answered(rows: Tensor) -> Tensor:
    return torch.full(rows.shape[:1], int(Status.ANSWERED))
