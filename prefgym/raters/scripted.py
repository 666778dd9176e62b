"""The scripted rater: it scores the task reward and samples from a choice model.

Its presets are the teachers of B-Pref (Lee et al., arXiv:2111.03026).
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from prefgym.common.finite import check_finite
from prefgym.common.limits import NonNegative, Share
from prefgym.common.states import State
from prefgym.core.choice import BradleyTerry, BradleyTerryCfg
from prefgym.core.kinds import Comparison, Mark, Statement
from prefgym.core.scores import DiscountedReturn, PartialReturn
from prefgym.core.segments import Segments
from prefgym.raters.immediate import require_reward
from prefgym.raters.scoring import ScoringRater, ScoringRaterCfg
from prefgym.raters.statements import skipped


@dataclass(frozen=True, kw_only=True)
class ScriptedRaterCfg(ScoringRaterCfg):
    """A rater that scores segments by their task reward, with the errors of B-Pref's teachers.

    Raises:
        ValueError: If a value lies outside its range.
    """

    settings_of_kinds: ClassVar[Mapping[str, str]] = {
        **ScoringRaterCfg.settings_of_kinds,
        "eps_mistake": "comparison",
        "eps_equal": "comparison",
    }
    """Settings that one kind of feedback has."""

    name: str = "partial-return"
    """Name of the rater in its answers."""
    beta: NonNegative = 1.0
    """Inverse temperature of the statement, per unit of return; 0 is blind, inf without error."""
    gamma: Share = 1.0
    """Discount factor per step back from a segment's end; below 1 the rater is myopic."""
    eps_mistake: Share = 0.0
    """Probability of answering with another option than the chosen one."""
    eps_skip: NonNegative = 0.0
    """Skip queries whose best option returns no more than this share of an average segment's return."""
    eps_equal: NonNegative = 0.0
    """Call a tie if returns differ by less than this share of an average segment's return."""


# Presets: the settings of B-Pref's teachers, arXiv:2111.03026 and its README.


def partial_return() -> ScriptedRaterCfg:
    """Choose by a softmax over undiscounted returns."""
    return ScriptedRaterCfg(name="partial-return", beta=1.0)


def oracle() -> ScriptedRaterCfg:
    """Choose the higher return, without error."""
    return ScriptedRaterCfg(name="oracle", beta=math.inf)


def stochastic() -> ScriptedRaterCfg:
    """Choose at random, the higher return more often: `partial-return` under B-Pref's name."""
    return ScriptedRaterCfg(name="stochastic", beta=1.0)


def mistake() -> ScriptedRaterCfg:
    """Choose the higher return, and sometimes answer with the other."""
    return ScriptedRaterCfg(name="mistake", beta=math.inf, eps_mistake=0.1)


def skip() -> ScriptedRaterCfg:
    """Choose the higher return, but skip queries without a good option."""
    return ScriptedRaterCfg(name="skip", beta=math.inf, eps_skip=0.1)


def equal() -> ScriptedRaterCfg:
    """Choose the higher return, but call similar returns equally good."""
    return ScriptedRaterCfg(name="equal", beta=math.inf, eps_equal=0.1)


def myopic() -> ScriptedRaterCfg:
    """Choose the higher return with older steps discounted."""
    return ScriptedRaterCfg(name="myopic", beta=math.inf, gamma=0.9)


def soft() -> ScriptedRaterCfg:
    """Answer with the probabilities of all options, as soft labels (OSP; Zhai et al., arXiv:2405.14103)."""
    return ScriptedRaterCfg(name="soft", beta=1.0, soft=True)


def thumbs() -> ScriptedRaterCfg:
    """React rarely, with thumbs up or down, and sometimes with the opposite (RLUF; Han et al., arXiv:2505.14946)."""
    return ScriptedRaterCfg(name="thumbs", gives="thumbs", beta=1.0, reacting=0.05, hostile=0.1)


class ScriptedRater(ScoringRater):
    """A rater that answers at once, from the task reward in the queries."""

    gives = (*ScoringRater.gives, Mark)

    def __init__(
        self,
        cfg: ScriptedRaterCfg | None = None,
        *,
        seed: int = 0,
        step_return: Callable[[], float] | None = None,
        has_reward: bool = True,
    ) -> None:
        """Seed the rater's generator.

        Args:
            cfg: Score, temperature and errors.
            seed: Seed of its own random number generator.
            step_return: Returns the mean reward of a step, for the thresholds of skips and ties; None for the mean
                over all segments shown so far.
            has_reward: Whether there is a task reward to judge by.

        Raises:
            ValueError: If there is none.
        """
        self.cfg = cfg or ScriptedRaterCfg()
        judged = f"the task reward shown to rater {self.cfg.name!r}"
        super().__init__(self.cfg.name, self.cfg, seed=seed, judged=judged)
        require_reward(has_reward)
        self.step_return = step_return
        self._score = PartialReturn() if self.cfg.gamma == 1.0 else DiscountedReturn(self.cfg.gamma)
        self._shown = torch.zeros(2, dtype=torch.float64)  # return and number of the steps shown so far

    def score(self, segments: Segments) -> Tensor:
        """Return the discounted return. Shape: that of the batch.

        Raises:
            ValueError: If the segments carry no task reward.
        """
        self._check_reward(segments)
        return self._score(segments)

    def score_steps(self, segments: Segments) -> Tensor:
        """Return the reward of each step, discounted. Shape: (..., T).

        Raises:
            ValueError: If the segments carry no task reward.
        """
        # gamma^(L-1-t) r_t, where L is the segment's own length
        age = segments.length.unsqueeze(-1) - 1 - torch.arange(segments.num_steps, device=segments.length.device)
        return self._check_reward(segments).double() * self.cfg.gamma ** age.clamp(min=0).double()

    def choose(self, scores: Tensor, options: Segments) -> Statement:
        """State something about the options by their scores, with ties and skips by their returns. Shape: (B, K)."""
        returns = PartialReturn()(options).cpu()
        self._shown += torch.stack([returns.sum(), options.length.sum().cpu().double()])
        choice = self._with_thresholds(options.num_steps)
        if self.gives == (Comparison,):
            return choice.sample(scores, self.generator, returns=returns)
        return skipped(super().choose(scores, options), returns.amax(-1) <= choice.cfg.skip_threshold)

    def state_dict(self) -> State:
        """Return the state to resume from; first collect the submitted queries."""
        return {**super().state_dict(), "shown": self._shown.clone()}

    def load_state_dict(self, state: State) -> None:
        """Resume from a state that `state_dict` returned."""
        super().load_state_dict(state)
        self._shown = state["shown"].clone()

    def _check_reward(self, segments: Segments) -> Tensor:
        if segments.reward is None:
            raise ValueError(f"rater {self.cfg.name!r} judges by the task reward, and these queries carry none")
        return segments.reward

    def _with_thresholds(self, num_steps: int) -> BradleyTerry:
        """Return the choice model, its thresholds in units of return."""
        # threshold = eps * average return of a segment; epsilon is applied here only
        average = self._average_step_return() * num_steps if self.cfg.eps_skip or self.cfg.eps_equal else 0.0
        skip_threshold, tie_margin = self.cfg.eps_skip * average, self.cfg.eps_equal * average
        return BradleyTerry(
            BradleyTerryCfg(
                beta=self.cfg.beta,
                lapse=self.cfg.eps_mistake,
                tie_margin=max(tie_margin, 0.0),
                skip_threshold=skip_threshold if skip_threshold > 0.0 else -math.inf,
                soft=self.cfg.soft,
            )
        )

    def _average_step_return(self) -> float:
        if self.step_return is None:
            return float(self._shown[0] / self._shown[1].clamp(min=1.0))
        average = self.step_return()
        check_finite(f"the average step's return given to rater {self.cfg.name!r}", torch.tensor(average))
        return average
