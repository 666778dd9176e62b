"""P-IQL: fit a reward model to the preferences, pay all recorded steps with it, then learn from them by IQL.

What offline learning from preferences is when nothing else is said (arXiv:2310.13639, sec. 4): the baseline of CPL.
"""

from dataclasses import dataclass, field
from typing import Any

from prefgym.agents.iql import IQL, IQLCfg
from prefgym.offline import OfflineData
from prefgym.rewards.ensemble import Ensemble, EnsembleCfg
from prefgym.rewards.fit import FitCfg
from prefgym.states import State


@dataclass(frozen=True, kw_only=True)
class PIQLCfg(IQLCfg):
    """Hyperparameters of P-IQL, beside those of IQL."""

    reward: EnsembleCfg = field(
        default_factory=lambda: EnsembleCfg(offset="centre", fit=FitCfg(gradient_steps=2000, weight_decay=0.1))
    )
    """The reward model."""


class PIQL(IQL):
    """IQL that a reward model pays."""

    name, default = "p-iql", PIQLCfg()

    def __init__(
        self,
        cfg: PIQLCfg,
        env: Any,  # noqa: ANN401
        *,
        data: OfflineData | None = None,
        seed: int = 0,
        device: str = "cpu",
    ) -> None:
        """Make untrained networks.

        Args:
            cfg: Hyperparameters.
            env: Worlds of the task; its spaces are one-dimensional Boxes.
            data: What is learned from: preferences, and the steps of demonstrations or of the same segments.
            seed: Seed of weights and of all that is drawn.
            device: Where the networks are.

        Raises:
            ValueError: If actions are not bounded, or there are no preferences.
        """
        super().__init__(cfg, env, data=data, seed=seed, device=device)
        self.reward = Ensemble(cfg.reward, env, seed=seed, device=device)
        if data is not None:
            self.preferences = data.answered(self.name)

    def improve(self, num_updates: int, progress: float) -> dict[str, float]:
        """Fit the reward and pay all steps before the first update; then improve values and policy."""
        fitted = {} if self.reward.is_fitted else self.fit_reward()
        return super().improve(num_updates, progress) | fitted

    def fit_reward(self) -> dict[str, float]:
        """Fit the reward, and pay all recorded steps."""
        report = self.reward.fit(self.preferences)
        self.buffer.relabel(self.reward)
        return report.metrics()

    def state_dict(self) -> State:
        """Return all that moves."""
        return {**super().state_dict(), "reward": self.reward.state_dict()}

    def load_state_dict(self, state: State) -> None:
        """Go on from what `state_dict` returned."""
        super().load_state_dict(state)
        self.reward.load_state_dict(state["reward"])
        if self.reward.is_fitted:
            self.buffer.relabel(self.reward)
