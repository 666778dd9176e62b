"""Capabilities: optional abilities of a part, beyond the protocol of its kind."""

from enum import Enum
from typing import Literal, TypeVar, cast

from prefgym.common.states import Stateful
from prefgym.core.kinds import Comparison, Statement

DataSource = Literal["reward", "preferences", "demonstrations"]
"""A source that an agent learns from: the reward of its steps, or recorded data."""


Value = TypeVar("Value")


class Capability(Enum):
    """An optional ability, which a part declares in its class variable `capabilities`."""

    OFF_POLICY = "off-policy"
    """Agents: learn from a replay buffer, which is relabelled (`explore`, `relabel`)."""
    OFFLINE = "offline"
    """Agents: learn from recorded data without acting (`advance`)."""
    PORTABLE = "portable"
    """Agents: `save` writes a card with the registered name, so that `load_policy` finds the class of the agent."""
    SELF_PLAY = "self-play"
    """Learners: compare with fragments of the latest rollouts (`observe_fragments`)."""
    JUDGED = "judged"
    """Learners: send each rollout to the rater (`propose_comparisons`, `record_outcomes`, `last_win_rates`)."""
    SCORES = "scores"
    """Learners: predict choices from numbers other than the sum of the reward (`score`)."""
    IMMEDIATE = "immediate"
    """Raters: answer at once when called with queries (`__call__`), and so can be part of a composite rater."""
    PROPOSES = "proposes"
    """Raters: bring the segments of their queries themselves (`propose`), in the place of a sampler."""
    OUTSIDE = "outside"
    """Raters: are people or programs outside the run, whose answers come at times of their own (`open`, `close`)."""
    STATEFUL = "stateful"
    """All: can be resumed. Not declared, but inferred from the methods `state_dict` and `load_state_dict`."""


NONE: frozenset[Capability] = frozenset()


def capabilities_of(part: object) -> frozenset[Capability]:
    """Return the capabilities that a part, or a class of parts, declares, and `STATEFUL` if it has both methods."""
    declared = cast("frozenset[Capability]", getattr(part, "capabilities", NONE))
    return declared | {Capability.STATEFUL} if isinstance(part, Stateful) else declared


def learns_from(agent: object) -> tuple[DataSource, ...]:
    """Return the sources in an agent's or its class's `learns_from`; the reward if there is no such attribute."""
    return getattr(agent, "learns_from", ("reward",))


def fits(learner: object) -> tuple[type[Statement], ...]:
    """Return the kinds of feedback in a learner's or its class's `fits`; comparisons if there is no such attribute."""
    return getattr(learner, "fits", (Comparison,))


def declares_fits(learner: object) -> bool:
    """Return whether a learner declares the kinds of feedback that it fits."""
    return hasattr(learner, "fits")


def gives(rater: object) -> tuple[type[Statement], ...]:
    """Return the kinds of feedback in a rater's or its class's `gives`; comparisons if there is no such attribute.

    A class names all the kinds that its raters can give, a rater those that it does give.
    """
    return _declared(rater, "gives", (Comparison,))


def needs_truth(rater: object) -> bool:
    """Return whether a rater, or the callable that it wraps, judges by the task reward or its factors.

    One that does not, such as one of people, declares `needs_truth = False`.
    """
    return _declared(rater, "needs_truth", True)


def _declared(rater: object, name: str, default: Value) -> Value:
    """Return what a rater declares, or else the callable that it wraps."""
    return getattr(rater, name, getattr(getattr(rater, "answer", None), name, default))


def needs_bounds(agent: object) -> bool | None:
    """Return whether an agent, or a class of agents, declares that actions must be bounded; None if it does not."""
    return getattr(agent, "needs_bounds", None)
