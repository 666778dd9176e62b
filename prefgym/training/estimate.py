"""An estimate of what a run takes: answers and bytes before its first step, minutes from its first seconds."""

import sys
import time
from collections.abc import Callable as Function
from dataclasses import dataclass
from typing import TYPE_CHECKING

from prefgym.common.spaces import single_spaces
from prefgym.core.capabilities import Capability, capabilities_of
from prefgym.training.callbacks import Callback
from prefgym.training.config import TrainCfg
from prefgym.training.kinds import shown_options
from prefgym.training.parts import Metrics, Parts
from prefgym.training.people import minutes_of_people, people_of

if TYPE_CHECKING:
    from prefgym.training.loop import Loop

MEASURED_S = 2.0
"""Seconds of learning from which the speed is known."""


@dataclass(frozen=True, kw_only=True)
class DiskUse:
    """Bytes of a run folder."""

    running: int
    """While it runs: recorded steps, and two checkpoints with replay buffer and answers."""
    kept: int
    """At its end: one checkpoint, answers, and the recorded steps of which queries may still be sampled."""

    def in_words(self) -> str:
        """Return both in MB, rounded up."""
        running, kept = (f"{-(-num // 10**6):,}" for num in (self.running, self.kept))
        return f"about {running} MB on disk while it runs, and {kept} MB at its end"


def disk_use(cfg: TrainCfg, parts: Parts) -> DiskUse:
    """Estimate the bytes of a run, without pictures, films and logs.

    A row of the recorder has the same columns as a step of a segment; a step of a replay buffer has two observations.
    """
    recorder, agent = parts.recorder, parts.agent
    row = answers = recorded = kept = 0
    if recorder is not None:
        row = recorder.row_bytes
        options = shown_options(cfg.sampler_cfg)
        answers = cfg.budget * options * (cfg.sampling.segment_length + 1) * row
        recorded = min(cfg.steps, recorder.num_rows * recorder.num_envs) * row
        recent = getattr(cfg.sampler_cfg, "recent_steps", None) or cfg.steps
        kept = min(recorded, (recent + cfg.checkpoint.every) * row)
    replay = 0
    if Capability.OFF_POLICY in capabilities_of(agent):
        obs_dim, action_dim = (space.shape[0] for space in single_spaces(parts.env))
        stored = min(cfg.steps, getattr(cfg.agent_cfg, "capacity_steps", cfg.steps))
        replay = stored * 4 * (2 * obs_dim + action_dim + 3)
    checkpoint = replay + 2 * answers  # answers, and the segments that were shown
    final = checkpoint + kept if cfg.checkpoint.keep_final else 0
    return DiskUse(running=recorded + 2 * checkpoint + answers, kept=final + answers)


def before_it_starts(cfg: TrainCfg, parts: Parts) -> str:
    """Return the answers and the bytes that a run takes, in words."""
    answers = "no answers" if parts.rater is None else f"at most {cfg.budget:,} answers"
    if (people := people_of(parts.rater)) is not None:
        answers += f" (about {minutes_of_people(people.cfg, cfg.budget)})"
    return f"{answers}, {disk_use(cfg, parts).in_words()}"


class Estimate(Callback):
    """Prints what a run takes: one line before the first step, and the minutes once the agent has learned for 2 s.

    Args:
        before: What is known before the first step; empty for nothing.
        clock: Clock in seconds.
    """

    def __init__(self, before: str = "", clock: Function[[], float] = time.perf_counter) -> None:
        self.before, self.clock = before, clock
        self._since: tuple[float, int] | None = None
        self._is_said = False

    def on_start(self, loop: "Loop") -> None:
        """Print what is known."""
        left = loop.total - loop.steps
        if self.before and left > 0:
            print(f"{left:,} {loop.source.unit}, {self.before}", file=sys.stderr)

    def on_step(self, loop: "Loop", metrics: Metrics) -> None:
        """Measure from the first update on, and print the time left once."""
        if self._is_said or not any(name.startswith("train/") for name in metrics):
            return
        if self._since is None:
            self._since = self.clock(), loop.steps
            return
        seconds, steps = self.clock() - self._since[0], loop.steps - self._since[1]
        if seconds >= MEASURED_S and steps and loop.steps < loop.total:
            rate, self._is_said = steps / seconds, True
            minutes = (loop.total - loop.steps) / rate / 60
            took = f"{minutes:.0f} minutes" if minutes >= 1.5 else f"{60 * minutes:.0f} seconds"
            print(f"about {took} more, at {rate:,.0f} {loop.source.unit} a second", file=sys.stderr)
