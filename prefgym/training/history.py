"""The history of a run's feedback: initial preferences, all answers since, and the last fit."""

from pathlib import Path

from prefgym.common.errors import DamageError
from prefgym.common.files import digest
from prefgym.common.states import State
from prefgym.core.feedback import Feedback
from prefgym.core.fit_report import FitReport
from prefgym.core.queries import Queries
from prefgym.data.asked import options_of, write_asked
from prefgym.data.feedback import read_feedback
from prefgym.data.tables import pack_feedback, unpack_feedback
from prefgym.runs.answer_log import AnswerLog
from prefgym.runs.answers import Answer, feedback_of
from prefgym.training.budget import Budget
from prefgym.training.parts import Metrics

INITIAL_PREFERENCES = Path("preferences") / "initial"
"""Subfolder of a run with its initial preferences."""


def initial_folder(run: Path) -> Path:
    """Return the folder of the initial preferences of a run; earlier versions named it `brought`."""
    old = run / "preferences" / "brought"
    return old if old.is_dir() else run / INITIAL_PREFERENCES


class FeedbackHistory:
    """Keeps answers in memory, and in the log of the run folder before they are used.

    Args:
        run: Run folder.
        budget: Counts the queries.
        has_initial: Whether the run folder holds initial preferences.
        repeats: Whether a resumed run takes the answers that it has used before from the log: a rater outside the run
            may give others by then, and at other steps.
    """

    def __init__(self, run: Path, budget: Budget, *, has_initial: bool, repeats: bool = False) -> None:
        self.run, self.budget, self.has_initial, self.repeats = run, budget, has_initial, repeats
        self.log = AnswerLog(run / "preferences" / "answers.sqlite")
        self.initial: Feedback | None = None
        """Preferences from before the run, without the truth."""
        self.fit: FitReport | None = None
        """Report of the last fit."""
        self._initial_seal: str | None = None
        self._answered: list[Feedback] = []
        self._num_ties = self._num_choices = 0
        self._used: list[Answer] = []  # by a run that was stopped, after the point from which it resumes

    @property
    def preferences(self) -> Feedback | None:
        """Return all answers since the run began, in order of arrival; None before the first."""
        if len(self._answered) > 1:
            self._answered = [Feedback.cat(self._answered)]
        return self._answered[0] if self._answered else None

    @property
    def everything(self) -> Feedback | None:
        """Return the initial preferences and all answers since, but for superseded ones; None if there are neither."""
        known = [feedback.current() for feedback in (self.initial, self.preferences) if feedback is not None]
        return Feedback.cat(known) if len(known) > 1 else next(iter(known), None)

    def read_initial(self) -> None:
        """Read the initial preferences, if there are any.

        Raises:
            UserError: If they are damaged.
        """
        if self.has_initial:
            folder = initial_folder(self.run)
            self.initial = read_feedback(folder).without_truth()
            self._initial_seal = digest(folder / "manifest.json")

    def ask(self, queries: Queries, shown: Queries | None = None) -> Queries:
        """Write queries to the run folder before the rater sees them, and count them.

        Args:
            queries: The queries.
            shown: What is written of them; None for everything.

        Raises:
            UserError: If they cannot be written.
        """
        write_asked(self.run, shown or queries)
        return self.budget.ask(queries)

    def add(self, fresh: Feedback, steps: int) -> tuple[Feedback, Metrics]:
        """Log new answers, keep them as the log has them, and return them with the counts of all answers so far.

        Args:
            fresh: Answers that arrived now.
            steps: Environment steps so far.

        Raises:
            UserError: If they cannot be written.
        """
        fresh = self.log.append(fresh, steps)
        self.budget.count(fresh)
        self._answered.append(fresh)
        self._num_ties += fresh.num_ties
        self._num_choices += fresh.num_choices
        return fresh, {
            "feedback/num_asked": self.budget.num_asked,
            "feedback/num_answers": self.budget.num_answered,
            "feedback/num_pending": self.budget.num_pending,
            "feedback/tie_fraction": self._num_ties / max(self._num_choices, 1),
        }

    def repeats_at(self, steps: int) -> bool:
        """Return whether the run has used answers after these steps, before it was stopped and resumed."""
        return any((answer.used_at or 0) > steps for answer in self._used)

    def used_by(self, steps: int) -> Feedback | None:
        """Return the answers that the run used up to these steps before it was stopped, each once; None if none.

        Raises:
            UserError: If the segments that they are about are damaged.
        """
        due = [answer for answer in self._used if (answer.used_at or 0) <= steps]
        self._used = [answer for answer in self._used if (answer.used_at or 0) > steps]
        if not due:
            return None
        options = options_of(self.run)
        return feedback_of(due, options)

    def find_used(self, steps: int) -> None:
        """Find the answers that the run used after these steps, before it was stopped and resumed."""
        used = self.log.read() if self.repeats else []
        self._used = [answer for answer in used if answer.used_at is not None and answer.used_at > steps]

    def check(self, *, mend: bool) -> None:
        """Compare the log with the answers in memory; see `AnswerLog.check`.

        Raises:
            UserError: If it is damaged or missing.
        """
        self.log.check(self.preferences, mend=mend)

    def state_dict(self) -> State:
        """Return the state to resume from."""
        return {
            "preferences": None if self.preferences is None else pack_feedback(self.preferences),
            "fit": None if self.fit is None else self.fit.state_dict(),
            "given": self._initial_seal,
        }

    def load_state_dict(self, state: State) -> None:
        """Restore the state that `state_dict` returned.

        Raises:
            DamageError: If the initial preferences in the run folder are no longer the same.
        """
        self.read_initial()
        if self._initial_seal != state["given"]:
            raise DamageError(f"{initial_folder(self.run)} has changed since the run began: restore its files.")
        self._answered = [] if state["preferences"] is None else [unpack_feedback(state["preferences"])]
        self._num_ties = sum(answered.num_ties for answered in self._answered)
        self._num_choices = sum(answered.num_choices for answered in self._answered)
        self.budget.recall(self.preferences)
        self.fit = None if state["fit"] is None else FitReport.from_state(state["fit"])
