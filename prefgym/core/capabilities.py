"""Capabilities: what a part can do beside what all parts of its kind can."""

from enum import Enum
from typing import Literal, cast

from prefgym.common.states import Stateful

DataSource = Literal["reward", "preferences", "demonstrations"]
"""What an agent learns from: the reward of its steps, or records."""


class Capability(Enum):
    """What a part declares in its class variable `capabilities`."""

    OFF_POLICY = "off-policy"
    """Agents: learn from the past again, and have it relabelled (`explore`, `relabel`)."""
    OFFLINE = "offline"
    """Agents: learn from records, and do not act meanwhile (`advance`)."""
    PORTABLE = "portable"
    """Agents: `save` writes a card with the registered name, so that `load_policy` finds the class of the agent."""
    SELF_PLAY = "self-play"
    """Learners: compare with fragments of the latest rollouts (`observe_fragments`)."""
    JUDGED = "judged"
    """Learners: have each rollout judged by the rater (`propose_comparisons`, `record_outcomes`, `last_win_rates`)."""
    SCORES = "scores"
    """Learners: predict choices by other numbers than the sum of the reward (`score`)."""
    IMMEDIATE = "immediate"
    """Raters: answer at once when called with queries (`__call__`), and so can be one of several."""
    STATEFUL = "stateful"
    """All: can be resumed (`state_dict`, `load_state_dict`). Not declared, but seen by these two methods."""


NONE: frozenset[Capability] = frozenset()


def capabilities_of(part: object) -> frozenset[Capability]:
    """Return the capabilities that a part, or a class of parts, declares, and `STATEFUL` where it has both methods."""
    declared = cast("frozenset[Capability]", getattr(part, "capabilities", NONE))
    return declared | {Capability.STATEFUL} if isinstance(part, Stateful) else declared


def learns_from(agent: object) -> tuple[DataSource, ...]:
    """Return what an agent, or a class of agents, declares in `learns_from`; the reward, where it declares nothing."""
    return getattr(agent, "learns_from", ("reward",))


def needs_bounds(agent: object) -> bool | None:
    """Return whether an agent, or a class of agents, declares that actions must be bounded; None where it does not."""
    return getattr(agent, "needs_bounds", None)
