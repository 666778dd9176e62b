"""PEBBLE (Lee, Smith, Abbeel, arXiv:2106.05091): SAC with unsupervised exploration and relabelling.

Before the first session the reward is an estimate of the entropy of the states. After each session the replay buffer is
relabelled. After the first session the critics, which were fitted to the exploration reward, are reset.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from prefgym.agents.sac import SAC, SACCfg
from prefgym.common.limits import Count, Natural
from prefgym.common.states import State
from prefgym.core.arrays import Env
from prefgym.core.protocols import Learner
from prefgym.core.rollout import Rollout
from prefgym.nn.normalisation import RunningNorm

DISTANCES_AT_ONCE = 2**22


@dataclass(frozen=True, kw_only=True)
class PebbleCfg(SACCfg):
    """Hyperparameters of PEBBLE, beside those of SAC."""

    random_steps: Natural = 1000
    """Steps over all environments with uniform actions."""
    neighbours: Count = 5
    """k: the reward of exploration is a state's distance to its k-th nearest neighbour."""
    reset_updates: Natural = 100
    """Updates of the new critics, directly after the first session."""


class Pebble(SAC):
    """SAC with unsupervised exploration, relabelling, and a reset of the critics."""

    name, default = "pebble", PebbleCfg()

    def __init__(self, cfg: PebbleCfg, env: Env, *, seed: int = 0, device: str = "cpu") -> None:
        """Make untrained networks that fit `env`.

        Args:
            cfg: Hyperparameters.
            env: Environments of `learn`; their spaces are one-dimensional Boxes.
            seed: Seed of weights, actions and batches.
            device: Device of networks and replay buffer.
        """
        super().__init__(cfg, env, seed=seed, device=device)
        self.pebble = cfg
        self.distance_norm = RunningNorm(1).to(self.device)
        self.has_reward = False

    @torch.no_grad()
    def explore(self, rollout: Rollout) -> dict[str, float]:
        """Reward steps by the distances of their states to all earlier ones, and learn from this reward.

        The distance of a state is computed once, when it is new: r(s) = ||s - its k-th nearest neighbour|| (sec. 4.1,
        without the logarithm, as in the authors' code), divided by the standard deviation of all such distances.
        """
        new = rollout.next_obs.flatten(0, 1)
        known = torch.cat([self.buffer.steps(0, len(self.buffer)).next_obs, new])
        # every new state is its own nearest neighbour
        distance = neighbour_distance(new, known, self.pebble.neighbours + 1)
        self.distance_norm.update(distance[:, None])
        reward = distance / (self.distance_norm.var.float() + 1e-8).sqrt()
        with torch.enable_grad():
            return self.update(rollout.with_reward(reward.view_as(rollout.reward)), 0.0)

    def relabel(self, learner: Learner) -> None:
        """Relabel the replay buffer; the first time, reset the critics (Algorithm 2)."""
        super().relabel(learner)
        if self.has_reward:
            return
        self.has_reward = True
        self.renew_critics(torch.Generator().manual_seed(int(self.generator.initial_seed()) + 1))
        if self.buffer.num_steps >= self.cfg.random_steps:
            self.improve(self.pebble.reset_updates)

    def state_dict(self) -> State:
        """Return the state to resume from."""
        return {**super().state_dict(), "distances": self.distance_norm.state_dict(), "is_paid": self.has_reward}

    def load_state_dict(self, state: State) -> None:
        """Resume from a state that `state_dict` returned."""
        super().load_state_dict(state)
        self.distance_norm.load_state_dict(state["distances"])
        self.has_reward = state["is_paid"]


def neighbour_distance(states: Tensor, known: Tensor, k: int) -> Tensor:
    """Return the distance of each state to its k-th nearest known one. Shapes: (M, O), (P, O) to (M,).

    >>> neighbour_distance(torch.tensor([[0.0]]), torch.tensor([[0.0], [3.0], [1.0]]), k=2)
    tensor([1.])
    """
    nearest = torch.full((len(states), 0), 0.0, device=states.device)
    for part in torch.split(known, max(1, DISTANCES_AT_ONCE // len(states))):
        # matrix products would be faster, but inaccurate for close states
        distance = torch.cdist(states, part, compute_mode="donot_use_mm_for_euclid_dist")
        nearest = torch.cat([nearest, distance], 1)
        nearest = nearest.topk(min(k, nearest.shape[1]), largest=False).values
    return nearest[:, -1]
