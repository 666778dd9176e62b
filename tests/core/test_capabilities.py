"""Capabilities: declared by a class, but for what can be seen by two methods."""

from typing import ClassVar

import pytest

import prefgym.agents
import prefgym.raters
import prefgym.rewards
from prefgym.core.capabilities import Capability, capabilities_of, learns_from, needs_bounds


class Remembers:
    """A part that can be resumed."""

    def state_dict(self) -> dict[str, int]:
        """Return nothing."""
        return {}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Take nothing."""


class Judged(Remembers):
    """A part that declares a capability."""

    capabilities: ClassVar[frozenset[Capability]] = frozenset({Capability.JUDGED})


def test_a_part_has_what_it_declares() -> None:
    assert capabilities_of(object()) == frozenset()
    assert capabilities_of(Remembers()) == {Capability.STATEFUL}
    assert capabilities_of(Judged()) == capabilities_of(Judged) == {Capability.JUDGED, Capability.STATEFUL}


@pytest.mark.parametrize(
    ("name", "capability"),
    [
        *((name, Capability.OFF_POLICY) for name in ("sac", "pebble", "residual")),
        *((name, Capability.OFFLINE) for name in ("bc", "sft", "cpl", "p-iql", "ipl")),
    ],
)
def test_an_agent_declares_how_it_learns(name: str, capability: Capability) -> None:
    assert capabilities_of(prefgym.agents.get(name)) == {capability, Capability.PORTABLE, Capability.STATEFUL}


def test_an_algorithm_that_learns_from_rollouts_declares_nothing_more() -> None:
    assert capabilities_of(prefgym.agents.get("ppo")) == {Capability.PORTABLE, Capability.STATEFUL}


@pytest.mark.parametrize(
    ("name", "declared"),
    [
        ("ensemble", {Capability.SCORES}),
        ("win-rate", {Capability.JUDGED}),
        ("preference-model", {Capability.SELF_PLAY, Capability.SCORES}),
    ],
)
def test_a_learner_declares_what_it_needs(name: str, declared: set[Capability]) -> None:
    assert capabilities_of(prefgym.rewards.get(name)) == declared | {Capability.STATEFUL}


def test_raters_that_answer_at_once_say_so() -> None:
    late = [
        name for name in prefgym.raters.names() if Capability.IMMEDIATE not in capabilities_of(prefgym.raters.get(name))
    ]
    assert late == ["human", "none", "replay"]


def test_an_agent_that_declares_nothing_learns_from_the_reward() -> None:
    assert (learns_from(object()), needs_bounds(object())) == (("reward",), None)
    assert (learns_from(prefgym.agents.get("bc")), needs_bounds(prefgym.agents.get("ppo"))) == (
        ("preferences", "demonstrations"),
        False,
    )
    assert (learns_from(prefgym.agents.get("sb3")), needs_bounds(prefgym.agents.get("sb3"))) == (("reward",), None)
