"""Soft actor-critic (Haarnoja et al., arXiv:1801.01290), with a learned temperature (arXiv:1812.05905).

Read from top to bottom: configuration, networks, `act`, storing and relabelling, `step`. Stepping environments,
rounds of updates and SB3's methods are in `prefgym.rl.online`, `prefgym.rl.off_policy` and `prefgym.rl.sb3_verbs`.
"""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from prefgym.buffers.replay import Batch, ReplayBuffer
from prefgym.common.limits import BatchSize, Count, Envs, Finite, Natural, Positive, Share, UpdatesPerStep, Width, check
from prefgym.common.spaces import denormalize_action, normalize_action
from prefgym.common.states import State
from prefgym.core.arrays import Env
from prefgym.core.protocols import Learner
from prefgym.core.rollout import Rollout
from prefgym.nn.gaussian import gaussian_nll
from prefgym.nn.mlp import Activation, mlp
from prefgym.nn.normalisation import RunningNorm
from prefgym.nn.stacked import StackedMLP
from prefgym.nn.weights import frozen, polyak_update
from prefgym.rl.off_policy import ReplayAgent

LOG_STD_RANGE = -20.0, 2.0  # as in the authors' code


@dataclass(frozen=True, kw_only=True)
class SACCfg:
    """Hyperparameters of SAC."""

    num_envs: Envs = 4
    """Environments stepped at once."""
    num_steps: Count = 16
    """Steps of each environment between two rounds of updates."""
    updates_per_step: UpdatesPerStep = 1.0
    """Updates per environment step; those of a rollout follow it."""
    random_steps: Natural = 5000
    """Steps over all environments before the first update; before it, actions are uniform."""
    capacity_steps: Count = 1_000_000
    """Steps kept for updates; the oldest are overwritten."""
    batch_size: BatchSize = 256
    """Steps per update."""
    learning_rate: Positive = 3e-4
    """Learning rate of Adam, for actor, critics and temperature."""
    gamma: Share = 0.99
    """Discount per step."""
    tau: Share = 0.005
    """Step of the target critics towards the critics in one update (Polyak averaging)."""
    init_temperature: Positive = 1.0
    """Initial weight of the entropy."""
    target_entropy: Finite | None = None
    """Target entropy of the temperature; by default minus the number of action dimensions."""
    hidden: tuple[Width, ...] = (256, 256)
    """Hidden layers of actor and critics."""
    activation: Activation = "relu"
    """Activation between the layers."""
    product: bool = False
    """Whether both critics run in one batched product, which is faster on a GPU; one by one is faster on a CPU."""
    layer_norm: bool = False
    """Whether the critics' layers are normalised before each activation, for many environments and few updates."""
    normalize_obs: bool = False
    """Whether observations are normalised by their running mean and deviation, for the same."""

    __post_init__ = check


class SAC(ReplayAgent[SACCfg, Batch]):
    """An off-policy agent."""

    name, default = "sac", SACCfg()
    metric_names = ("actor_loss", "critic_loss", "entropy", "ent_coef")

    def __init__(self, cfg: SACCfg, env: Env, *, seed: int = 0, device: str = "cpu") -> None:
        """Make untrained networks that fit `env`.

        Args:
            cfg: Hyperparameters.
            env: Environments of `learn`; their spaces are one-dimensional Boxes.
            seed: Seed of weights, actions and batches.
            device: Device of networks and replay buffer.

        Raises:
            UserError: If actions are not bounded.
        """
        super().__init__(cfg, env, seed=seed, device=device)
        draws = torch.Generator().manual_seed(seed)
        sizes = (self.obs_dim, *cfg.hidden, 2 * self.action_dim)
        self.actor = mlp(sizes, cfg.activation, draws, orthogonal=False).to(self.device)
        self.log_temperature = nn.Parameter(torch.tensor(float(np.log(cfg.init_temperature)), device=self.device))
        self.target_entropy = -self.action_dim if cfg.target_entropy is None else cfg.target_entropy
        self.obs_norm = RunningNorm(self.obs_dim).to(self.device)
        self.buffer = ReplayBuffer(cfg.capacity_steps, self.obs_dim, self.action_dim, self.device)
        self.actor_optimizer = self._adam([*self.actor.parameters()])
        self.temperature_optimizer = self._adam([self.log_temperature])
        self.renew_critics(draws)

    def renew_critics(self, generator: torch.Generator) -> None:
        """Initialise new critics, their targets and their optimiser."""
        cfg, sizes = self.cfg, (self.obs_dim + self.action_dim, *self.cfg.hidden, 1)
        self.critics = StackedMLP(sizes, 2, cfg.activation, generator, orthogonal=False, layer_norm=cfg.layer_norm).to(
            self.device
        )
        self.targets = deepcopy(self.critics).requires_grad_(False)
        self.critic_optimizer = self._adam([*self.critics.parameters()])

    def _adam(self, parameters: list[nn.Parameter]) -> torch.optim.Optimizer:
        return torch.optim.Adam(parameters, lr=self.cfg.learning_rate, fused=True)

    # --- act ---------------------------------------------------------------------------------------------------------

    def act(self, obs: Tensor, deterministic: bool = False) -> tuple[Tensor, Tensor]:
        """Sample actions in -1..1 and their log-probabilities. Shapes: (N, A), (N,)."""
        return self.policy(obs, deterministic)

    def sample(self, obs: Tensor) -> tuple[Tensor, Tensor]:
        """Sample the actions to take while collecting: uniform ones until the first update. Shapes: (N, A), (N,)."""
        if self.num_updates:
            return self.policy(obs)
        uniform = torch.rand(len(obs), self.action_dim, generator=self.generator, device=self.device)
        # log 2^-A
        return 2 * uniform - 1, torch.full((len(obs),), -self.action_dim * float(np.log(2)), device=self.device)

    def policy(self, obs: Tensor, deterministic: bool = False) -> tuple[Tensor, Tensor]:
        """Sample from the squashed Gaussian; gradients reach the actor. Shapes: (N, A), (N,)."""
        mean, log_std = self.actor(self._normalized(obs)).chunk(2, -1)
        if deterministic:
            return mean.tanh(), torch.zeros(len(mean), device=mean.device)
        log_std = log_std.clamp(*LOG_STD_RANGE)
        noise = torch.empty_like(mean).normal_(generator=self.generator)
        u = mean + log_std.exp() * noise
        # log pi(tanh u) = log N(u; mean, std) - sum log(1 - tanh^2 u)   (arXiv:1801.01290, eq. 21), where
        # log(1 - tanh^2 u) = 2 (log 2 - u - softplus(-2 u))
        return u.tanh(), (-gaussian_nll(noise, log_std) - 2 * (np.log(2) - u - softplus(-2 * u))).sum(-1)

    def executed(self, action: Tensor) -> Tensor:
        """Scale actions from -1..1 to the bounds of the environments. Shape as given."""
        return denormalize_action(action, self.action_low, self.action_high)

    # --- store -------------------------------------------------------------------------------------------------------

    def remember(self, rollout: Rollout) -> int:
        """Store a rollout; return the number of steps stored so far."""
        self.buffer.add(rollout)
        if self.cfg.normalize_obs:
            self.obs_norm.update(rollout.obs)
        return self.buffer.num_steps

    def relabel(self, learner: Learner) -> None:
        """Relabel the replay buffer with the present reward."""
        self.buffer.relabel(learner)

    # --- update ------------------------------------------------------------------------------------------------------

    def sample_batches(self, num_batches: int) -> list[Batch]:
        """Sample steps uniformly."""
        batches = self.buffer.sample((num_batches, self.cfg.batch_size), self.generator)
        return [batches[index] for index in range(num_batches)]

    def step(self, batch: Batch) -> Tensor:
        """Improve critics, actor and temperature. Shape: (4,)."""
        temperature = self.log_temperature.detach().exp()
        drawn, log_prob = self.policy(batch.obs)
        critic_loss = self._improve_critics(batch, temperature)
        # J_pi = E[alpha log pi(a|s) - min_i Q_i(s, a)], with a of the policy   (arXiv:1812.05905, eq. 7)
        with frozen(self.critics):
            actor_loss = (temperature * log_prob - self._values(self.critics, batch.obs, drawn).amin(0)).mean()
            self.gradient_step(self.actor_optimizer, actor_loss, **vars(batch))
        # J(alpha) = -log alpha (log pi + target entropy)   (eq. 18, for log alpha)
        entropy = -log_prob.detach().mean()
        temperature_loss = self.log_temperature * (entropy - self.target_entropy)
        self.gradient_step(self.temperature_optimizer, temperature_loss, **vars(batch))
        return torch.stack([actor_loss.detach(), critic_loss, entropy, temperature])

    def _improve_critics(self, batch: Batch, temperature: Tensor) -> Tensor:
        cfg = self.cfg
        with torch.no_grad():
            next_action, next_log_prob = self.policy(batch.next_obs)
            next_value = self._values(self.targets, batch.next_obs, next_action).amin(0) - temperature * next_log_prob
            # y = r + gamma (1 - terminated) (min_i Q_i'(s', a') - alpha log pi(a'|s'))
            target = batch.reward + cfg.gamma * (1 - batch.terminated) * next_value
        drawn = normalize_action(batch.action, self.action_low, self.action_high)
        # J_Q = sum_i E[(Q_i(s, a) - y)^2] / 2   (eq. 5)
        error = self._values(self.critics, batch.obs, drawn) - target
        loss = 0.5 * error.square().mean(-1).sum()
        self.gradient_step(self.critic_optimizer, loss, **vars(batch))
        polyak_update(self.targets, self.critics, cfg.tau)
        return loss.detach()

    def _values(self, critics: StackedMLP, obs: Tensor, action: Tensor) -> Tensor:
        """Return the values of both critics. Shapes: (M, O), (M, A) to (2, M)."""
        inputs = torch.cat([self._normalized(obs), action], -1)
        return critics.ask(inputs, product=self.cfg.product)

    def _normalized(self, obs: Tensor) -> Tensor:
        return self.obs_norm(obs) if self.cfg.normalize_obs else obs

    # --- keeping -----------------------------------------------------------------------------------------------------

    def nets(self) -> dict[str, nn.Module]:
        """Return the networks and the normalisation, by name."""
        norm: dict[str, nn.Module] = {"obs_norm": self.obs_norm} if self.cfg.normalize_obs else {}
        return {"actor": self.actor, "critics": self.critics, "targets": self.targets, **norm}

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """Return the optimisers, by name."""
        return {
            "actor_optimizer": self.actor_optimizer,
            "critic_optimizer": self.critic_optimizer,
            "temperature_optimizer": self.temperature_optimizer,
        }

    def weights(self) -> dict[str, Tensor]:
        """Return all learned tensors, by name."""
        return {**super().weights(), "log_temperature": self.log_temperature.detach()}

    def load_weights(self, weights: Mapping[str, Tensor]) -> None:
        """Load tensors that `weights` returned."""
        self.log_temperature.data = weights["log_temperature"].to(self.device)
        super().load_weights(weights)

    def state_dict(self) -> State:
        """Return the state to resume from."""
        return {**super().state_dict(), "buffer": self.buffer.state_dict()}

    def load_state_dict(self, state: State) -> None:
        """Resume from a state that `state_dict` returned."""
        super().load_state_dict(state)
        self.buffer.load_state_dict(state["buffer"])
