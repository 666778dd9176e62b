"""Feedback by matches: the rater compares the fragments of each rollout with recent ones (SPO, arXiv:2401.04056)."""

import math
from dataclasses import replace
from typing import cast

from torch import Tensor

from prefgym.common.errors import UserError
from prefgym.common.states import State
from prefgym.core import contact
from prefgym.core.feedback import Feedback
from prefgym.core.protocols import JudgedLearner
from prefgym.core.queries import Queries
from prefgym.core.relabel import win_rate_reward
from prefgym.core.rollout import Rollout
from prefgym.training.config import TrainCfg
from prefgym.training.extension import Course
from prefgym.training.history import FeedbackHistory
from prefgym.training.parts import Metrics, Parts
from prefgym.training.ties import warn_of_ties


class MatchFeedback:
    """Spreads the budget evenly over all steps, and rewards each fragment with its win rate.

    Args:
        cfg: Configuration of the run.
        parts: Parts with a rater, environments that record, and a learner of capability `JUDGED`.
        history: Keeps the answers.

    Raises:
        ValueError: If there is no rater, or the environments do not record.
    """

    def __init__(self, cfg: TrainCfg, parts: Parts, history: FeedbackHistory) -> None:
        if parts.rater is None or parts.recorder is None:
            raise ValueError("matches need a rater, and environments that record fragments")
        self.cfg, self.history, self.budget = cfg, history, parts.budget
        self.rater, self.recorder = parts.rater, parts.recorder
        self.learner = cast(JudgedLearner, parts.learner)
        self.course = Course(cfg.steps, cfg.budget, cfg.extensions)

    def begin(self) -> Metrics:
        """Return no metrics: `check_preferences` refuses initial preferences."""
        return {}

    def after_rollout(self, rollout: Rollout, steps: int) -> tuple[Tensor | None, Metrics]:
        """Let the rater compare fragments of the rollout, and return their win rates. Shape: (T, N).

        Args:
            rollout: The latest rollout; its own reward is not used.
            steps: Environment steps so far, those of the rollout included.

        Raises:
            UserError: If not all answers come at once.
        """
        metrics = self.compare(steps, len(rollout.reward))
        if not self.learner.is_fitted:
            return None, metrics
        fragments, fragment = rollout.fragments()
        return win_rate_reward(self.learner, fragments)[fragment], metrics

    def compare(self, steps: int, num_steps: int) -> Metrics:
        """Let the rater compare the fragments of the latest `num_steps` steps with recent ones.

        Raises:
            UserError: If not all answers come at once.
        """
        budget = self.budget
        # budget * steps / all steps, less the queries so far
        due = math.ceil(self.course.due(steps)) - (budget.limit - budget.left)
        starts = self.recorder.fragments(num_steps)
        fragments = self.recorder.segments(starts, num_steps, truth=False)
        whole = (fragments.length == num_steps) | fragments.terminated
        comparisons = self.learner.propose_comparisons(starts.cpu(), whole.cpu(), max(due, 0))
        if not len(comparisons):
            return {}
        options = self.recorder.segments(comparisons, num_steps).map(Tensor.cpu)
        queries = Queries.of(options, first_id=budget.num_asked, asked_at=steps)
        contact.submit(self.rater, self.history.ask(queries, shown=without_pictures(queries)))
        answers = contact.collect(self.rater, budget.num_asked)
        fresh = budget.recognise(answers) if answers else None
        if fresh is not None and len(fresh) > len(options):
            found = f"{len(fresh)} answers of {self.cfg.rater} to {len(options)} queries"
            raise UserError(f"--reward {self.cfg.reward} needs one answer to each query, not {found}.")
        metrics: Metrics = {}
        if fresh is not None:
            outcomes = fresh.only
            fresh, metrics = self.history.add(
                Feedback.of(replace(outcomes, queries=without_pictures(outcomes.queries))), steps
            )
        if fresh is not None and self.history.preferences is not None and len(fresh) == len(self.history.preferences):
            warn_of_ties(fresh)
        if fresh is None or len(fresh) < len(options):
            raise UserError(f"--reward {self.cfg.reward} needs a rater that answers at once, unlike {self.cfg.rater}.")
        self.learner.record_outcomes(fresh[fresh.query_id.argsort()].answers)
        return metrics

    def state_dict(self) -> State:
        """Return an empty state: the learner, the budget and the history have states of their own."""
        return {}

    def load_state_dict(self, state: State) -> None:
        """Restore nothing."""


def without_pictures(queries: Queries) -> Queries:
    """Drop physics states and pictures, since a run has thousands of matches, and reports show few queries."""
    return replace(queries, options=replace(queries.options, state=None, frames=None))
