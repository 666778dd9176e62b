"""Proximal policy optimisation for continuous actions (Schulman et al., arXiv:1707.06347).

Read from top to bottom: configuration, networks, `act`, `advantages`, `update`. Stepping environments and
SB3's methods are in `prefgym.rl.online` and `prefgym.rl.sb3_verbs`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from prefgym.common.finite import check_finite
from prefgym.common.limits import BatchSize, Count, Envs, LogStd, NonNegative, Positive, Share, Width, check
from prefgym.common.states import State, load_optimizer_state, optimizer_state
from prefgym.core.arrays import Env
from prefgym.core.rollout import Rollout, backward_sum, forward_sum
from prefgym.nn.gaussian import gaussian_nll
from prefgym.nn.mlp import Activation, mlp
from prefgym.nn.normalisation import RunningNorm
from prefgym.rl.online import OnlineAgent


@dataclass(frozen=True, kw_only=True)
class PPOCfg:
    """Hyperparameters of PPO."""

    num_envs: Envs = 64
    """Environments stepped at once."""
    num_steps: Count = 64
    """Steps of each environment between two updates."""
    learning_rate: Positive = 1e-3
    """Learning rate of Adam."""
    anneal: bool = True
    """Whether the learning rate falls linearly to 0 over the training."""
    gamma: Share = 0.99
    """Discount per step."""
    gae_lambda: Share = 0.95
    """Decay of generalised advantage estimation."""
    clip: Positive = 0.2
    """Clipping range of the probability ratio around 1."""
    epochs: Count = 10
    """Passes over each rollout."""
    minibatch_size: BatchSize = 1024
    """Steps per gradient step."""
    entropy_coef: NonNegative = 0.0
    """Weight of the entropy bonus."""
    value_coef: NonNegative = 0.5
    """Weight of the value loss."""
    max_grad_norm: Positive = 0.5
    """Largest norm of the gradient."""
    hidden: tuple[Width, ...] = (64, 64)
    """Hidden layers of actor and of critic."""
    activation: Activation = "relu"
    """Activation between the layers."""
    orthogonal: bool = True
    """Whether weights are initialised orthogonally, with a small output layer of the actor."""
    log_std_init: LogStd = -1.0
    """Logarithm of the initial standard deviation of the actions."""
    normalize_obs: bool = True
    """Whether observations are normalised by their running mean and deviation."""
    normalize_reward: bool = True
    """Whether rewards are divided by the running deviation of the discounted return."""

    __post_init__ = check


class PPO(OnlineAgent[PPOCfg]):
    """An on-policy agent."""

    name, default = "ppo", PPOCfg()
    needs_bounds = False

    def __init__(self, cfg: PPOCfg, env: Env, *, seed: int = 0, device: str = "cpu") -> None:
        """Make untrained networks that fit `env`.

        Args:
            cfg: Hyperparameters.
            env: Environments of `learn`; their spaces are one-dimensional Boxes.
            seed: Seed of weights and actions.
            device: Device of the networks.
        """
        super().__init__(cfg, env, seed=seed, device=device)
        obs_dim, action_dim = self.obs_dim, self.action_dim
        weights = torch.Generator().manual_seed(seed)
        network = partial(mlp, activation=cfg.activation, generator=weights, orthogonal=cfg.orthogonal)
        self.actor = network((obs_dim, *cfg.hidden, action_dim), output_gain=0.01)
        self.critic = network((obs_dim, *cfg.hidden, 1))
        self.log_std = nn.Parameter(torch.full((action_dim,), cfg.log_std_init))
        self.obs_norm = RunningNorm(obs_dim)
        self.return_norm = RunningNorm(1)
        self.nets = nn.ModuleDict(
            {"actor": self.actor, "critic": self.critic, "obs_norm": self.obs_norm, "return_norm": self.return_norm}
        ).to(self.device)
        self.log_std.data = self.log_std.data.to(self.device)
        self.parameters = [*self.actor.parameters(), *self.critic.parameters(), self.log_std]
        self.optimizer: torch.optim.Optimizer = torch.optim.Adam(
            self.parameters, lr=cfg.learning_rate, eps=1e-5, fused=True
        )
        self._discounted = torch.zeros(0)

    # --- act ---------------------------------------------------------------------------------------------------------

    @torch.no_grad()
    def act(self, obs: Tensor, deterministic: bool = False) -> tuple[Tensor, Tensor]:
        """Sample actions and their log-probabilities. Shapes: (N, A), (N,)."""
        mean = self.actor(self._normalized(obs))
        if deterministic:
            return mean, torch.zeros(len(mean), device=mean.device)
        noise = torch.empty_like(mean).normal_(generator=self.generator)
        return mean + self.log_std.exp() * noise, -gaussian_nll(noise, self.log_std).sum(-1)

    def start_over(self) -> None:
        """Reset the state of the environments, and the running returns."""
        super().start_over()
        self._discounted = torch.zeros(0)

    # --- advantages --------------------------------------------------------------------------------------------------

    @torch.no_grad()
    def advantages(self, rollout: Rollout) -> tuple[Tensor, Tensor]:
        """Estimate advantages and returns (GAE, arXiv:1506.02438, eq. 16). Shapes: (T, N).

        Time limits bootstrap from the value of the last observation; terminations do not.
        """
        value = self.critic(self._normalized(rollout.obs)).squeeze(-1)
        next_value = self.critic(self._normalized(rollout.next_obs)).squeeze(-1)
        reward = rollout.reward
        if self.cfg.normalize_reward:
            reward = (reward / (self.return_norm.var.float() + 1e-8).sqrt()).clamp(-10, 10)
        # delta_t = r_t + gamma V(s_(t+1)) (1 - terminated_t) - V(s_t)
        delta = reward + self.cfg.gamma * next_value * ~rollout.terminated - value
        # A_t = delta_t + gamma lambda (1 - ended_t) A_(t+1)
        ended = rollout.terminated | rollout.truncated
        advantage = backward_sum(delta, self.cfg.gamma * self.cfg.gae_lambda * ~ended)
        return advantage, advantage + value

    def track_returns(self, rollout: Rollout) -> None:
        """Update the statistics that scale the reward with the running discounted returns."""
        ended = rollout.terminated | rollout.truncated
        if not self._discounted.numel():
            self._discounted = torch.zeros_like(rollout.reward[0])
        # R_t = r_t + gamma (1 - ended_(t-1)) R_(t-1)
        before = torch.cat([torch.zeros_like(ended[:1]), ended[:-1]])
        discounted = forward_sum(rollout.reward, self.cfg.gamma * ~before, self._discounted)
        self._discounted = discounted[-1] * ~ended[-1]
        self.return_norm.update(discounted.reshape(-1, 1))

    # --- update ------------------------------------------------------------------------------------------------------

    def update(self, rollout: Rollout, progress: float) -> dict[str, float]:
        """Improve actor and critic on a rollout with its reward.

        Args:
            rollout: Rollout with the reward to learn from.
            progress: Completed share of the training, for annealing.
        """
        cfg = self.cfg
        self.optimizer.param_groups[0]["lr"] = cfg.learning_rate * (1 - progress if cfg.anneal else 1)
        if cfg.normalize_reward:
            self.track_returns(rollout)
        advantage, returns = (x.flatten() for x in self.advantages(rollout))
        obs = self._normalized(rollout.obs).flatten(0, 1)
        action, old_log_prob = rollout.action.flatten(0, 1), rollout.log_prob.flatten()
        stats: list[Tensor] = []
        for _ in range(cfg.epochs):
            order = torch.randperm(len(obs), generator=self.generator, device=self.device)
            stats += [
                self._step(obs[batch], action[batch], old_log_prob[batch], advantage[batch], returns[batch])
                for batch in torch.split(order, cfg.minibatch_size)
            ]
        if cfg.normalize_obs:
            self.obs_norm.update(rollout.obs)  # after the update, so that the improved policy is the one that acted
        names = ("policy_gradient_loss", "value_loss", "approx_kl", "clip_fraction")
        means = torch.stack(stats).mean(0)
        logs = {f"train/{name}": float(mean) for name, mean in zip(names, means.cpu())}
        return logs | {
            "train/std": float(self.log_std.detach().exp().mean()),
            "train/learning_rate": self._learning_rate,
        }

    def _step(self, obs: Tensor, action: Tensor, old_log_prob: Tensor, advantage: Tensor, returns: Tensor) -> Tensor:
        cfg = self.cfg
        if len(advantage) > 1:  # a single step has no deviation
            advantage = (advantage - advantage.mean()) / (advantage.std() + 1e-8)
        noise = (action - self.actor(obs)) / self.log_std.exp()
        log_ratio = -gaussian_nll(noise, self.log_std).sum(-1) - old_log_prob
        ratio = log_ratio.exp()
        # L = -min(ratio A, clip(ratio, 1 - eps, 1 + eps) A)   (eq. 7)
        policy_loss = -torch.minimum(advantage * ratio, advantage * ratio.clamp(1 - cfg.clip, 1 + cfg.clip)).mean()
        value_loss = (self.critic(obs).squeeze(-1) - returns).square().mean()
        # entropy of a Gaussian: log std + (1 + log 2 pi) / 2 per dimension; only log std matters here
        loss = policy_loss + cfg.value_coef * value_loss - cfg.entropy_coef * self.log_std.sum()
        self.optimizer.zero_grad()
        torch.autograd.backward(loss)
        norm = nn.utils.clip_grad_norm_(self.parameters, cfg.max_grad_norm)
        check_finite("the gradient of the agent", norm, obs=obs, action=action, advantage=advantage, returns=returns)
        self.optimizer.step()
        with torch.no_grad():
            # E[(ratio - 1) - log ratio] estimates the KL divergence (http://joschu.net/blog/kl-approx.html)
            kl, clipped = (ratio - 1 - log_ratio).mean(), ((ratio - 1).abs() > cfg.clip).float().mean()
        return torch.stack([policy_loss.detach(), value_loss.detach(), kl, clipped])

    # --- keeping ------------------------------------------------------------------------------------------------------

    def weights(self) -> dict[str, Tensor]:
        """Return all learned tensors, by name."""
        return {**self.nets.state_dict(), "log_std": self.log_std.detach()}

    def load_weights(self, weights: Mapping[str, Tensor]) -> None:
        """Load tensors that `weights` returned."""
        learned = dict(weights)
        self.log_std.data = learned.pop("log_std").to(self.device)
        self.nets.load_state_dict(learned)

    def state_dict(self) -> State:
        """Return the state to resume from."""
        own = {"optimizer": optimizer_state(self.optimizer), "discounted": self._discounted}
        return {**super().state_dict(), **own}

    def load_state_dict(self, state: State) -> None:
        """Resume from a state that `state_dict` returned."""
        super().load_state_dict(state)
        load_optimizer_state(self.optimizer, state["optimizer"])
        self._discounted = state["discounted"].to(self.device)

    def _normalized(self, obs: Tensor) -> Tensor:
        return self.obs_norm(obs) if self.cfg.normalize_obs else obs

    @property
    def _learning_rate(self) -> float:
        return self.optimizer.param_groups[0]["lr"]
