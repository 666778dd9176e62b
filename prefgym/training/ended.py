"""The agent and the learner of a run that has ended, in memory."""

from dataclasses import dataclass
from pathlib import Path

from prefgym.core.protocols import Agent, Learner


@dataclass(frozen=True, eq=False, kw_only=True)
class Ended:
    """A run that has ended, by its last step or by Ctrl-C."""

    path: Path
    """Its folder."""
    agent: Agent
    """The agent, with its last policy."""
    learner: Learner | None = None
    """The reward learner; None without a fit."""
