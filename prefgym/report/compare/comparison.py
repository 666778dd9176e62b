"""Arms side by side: the lines they are held against, and the ratios of arms."""

from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

import numpy as np

from prefgym.evaluation.statistics import Estimate, difference, label_of, probability_of_improvement, ratio
from prefgym.report.compare.arms import Arm
from prefgym.report.compare.runs import ComparedRun, limit_of
from prefgym.report.shipped import TABLE, Shipped, expert_return, is_changed

MOST_TINTS = 4


@dataclass(frozen=True, eq=False, kw_only=True)
class Pair:
    """An arm against another one."""

    arm: Arm
    reference: Arm
    is_ratio: bool
    """Whether the averages are divided; returns that may be negative are subtracted."""

    @cached_property
    def estimate(self) -> Estimate:
        """Return the ratio or the difference of the averages, without a verdict."""
        compare = ratio if self.is_ratio else difference
        found = compare(self.arm.finals, self.reference.finals, np.random.default_rng(0))
        return Estimate(found.value, found.interval)

    @cached_property
    def improvement(self) -> Estimate:
        """Return the probability that a run of the arm ends above one of the reference."""
        return probability_of_improvement(self.arm.finals, self.reference.finals, np.random.default_rng(0))

    @property
    def nothing(self) -> float:
        """Return the estimate of equal arms."""
        return 1.0 if self.is_ratio else 0.0

    @property
    def is_open(self) -> bool:
        """Return whether equal arms are not ruled out: there is no interval, or it holds them."""
        interval = self.estimate.interval
        return interval is None or interval.low <= self.nothing <= interval.high

    @property
    def overlaps(self) -> bool:
        """Return whether the seeds of the two lie between each other."""
        a, b = self.arm.finals, self.reference.finals
        return bool(a.max() >= b.min() and b.max() >= a.min())


@dataclass(frozen=True, eq=False, kw_only=True)
class Arms:
    """Arms of one environment side by side."""

    arms: tuple[Arm, ...]

    @property
    def runs(self) -> tuple[ComparedRun, ...]:
        """Return all runs, arm by arm."""
        return tuple(run for arm in self.arms for run in arm.runs)

    @property
    def env(self) -> str:
        """Return the environment id."""
        return str(self.runs[0].data.config["env"])

    @property
    def metric(self) -> str:
        """Return the name of the evaluation metric: `true return` in a task with a reward."""
        return self.runs[0].data.metric

    @property
    def unit(self) -> str:
        """Return the unit of the training, in words."""
        return "updates" if self.runs[0].is_offline else "environment steps"

    @cached_property
    def limit(self) -> float:
        """Return the steps of an episode that does not end early."""
        return limit_of(self.runs)

    @property
    def is_many(self) -> bool:
        """Return whether there are more arms than tints that can be told apart."""
        return len(self.arms) > MOST_TINTS

    def tint(self, arm: Arm) -> int | None:
        """Return the tint of an arm; None if there are too many arms."""
        return None if self.is_many else arm.tint

    @property
    def finished(self) -> tuple[Arm, ...]:
        """Return the arms with a finished run."""
        return tuple(arm for arm in self.arms if arm.finished)

    @property
    def average(self) -> str:
        """Return what averages are called: mean, or IQM from six seeds on."""
        return label_of([len(arm.finals) for arm in self.finished])

    @property
    def task_reward(self) -> Arm | None:
        """Return the arm of the task reward; None without a finished run of it."""
        return next((arm for arm in self.finished if arm.is_task_reward), None)

    @cached_property
    def shipped(self) -> Shipped | None:
        """Return what the task reward comes to in the shipped table; None where that says nothing of these runs."""
        found = TABLE.get(self.env)
        return None if found is None or is_changed(self.runs[0].data.config) else found[0]

    @property
    def level(self) -> float | None:
        """Return the true return that the task reward comes to: of these runs, or of the shipped table."""
        if self.task_reward is not None:
            return self.task_reward.centre
        return None if self.shipped is None else self.shipped.iqm

    @cached_property
    def expert(self) -> float | None:
        """Return the mean true return of the expert that ships with prefgym; None without one."""
        return expert_return(self.runs[0].data.config)

    @cached_property
    def pairs(self) -> tuple[Pair, ...]:
        """Return each arm against the task reward, or without it against the last arm."""
        if len(self.finished) < 2:
            return ()
        reference = self.task_reward or self.finished[-1]
        is_ratio = all((arm.finals > 0).all() for arm in self.finished)
        others = [arm for arm in self.finished if arm is not reference]
        return tuple(Pair(arm=arm, reference=reference, is_ratio=is_ratio) for arm in others)

    @property
    def num_comparisons(self) -> int:
        """Return how many pairs of arms there are to look at."""
        return len(list(combinations(self.finished, 2)))
