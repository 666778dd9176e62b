"""Steps and answers that a run is given after it has begun, and the course of a training in such parts."""

from collections.abc import Sequence
from dataclasses import dataclass

from prefgym.common.limits import Count, Natural, check


@dataclass(frozen=True, kw_only=True)
class Extension:
    """An extension of a run, as its configuration records it; `steps` are updates in an offline run."""

    at: Natural
    """Steps of the checkpoint from which the run went on."""
    old_steps: Count
    """Steps of the whole training before."""
    old_budget: Natural = 0
    """Budget before."""
    had_finished: bool
    """Whether the run had finished, so that its learning rate may have annealed to 0."""

    __post_init__ = check


@dataclass(frozen=True, kw_only=True)
class Leg:
    """A part of a training between two extensions."""

    start: int
    """Steps at its start."""
    end: int
    """Steps at its end, as planned."""
    old_budget: int
    """Queries that are due at its start."""
    budget: int
    """Queries that are due at its end."""
    done: float
    """Progress at its start, for schedules such as that of a learning rate."""

    def share(self, steps: int) -> float:
        """Return the completed share of this part."""
        return (steps - self.start) / max(self.end - self.start, 1)


class Course:
    """The parts of a training: one, and one more for each extension.

    After 600 steps and 10 queries, a finished run gets 400 steps and 10 queries more: schedules begin again.

    >>> course = Course(1000, 20, [Extension(at=600, old_steps=600, old_budget=10, had_finished=True)])
    >>> course.progress(599) > 0.99, course.progress(600), course.progress(800)
    (True, 0.0, 0.5)
    >>> course.due(300), course.due(800)
    (5.0, 15.0)

    One that was stopped halfway goes on to its new end:

    >>> Course(1000, 20, [Extension(at=300, old_steps=600, old_budget=10, had_finished=False)]).progress(300)
    0.5
    """

    def __init__(self, steps: int, budget: int, extensions: Sequence[Extension] = ()) -> None:
        """Divide a training.

        Args:
            steps: Steps of the whole training.
            budget: Queries of the whole training.
            extensions: Extensions so far, the oldest first.
        """
        ends = [(extension.old_steps, extension.old_budget) for extension in extensions] + [(steps, budget)]
        self.legs = [Leg(start=0, end=ends[0][0], old_budget=0, budget=ends[0][1], done=0.0)]
        for extension, (end, limit) in zip(extensions, ends[1:]):
            before = self.legs[-1]
            done = 0.0 if extension.had_finished else before.done + (1 - before.done) * before.share(extension.at)
            spent = before.old_budget + (before.budget - before.old_budget) * min(before.share(extension.at), 1.0)
            self.legs.append(Leg(start=extension.at, end=end, old_budget=int(spent), budget=limit, done=done))

    def progress(self, steps: int) -> float:
        """Return the completed share of the training, for schedules; 0 again where a finished run goes on."""
        leg = self._leg(steps)
        # p = p_start + (1 - p_start) share
        return leg.done + (1 - leg.done) * leg.share(steps)

    def due(self, steps: int) -> float:
        """Return how many queries are due if they are spread evenly over each part."""
        leg = self._leg(steps)
        return leg.old_budget + (leg.budget - leg.old_budget) * min(leg.share(steps), 1.0)

    def _leg(self, steps: int) -> Leg:
        return next(leg for leg in reversed(self.legs) if leg.start <= steps)
