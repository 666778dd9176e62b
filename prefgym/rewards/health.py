"""Health: metrics of each session that show problems of a reward model, and warnings derived from them."""

import math
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch

from prefgym.common.states import State
from prefgym.core.choice import BradleyTerry
from prefgym.core.feedback import Feedback
from prefgym.core.fit_report import FitReport
from prefgym.core.kinds import Rating, Thumbs
from prefgym.core.preferences import Preferences
from prefgym.core.protocols import Learner
from prefgym.samplers.informative import disagreement, learned_scores

WINDOW = 50
"""Number of latest choices in the metrics."""
ENOUGH = 20
"""Smallest number of choices for a warning."""
SIDE_WINDOW = 100
"""Number of latest choices in the metrics of sides."""
ONE_SIDED = 3.7
"""Standard deviations from an even share of sides; fair choices exceed it about once in some thousand times."""
ENOUGH_TIES = 10
"""Smallest number of answers for a warning that all are ties."""
ENOUGH_SHOWN = 100
"""Smallest number of segments for a warning that none drew a reaction; a rater may react to one in twenty."""
NUM_HELD_OUT = "_num_held_out"
"""End of the names of a fit's numbers of held-out answers by kind."""
FALLEN = 1 / 3
"""Share of the best true return by which a policy falls before there is a warning."""
EARLY = 0.1
"""Share of the training in which returns are small, and a fall of them says nothing."""
COLLAPSED = 0.002
"""Standard deviation over members of the probability of a choice; independent members differ by some hundredths."""

OLD_NAMES = {
    "health/paid_change": "health/learned_return_change",
    "health/num_foreseen": "health/num_predicted",
    "health/foresight": "health/share_predicted",
}
"""Names of metrics in runs of earlier versions."""


class Health:
    """Predictions of the latest choices, and the learned return at the time."""

    def __init__(self) -> None:
        self._latest: deque[tuple[bool, float]] = deque(maxlen=WINDOW)

    @torch.no_grad()
    def record_predictions(self, learner: Learner, fresh: Preferences, learned_return: float | None) -> None:
        """Record the learner's predictions of choices before it is fitted to them.

        Args:
            learner: The learner before the fit.
            fresh: The answers of this session.
            learned_return: Mean learned return of the latest episodes; None before one ended.
        """
        answers = fresh.answers
        decided = answers.answered & ~answers.tie
        if not learner.is_fitted or learned_return is None or not decided.any():
            return
        scores = learned_scores(learner, fresh.queries.options).mean(0).cpu()
        hits = (scores.argmax(-1) == answers.choice.argmax(-1))[decided]
        self._latest.extend((bool(hit), learned_return) for hit in hits)

    @torch.no_grad()
    def measure(
        self,
        learner: Learner,
        preferences: Preferences,
        fresh: Preferences,
        learned_return: float | None,
    ) -> dict[str, float]:
        """Return the metrics, under their names in the log.

        Args:
            learner: The learner after the fit.
            preferences: All preferences so far.
            fresh: The answers of this session.
            learned_return: Mean learned return of the latest episodes; None before one ended.
        """
        answers = preferences.answers
        decided = answers.answered & ~answers.tie
        first = (answers.choice.argmax(-1) == preferences.shown_order[:, 0])[decided][-SIDE_WINDOW:]
        first_share, even = float(first.float().sum()) / max(len(first), 1), 1 / preferences.queries.num_options
        p = BradleyTerry().probabilities(learned_scores(learner, fresh.queries.options).cpu())
        numbers = {
            "health/num_choices": float(len(first)),
            "health/first_share": first_share,
            # standardised binomial share: (share - p) / sqrt(p (1 - p) / n)
            "health/first_deviations": (first_share - even) / math.sqrt(even * (1 - even) / max(len(first), 1)),
            "health/num_predicted": float(len(self._latest)),
        }
        if p.shape[0] > 1:
            numbers["health/spread"] = float(disagreement(p).mean())
        if self._latest and learned_return is not None:
            numbers["health/share_predicted"] = sum(hit for hit, _ in self._latest) / len(self._latest)
            numbers["health/learned_return_change"] = learned_return - self._latest[0][1]
        return numbers

    def state_dict(self) -> State:
        """Return the state to resume from."""
        return {"latest": [list(pair) for pair in self._latest]}

    def load_state_dict(self, state: State) -> None:
        """Resume from a state that `state_dict` returned."""
        self._latest.clear()
        self._latest.extend((hit, learned_return) for hit, learned_return in state["latest"])


def measure_kinds(feedback: Feedback, fit: FitReport) -> dict[str, float]:
    """Return the metrics of all kinds of feedback, under their names in the log.

    Args:
        feedback: All feedback so far.
        fit: Report of the fit.
    """
    by_kind = [num for name, num in fit.extra.items() if name.endswith(NUM_HELD_OUT)]
    numbers = {"health/num_held_out": sum(by_kind) if by_kind else float((fit.choice != 0.5).sum())}
    if thumbs := feedback.answered().of_kind(Thumbs):
        reaction = torch.cat([part.answers.reaction for part in thumbs])
        numbers["health/num_shown"] = float(len(reaction))
        numbers["health/num_good"], numbers["health/num_bad"] = (float((reaction == sign).sum()) for sign in (1, -1))
    if ratings := feedback.answered().of_kind(Rating):
        largest = max(ratings, key=len)  # of several scales
        numbers["health/num_ratings"] = float(len(largest))
        numbers["health/num_of_one_level"] = float(torch.bincount(largest.answers.level).max())
    return numbers


def troubles(metrics: Mapping[str, float | None]) -> dict[str, str]:
    """Return warnings derived from the metrics of one session or evaluation: a few words, and a sentence.

    >>> troubles({"health/num_choices": 50, "health/first_share": 0.8, "health/first_deviations": 4.2})
    {'One-sided answers': 'of the last 50 choices, 80% fell on the option shown first'}
    """
    known = {OLD_NAMES.get(name, name): value for name, value in metrics.items() if value is not None}
    found: dict[str, str] = {}
    # of other kinds than comparisons, guessing has another accuracy than 1/2
    is_mixed = any(name.endswith(NUM_HELD_OUT) for name in known)
    of, num = ("comparison_", f"reward_model/comparison{NUM_HELD_OUT}") if is_mixed else ("", "health/num_held_out")
    held_out, accuracy = known.get(num, 0.0), known.get(f"reward_model/{of}accuracy", math.nan)
    # a model that guesses exceeds 1/2 + 1.64 sqrt(1/4 / n) in 5 % of the sessions
    if held_out >= ENOUGH and accuracy <= 0.5 + 1.64 * math.sqrt(0.25 / held_out):
        chance = f"predicts held-out choices no better than chance ({accuracy:.0%} of {held_out:.0f})"
        found["Reward no better than chance"] = f"the reward model {chance}"
    if known.get("health/spread", 1.0) < COLLAPSED:
        alike = "the members of the reward model no longer differ, so disagreement says nothing"
        found["Members alike"] = alike
    choices, first = known.get("health/num_choices", 0.0), known.get("health/first_share", 0.5)
    deviations = known.get("health/first_deviations", 0.0)
    if choices >= ENOUGH and abs(deviations) > ONE_SIDED:
        side, share = ("first", first) if deviations > 0 else ("later", 1 - first)
        found["One-sided answers"] = f"of the last {choices:.0f} choices, {share:.0%} fell on the option shown {side}"
    predicted, share_right = known.get("health/num_predicted", 0.0), known.get("health/share_predicted", 1.0)
    if predicted >= ENOUGH and share_right < 0.5 and known.get("health/learned_return_change", 0.0) > 0:
        share = f"{share_right:.0%} of the last {predicted:.0f} choices"
        unforeseen = f"the learned return rises, but the reward predicted only {share}: it may be exploited"
        found["Reward behind the answers"] = unforeseen
    answers = known.get("feedback/num_answers", 0.0)
    if answers >= ENOUGH_TIES and known.get("feedback/tie_fraction", 0.0) == 1.0:
        found["Only ties"] = f"all {answers:.0f} answers are ties: has the task a reward to judge by?"
    found |= _of_single_segments(known)
    fallen, risen = known.get("health/true_fall", 0.0), known.get("health/learned_rise", 0.0)
    if fallen > FALLEN and risen > 0:
        exploited = "while the learned return rose: the reward may be exploited"
        found["May be exploited"] = f"the true return has fallen by more than a third from its best, {exploited}"
    return found


def _of_single_segments(known: Mapping[str, float]) -> dict[str, str]:
    """Return warnings about thumbs and ratings that do not tell segments apart."""
    found: dict[str, str] = {}
    shown, good, bad = (known.get(f"health/num_{name}", 0.0) for name in ("shown", "good", "bad"))
    if shown >= ENOUGH_SHOWN and not good + bad:
        found["No reactions"] = f"none of {shown:.0f} segments drew a reaction: nothing says which are good"
    if good + bad >= ENOUGH and not good * bad:
        side = "good" if good else "bad"
        found["One-sided reactions"] = f"all {good + bad:.0f} reactions say {side}: they hardly tell segments apart"
    ratings = known.get("health/num_ratings", 0.0)
    if ratings >= ENOUGH_TIES and known.get("health/num_of_one_level") == ratings:
        found["Only one level"] = f"all {ratings:.0f} ratings are of one level: they tell no segments apart"
    return found


@dataclass(frozen=True, kw_only=True)
class Fall:
    """A fall of the true return from its best by more than a third."""

    best_at: int
    """Evaluation with the highest return."""
    best: float
    low_at: int
    """Evaluation with the lowest return after it."""
    low: float
    rose: tuple[float, float] | None
    """Learned returns at the two, if the later one is higher."""


def fall(true: Sequence[float], learned: Sequence[float] | None) -> Fall | None:
    """Find a fall of the true return by more than a third; one while the learned return rose comes first.

    Args:
        true: True return of each evaluation.
        learned: Learned return of the agent at the same time; None without one.

    >>> fall([100.0, 3000.0, 2500.0, 1500.0], [1.0, 5.0, 6.0, 7.0])
    Fall(best_at=1, best=3000.0, low_at=3, low=1500.0, rose=(5.0, 7.0))
    """
    found: Fall | None = None
    for now in range(1, len(true)):
        share, best_at = share_fallen(true[: now + 1])
        if share <= FALLEN:
            continue
        rose = None if learned is None or learned[now] <= learned[best_at] else (learned[best_at], learned[now])
        one = Fall(best_at=best_at, best=true[best_at], low_at=now, low=true[now], rose=rose)
        if found is None or (found.rose is None, found.low - found.best) > (one.rose is None, one.low - one.best):
            found = one
    return found


def share_fallen(true: Sequence[float]) -> tuple[float, int]:
    """Return by which share the last true return lies below the best one, and where that is.

    The share is that of the best return, or where this is not positive, of what was gained since the first one.

    >>> share_fallen([100.0, 3000.0, 1500.0]), share_fallen([-60.0, -10.0, -35.0])
    ((0.5, 1), (0.5, 1))
    """
    best_at = max(range(len(true)), key=lambda place: true[place])
    size = true[best_at] if true[best_at] > 0 else true[best_at] - true[0]
    return ((true[best_at] - true[-1]) / size if size > 0 else 0.0), best_at
