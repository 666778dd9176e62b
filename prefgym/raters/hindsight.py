"""Hindsight: judge a segment after having seen what came of it (Liang et al., arXiv:2501.08617).

Somebody who sees a segment alone judges by what it promises. Here both options go on in simulation first, and are
judged by all of it.
"""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from prefgym.choice import BradleyTerry, BradleyTerryCfg
from prefgym.guards import check_finite
from prefgym.limits import Count, NonNegative, Share, check
from prefgym.preferences import Preferences, RaterInfo
from prefgym.protocols import Acts, Simulator
from prefgym.queries import Queries
from prefgym.raters.prompt import PromptRater, in_words, require_reward
from prefgym.scores import PartialReturn
from prefgym.segments import Segments
from prefgym.states import State


@dataclass(frozen=True, kw_only=True)
class HindsightRaterCfg:
    """A rater who lets both options go on before judging."""

    num_steps: Count = 50
    """Steps that are simulated after each segment."""
    policy: Literal["current", "expert"] = "current"
    """Who acts in them: the policy that is being trained, or the expert of the task."""
    expert_file: Path | None = None
    """File of the expert; that of the task unless said."""
    gamma: Share = 1.0
    """Discount per step of what follows a segment."""
    beta: NonNegative = math.inf
    """Inverse temperature of the choice, per unit of return; inf chooses without error."""

    __post_init__ = check


class HindsightRater(PromptRater):
    """Answer by the return of segments and of what would have followed."""

    def __init__(
        self,
        cfg: HindsightRaterCfg | None = None,
        *,
        seed: int = 0,
        expert: Acts | None = None,
        policy: Acts | None = None,
        simulator: Simulator | None = None,
        has_reward: bool = True,
    ) -> None:
        """Take who acts, and where.

        Args:
            cfg: How far it sees, and how it errs.
            seed: Seed of its random numbers, which are its own.
            expert: Who acts, if the expert does.
            policy: Who acts, if the policy that is being trained does; it is asked as it is when it is needed.
            simulator: Worlds of the task.
            has_reward: Whether there is a task reward to judge by.

        Raises:
            ValueError: If there is no task reward, nobody to act, or no simulator.
        """
        super().__init__()
        require_reward(has_reward)
        self.cfg = cfg or HindsightRaterCfg()
        acting = expert if self.cfg.policy == "expert" else policy
        if acting is None:
            raise ValueError(f"segments are to go on under the {self.cfg.policy} policy, and there is none")
        if simulator is None:
            raise ValueError("what follows a segment is simulated, which needs worlds of prefgym's own")
        self.policy, self.simulator = acting, simulator
        self.generator = torch.Generator().manual_seed(seed)
        self._choice = BradleyTerry(BradleyTerryCfg(beta=self.cfg.beta))
        self._info = RaterInfo(name="hindsight", settings=in_words(self.cfg))

    def __call__(self, queries: Queries) -> Preferences:
        """Answer at once.

        Raises:
            ValueError: If the queries carry no task reward or no physics states.
        """
        scores = self.score(queries.options).cpu()
        check_finite("the return judged in hindsight", scores)
        return Preferences.of(queries, self._choice.sample(scores, self.generator), self._info)

    def score(self, segments: Segments) -> Tensor:
        """Return sum_t r_t of the segments, and sum_h gamma^h r_(L+h) of what follows. Shape: that of their batch.

        Raises:
            ValueError: If they carry no task reward or no physics states.
        """
        returned = PartialReturn()(segments)
        if segments.state is None:
            raise ValueError(
                "what follows a segment is simulated from its physics states, and these segments carry none; they may "
                "have lost them in without_truth()"
            )
        goes_on = ~segments.terminated
        _, state = segments.ends(segments.state)
        _, obs = segments.ends(segments.obs)
        ahead = self.simulator.play_on(
            state[goes_on].cpu().numpy(), obs[goes_on].cpu().numpy(), self.policy, self.cfg.num_steps
        )
        followed = torch.zeros_like(returned)
        followed[goes_on] = torch.as_tensor(ahead.discounted(self.cfg.gamma))
        return returned + followed

    def state_dict(self) -> State:
        """Return all that moves, once what was submitted is collected."""
        return {"generator": self.generator.get_state()}

    def load_state_dict(self, state: State) -> None:
        """Go on from what `state_dict` returned."""
        self.generator.set_state(state["generator"])
