"""Implicit Q-learning (Kostrikov, Nair, Levine, arXiv:2110.06169): values and a policy from recorded steps only.

Read from top to bottom: configuration, networks, the three losses. Two agents build on it: in
`p_iql.py` a reward model rewards the steps, and in `ipl.py` the values themselves imply the reward.
"""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field, replace
from typing import Annotated, TypeVar

import torch
from torch import Generator, Tensor, nn

from prefgym.buffers.replay import Batch
from prefgym.common.limits import BatchSize, NonNegative, Positive, Share, Width, Within, check
from prefgym.common.states import State, load_optimizer_state, optimizer_state
from prefgym.nn.actor import ActorCfg
from prefgym.nn.mlp import mlp
from prefgym.nn.stacked import StackedMLP
from prefgym.nn.weights import load_merged_state_dicts, merge_state_dicts, polyak_update, training
from prefgym.rl.offline import OfflineAgent


@dataclass(frozen=True, kw_only=True)
class IQLCfg:
    """Hyperparameters of IQL."""

    actor: ActorCfg = field(default_factory=ActorCfg)
    """Architecture of the policy."""
    hidden: tuple[Width, ...] = (256, 256)
    """Hidden layers of the value networks."""
    learning_rate: Positive = 3e-4
    """Learning rate of Adam, for values and policy."""
    batch_size: BatchSize = 256
    """Steps per update."""
    gamma: Share = 0.99
    """Discount per step."""
    tau: Share = 0.005
    """Step of the target critics towards the critics in one update (Polyak averaging)."""
    expectile: Annotated[float, Within(0.5, 0.999)] = 0.7
    """Expectile of Q that V approximates: 0.5 is the mean, 1 would be the maximum."""
    inverse_temperature: NonNegative = 3.0
    """Inverse temperature of the policy's regression: actions of advantage A have weight exp(inverse_temperature A)."""
    max_weight: Positive = 100.0
    """Largest of these weights."""

    __post_init__ = check


Cfg = TypeVar("Cfg", bound=IQLCfg)


class IQL(OfflineAgent[Cfg]):
    """A policy that imitates recorded actions, weighted by advantage; subclasses define the reward of steps."""

    def build(self, draws: Generator) -> None:
        """Make values and optimisers."""
        cfg = self.cfg
        self.v = mlp((self.obs_dim, *cfg.hidden, 1), "relu", draws).to(self.device)
        sizes = (self.obs_dim + self.action_dim, *cfg.hidden, 1)
        self.q = StackedMLP(sizes, 2, "relu", draws).to(self.device)
        self.targets = deepcopy(self.q).requires_grad_(False)
        self.optimizers = {
            name: torch.optim.Adam([p for p in net.parameters() if p.requires_grad], lr=cfg.learning_rate, fused=True)
            for name, net in (("actor", self.actor), ("v", self.v), ("q", self.q))
        }

    # --- improve -----------------------------------------------------------------------------------------------------

    def improve(self, num_updates: int) -> dict[str, float]:
        """Improve values and policy on recorded steps."""
        with training(self.actor):
            stats = torch.stack([self._step(self.sample()) for _ in range(num_updates)]).mean(0)
        names = ("critic_loss", "value_loss", "actor_loss", "value")
        return {f"train/{name}": float(value) for name, value in zip(names, stats.cpu())}

    def sample(self) -> Batch:
        """Sample recorded steps, with actions in -1..1."""
        batch = self.buffer.sample((self.cfg.batch_size,), self.generator)
        return replace(batch, action=self.unit(batch.action))

    def _step(self, batch: Batch) -> Tensor:
        cfg = self.cfg
        value_loss, value, advantage = self._improve_value(batch)
        # L_pi = -E[ exp(beta (Q - V)) log pi(a|s) ]   (eq. 7)
        weight = (cfg.inverse_temperature * advantage).exp().clamp_max(cfg.max_weight)
        actor_loss = -(weight * self.actor.log_prob(batch.obs, batch.action)).mean()
        self.gradient_step(self.optimizers["actor"], actor_loss, **vars(batch))
        critic_loss = self.critic_loss(batch)
        self.gradient_step(self.optimizers["q"], critic_loss, **vars(batch))
        polyak_update(self.targets, self.q, cfg.tau)
        return torch.stack([critic_loss.detach(), value_loss, actor_loss.detach(), value])

    def _improve_value(self, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
        """Fit V to an expectile of Q over the recorded actions; return the loss, the mean of V, and Q - V."""
        with torch.no_grad():
            target = self.target_values(batch)
        value = self.value(batch.obs)
        advantage = target - value
        # L_V = E[ |expectile - 1(Q < V)| (Q - V)^2 ]   (eq. 5)
        weight = (self.cfg.expectile - (advantage.detach() < 0).float()).abs()
        loss = (weight * advantage.square()).mean()
        self.gradient_step(self.optimizers["v"], loss, **vars(batch))
        return loss.detach(), value.detach().mean(), advantage.detach()

    def critic_loss(self, batch: Batch) -> Tensor:
        """Return the loss of both critics: L_Q = E[ (r + gamma (1 - terminated) V(s') - Q(s, a))^2 ] (eq. 6)."""
        with torch.no_grad():
            target = batch.reward + self.cfg.gamma * (1 - batch.terminated) * self.value(batch.next_obs)
        return (self.values(self.q, batch.obs, batch.action) - target).square().mean(-1).sum()

    def target_values(self, batch: Batch) -> Tensor:
        """Return the targets of V: the smaller of both target critics. Shape: (M,)."""
        return self.values(self.targets, batch.obs, batch.action).amin(0)

    def value(self, obs: Tensor) -> Tensor:
        """Return V(s). Shapes: (..., O) to (...,)."""
        return self.v(self.actor.obs_norm(obs)).squeeze(-1)

    def values(self, critics: StackedMLP, obs: Tensor, action: Tensor) -> Tensor:
        """Return both Q(s, a), for actions in -1..1. Shapes: (M, O), (M, A) to (2, M)."""
        inputs = torch.cat([self.actor.obs_norm(obs), action], -1)
        return critics.ask(inputs)

    # --- keeping -----------------------------------------------------------------------------------------------------

    def _nets(self) -> dict[str, nn.Module]:
        return {"actor": self.actor, "v": self.v, "q": self.q, "targets": self.targets}

    def weights(self) -> dict[str, Tensor]:
        """Return all learned tensors, by name."""
        return merge_state_dicts(self._nets())

    def load_weights(self, weights: Mapping[str, Tensor]) -> None:
        """Load tensors that `weights` returned."""
        load_merged_state_dicts(self._nets(), weights)

    def state_dict(self) -> State:
        """Return the state to resume from."""
        optimizers = {f"{name}_optimizer": optimizer_state(x) for name, x in self.optimizers.items()}
        return {**super().state_dict(), **optimizers}

    def load_state_dict(self, state: State) -> None:
        """Resume from a state that `state_dict` returned."""
        super().load_state_dict(state)
        for name, optimizer in self.optimizers.items():
            load_optimizer_state(optimizer, state[f"{name}_optimizer"])
