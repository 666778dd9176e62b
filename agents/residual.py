"""Residual off-policy learning (Ankile et al., arXiv:2509.19301): a learned correction of a frozen base policy.

The base policy is a black box: only its actions are used. The correction is an actor with the observation and the
base's action as inputs; critics evaluate the sum of both. Batches mix the agent's steps and demonstrations.

Read from top to bottom: configuration, networks, `act`, storing and relabelling, `step`. Acting on top of a base is in
`prefgym.rl.based_agent`; stepping environments, rounds of updates and SB3's methods are in `prefgym.rl.online`,
`prefgym.rl.off_policy` and `prefgym.rl.sb3_verbs`.
"""

from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, nn

from prefgym.buffers.base_recorder import BaseRecorder
from prefgym.buffers.mixture import Mixture
from prefgym.buffers.replay import Batch, ReplayBuffer
from prefgym.common.errors import DamageError
from prefgym.common.limits import (
    BatchSize,
    Count,
    Envs,
    Few,
    Natural,
    NonNegative,
    Positive,
    Share,
    UpdatesPerStep,
    Width,
    check,
)
from prefgym.common.spaces import normalize_action
from prefgym.common.states import State
from prefgym.core.arrays import Env
from prefgym.core.protocols import Learner
from prefgym.core.rollout import Rollout
from prefgym.data.minari import load_demos
from prefgym.nn.mlp import mlp
from prefgym.nn.normalisation import RunningNorm
from prefgym.nn.stacked import StackedMLP
from prefgym.nn.weights import frozen, polyak_update
from prefgym.rl.base_policy import BasePolicy
from prefgym.rl.based_agent import BasedAgent
from prefgym.wrappers.order import hides_reward


@dataclass(frozen=True, kw_only=True)
class ResidualCfg:
    """Hyperparameters of residual learning."""

    base: str = ""
    """Run folder of the base policy; `zero` stands for actions in the middle of their bounds, so that the correction
    is the whole action."""
    demos: str = ""
    """Id of a Minari dataset of demonstrations of the task; by default none."""
    datasets: str = ""
    """Folder of datasets; by default Minari's own."""
    num_envs: Envs = 8
    """Environments stepped at once."""
    num_steps: Count = 10
    """Steps of each environment between two rounds of updates."""
    scale: Positive = 0.3
    """Largest correction, for actions in -1..1."""
    noise: NonNegative = 0.05
    """Standard deviation of the noise on actions while collecting, and of that on the actions of targets."""
    noise_clip: NonNegative = 0.3
    """Largest noise."""
    random_steps: Natural = 4000
    """Steps over all environments before the first update; before it, corrections are uniform."""
    critic_updates: Natural = 10_000
    """Updates of the critics alone at the beginning."""
    updates_per_step: UpdatesPerStep = 2.0
    """Updates per environment step; those of a rollout follow it."""
    actor_every: Count = 2
    """Updates of the critics per update of the actor."""
    capacity_steps: Count = 300_000
    """Steps kept for updates, beside the demonstrations; the oldest are overwritten."""
    batch_size: BatchSize = 256
    """Steps per update."""
    demo_share: Share = 0.5
    """Share of each batch that is sampled from the demonstrations, if there are any."""
    actor_learning_rate: Positive = 1e-4
    """Learning rate of Adam, for the actor."""
    critic_learning_rate: Positive = 3e-4
    """Learning rate of Adam, for the critics."""
    gamma: Share = 0.98
    """Discount per step."""
    n_step: Few = 3
    """n of the n-step return in the critics' targets."""
    tau: Share = 0.01
    """Step of the target critics towards the critics in one update (Polyak averaging)."""
    num_critics: Few = 5
    """Critics."""
    num_target_critics: Few = 2
    """Number of target critics, sampled anew in each update, whose minimum is the target (REDQ)."""
    hidden: tuple[Width, ...] = (256, 256)
    """Hidden layers of actor and critics, each normalised."""
    product: bool = False
    """Whether all critics run in one batched product, which is faster on a GPU; one by one is faster on a CPU."""

    def __post_init__(self) -> None:
        check(self)
        if self.num_target_critics > self.num_critics:
            raise ValueError(
                f"num_target_critics is {self.num_target_critics}, and there are {self.num_critics} critics: lower it"
            )


class Residual(BasedAgent[ResidualCfg, tuple[Batch, Tensor]]):
    """A base policy and its learned correction."""

    name, default = "residual", ResidualCfg()
    learns_from = ("reward", "demonstrations")
    metric_names = ("critic_loss", "value", "actor_loss", "correction")

    def __init__(
        self,
        cfg: ResidualCfg,
        env: Env,
        *,
        base_policy: BasePolicy = None,
        demonstrations: BaseRecorder | None = None,
        seed: int = 0,
        device: str = "cpu",
    ) -> None:
        """Make a residual policy whose initial correction is zero.

        Args:
            cfg: Hyperparameters.
            env: Environments of `learn`; their spaces are one-dimensional Boxes.
            base_policy: A policy, or a function of observations; None for the one in `cfg`.
            demonstrations: Recorded episodes of the task; None for those in `cfg`.
            seed: Seed of weights, actions and batches.
            device: Device of networks and replay buffers.

        Raises:
            ValueError: If there is no base, actions are not bounded, or the demonstrations are of other environments.
            UserError: If the base or the demonstrations in `cfg` are missing or damaged.
        """
        super().__init__(cfg, env, base_policy, seed=seed, device=device)
        draws, sizes = torch.Generator().manual_seed(seed), (self.obs_dim + self.action_dim, *cfg.hidden)
        self.obs_norm = RunningNorm(sizes[0]).to(self.device)
        # a last layer of zeros, so that the initial correction is zero
        self.actor = mlp((*sizes, self.action_dim), "relu", draws, output_gain=0.0, layer_norm=True).to(self.device)
        self.critics = StackedMLP((*sizes, 1), cfg.num_critics, "relu", draws, layer_norm=True).to(self.device)
        self.targets = deepcopy(self.critics).requires_grad_(False)
        self.actor_optimizer = torch.optim.Adam(self.actor.parameters(), lr=cfg.actor_learning_rate, fused=True)
        self.critic_optimizer = torch.optim.Adam(self.critics.parameters(), lr=cfg.critic_learning_rate, fused=True)
        if demonstrations is None and cfg.demos:
            demonstrations = load_demos(cfg.demos, Path(cfg.datasets) if cfg.datasets else None, with_state=False)
        demos = self._make_buffer(0) if demonstrations is None else self._store_demos(demonstrations)
        self.memory = Mixture(self._make_buffer(cfg.capacity_steps), demos, cfg.demo_share)

    def _make_buffer(self, capacity: int) -> ReplayBuffer:
        sizes = self.obs_dim + self.action_dim, self.action_dim
        return ReplayBuffer(capacity, *sizes, self.device, num_seen=self.obs_dim)

    # --- act ---------------------------------------------------------------------------------------------------------

    def policy(self, seen: Tensor) -> Tensor:
        """Correct the action of the base: a = clip(a_b + scale tanh(mu(s, a_b)), -1, 1).

        Args:
            seen: Observations, with the actions of the base appended, in -1..1. Shape: (..., O+A).

        Returns:
            Shape: (..., A).
        """
        correction = self.cfg.scale * self.actor(self.obs_norm(seen)).tanh()
        return (seen[..., self.obs_dim :] + correction).clamp(-1, 1)

    def act(self, obs: Tensor, deterministic: bool = False) -> tuple[Tensor, Tensor]:
        """Sample actions in -1..1; `obs` ends with the action of the base. Shapes: (N, O+A) to (N, A), (N,)."""
        action = self.policy(obs)
        if not deterministic:
            action = (action + self._noise(action)).clamp(-1, 1)
        return action, torch.zeros(len(action), device=action.device)

    def _noise(self, action: Tensor) -> Tensor:
        noise = torch.empty_like(action).normal_(generator=self.generator) * self.cfg.noise
        return noise.clamp(-self.cfg.noise_clip, self.cfg.noise_clip)

    def sample(self, obs: Tensor) -> tuple[Tensor, Tensor]:
        """Sample the actions to take; before the first update, with uniform corrections. Shapes: (N, A), (N,)."""
        base = self.base_runner.act(obs.cpu().numpy())
        if self.num_updates:
            return self.act(torch.cat([obs, base], -1))
        uniform = 2 * torch.rand(base.shape, generator=self.generator, device=self.device) - 1
        return (base + self.cfg.scale * uniform).clamp(-1, 1), torch.zeros(len(base), device=self.device)

    def mark_truncated(self) -> None:
        """Mark the latest stored steps as truncated, since the next ones do not follow them."""
        self.memory.tried.mark_truncated()

    def set_env(self, env: Env, force_reset: bool = True) -> None:
        """Replace the environments by as many others; if they hide the task reward, clear that of demonstrations.

        Raises:
            ValueError: If the spaces or the number of environments differ.
        """
        if len(self.memory.tried) and env.num_envs != self.env.num_envs:
            raise ValueError(
                f"the replay buffer has steps of {self.env.num_envs} environments: pass as many, not {env.num_envs}"
            )
        super().set_env(env, force_reset)
        if hides_reward(env):
            self.memory.demos.clear_rewards()

    # --- store -------------------------------------------------------------------------------------------------------

    def _store_demos(self, recorder: BaseRecorder) -> ReplayBuffer:
        steps = self.demo_steps(recorder)
        self.obs_norm.update(steps.obs.to(self.device))
        buffer = self._make_buffer(len(steps.reward))
        buffer.extend(steps)
        return buffer

    def remember(self, rollout: Rollout) -> int:
        """Store a rollout and the actions of the base in it; return the number of steps stored so far."""
        base, next_base = self.base_runner.rollout()
        obs, next_obs = torch.cat([rollout.obs, base], -1), torch.cat([rollout.next_obs, next_base], -1)
        if not self.num_updates:
            self.obs_norm.update(obs)
        self.memory.tried.add(replace(rollout, obs=obs, next_obs=next_obs))
        return self.memory.tried.num_steps

    def relabel(self, learner: Learner) -> None:
        """Relabel the replay buffer with the present reward, the demonstrations included."""
        self.memory.relabel(learner)

    # --- improve -----------------------------------------------------------------------------------------------------

    def sample_batches(self, num_batches: int) -> list[tuple[Batch, Tensor]]:
        """Sample steps, each with its n-step return and the discount of the value after it."""
        size, ahead = self.cfg.batch_size, (self.cfg.n_step, self.cfg.gamma)
        batches, discounts = self.memory.sample_ahead(num_batches, size, self.generator, *ahead)
        return [(batches[index], discounts[index]) for index in range(num_batches)]

    def step(self, batch: tuple[Batch, Tensor]) -> Tensor:
        """Improve the critics, and every `actor_every` updates the actor, whose loss is NaN otherwise. Shape: (4,)."""
        steps, discount = batch
        critic_loss, value = self._improve_critics(steps, discount)
        actor_loss = correction = torch.full((), torch.nan, device=self.device)
        if self.num_updates >= self.cfg.critic_updates and self.num_updates % self.cfg.actor_every == 0:
            actor_loss, correction = self._improve_actor(steps)
        return torch.stack([critic_loss, value, actor_loss, correction])

    def _improve_critics(self, batch: Batch, discount: Tensor) -> tuple[Tensor, Tensor]:
        cfg = self.cfg
        with torch.no_grad():
            action = self.policy(batch.next_obs)
            action = (action + self._noise(action)).clamp(-1, 1)
            judges = torch.randperm(cfg.num_critics, generator=self.generator, device=self.device)[
                : cfg.num_target_critics
            ]
            next_value = self.values(self.targets, batch.next_obs, action, judges).amin(0)
            # y = sum_(i < k) gamma^i r_(t+i) + gamma^k (1 - terminated) min_(j in J) Q_j'(s_(t+k), pi(s_(t+k)) + noise)
            target = batch.reward + discount * (1 - batch.terminated) * next_value
        drawn = normalize_action(batch.action, self.action_low, self.action_high)
        value = self.values(self.critics, batch.obs, drawn)
        # J_Q = sum_i E[(Q_i(s, a) - y)^2] / 2
        loss = 0.5 * (value - target).square().mean(-1).sum()
        self.gradient_step(self.critic_optimizer, loss, **vars(batch))
        polyak_update(self.targets, self.critics, cfg.tau)
        return loss.detach(), value.detach().mean()

    def _improve_actor(self, batch: Batch) -> tuple[Tensor, Tensor]:
        # J_pi = -E[mean_i Q_i(s, pi(s))]
        action = self.policy(batch.obs)
        with frozen(self.critics):
            loss = -self.values(self.critics, batch.obs, action).mean()
            self.gradient_step(self.actor_optimizer, loss, **vars(batch))
        return loss.detach(), (action.detach() - batch.obs[..., self.obs_dim :]).abs().mean()

    def values(self, critics: StackedMLP, seen: Tensor, action: Tensor, members: Tensor | None = None) -> Tensor:
        """Return the values of actions, by some members; critics use only the observation in `seen`.

        Shapes: (M, O+A), (M, A) to (E, M).
        """
        inputs = torch.cat([self.obs_norm(seen)[..., : self.obs_dim], action], -1)
        return critics.ask(inputs, members, product=self.cfg.product)

    # --- keeping -----------------------------------------------------------------------------------------------------

    def nets(self) -> dict[str, nn.Module]:
        """Return the networks and the normalisation, by name."""
        return {"actor": self.actor, "critics": self.critics, "targets": self.targets, "obs_norm": self.obs_norm}

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """Return the optimisers, by name."""
        return {"actor_optimizer": self.actor_optimizer, "critic_optimizer": self.critic_optimizer}

    def state_dict(self) -> State:
        """Return the state to resume from, with a checksum of the base and the demonstrations."""
        own = {"memory": self.memory.state_dict(), "shadow": self.base_runner.state_dict()}
        return {**super().state_dict(), **own, "given": [self.base_seal, self.demos_seal]}

    def load_state_dict(self, state: State) -> None:
        """Resume from a state that `state_dict` returned.

        Raises:
            DamageError: If the base or the demonstrations have changed.
        """
        if state["given"] != [self.base_seal, self.demos_seal]:
            raise DamageError(
                "the base policy or the demonstrations have changed since the run began: restore them to resume."
            )
        super().load_state_dict(state)
        self.memory.load_state_dict(state["memory"])
        self.base_runner.load_state_dict(state["shadow"])
