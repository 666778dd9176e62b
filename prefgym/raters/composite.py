"""Composite raters: mixtures of several raters, and raters with lapses, a preferred side, or drift."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Generic, Protocol, TypeVar, cast

import numpy as np
import torch
from torch import Tensor

from prefgym import raters
from prefgym.common.from_json import config_from_json
from prefgym.common.limits import Natural, NonNegative, Share, check
from prefgym.common.names import did_you_mean
from prefgym.common.states import State, Stateful
from prefgym.core import contact
from prefgym.core.capabilities import Capability, capabilities_of, gives
from prefgym.core.context import RaterContext
from prefgym.core.feedback import Feedback
from prefgym.core.kinds import Comparison, Statement, Status
from prefgym.core.likelihoods import LIKELIHOODS
from prefgym.core.preferences import Preferences, RaterInfo
from prefgym.core.queries import Queries
from prefgym.raters.immediate import ImmediateRater, SeededRater, in_words
from prefgym.raters.named import Nested


@dataclass(frozen=True, kw_only=True)
class MixtureRaterCfg:
    """A mixture of raters, one of which answers each query.

    Raises:
        ValueError: If there are neither one share nor one per rater, or all are 0, or settings belong to no user.
    """

    users: str = "oracle,myopic"
    """Raters, separated by commas; `ann=oracle` is a rater with a name of its own."""
    settings: Nested = field(default_factory=dict[str, Any])
    """Settings of users by name: `ann.beta=0.5 bob.weights.forward=-1` are `--rater.beta 0.5` for the rater of ann and
    `--rater.weights forward=-1` for that of bob."""
    shares: tuple[NonNegative, ...] = (1.0,)
    """Relative share of the queries of each rater; one number stands for equal shares."""

    def __post_init__(self) -> None:
        check(self)
        if len(self.shares) not in (1, len(self.users.split(","))) or not 0 < sum(self.shares) < math.inf:
            raise ValueError(f"shares {self.shares} do not fit the users {self.users}")
        for name, settings in self.settings.items():
            if name not in self.kinds():
                raise ValueError(f"there is no user {name!r} to set: {did_you_mean(name, self.kinds())}")
            if not isinstance(settings, Mapping):
                raise ValueError(f"write the settings of {name} as {name}.SETTING=VALUE, not {name}={settings}")

    def kinds(self) -> dict[str, str]:
        """Map the names of the component raters to registered raters.

        Raises:
            ValueError: If two have one name.
        """
        pairs = [[part.strip() for part in user.rpartition("=")[::2]] for user in self.users.split(",")]
        kinds = {name or kind: kind for name, kind in pairs}
        if len(kinds) < len(pairs):
            raise ValueError(f"two users have one name: {self.users}")
        return kinds


class NamesRaters(Protocol):
    """The configuration of a composite rater."""

    def kinds(self) -> dict[str, str]:
        """Map names to registered raters."""
        ...


Cfg = TypeVar("Cfg", bound=NamesRaters)


class CompositeRater(SeededRater, Generic[Cfg]):
    """A rater that passes queries to other raters."""

    gives: tuple[type[Statement], ...] = tuple(LIKELIHOODS)
    """Kinds of feedback that component raters can give; of a rater, those that they give."""

    def __init__(self, cfg: Cfg, *, seed: int = 0, context: RaterContext | None = None) -> None:
        """Make the component raters.

        Args:
            cfg: Names and kinds of the component raters.
            seed: Seed of the random numbers here, and of the component raters' seeds.
            context: Context of the component raters.

        Raises:
            ValueError: If one is unknown, cannot judge this task, or answers late.
        """
        super().__init__(seed)
        self.cfg = cfg
        self.people = make_raters(cfg.kinds(), seed, context or RaterContext(), self.settings())
        self.gives = tuple(dict.fromkeys(kind for rater in self.people.values() for kind in gives(rater)))

    def settings(self) -> Mapping[str, Mapping[str, Any]]:
        """Return the settings of component raters that differ from the defaults, by their names."""
        return {}

    def state_dict(self) -> State:
        """Return the state to resume from; first collect the submitted queries."""
        people = {name: rater.state_dict() for name, rater in self._stateful().items()}
        return {**super().state_dict(), "people": people}

    def load_state_dict(self, state: State) -> None:
        """Resume from a state that `state_dict` returned."""
        super().load_state_dict(state)
        for name, rater in self._stateful().items():
            rater.load_state_dict(state["people"][name])

    def _stateful(self) -> dict[str, Stateful]:
        stateful = {name: one for name, one in self.people.items() if Capability.STATEFUL in capabilities_of(one)}
        return cast("dict[str, Stateful]", stateful)


class MixtureRater(CompositeRater[MixtureRaterCfg]):
    """A rater that passes each query to one of several raters; the answers name that rater."""

    def settings(self) -> Mapping[str, Mapping[str, Any]]:
        """Return the settings of users that differ from the defaults."""
        return self.cfg.settings

    def __call__(self, queries: Queries) -> Feedback:
        """Sample a rater for each query, and return the raters' answers.

        Raises:
            ValueError: If the queries lack the data that the rater judges by.
        """
        if not len(queries):
            return contact.answer(next(iter(self.people.values())), queries)
        shares = torch.tensor(self.cfg.shares, dtype=torch.float64).expand(len(self.people))
        chosen = torch.multinomial(shares, len(queries), replacement=True, generator=self.generator)
        return shared_out(queries, chosen, self.people)


@dataclass(frozen=True, kw_only=True)
class FallibleRaterCfg:
    """A rater that answers like another one, with lapses and a preferred side, and may drift to a third."""

    judges: str = "oracle"
    """Rater that answers at first."""
    lapse: Share = 0.0
    """Probability of a uniformly random answer."""
    first: Share = 0.0
    """Probability of choosing the option shown first, regardless of its content."""
    drifts_to: str = ""
    """Rater that answers after the drift; by default there is no drift."""
    drift_queries: Natural = 500
    """Queries until the drift is complete; the probability of the second rater rises linearly."""

    __post_init__ = check

    def kinds(self) -> dict[str, str]:
        """Map numbers to registered raters: 0 answers at first, and 1 after the drift, if there is one."""
        return {"0": self.judges, "1": self.drifts_to} if self.drifts_to else {"0": self.judges}


# Presets


def fallible() -> FallibleRaterCfg:
    """Answer like the oracle, with occasional random answers."""
    return FallibleRaterCfg(lapse=0.1)


def one_sided() -> FallibleRaterCfg:
    """Choose the first option in four of five queries: in three regardless of content, and in half of the others."""
    return FallibleRaterCfg(first=0.6)


def drifting() -> FallibleRaterCfg:
    """Answer like the oracle at first, and like a myopic rater after the drift."""
    return FallibleRaterCfg(drifts_to="myopic")


class FallibleRater(CompositeRater[FallibleRaterCfg]):
    """A rater that answers like another one, with lapses, a preferred side, and drift."""

    gives = (Comparison,)
    num_asked = 0
    """Queries so far."""

    def __init__(self, cfg: FallibleRaterCfg, *, seed: int = 0, context: RaterContext | None = None) -> None:
        """Make the component raters.

        Args:
            cfg: Names and kinds of the component raters, and lapses.
            seed: Seed of the random numbers here, and of the component raters' seeds.
            context: Context of the component raters.

        Raises:
            ValueError: If one is unknown, cannot judge this task, answers late, or gives no comparisons.
        """
        super().__init__(cfg, seed=seed, context=context)
        if others := [kind.kind for kind in self.gives if kind is not Comparison]:
            raise ValueError(
                f"its lapses are other choices, and it would judge by {others[0]}: pass --rater.judges oracle"
            )

    def __call__(self, queries: Queries) -> Preferences:
        """Answer at once.

        Each query takes the same random numbers whatever its outcome.

        Raises:
            ValueError: If the queries lack the data that the rater judges by.
        """
        cfg, num_queries = self.cfg, len(queries)
        drifting, lapsing, siding, blind = torch.rand(4, num_queries, dtype=torch.float64, generator=self.generator)
        number = self.num_asked + torch.arange(num_queries)
        self.num_asked += num_queries
        # P(drifted) = min(number / drift_queries, 1)
        drifted = drifting < number / cfg.drift_queries if cfg.drift_queries else torch.ones_like(number).bool()
        chosen = drifted.long() if cfg.drifts_to else torch.zeros_like(number)
        people = self.people
        judged = (shared_out(queries, chosen, people) if num_queries else contact.answer(people["0"], queries)).only
        random = (blind * queries.num_options).long()
        first = judged.shown_order[:, 0]
        named = torch.where(siding < cfg.first, first, random)
        replaced = (siding < cfg.first) | (lapsing < cfg.lapse)
        answers = overruled(judged.answers, replaced, named)
        info = RaterInfo(name="fallible", settings=in_words(cfg))
        return replace(judged, answers=answers, rater=torch.zeros_like(judged.rater), raters=(info,))

    def state_dict(self) -> State:
        """Return the state to resume from; first collect the submitted queries."""
        return {**super().state_dict(), "num_asked": self.num_asked}

    def load_state_dict(self, state: State) -> None:
        """Resume from a state that `state_dict` returned."""
        super().load_state_dict(state)
        self.num_asked = state["num_asked"]


def make_raters(
    kinds: Mapping[str, str], seed: int, context: RaterContext, settings: Mapping[str, Mapping[str, Any]]
) -> dict[str, ImmediateRater]:
    """Make raters by name, each with its own seed.

    Args:
        kinds: Registered raters by name.
        seed: Seed of their seeds.
        context: Context of all.
        settings: Settings by name, where they differ from the defaults.

    Raises:
        ValueError: If one is unknown, has no such settings, cannot judge this task, or answers late.
    """
    seeds = np.random.SeedSequence(seed).generate_state(len(kinds))
    made: dict[str, ImmediateRater] = {}
    for (name, kind), own in zip(kinds.items(), seeds):
        rater = raters.build(kind, user_cfg(name, kind, settings.get(name, {})), context, seed=int(own))
        if Capability.IMMEDIATE not in capabilities_of(rater):
            raise ValueError(f"rater {kind!r} does not answer at once, so it cannot be part of a composite rater")
        made[name] = cast(ImmediateRater, rater)
    return made


def user_cfg(user: str, kind: str, settings: Mapping[str, Any]) -> object:
    """Make the configuration of a user's rater from settings as a file or flags have them.

    Raises:
        ValueError: If the rater has no such setting, or a value does not fit.
    """
    default = raters.cfg(kind)
    known = [one.name for one in fields(default) if one.name not in ("expert_file", "run")]  # files for all users
    given = {name.replace("-", "_"): value for name, value in settings.items()}
    for name in given:
        if name not in known:
            raise ValueError(f"rater {kind!r} of user {user} has no setting {name!r}: {did_you_mean(name, known)}")
    try:
        return config_from_json(default, given)
    except ValueError as error:
        raise ValueError(f"user {user}: {error}") from error


def shared_out(queries: Queries, chosen: Tensor, people: Mapping[str, ImmediateRater]) -> Feedback:
    """Pass each query to its rater, and return the answers, those of each kind in the order of the queries.

    Args:
        queries: At least one.
        chosen: Index of the rater of each query. Shape: (B,).
        people: Raters by name; answers carry these names.
    """
    parts: list[Preferences[Statement]] = []
    for number, (name, rater) in enumerate(people.items()):
        mine = chosen == number
        for answered in contact.answer(rater, queries[mine]).parts if mine.any() else ():
            settings = [{"judges": info.name, **info.settings} for info in answered.raters]
            parts.append(replace(answered, raters=tuple(RaterInfo(name=name, settings=own) for own in settings)))
    together, (asked, place) = Feedback.cat(parts), queries.query_id.sort()
    places = [place[torch.searchsorted(asked, part.query_id)] for part in together.parts]
    return Feedback(tuple(part[at.argsort(stable=True)] for part, at in zip(together.parts, places)))


def overruled(answers: Comparison, replaced: Tensor, named: Tensor) -> Comparison:
    """Replace some answers by choices of one option.

    Args:
        answers: B answers.
        replaced: Mask of the answers to replace. Shape: (B,), bool.
        named: Option chosen in the replacement. Shape: (B,).
    """
    choice = torch.nn.functional.one_hot(named, answers.choice.shape[-1]).to(answers.choice)
    return Comparison(
        status=torch.where(replaced, int(Status.ANSWERED), answers.status),
        choice=torch.where(replaced.unsqueeze(-1), choice, answers.choice),
        tie=answers.tie & ~replaced,
        strength=answers.strength.masked_fill(replaced, 0.0),
    )
