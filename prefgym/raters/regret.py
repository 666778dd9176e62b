"""Judging by regret (Knox et al., arXiv:2206.02231): not what a segment returned, but what it threw away.

Values are those of an expert: of its critic, or what it returns when it plays on from a segment's ends in simulation.
"""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from prefgym.common.finite import check_finite
from prefgym.common.limits import NonNegative, Share, check
from prefgym.core.choice import BradleyTerry, BradleyTerryCfg
from prefgym.core.preferences import Preferences, RaterInfo
from prefgym.core.protocols import Expert, Simulator
from prefgym.core.queries import Queries
from prefgym.core.scores import Values, advantage_sum, minus_regret
from prefgym.core.segments import Segments
from prefgym.raters.immediate import SeededRater, in_words, require_reward
from prefgym.raters.simulated import simulated_return


@dataclass(frozen=True, kw_only=True)
class RegretRaterCfg:
    """A rater who knows how well it could have gone, and prefers what fell short of that by less.

    Raises:
        ValueError: If a number lies outside its limits, or advantages are asked of the simulation.
    """

    form: Literal["deterministic", "stochastic"] = "deterministic"
    """`deterministic` adds what was returned to the value of where it led, and subtracts that of where it began;
    `stochastic` sums the advantages of the actions, so that luck is neither blamed nor praised."""
    values: Literal["critic", "simulation"] = "critic"
    """Whether values are those of the expert's critic, or are simulated: the expert plays on from both ends."""
    expert_file: Path | None = None
    """File of the expert, with or without its ending; that of the task unless said."""
    beta: NonNegative = math.inf
    """Inverse temperature of the choice, per unit of regret; inf chooses without error."""
    eps_mistake: Share = 0.0
    """Probability of naming another option than the one chosen."""

    def __post_init__(self) -> None:
        check(self)
        if (self.form, self.values) == ("stochastic", "simulation"):
            raise ValueError(
                "simulated actions have one outcome, so there are no other values to average: use form=deterministic"
            )


class RegretRater(SeededRater):
    """Answer by regret."""

    def __init__(
        self,
        cfg: RegretRaterCfg | None = None,
        *,
        seed: int = 0,
        expert: Expert | None = None,
        simulator: Simulator | None = None,
        has_reward: bool = True,
    ) -> None:
        """Take the expert, and where it plays on.

        Args:
            cfg: How regret is measured, and how the rater errs.
            seed: Seed of its random numbers, which are its own.
            expert: Whose values they are.
            simulator: Environments of the task, for values by simulation.
            has_reward: Whether there is a task reward to judge by.

        Raises:
            ValueError: If there is no task reward, no expert, or values are to be simulated and there is no simulator.
        """
        super().__init__(seed)
        require_reward(has_reward)
        self.cfg = cfg or RegretRaterCfg()
        if expert is None:
            raise ValueError("it judges by an expert's values, and there is no expert for this environment")
        if self.cfg.values == "simulation" and simulator is None:
            raise ValueError(
                "simulation needs recorded physics states of prefgym's own environments: use values=critic"
            )
        self.expert, self.simulator = expert, simulator
        self._choice = BradleyTerry(BradleyTerryCfg(beta=self.cfg.beta, lapse=self.cfg.eps_mistake))
        self._info = RaterInfo(name="regret", settings=in_words(self.cfg))

    def __call__(self, queries: Queries) -> Preferences:
        """Answer at once.

        Raises:
            ValueError: If the queries carry no task reward, or no physics states where simulation is needed.
        """
        scores = self.score(queries.options).cpu()
        check_finite("the regret judged by a rater", scores)
        return Preferences.of(queries, self._choice.sample(scores, self.generator), self._info)

    def score(self, segments: Segments) -> Tensor:
        """Return minus the regret of segments. Shape: that of their batch.

        Raises:
            ValueError: If they carry no task reward, or no physics states where simulation is needed.
        """
        expert, segments = self.expert, segments.map(Tensor.cpu)  # where the expert is
        if self.cfg.form == "stochastic":
            obs, action = segments.obs[..., :-1, :], segments.action
            return advantage_sum(expert.value(obs), expert.action_value(obs, action), segments, expert.gamma)
        return minus_regret(self.values_of_ends(segments), segments, expert.gamma)

    def values_of_ends(self, segments: Segments) -> Values:
        """Return what the first and the last state of segments are worth.

        Raises:
            ValueError: If they carry no physics states, and simulation is needed.
        """
        if self.simulator is None or self.cfg.values == "critic":
            return Values(*(self.expert.value(obs).double() for obs in segments.ends(segments.obs)))
        if segments.state is None:
            raise ValueError(
                "values by simulation need physics states, and these segments carry none: use values=critic, or "
                "segments that have not lost them in without_truth()"
            )
        # V(s) = sum_t gamma^t r_t, cut off at H, where gamma^H < 0.01
        goes_on = torch.stack([torch.ones_like(segments.terminated), ~segments.terminated])
        state, obs = (torch.stack(segments.ends(array)) for array in (segments.state, segments.obs))
        expert = self.expert
        ahead = simulated_return(self.simulator, state, obs, goes_on, expert, expert.horizon, expert.gamma)
        return Values(*ahead)
