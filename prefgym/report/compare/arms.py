"""Arms: runs whose settings differ in the seed only, named by what differs between them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from prefgym.common.errors import UserError
from prefgym.evaluation.statistics import SEEDS_FOR_INTERVAL, Interval, Scores, average, interval
from prefgym.report.compare.runs import ComparedRun
from prefgym.runs.settings import Settings

PARTS = ("rater", "agent", "reward", "sampler")
FIRST = (*PARTS, "budget", "steps", "updates")
"""Settings that name arms before others do."""
TASK_REWARD = "Task reward"
MISSING = "\N{EN DASH}"


@dataclass(frozen=True, eq=False, kw_only=True)
class Arm:
    """Runs that differ in the seed only."""

    name: str
    tint: int
    """Its place among the arms."""
    runs: tuple[ComparedRun, ...]
    """In the order of their seeds."""
    settings: Settings = field(default_factory=dict[str, str])
    repeated: tuple[ComparedRun, ...] = ()
    """Further runs of the same seeds, which are not shown: they are no other samples."""

    @cached_property
    def finished(self) -> tuple[ComparedRun, ...]:
        """Return the runs that are counted in numbers."""
        return tuple(run for run in self.runs if run.is_finished)

    @cached_property
    def finals(self) -> Scores:
        """Return the final true return of each finished run. Shape: (seeds,)."""
        return np.array([run.final for run in self.finished], float)

    @property
    def has_interval(self) -> bool:
        """Return whether there are enough seeds for an interval."""
        return len(self.finals) >= SEEDS_FOR_INTERVAL

    @property
    def centre(self) -> float | None:
        """Return the interquartile mean, or below six seeds the mean; None without a finished run."""
        return average(self.finals) if len(self.finals) else None

    @cached_property
    def interval(self) -> Interval | None:
        """Return the 95 % interval of the centre; None below six seeds."""
        return interval(self.finals, np.random.default_rng(0)) if self.has_interval else None

    @property
    def range(self) -> Interval | None:
        """Return the lowest and the highest final return; None without a finished run."""
        return Interval(float(self.finals.min()), float(self.finals.max())) if len(self.finals) else None

    @property
    def is_task_reward(self) -> bool:
        """Return whether its agents learned from the task reward."""
        return self.settings.get("rater") == "none"

    @property
    def learns_from_labels(self) -> bool:
        """Return whether there are labels."""
        return any(run.labels for run in self.runs)

    @property
    def labels(self) -> tuple[int, int]:
        """Return the fewest and the most answers of its runs: finished ones, if there are any."""
        counts = [run.labels for run in self.finished or self.runs]
        return min(counts), max(counts)

    @property
    def held_out(self) -> tuple[int, int]:
        """Return how many held-out choices the rewards predict, and how many there are, all runs together."""
        told = [run.held_out for run in self.finished if run.held_out is not None]
        return sum(right for right, _ in told), sum(num for _, num in told)

    def early(self, limit: float) -> tuple[int, int]:
        """Return how many final episodes ended early, and how many there were, all runs together."""
        told = [run.early(limit) for run in self.finished]
        return sum(early for early, _ in told), sum(num for _, num in told)

    @property
    def median_run(self) -> ComparedRun | None:
        """Return the finished run in the middle, of two the lower; None without any."""
        ordered = sorted(self.finished, key=lambda run: run.final)
        return ordered[(len(ordered) - 1) // 2] if ordered else None

    @property
    def unfinished(self) -> str:
        """Return how many runs are not counted, in words."""
        states = ["running" if run.state == "running" else "stopped" for run in self.runs if not run.is_finished]
        return "".join(f" + {states.count(state)} {state}" for state in ("running", "stopped") if state in states)


def group(runs: Sequence[ComparedRun]) -> tuple[Arm, ...]:
    """Group runs into arms, in the order in which they are given; the task reward comes last.

    Raises:
        UserError: If the runs are of several environments, or some of them offline.
    """
    check_comparable(runs)
    found: dict[tuple[tuple[str, str], ...], list[ComparedRun]] = {}
    for run in runs:
        found.setdefault(tuple(sorted(run.settings.items())), []).append(run)
    groups = sorted(found.values(), key=lambda group: group[0].settings.get("rater") == "none")
    names = name_arms([group[0].settings for group in groups])
    return tuple(_arm(name, tint, group) for tint, (name, group) in enumerate(zip(names, groups, strict=True)))


def _arm(name: str, tint: int, runs: Sequence[ComparedRun]) -> Arm:
    ordered = sorted(runs, key=_by_seed)
    first = {run.seed: run for run in reversed(ordered) if run.seed is not None}
    shown = tuple(run for run in ordered if run.seed is None or first[run.seed] is run)
    repeated = tuple(run for run in ordered if run not in shown)
    return Arm(name=name, tint=tint, runs=shown, settings=runs[0].settings, repeated=repeated)


def check_comparable(runs: Sequence[ComparedRun]) -> None:
    """Check that true returns and steps of runs mean the same.

    Raises:
        UserError: If they do not.
    """
    envs = list(dict.fromkeys(run.settings.get("env", "") for run in runs))
    if len(envs) > 1:
        raise UserError(f"these runs are of several environments, {', '.join(envs)}: compare the runs of one.")
    if len({run.is_offline for run in runs}) > 1:
        raise UserError("some of these runs learned from recorded data and some acted: compare one kind.")


def name_arms(settings: Sequence[Settings]) -> list[str]:
    """Name arms by as few settings as tell them apart: parts first, then budget and steps, then others.

    >>> name_arms([{"rater": "oracle", "budget": "500"}, {"rater": "oracle", "budget": "100"}, {"rater": "none"}])
    ['Oracle, budget 500', 'Oracle, budget 100', 'Task reward']
    """
    names = list(dict.fromkeys(name for one in settings for name in one))
    differing = [name for name in names if len({one.get(name) for one in settings}) > 1]
    ordered = sorted(differing, key=lambda name: FIRST.index(name) if name in FIRST else len(FIRST))
    chosen: list[str] = []
    apart = 1
    for name in ordered:
        told = len({tuple(one.get(key) for key in (*chosen, name)) for one in settings})
        if told > apart or (name == "rater" and len(settings) > 1):
            chosen.append(name)
            apart = told
    return [_name(one, chosen or ["rater" if "rater" in one else "agent"]) for one in settings]


def _name(settings: Settings, chosen: Sequence[str]) -> str:
    words = [_words(name, settings[name]) for name in chosen if name in settings]
    return ", ".join([words[0][:1].upper() + words[0][1:], *words[1:]]) if words else TASK_REWARD


def _part(value: str) -> str:
    """Write acronyms of agents in capitals, and parts of a module without it."""
    name = value.rpartition(":")[-1]
    return name.upper() if len(name) < 4 else name


def _words(name: str, value: str) -> str:
    if name == "rater" and value == "none":
        return TASK_REWARD
    return _part(value) if name in PARTS else f"{short(name)} {value}"


def short(name: str) -> str:
    """Shorten the name of a setting to that of its flag.

    >>> short("agent_cfg.learning_rate")
    'agent.learning-rate'
    """
    return name.replace("_cfg", "").replace("_", "-")


def differences(settings: Sequence[Settings]) -> tuple[dict[str, list[str]], dict[str, str]]:
    """Return the settings in which arms differ, with the value of each arm, and those that are the same.

    A part's own settings are left out where the parts differ: that of a rater that only one of them has says nothing.
    """
    names = list(dict.fromkeys(name for one in settings for name in one))
    other = tuple(f"{part}_cfg." for part in PARTS if len({one.get(part) for one in settings}) > 1)
    rows = {name: [one.get(name, MISSING) for one in settings] for name in names if not name.startswith(other)}
    rows = _without_unused(rows, settings)
    ordered = sorted(rows, key=lambda name: FIRST.index(name) if name in FIRST else len(FIRST))
    differing = {name: rows[name] for name in ordered if len(set(rows[name])) > 1}
    return differing, {name: rows[name][0] for name in rows if len(set(rows[name])) == 1}


def _without_unused(rows: Mapping[str, list[str]], settings: Sequence[Settings]) -> dict[str, list[str]]:
    """Leave out what only the arm of the task reward lacks, since it asks nobody and fits no reward."""
    asks = [one.get("rater") != "none" for one in settings]
    if all(asks) or not any(asks):
        return dict(rows)
    asking = {name: [value for value, one in zip(row, asks, strict=True) if one] for name, row in rows.items()}
    unused = {name for name, row in rows.items() if MISSING in row and len(set(asking[name])) == 1 and name != "rater"}
    return {name: row for name, row in rows.items() if name not in unused}


def _by_seed(run: ComparedRun) -> tuple[int, bool, str]:
    return (-1 if run.seed is None else run.seed, not run.is_finished, str(run.path))
