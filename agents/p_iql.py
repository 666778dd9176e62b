"""P-IQL: fit a reward model to the preferences, relabel all recorded steps with it, then learn from them by IQL.

The standard method of offline learning from preferences, and a baseline of CPL (arXiv:2310.13639, sec. 4).
"""

from dataclasses import dataclass, field

from torch import Generator

from prefgym.agents.iql import IQL, IQLCfg
from prefgym.common.states import State
from prefgym.core import contact
from prefgym.rewards.ensemble import Ensemble, EnsembleCfg
from prefgym.rewards.fit import FitCfg
from prefgym.rl.offline import OfflineData


@dataclass(frozen=True, kw_only=True)
class PIQLCfg(IQLCfg):
    """Hyperparameters of P-IQL, beside those of IQL."""

    reward: EnsembleCfg = field(
        default_factory=lambda: EnsembleCfg(offset="centre", fit=FitCfg(gradient_steps=2000, weight_decay=0.1))
    )
    """Settings of the reward model."""


class PIQL(IQL[PIQLCfg]):
    """IQL on the rewards of a model."""

    name, default = "p-iql", PIQLCfg()
    fits = Ensemble.fits

    def build(self, draws: Generator) -> None:
        """Make the reward model as well, with a generator of its own."""
        super().build(draws)
        self.reward = Ensemble(self.cfg.reward, self.env, seed=draws.initial_seed(), device=str(self.device))

    def take(self, data: OfflineData) -> None:
        """Store the preferences.

        Raises:
            ValueError: If there are none.
        """
        self.preferences = data.answered(self.name)

    def improve(self, num_updates: int) -> dict[str, float]:
        """Fit the reward and relabel all steps before the first update; then improve values and policy."""
        fitted = {} if self.reward.is_fitted else self.fit_reward()
        return super().improve(num_updates) | fitted

    def fit_reward(self) -> dict[str, float]:
        """Fit the reward, and relabel all recorded steps."""
        report = contact.fit(self.reward, self.preferences)
        self.buffer.relabel(self.reward)
        return report.metrics()

    def state_dict(self) -> State:
        """Return the state to resume from."""
        return {**super().state_dict(), "reward": self.reward.state_dict()}

    def load_state_dict(self, state: State) -> None:
        """Resume from a state that `state_dict` returned."""
        super().load_state_dict(state)
        self.reward.load_state_dict(state["reward"])
        if self.reward.is_fitted:
            self.buffer.relabel(self.reward)
