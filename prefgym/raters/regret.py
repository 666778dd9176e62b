"""Regret preferences (Knox et al., arXiv:2206.02231): a segment is judged by its return relative to the optimal one.

Values are those of an expert: its critic's, or its simulated returns from the first and last state of a segment.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

import torch
from torch import Tensor

from prefgym.common.limits import Share
from prefgym.core.choice import BradleyTerryCfg
from prefgym.core.protocols import Expert, Simulator
from prefgym.core.scores import Values, advantage_sum, minus_regret
from prefgym.core.segments import Segments
from prefgym.raters.immediate import require_reward
from prefgym.raters.scoring import ScoringRater, ScoringRaterCfg
from prefgym.raters.simulated import simulated_return


@dataclass(frozen=True, kw_only=True)
class RegretRaterCfg(ScoringRaterCfg):
    """A rater that prefers the segment of least regret.

    Raises:
        ValueError: If a number lies outside its limits, or `stochastic` is combined with simulated values.
    """

    settings_of_kinds: ClassVar[Mapping[str, str]] = {**ScoringRaterCfg.settings_of_kinds, "eps_mistake": "comparison"}
    """Settings that one kind of feedback has."""

    form: Literal["deterministic", "stochastic"] = "deterministic"
    """`deterministic` is the return plus the value of the last state minus that of the first; `stochastic` sums the
    advantages of the actions, so that chance does not count."""
    values: Literal["critic", "simulation"] = "critic"
    """Source of the values: the expert's critic, or simulation, in which the expert continues from both ends."""
    expert_file: Path | None = None
    """File of the expert, with or without its ending; by default that of the task."""
    eps_mistake: Share = 0.0
    """Probability of answering with another option than the chosen one."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if (self.form, self.values) == ("stochastic", "simulation"):
            raise ValueError(
                "form=stochastic needs values=critic, since a simulated action has one outcome: use form=deterministic"
            )


class RegretRater(ScoringRater):
    """A rater that answers by regret."""

    def __init__(
        self,
        cfg: RegretRaterCfg | None = None,
        *,
        seed: int = 0,
        expert: Expert | None = None,
        simulator: Simulator | None = None,
        has_reward: bool = True,
    ) -> None:
        """Store the expert and the simulator.

        Args:
            cfg: Form of the regret, source of values, and errors of the choice.
            seed: Seed of its own random number generator.
            expert: The expert that supplies the values.
            simulator: Environments of the task, for values by simulation.
            has_reward: Whether there is a task reward to judge by.

        Raises:
            ValueError: If there is no task reward, no expert, or values are to be simulated and there is no simulator.
        """
        self.cfg = cfg or RegretRaterCfg()
        choice = BradleyTerryCfg(beta=self.cfg.beta, lapse=self.cfg.eps_mistake, soft=self.cfg.soft)
        super().__init__("regret", self.cfg, seed=seed, choice=choice, judged="the regret judged by a rater")
        require_reward(has_reward)
        if expert is None:
            raise ValueError("it judges by an expert's values, and there is no expert for this environment")
        if self.cfg.values == "simulation" and simulator is None:
            raise ValueError(
                "simulation needs recorded physics states of prefgym's own environments: use values=critic"
            )
        self.expert, self.simulator = expert, simulator

    def score(self, segments: Segments) -> Tensor:
        """Return minus the regret of segments. Shape: that of their batch.

        Raises:
            ValueError: If they carry no task reward, or no physics states where simulation is needed.
        """
        expert, segments = self.expert, segments.map(Tensor.cpu)  # the device of the expert
        if self.cfg.form == "stochastic":
            obs, action = segments.obs[..., :-1, :], segments.action
            return advantage_sum(expert.value(obs), expert.action_value(obs, action), segments, expert.gamma)
        return minus_regret(self.values_of_ends(segments), segments, expert.gamma)

    def values_of_ends(self, segments: Segments) -> Values:
        """Return the values of the first and the last state of segments.

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
