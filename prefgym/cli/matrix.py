"""`prefgym list --matrix`: the kinds of feedback that raters give, and that reward learners and agents fit.

It is computed from the declarations of the classes, `gives`, `fits` and `learns_from`, and from the settings with which
raters are registered; no part is made.
"""

import json
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from prefgym.cli.help import WIDTH
from prefgym.common.errors import UnknownNameError
from prefgym.common.registry import Kind, registry_of
from prefgym.core.capabilities import fits, gives, learns_from
from prefgym.core.kinds import KINDS, Statement


@dataclass(frozen=True, kw_only=True)
class Matrix:
    """Kinds of feedback by the names of parts."""

    raters: Mapping[str, tuple[str, ...]]
    """Kinds that each rater can give, one at a time."""
    rewards: Mapping[str, tuple[str, ...]]
    """Kinds that each reward learner fits, together as well."""
    agents: Mapping[str, tuple[str, ...]]
    """Kinds that each agent learns from without a reward."""
    rewarded: tuple[str, ...]
    """Agents that learn from the reward of any learner."""
    missing: list[str] = field(default_factory=list[str])
    """Parts that need a package which is not installed."""

    @property
    def kinds(self) -> tuple[str, ...]:
        """Return the kinds that some reward learner or agent fits, in their order."""
        return _in_order(kind for some in (self.rewards, self.agents) for kinds in some.values() for kind in kinds)

    @property
    def unused(self) -> tuple[str, ...]:
        """Return the kinds that raters give, and nobody fits."""
        given = _in_order(kind for kinds in self.raters.values() for kind in kinds)
        return tuple(kind for kind in given if kind not in self.kinds)

    def pairs(self) -> Iterator[tuple[str, str, tuple[str, ...]]]:
        """Yield raters and reward learners with the kinds that they have in common."""
        for rater, given in self.raters.items():
            for reward, fitted in self.rewards.items():
                if common := tuple(kind for kind in given if kind in fitted):
                    yield rater, reward, common


def read_matrix() -> Matrix:
    """Read the declarations of all registered parts."""
    missing: list[str] = []

    def classes(kind: Kind) -> dict[str, object]:
        found: dict[str, object] = {}
        for name in registry_of(kind).names():
            try:
                found[name] = registry_of(kind).get(name)
            except UnknownNameError:  # it needs a package that is not installed
                missing.append(name)
        return found

    agents = classes("agent")
    sources = {name: learns_from(agent) for name, agent in agents.items()}
    return Matrix(
        raters={name: _given(name, gives(rater)) for name, rater in classes("rater").items() if name != "none"},
        rewards={name: _names(fits(learner)) for name, learner in classes("reward").items()},
        agents={name: _names(fits(agent)) for name, agent in agents.items() if "preferences" in sources[name]},
        rewarded=tuple(name for name in agents if "reward" in sources[name]),
        missing=missing,
    )


def as_lines(matrix: Matrix) -> Iterator[str]:
    """Yield a table of parts and kinds, at most 80 columns wide."""
    sections = {
        "raters": matrix.raters,
        "reward learners": matrix.rewards,
        "offline agents": matrix.agents,
    }
    column = max(len(name) for parts in sections.values() for name in parts) + 4
    heads = [_head(kind) for kind in matrix.kinds]
    widths = [max(map(len, head)) for head in heads]
    for title, parts in sections.items():
        for start, cells in zip((title, ""), zip(*heads)):
            yield f"{start:<{column}}{' '.join(map(str.center, cells, widths))}".rstrip()
        for name, kinds in parts.items():
            marks = ("x" if kind in kinds else "-" for kind in matrix.kinds)
            yield f"  {name:<{column - 2}}{' '.join(map(str.center, marks, widths))}".rstrip()
        yield ""
    yield from textwrap.wrap(
        "A rater goes with a reward learner that fits the kind which it gives (--rater.gives KIND, where a rater can "
        f"give several). The reward of each learner trains each of these agents: {', '.join(matrix.rewarded)}.",
        WIDTH,
        break_on_hyphens=False,
    )
    if matrix.unused:
        yield from textwrap.wrap(f"Given, and fitted by nothing here: {', '.join(matrix.unused)}.", WIDTH)
    if matrix.missing:
        yield from textwrap.wrap(f"Not installed: {', '.join(matrix.missing)}.", WIDTH, break_on_hyphens=False)


def as_json(matrix: Matrix) -> str:
    """Write kinds by part, and the combinations of rater and reward learner, as JSON."""
    pairs = [{"rater": rater, "reward": reward, "kinds": kinds} for rater, reward, kinds in matrix.pairs()]
    parts = {"raters": matrix.raters, "rewards": matrix.rewards, "agents": matrix.agents}
    agents = {"agents_with_reward": matrix.rewarded, "not_installed": matrix.missing}
    return json.dumps({**parts, **agents, "combinations": pairs}, indent=2)


def _given(rater: str, kinds: Iterable[type[Statement]]) -> tuple[str, ...]:
    """Return the kinds of a rater's class that its settings allow: a rater with mistakes gives comparisons alone."""
    cfg = registry_of("rater").cfg(rater)

    def is_allowed(kind: str) -> bool:
        try:
            return not hasattr(cfg, "gives") or replace(cfg, gives=kind) is not None
        except ValueError:
            return False

    return tuple(kind for kind in _names(kinds) if is_allowed(kind))


def _head(kind: str) -> tuple[str, str]:
    """Write the name of a kind in two lines, so that all columns fit; short ones stand in the lower line."""
    half = len(kind) // 2
    return ("", kind) if len(kind) < 8 else (f"{kind[:half]}-", kind[half:])


def _in_order(kinds: Iterable[str]) -> tuple[str, ...]:
    found = {*kinds}
    return tuple(kind for kind in KINDS if kind in found)


def _names(kinds: Iterable[type[Statement]]) -> tuple[str, ...]:
    return tuple(kind.kind for kind in kinds)
