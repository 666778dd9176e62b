"""Strategies of feedback: how a run comes by the reward of a rollout."""

from typing import Protocol

from torch import Tensor

from prefgym.common.states import State
from prefgym.core.capabilities import Capability, capabilities_of
from prefgym.core.rollout import EpisodeReturns, Rollout
from prefgym.training.config import TrainCfg
from prefgym.training.history import FeedbackHistory
from prefgym.training.matches import MatchFeedback
from prefgym.training.parts import Metrics, Parts
from prefgym.training.sessions import SessionFeedback


class Feedback(Protocol):
    """A strategy of feedback; the driver knows no other difference between kinds of feedback."""

    def begin(self) -> Metrics:
        """Use the initial preferences, if there are any; return what a fit came to."""
        ...

    def after_rollout(self, rollout: Rollout, steps: int) -> tuple[Tensor | None, Metrics]:
        """Query the rater if that is due, use new answers, and reward the rollout.

        Args:
            rollout: The latest, with the reward of the environment.
            steps: Environment steps so far, those of the rollout included.

        Returns:
            The reward to learn from, or None while there is none, and what is logged: nothing unless answers came in.
            Shape: (T, N).
        """
        ...

    def state_dict(self) -> State:
        """Return the state to resume from."""
        ...

    def load_state_dict(self, state: State) -> None:
        """Go on from what `state_dict` returned."""
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
        """Return nothing: there is nothing to remember."""
        return {}

    def load_state_dict(self, state: State) -> None:
        """Take nothing."""


def make_feedback(cfg: TrainCfg, parts: Parts, history: FeedbackHistory, returns: EpisodeReturns) -> Feedback:
    """Choose the strategy that the capabilities of the parts ask for.

    Args:
        cfg: Of the run.
        parts: What takes part in it.
        history: Where answers are kept.
        returns: Learned returns of the latest episodes.
    """
    if parts.rater is None:
        return NoFeedback()
    if Capability.JUDGED in capabilities_of(parts.learner):
        return MatchFeedback(cfg, parts, history)
    return SessionFeedback(parts, history, returns)
