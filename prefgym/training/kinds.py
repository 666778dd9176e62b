"""The kinds of feedback of a run: the rater gives them, queries have as many segments, and the learner fits them."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, TypeVar, cast

from prefgym.common.errors import UnknownNameError, UserError
from prefgym.common.limits import shortened
from prefgym.common.parts import name_of
from prefgym.common.registry import registry_of
from prefgym.core.capabilities import Capability, capabilities_of, fits, gives
from prefgym.core.kinds import KINDS, Comparison, Statement
from prefgym.core.protocols import Learner, Rater

Kinds = Sequence[type[Statement]]
SamplerCfg = TypeVar("SamplerCfg")


def check_kinds(rater_name: str, rater: Rater, reward_name: str, learner: Learner) -> None:
    """Check that the reward learner fits the kinds of feedback that the rater gives.

    Raises:
        UserError: If it does not; the sentence names a call that works, if there is one.
    """
    given, fitted = given_by(rater), fits(learner)
    if {*given} <= {*fitted}:
        return
    found = f"rater {rater_name!r} gives {names_of(given)}, and reward learner {reward_name!r} fits {names_of(fitted)}"
    raise UserError(f"{found}: {remedy(rater_name, given, fitted)}.")


def remedy(rater_name: str, given: Kinds, fitted: Kinds) -> str:
    """Return a call that makes rater and reward learner fit each other."""
    could = gives_of(rater_name) if _has_setting(rater_name, "gives") else ()
    if kind := next((kind for kind in fitted if kind in could), None):
        return f"pass --rater.gives {kind.kind}"
    rewards = registry_of("reward")
    if name := next((name for name in rewards.names() if {*given} <= {*fits(rewards.get(name))}), None):
        return f"pass --reward {name}"
    return "prefgym list --matrix shows what goes together"


def with_num_options(sampler_cfg: SamplerCfg, rater: object, *, is_made: bool = False) -> SamplerCfg:
    """Set the segments of a query by the kinds of feedback that the rater gives, where the sampler sets no number.

    Args:
        sampler_cfg: Settings of the sampler; those without `num_options` are returned as they are.
        rater: The rater.
        is_made: Whether the sampler was made with these settings already.

    Raises:
        UserError: If the sampler shows fewer or more segments than the rater can answer about.
    """
    settings: Any = sampler_cfg
    if not hasattr(settings, "num_options") or Capability.PROPOSES in capabilities_of(rater):
        return sampler_cfg
    asked = Comparison.usual_options if is_made and settings.num_options is None else settings.num_options
    num_options = num_options_of(given_by(rater), asked)
    if num_options == settings.num_options:
        return sampler_cfg
    try:
        return replace(settings, num_options=num_options)
    except ValueError as error:
        shown = "one segment" if num_options == 1 else f"{num_options} segments"
        raise UserError(f"a query of {names_of(gives(rater))} shows {shown}: {error}.") from error


def given_by(rater: object) -> Kinds:
    """Return the kinds of feedback that a rater declares.

    Raises:
        UserError: If they are no kinds.
    """
    declared = cast(object, gives(rater))  # of a part of somebody else's, anything
    found = f"the rater {name_of(rater)} declares gives = {shortened(declared)}"
    kinds = cast(Kinds, declared) if isinstance(declared, tuple) else ()
    if kinds and all(kind in KINDS.values() for kind in kinds):
        return kinds
    raise UserError(f"{found}, and a tuple of kinds was expected, such as gives = (prefgym.Ranking,).")


def num_options_of(kinds: Kinds, asked: int | None) -> int:
    """Return the number of segments of a query: those asked for, or those that are usual for its kinds.

    Raises:
        UserError: If they lie outside the range of a kind, or the kinds have no number in common.
    """
    least, most = max(kind.num_options[0] for kind in kinds), min(kind.num_options[1] for kind in kinds)
    if least > most:
        raise UserError(
            f"the rater gives {names_of(kinds)}, and no query can be answered by all of these, since some are about "
            "one segment and some about several: pass a rater, or raters, of one kind."
        )
    usual = max(kind.usual_options for kind in kinds)
    if asked is not None and not least <= asked <= most:
        about = "one segment" if most == 1 else f"{least} or more segments"
        raise UserError(
            f"--sampler.num-options {asked}: the rater gives {names_of(kinds)}, about {about}; "
            f"pass --sampler.num-options {usual}."
        )
    return usual if asked is None else asked


def shown_options(sampler_cfg: object) -> int:
    """Return the number of segments of a query, as settings of a sampler say it."""
    return getattr(sampler_cfg, "num_options", None) or Comparison.usual_options


def names_of(kinds: Kinds) -> str:
    """Return the names of kinds, separated by commas."""
    return ", ".join(kind.kind for kind in kinds)


def gives_of(rater_name: str) -> Kinds:
    """Return all kinds of feedback that a registered rater can give."""
    return gives(registry_of("rater").get(rater_name))


def _has_setting(rater_name: str, setting: str) -> bool:
    """Return whether a rater has a setting; one that is an object of the caller has none to pass by name."""
    try:
        return hasattr(registry_of("rater").cfg(rater_name), setting)
    except UnknownNameError:
        return False
