"""Inverse preference learning (Hejna, Sadigh, arXiv:2305.15363): Q-values fitted to preferences; no reward model.

By the inverse Bellman operator every Q implies a reward, r(s, a) = Q(s, a) - gamma V(s'), which is fitted to the
preferences; V and the policy follow Q as in IQL.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from prefgym.agents.iql import IQL, IQLCfg
from prefgym.buffers.replay import Batch
from prefgym.common.limits import BatchSize, NonNegative
from prefgym.rl.offline import OfflineData


@dataclass(frozen=True, kw_only=True)
class IPLCfg(IQLCfg):
    """Hyperparameters of IPL, beside those of IQL."""

    num_queries: BatchSize = 8
    """Queries per update."""
    regularization: NonNegative = 0.5
    """Weight of the penalty on squared implied rewards, which bounds their size."""


class IPL(IQL[IPLCfg]):
    """IQL whose critics are fitted to preferences."""

    name, default = "ipl", IPLCfg()

    def take(self, data: OfflineData) -> None:
        """Store the options of all queries.

        Raises:
            ValueError: If there are no preferences, or their queries differ in form.
        """
        preferences = data.answered_alike(self.name).only
        self.options = preferences.queries.options.map(lambda x: x.to(self.device))
        self.choice = preferences.answers.choice.to(self.device)

    def critic_loss(self, batch: Batch) -> Tensor:
        """Return the loss of both critics: the cross-entropy of the choices under their implied rewards.

        L_Q = E[ -sum_k c_k log softmax_k( sum_t r(s_t, a_t) ) ] + c/2 ( E_preferences[r^2] + E_replay[r^2] )
        """
        rows = torch.randint(len(self.choice), (self.cfg.num_queries,), generator=self.generator, device=self.device)
        options, choice = self.options[rows], self.choice[rows]
        mask = options.mask
        steps = Batch.of(options)
        asked = self.implied_reward(replace(steps, action=self.unit(steps.action)))
        returns = torch.zeros(2, *mask.shape, device=self.device).masked_scatter(mask, asked).sum(-1)
        cross_entropy = -(choice * returns.log_softmax(-1)).sum(-1).mean(-1)
        sizes = asked.square().mean(-1) + self.implied_reward(batch).square().mean(-1)
        return (cross_entropy + self.cfg.regularization / 2 * sizes).sum()

    def implied_reward(self, batch: Batch) -> Tensor:
        """Return r = Q(s, a) - gamma (1 - terminated) V(s') of each critic. Shape: (2, M)."""
        with torch.no_grad():
            next_value = self.value(batch.next_obs)
        q = self.values(self.q, batch.obs, batch.action)
        return q - self.cfg.gamma * (1 - batch.terminated) * next_value

    def target_values(self, batch: Batch) -> Tensor:
        """Return the targets of V, clipped to the range of returns of rewards of size 1 / c. Shape: (M,)."""
        most = 1 / max(self.cfg.regularization * (1 - self.cfg.gamma), 1e-6)
        return super().target_values(batch).clamp(-most, most)
