"""Hindsight: judge a segment together with its simulated continuation (Liang et al., arXiv:2501.08617).

Without hindsight, raters judge by the outcome they expect, as `foresight` does. Here both options are first continued
in simulation, and the rater judges the whole.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from torch import Tensor

from prefgym.common.limits import Count, Share
from prefgym.core.protocols import Policy, Simulator
from prefgym.core.scores import PartialReturn
from prefgym.core.segments import Segments
from prefgym.raters.immediate import require_reward
from prefgym.raters.scoring import ScoringRater, ScoringRaterCfg
from prefgym.raters.simulated import simulated_return


@dataclass(frozen=True, kw_only=True)
class HindsightRaterCfg(ScoringRaterCfg):
    """A rater that continues both options in simulation before it judges."""

    num_steps: Count = 50
    """Simulated steps after each segment."""
    policy: Literal["current", "expert"] = "current"
    """Policy in these steps: that of the agent in training, or the expert of the task."""
    expert_file: Path | None = None
    """File of the expert, with or without its ending; by default that of the task."""
    gamma: Share = 1.0
    """Discount per step of the rewards after a segment."""


class HindsightRater(ScoringRater):
    """A rater that answers by the return of segments and of their simulated continuations."""

    def __init__(
        self,
        cfg: HindsightRaterCfg | None = None,
        *,
        seed: int = 0,
        expert: Policy | None = None,
        policy: Policy | None = None,
        simulator: Simulator | None = None,
        has_reward: bool = True,
    ) -> None:
        """Store the policy and the simulator.

        Args:
            cfg: Length of the continuation, and temperature of the choice.
            seed: Seed of its own random number generator.
            expert: The expert, for `policy="expert"`.
            policy: The agent in training, for `policy="current"`; its present weights act at each call.
            simulator: Environments of the task.
            has_reward: Whether there is a task reward to judge by.

        Raises:
            ValueError: If there is no task reward, no policy, or no simulator.
        """
        self.cfg = cfg or HindsightRaterCfg()
        super().__init__("hindsight", self.cfg, seed=seed, judged="the return judged in hindsight")
        require_reward(has_reward)
        acting = expert if self.cfg.policy == "expert" else policy
        if acting is None:
            raise ValueError(
                f"segments go on under the {self.cfg.policy} policy, and there is none: use another --rater.policy"
            )
        if simulator is None:
            raise ValueError(
                "hindsight is simulated, which needs recorded physics states of prefgym's own environments"
            )
        self.policy, self.simulator = acting, simulator

    def score(self, segments: Segments) -> Tensor:
        """Return sum_t r_t of segments plus sum_h gamma^h r_(L+h) of their continuation. Shape: that of their batch.

        Raises:
            ValueError: If they carry no task reward or no physics states.
        """
        returned = PartialReturn()(segments)
        if segments.state is None:
            raise ValueError(
                "hindsight is simulated from physics states, and these segments carry none; they may "
                "have lost them in without_truth()"
            )
        (_, state), (_, obs) = segments.ends(segments.state), segments.ends(segments.obs)
        num_steps, gamma = self.cfg.num_steps, self.cfg.gamma
        followed = simulated_return(self.simulator, state, obs, ~segments.terminated, self.policy, num_steps, gamma)
        return returned.cpu() + followed
