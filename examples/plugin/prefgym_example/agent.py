"""Random search over a linear policy (ARS, Mania et al., arXiv:1803.07055); each environment tries other weights."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from prefgym.common.limits import Count, Positive, check
from prefgym.common.spaces import denormalize_action
from prefgym.core.arrays import Env
from prefgym.core.rollout import Rollout
from prefgym.rl.online import OnlineAgent

if TYPE_CHECKING:
    from stable_baselines3.common.callbacks import BaseCallback


@dataclass(frozen=True, kw_only=True)
class RandomSearchCfg:
    """Hyperparameters of random search."""

    num_envs: Count = 32
    """Environments, an even number: two try each direction, one forwards and one backwards."""
    num_steps: Count = 50
    """Steps of each between two updates."""
    step_size: Positive = 0.05
    """Length of an update, in units of the average difference of returns."""
    noise: Positive = 0.1
    """Deviation of the directions that are tried."""

    __post_init__ = check


class RandomSearch(OnlineAgent[RandomSearchCfg]):
    """a = tanh(M s), scaled to the bounds of actions."""

    name, default = "random-search", RandomSearchCfg()

    def __init__(self, cfg: RandomSearchCfg, env: Env, *, seed: int = 0, device: str = "cpu") -> None:
        super().__init__(cfg, env, seed=seed, device=device)
        if cfg.num_envs % 2:
            raise ValueError(f"num_envs must be even, not {cfg.num_envs}: two environments try each direction")
        self.matrix = torch.zeros(self.action_dim, self.obs_dim, device=self.device)
        self.directions = torch.zeros(0, self.action_dim, self.obs_dim, device=self.device)

    def action(self, matrix: Tensor, obs: Tensor) -> tuple[Tensor, Tensor]:
        """Return actions and log-probabilities, which are 0: nothing is drawn. Shapes: (N, A), (N,)."""
        action = (matrix @ obs.unsqueeze(-1)).squeeze(-1).tanh()
        return denormalize_action(action, self.action_low, self.action_high), torch.zeros(len(obs), device=self.device)

    def act(self, obs: Tensor, deterministic: bool = False) -> tuple[Tensor, Tensor]:
        """Choose actions without noise. Shapes: (N, A), (N,)."""
        return self.action(self.matrix, obs)

    def sample(self, obs: Tensor) -> tuple[Tensor, Tensor]:
        """Choose actions with the weights that each environment tries. Shapes: (N, A), (N,)."""
        noise = self.cfg.noise * self.directions
        return self.action(self.matrix + torch.cat([noise, -noise]), obs)

    def collect(self, env: Env, callback: "BaseCallback | None" = None) -> Rollout:
        """Step every environment `num_steps` times, in a new direction."""
        shape = (env.num_envs // 2, *self.matrix.shape)
        self.directions = torch.randn(shape, generator=self.generator, device=self.device)
        return super().collect(env, callback)

    def update(self, rollout: Rollout, progress: float) -> dict[str, float]:
        """Follow the directions, each as far as its return was higher forwards than backwards."""
        returns = rollout.reward.sum(0)  # (N,)
        forwards, backwards = returns.chunk(2)
        # M <- M + alpha / (b std(R)) sum_i (R_i+ - R_i-) delta_i, the update of ARS V1
        gain = (forwards - backwards) / returns.std(correction=0).clamp_min(1e-6)
        self.matrix = self.matrix + self.cfg.step_size * (gain.view(-1, 1, 1) * self.directions).mean(0)
        return {"train/return_std": float(returns.std(correction=0))}

    def weights(self) -> dict[str, Tensor]:
        """Return everything that was learned."""
        return {"matrix": self.matrix}

    def load_weights(self, weights: Mapping[str, Tensor]) -> None:
        """Load what `weights` returned."""
        self.matrix = weights["matrix"].to(self.matrix)
