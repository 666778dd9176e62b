"""Raters made of other raters: several people, and people who err or change their minds."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from prefgym import raters
from prefgym.common.limits import Natural, NonNegative, Share, check
from prefgym.common.states import State, Stateful
from prefgym.core.context import RaterContext
from prefgym.core.preferences import Answers, Preferences, RaterInfo, Status
from prefgym.core.queries import Queries
from prefgym.raters.immediate import ImmediateRater, SeededRater, in_words


@dataclass(frozen=True, kw_only=True)
class MixtureRaterCfg:
    """Several people, of whom one answers each query.

    Raises:
        ValueError: If there are not as many shares as people, or all are 0.
    """

    users: str = "oracle,myopic"
    """Raters, separated by commas; `ann=oracle` names one."""
    shares: tuple[NonNegative, ...] = (1.0,)
    """How often each is asked, in proportion; one number for all alike."""

    def __post_init__(self) -> None:
        check(self)
        if len(self.shares) not in (1, len(self.users.split(","))) or not 0 < sum(self.shares) < math.inf:
            raise ValueError(f"shares {self.shares} do not fit the users {self.users}")

    def kinds(self) -> dict[str, str]:
        """Map the names of the users to registered raters.

        Raises:
            ValueError: If two have one name.
        """
        told = [[part.strip() for part in user.rpartition("=")[::2]] for user in self.users.split(",")]
        kinds = {name or kind: kind for name, kind in told}
        if len(kinds) < len(told):
            raise ValueError(f"two users have one name: {self.users}")
        return kinds


class MadeOfRaters(SeededRater):
    """A rater behind whom there are others."""

    def __init__(
        self,
        cfg: Any,  # noqa: ANN401
        *,
        seed: int = 0,
        context: RaterContext | None = None,
    ) -> None:
        """Make the others.

        Args:
            cfg: Who they are: `kinds()` maps names to registered raters.
            seed: Seed of what is drawn here; their own seeds come from it.
            context: What they may know of the task.

        Raises:
            ValueError: If one is unknown, cannot judge this task, or answers late.
        """
        super().__init__(seed)
        self.cfg = cfg
        self.people = make_raters(cfg.kinds(), seed, context or RaterContext())

    def state_dict(self) -> State:
        """Return the state to resume from, once what was submitted is collected."""
        people = {name: rater.state_dict() for name, rater in self.people.items() if isinstance(rater, Stateful)}
        return {**super().state_dict(), "people": people}

    def load_state_dict(self, state: State) -> None:
        """Go on from what `state_dict` returned."""
        super().load_state_dict(state)
        for name, rater in self.people.items():
            if isinstance(rater, Stateful):
                rater.load_state_dict(state["people"][name])


class MixtureRater(MadeOfRaters):
    """Let one of several raters answer each query; the answers say who did."""

    cfg: MixtureRaterCfg

    def __call__(self, queries: Queries) -> Preferences:
        """Let each answer what falls to them.

        Raises:
            ValueError: If the queries carry nothing to judge by.
        """
        if not len(queries):
            return next(iter(self.people.values()))(queries)
        shares = torch.tensor(self.cfg.shares, dtype=torch.float64).expand(len(self.people))
        who = torch.multinomial(shares, len(queries), replacement=True, generator=self.generator)
        return shared_out(queries, who, self.people)


@dataclass(frozen=True, kw_only=True)
class FallibleRaterCfg:
    """A person who judges like another rater, but is not always attentive, and may come to judge like a third."""

    judges: str = "oracle"
    """Whom this person judges like."""
    lapse: Share = 0.0
    """Probability of an answer at random."""
    first: Share = 0.0
    """Probability of naming the option shown first, whatever it shows."""
    drifts_to: str = ""
    """Whom this person comes to judge like; nobody else unless said."""
    drift_queries: Natural = 500
    """Queries after which that has happened; until then it happens more and more often."""

    __post_init__ = check

    def kinds(self) -> dict[str, str]:
        """Map numbers to registered raters: 0 judges at first, and 1 in the end if there is one."""
        return {"0": self.judges, "1": self.drifts_to} if self.drifts_to else {"0": self.judges}


# Presets


def fallible() -> FallibleRaterCfg:
    """Answer at random now and then."""
    return FallibleRaterCfg(lapse=0.1)


def one_sided() -> FallibleRaterCfg:
    """Name the first option in four queries of five: in three of five unseen, and in half of the others."""
    return FallibleRaterCfg(first=0.6)


def drifting() -> FallibleRaterCfg:
    """Begin as the oracle, and end with the last moments in mind."""
    return FallibleRaterCfg(drifts_to="myopic")


class FallibleRater(MadeOfRaters):
    """Answer like another rater, with lapses, a preferred side, and drift."""

    cfg: FallibleRaterCfg
    num_asked = 0
    """Queries so far."""

    def __call__(self, queries: Queries) -> Preferences:
        """Answer at once.

        Each query takes the same random numbers whatever becomes of it.

        Raises:
            ValueError: If the queries carry nothing to judge by.
        """
        cfg, num_queries = self.cfg, len(queries)
        drifting, lapsing, siding, blind = torch.rand(4, num_queries, dtype=torch.float64, generator=self.generator)
        number = self.num_asked + torch.arange(num_queries)
        self.num_asked += num_queries
        # P(drifted) = min(number / drift_queries, 1)
        drifted = drifting < number / cfg.drift_queries if cfg.drift_queries else torch.ones_like(number).bool()
        who = drifted.long() if cfg.drifts_to else torch.zeros_like(number)
        judged = shared_out(queries, who, self.people) if num_queries else self.people["0"](queries)
        random = (blind * queries.num_options).long()
        first = judged.shown_order[:, 0]
        named = torch.where(siding < cfg.first, first, random)
        replaced = (siding < cfg.first) | (lapsing < cfg.lapse)
        answers = overruled(judged.answers, replaced, named)
        info = RaterInfo(name="fallible", settings=in_words(cfg))
        return replace(judged, answers=answers, rater=torch.zeros_like(judged.rater), raters=(info,))

    def state_dict(self) -> State:
        """Return the state to resume from, once what was submitted is collected."""
        return {**super().state_dict(), "num_asked": self.num_asked}

    def load_state_dict(self, state: State) -> None:
        """Go on from what `state_dict` returned."""
        super().load_state_dict(state)
        self.num_asked = state["num_asked"]


def make_raters(kinds: Mapping[str, str], seed: int, context: RaterContext) -> dict[str, ImmediateRater]:
    """Make raters under names of their own, each with a seed of its own.

    Raises:
        ValueError: If one is unknown, cannot judge this task, or answers late.
    """
    seeds = np.random.SeedSequence(seed).generate_state(len(kinds))
    made: dict[str, ImmediateRater] = {}
    for (name, kind), own in zip(kinds.items(), seeds):
        rater = raters.build(kind, raters.cfg(kind), context, seed=int(own))
        if not isinstance(rater, ImmediateRater):
            raise ValueError(f"rater {kind!r} does not answer at once, so it cannot be one of several")
        made[name] = rater
    return made


def shared_out(queries: Queries, who: Tensor, people: Mapping[str, ImmediateRater]) -> Preferences:
    """Let each of several people answer what falls to them, and put the answers in order.

    Args:
        queries: At least one.
        who: The number of the one who is asked. Shape: (B,).
        people: By name, under which answers are filed.
    """
    parts: list[Preferences] = []
    rows: list[Tensor] = []
    for number, (name, rater) in enumerate(people.items()):
        mine = (who == number).nonzero().squeeze(-1)
        if len(mine):
            told = rater(queries[mine])
            settings = [{"judges": info.name, **info.settings} for info in told.raters]
            parts.append(replace(told, raters=tuple(RaterInfo(name=name, settings=told) for told in settings)))
            rows.append(mine)
    return Preferences.cat(parts)[torch.cat(rows).argsort()]


def overruled(answers: Answers, replaced: Tensor, named: Tensor) -> Answers:
    """Put plain choices in the place of some answers.

    Args:
        answers: B of them.
        replaced: Which. Shape: (B,), bool.
        named: Option that is chosen there. Shape: (B,).
    """
    choice = torch.nn.functional.one_hot(named, answers.choice.shape[-1]).to(answers.choice)
    return Answers(
        status=torch.where(replaced, int(Status.ANSWERED), answers.status),
        choice=torch.where(replaced.unsqueeze(-1), choice, answers.choice),
        tie=answers.tie & ~replaced,
    )
