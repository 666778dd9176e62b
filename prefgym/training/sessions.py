"""Feedback in sessions: query the rater at scheduled times, and fit the reward to all answers so far."""

import sys
import time
from collections.abc import Iterator
from typing import cast

from torch import Tensor

from prefgym.common.states import State
from prefgym.core import contact
from prefgym.core.capabilities import Capability, capabilities_of
from prefgym.core.feedback import Feedback
from prefgym.core.fit_report import FitReport
from prefgym.core.protocols import NoSegmentError, OffPolicyAgent, ProposingRater, SelfPlayLearner
from prefgym.core.queries import Queries
from prefgym.core.relabel import learned_reward
from prefgym.core.rollout import EpisodeReturns, Rollout
from prefgym.data.tables import pack_segments, unpack_segments
from prefgym.rewards.health import Health, measure_kinds
from prefgym.training.combine import Combine, combined
from prefgym.training.history import FeedbackHistory
from prefgym.training.parts import Metrics, Parts
from prefgym.training.patience import Patience
from prefgym.training.people import people_of
from prefgym.training.ties import warn_of_ties

WAIT_S = 0.2
"""Seconds between two calls of `collect` of a rater that answers later."""


class SessionFeedback:
    """Submits queries by the schedule, and fits the learner whenever answers arrive.

    Args:
        parts: Parts with a rater, and environments that record.
        history: Keeps the answers.
        returns: Learned returns of the latest episodes.
        patience: How long sessions wait for answers.
        combine: How several answers to one question are fitted.

    Raises:
        ValueError: If there is no rater, or the environments do not record.
    """

    def __init__(
        self,
        parts: Parts,
        history: FeedbackHistory,
        returns: EpisodeReturns,
        *,
        patience: Patience | None = None,
        combine: Combine = "each",
    ) -> None:
        if parts.rater is None or parts.recorder is None:
            raise ValueError("sessions need a rater, and environments that record segments")
        self.parts, self.history, self.returns = parts, history, returns
        self.patience = patience or Patience()
        self.combine: Combine = combine
        self.rater, self.recorder = parts.rater, parts.recorder
        self.health = Health()

    def begin(self) -> Metrics:
        """Fit the learner to the initial preferences, if there are any."""
        initial = self.history.initial
        return {} if initial is None else {**self.fit(initial.current()).metrics()}

    def after_rollout(self, rollout: Rollout, steps: int) -> tuple[Tensor | None, Metrics]:
        """Hold a session if one is due, use new answers, and return the learned reward. Shape: (T, N).

        Args:
            rollout: The latest rollout; its own reward is not used.
            steps: Environment steps so far, those of the rollout included.
        """
        learner = self.parts.learner
        if Capability.SELF_PLAY in capabilities_of(learner):
            contact.observe(cast(SelfPlayLearner, learner), rollout.fragments()[0])
        if num_queries := self.parts.schedule.due(steps, self.parts.budget.left):
            self.submit(num_queries, steps)
        metrics = self.receive(steps, self.patience if num_queries else None)
        if num_queries:
            self.warn()
        return (learned_reward(learner, rollout.steps()) if learner.is_fitted else None), metrics

    def submit(self, num_queries: int, steps: int) -> None:
        """Submit the queries that are due; they stay due while no episode is long enough for a segment."""
        parts, proposes = self.parts, Capability.PROPOSES in capabilities_of(self.rater)
        due = num_queries
        while due > 0:
            try:
                if proposes:  # queries of one shape at a time
                    options = contact.propose(cast(ProposingRater, self.rater), due)
                else:
                    options = contact.sample(parts.sampler, self.recorder, parts.learner, due, parts.generator)
            except NoSegmentError:
                return
            due -= len(options)
            parts.schedule.mark_done(steps)
            parts.shown_so_far.append(options.without_truth())
            queries = Queries.of(options, first_id=parts.budget.num_asked, asked_at=steps)
            contact.submit(self.rater, self.history.ask(queries))

    def receive(self, steps: int, patience: Patience | None = None) -> Metrics:
        """Collect answers, and fit the learner if any arrived; return their metrics.

        Args:
            steps: Environment steps so far.
            patience: How long to wait for missing answers; None does not wait.
        """
        parts, history = self.parts, self.history
        arrived: list[Feedback] = []
        metrics: Metrics = {}
        for answers in self.arriving(steps, patience):
            if (new := parts.budget.recognise(answers)) is not None:
                new, metrics = history.add(new, steps)
                arrived.append(new)
        if not arrived:
            return {}
        fresh = Feedback.cat(arrived) if len(arrived) > 1 else arrived[0]
        metrics["feedback/session"] = parts.schedule.num_done
        preferences, everything = self.history.preferences, self.history.everything
        assert preferences is not None and everything is not None  # fresh ones are among them
        if len(preferences) == len(fresh):
            warn_of_ties(fresh)
        if not preferences.num_answered or not everything.num_answered:  # all skipped so far, or taken back: no fit
            return metrics
        learned_return, choices, all_choices = self.returns.mean, fresh.comparisons, preferences.comparisons
        if choices is not None:
            self.health.record_predictions(parts.learner, choices, learned_return)
        report = self.fit(everything)
        metrics |= {**report.metrics(), **measure_kinds(preferences.current(), report)}
        if choices is not None and all_choices is not None:
            metrics |= self.health.measure(parts.learner, all_choices, choices, learned_return)
        return metrics

    def arriving(self, steps: int, patience: Patience | None) -> Iterator[Feedback]:
        """Yield answers as they come, until none is missing or the patience is at its end.

        A resumed run first takes the answers that it has used before, at the same steps.
        """
        budget = self.parts.budget
        if (used := self.history.used_by(steps)) is not None:
            yield used
            if patience is None or patience.has_ended(0.0, budget.num_answered):
                return
        if self.history.repeats_at(steps):
            return
        begun, has_said = time.monotonic(), False
        while True:
            if (answers := contact.collect(self.rater, budget.num_asked)) is not None:
                yield answers
            if patience is None or not (num_missing := self.num_missing(patience)):
                return
            if patience.has_ended(time.monotonic() - begun, budget.num_answered):
                return
            if not has_said:
                print(f"waiting for {num_missing} answers{patience.in_words}", file=sys.stderr)
                has_said = True
            time.sleep(WAIT_S)

    def num_missing(self, patience: Patience) -> int:
        """Return the queries without an answer or, if people block and they are more, the questions that want one."""
        people = people_of(self.rater) if patience.is_endless else None
        return max(self.parts.budget.num_pending, 0 if people is None else people.num_waiting)

    def warn(self) -> None:
        """Print a warning after a session if nobody has answered anything: answers of the first one may still come."""
        budget, held = self.parts.budget, self.parts.schedule.num_done
        declined = budget.num_asked - budget.num_pending
        if budget.num_asked and not budget.num_answered and (declined or held > 1):
            counts = f"{declined} came back without an answer, and {budget.num_pending} did not come back"
            page = getattr(self.rater, "page", "")  # of people
            where = f"; people answer at {page}" if page else ""
            print(f"warning: none of {budget.num_asked} queries has been answered: {counts}{where}", file=sys.stderr)

    def fit(self, feedback: Feedback) -> FitReport:
        """Fit the learner, and let an off-policy agent relabel its replay buffer."""
        learner, agent = self.parts.learner, self.parts.agent
        report = contact.fit(learner, combined(feedback, self.combine))
        self.history.fit = report
        if Capability.OFF_POLICY in capabilities_of(agent):
            cast(OffPolicyAgent, agent).relabel(learner)
        return report

    def state_dict(self) -> State:
        """Return the state to resume from."""
        shown = {str(number): pack_segments(options) for number, options in enumerate(self.parts.shown_so_far)}
        return {"asked": shown, "health": self.health.state_dict()}

    def load_state_dict(self, state: State) -> None:
        """Restore the state that `state_dict` returned."""
        self.parts.shown_so_far[:] = [unpack_segments(arrays) for arrays in state["asked"].values()]
        self.health.load_state_dict(state["health"])
