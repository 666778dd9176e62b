"""Strategies of feedback: the source of the reward of a rollout."""

from typing import Protocol

from torch import Tensor

from prefgym.common.states import State
from prefgym.core.capabilities import Capability, capabilities_of
from prefgym.core.rollout import EpisodeReturns, Rollout
from prefgym.training.combine import combine_of
from prefgym.training.config import TrainCfg
from prefgym.training.history import FeedbackHistory
from prefgym.training.matches import MatchFeedback
from prefgym.training.parts import Metrics, Parts
from prefgym.training.patience import Patience
from prefgym.training.sessions import SessionFeedback


class Feedback(Protocol):
    """A strategy of feedback; all that differs between kinds of feedback is behind this protocol."""

    def begin(self) -> Metrics:
        """Use the initial preferences, if there are any; return the metrics of the fit."""
        ...

    def after_rollout(self, rollout: Rollout, steps: int) -> tuple[Tensor | None, Metrics]:
        """Query the rater if a query is due, use new answers, and reward the rollout.

        Args:
            rollout: The latest rollout, with the reward of the environment.
            steps: Environment steps so far, those of the rollout included.

        Returns:
            The reward to learn from, None before the first fit, and metrics, which are empty unless answers arrived.
            Shape: (T, N).
        """
        ...

    def state_dict(self) -> State:
        """Return the state to resume from."""
        ...

    def load_state_dict(self, state: State) -> None:
        """Restore the state that `state_dict` returned."""
        ...


class NoFeedback:
    """Leaves the task reward as it is."""

    def begin(self) -> Metrics:
        """Use nothing."""
        return {}

    def after_rollout(self, rollout: Rollout, steps: int) -> tuple[Tensor | None, Metrics]:
        """Return the reward of the environment. Shape: (T, N)."""
        del steps
        return rollout.reward, {}

    def state_dict(self) -> State:
        """Return an empty state."""
        return {}

    def load_state_dict(self, state: State) -> None:
        """Take nothing."""


def make_feedback(cfg: TrainCfg, parts: Parts, history: FeedbackHistory, returns: EpisodeReturns) -> Feedback:
    """Choose the strategy by the capabilities of the parts.

    Args:
        cfg: Configuration of the run.
        parts: Parts of the run.
        history: Keeps the answers.
        returns: Learned returns of the latest episodes.
    """
    if parts.rater is None:
        return NoFeedback()
    if Capability.JUDGED in capabilities_of(parts.learner):
        return MatchFeedback(cfg, parts, history)
    patience = Patience.of(cfg.rater_cfg, cfg.schedule.wait_minutes)
    return SessionFeedback(parts, history, returns, patience=patience, combine=combine_of(cfg.rater_cfg))
