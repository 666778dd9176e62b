"""Experts: policies that were trained on the task reward, with their value functions V and Q.

An expert is a file of weights (safetensors) with a card beside it (JSON). It consists of networks alone, so that it
does not depend on the code of the agent that trained it.
"""

import math
from dataclasses import asdict, dataclass, fields
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal, Self, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from prefgym.common.array_files import read_arrays, write_arrays
from prefgym.common.errors import UserError
from prefgym.common.files import digest, named, read_sealed_json, verify, write_sealed_json, writing
from prefgym.common.limits import NonNegative, Within, check
from prefgym.nn.mlp import Activation, mlp
from prefgym.nn.normalisation import RunningNorm
from prefgym.sim.nested import to_numpy

Level = Literal["expert", "medium"]
FOLDER = Path(str(files("prefgym.envs"))) / "experts"
"""Folder of the experts that ship with prefgym."""
LEVELS: tuple[Level, ...] = ("expert", "medium")


@dataclass(frozen=True, kw_only=True)
class Measured:
    """Returns of an expert, and an interval for the mean of further episodes."""

    episodes: int
    """Episodes, seeded 10000, 10001, ..."""
    mean: float
    """Mean task return."""
    std: float
    """Standard deviation over episodes."""
    few: int
    """Number of further episodes, whose mean the interval is for."""
    few_low: float
    """Lower end: their mean lies above it with a probability of 99.9 %."""
    few_high: float
    """Upper end: their mean lies below it with a probability of 99.9 %."""


@dataclass(frozen=True, kw_only=True)
class ExpertCard:
    """The card of an expert."""

    env: str
    """Environment id, with its version."""
    level: Level
    """`medium` has about half the return of the `expert`."""
    agent: str
    """Name of the agent that trained it."""
    steps: int
    """Environment steps of its training."""
    command: str
    """Command that made it."""
    date: str
    """Date, as year-month-day."""
    action_low: tuple[float, ...]
    """Smallest action. Shape: (A,)."""
    action_high: tuple[float, ...]
    """Largest action. Shape: (A,)."""
    obs_dim: int
    """O."""
    activation: Activation
    """Activation between the layers of the policy."""
    hidden: tuple[int, ...]
    """Hidden layers of the policy."""
    value_hidden: tuple[int, ...]
    """Hidden layers of the values, with relu between them."""
    gamma: Annotated[float, Within(0, 0.999)]
    """Discount of the values per step."""
    value_rmse: NonNegative
    """Root mean squared error of V against simulation, in held-out states."""
    value_std: float
    """Standard deviation of the simulated V there: the error of a constant."""
    returns: Measured
    """Its true return."""

    __post_init__ = check


class Expert(nn.Module):
    """A policy without noise, its values V, and its action values Q.

    Args:
        card: Card of the expert, with the sizes of its networks.
    """

    def __init__(self, card: ExpertCard) -> None:
        super().__init__()
        self.card = card
        unused = torch.Generator().manual_seed(0)  # weights are loaded, or copied from an agent
        actions = len(card.action_low)
        self.obs_norm = RunningNorm(card.obs_dim)
        self.actor = mlp((card.obs_dim, *card.hidden, actions), card.activation, unused, orthogonal=False)
        self.v = mlp((card.obs_dim, *card.value_hidden, 1), "relu", unused, orthogonal=False)
        self.advantage = mlp((card.obs_dim + actions, *card.value_hidden, 1), "relu", unused, orthogonal=False)
        self.register_buffer("_low", torch.tensor(card.action_low), persistent=False)
        self.register_buffer("_high", torch.tensor(card.action_high), persistent=False)
        self.requires_grad_(False)

    @property
    def gamma(self) -> float:
        """Return the discount of the values per step."""
        return self.card.gamma

    @property
    def horizon(self) -> int:
        """Return H, the steps after which less than a hundredth of a reward counts: gamma^H < 0.01."""
        return math.floor(math.log(0.01) / math.log(self.gamma)) + 1 if self.gamma > 0.0 else 1

    def act(self, obs: Tensor) -> Tensor:
        """Return actions. Shapes: (..., O) to (..., A)."""
        return self.actor(self.obs_norm(obs)).clamp(cast(Tensor, self._low), cast(Tensor, self._high))

    @torch.no_grad()
    def predict(
        self,
        observation: npt.ArrayLike,
        /,
        state: Any = None,  # noqa: ANN401
        episode_start: Any = None,  # noqa: ANN401
        deterministic: bool = True,
    ) -> tuple[npt.NDArray[np.float32], Any]:
        """Return actions, like policies of SB3. Shapes: (..., O) to (..., A).

        Args:
            observation: Observation of one environment, or observations of several.
            state: Returned unchanged, since experts have no state.
            episode_start: Not used.
            deterministic: Must be True.

        Raises:
            ValueError: If it is False.
        """
        del episode_start
        if not deterministic:
            raise ValueError("an expert acts without noise; add your own to its actions")
        return self.act(torch.as_tensor(np.asarray(to_numpy(observation), np.float32))).numpy(), state

    @torch.no_grad()
    def value(self, obs: Tensor) -> Tensor:
        """Return V(s), the discounted return from a state on. Shapes: (..., O) to (...,)."""
        return self.v(self.obs_norm(obs)).squeeze(-1)

    @torch.no_grad()
    def action_value(self, obs: Tensor, action: Tensor) -> Tensor:
        """Return Q(s, a), the return of an action, then of the expert. Shapes: (..., O), (..., A) to (...,)."""
        obs = self.obs_norm(obs)
        # Q(s, a) = V(s) + A(s, a)
        return (self.v(obs) + self.advantage(torch.cat([obs, action], -1))).squeeze(-1)

    def save(self, path: Path) -> None:
        """Write `path`.safetensors and `path`.json."""
        weights, card = _files(path)
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
        write_arrays(weights, self.state_dict())
        write_sealed_json(card, {**asdict(self.card), "sha256": digest(weights)})

    @classmethod
    def load(cls, path: Path, env: str | None = None) -> Self:
        """Load the expert that `save` wrote.

        Args:
            path: The path given to `save`, or either of the two files.
            env: Environment id that the expert must have; None for any.

        Raises:
            UserError: If a file is missing or damaged, or the expert is for another task or version of it.
        """
        weights, card = (file.resolve() for file in _files(path))  # installers may link the files of packages
        facts = read_sealed_json(card)
        verify(weights, str(facts.pop("sha256", None)))
        try:
            expert = cls(_card(facts))
            expert.load_state_dict(read_arrays(weights))
        except (TypeError, ValueError, KeyError, RuntimeError) as error:
            message = " ".join(str(error).split())
            raise UserError(f"{path} is no expert of this version of prefgym: {message}.") from error
        if env is not None and expert.card.env != env:
            raise UserError(f"{path} is an expert for {expert.card.env}, not for {env}.")
        return expert


def find_expert(env: str, level: Level = "expert") -> Expert | None:
    """Load the expert that ships with prefgym for a task; None if there is none."""
    path = FOLDER / f"{env.removeprefix('prefgym/')}-{level}"
    return Expert.load(path, env) if _files(path)[1].is_file() else None


def find_card(env: str, level: Level = "expert") -> ExpertCard | None:
    """Read the card of the expert that ships with prefgym for a task; None if there is none."""
    file = _files(FOLDER / f"{env.removeprefix('prefgym/')}-{level}")[1]
    if not env.startswith("prefgym/") or not file.is_file():
        return None
    facts = read_sealed_json(file)
    del facts["sha256"]
    card = _card(facts)
    return card if card.env == env else None


def load_expert(env: str, level: Level = "expert") -> Expert:
    """Load the expert that ships with prefgym for a task.

    Args:
        env: Environment id, such as `prefgym/Hopper-v0`.
        level: `expert`, or `medium` for a policy of about half its return.

    Raises:
        UserError: If there is none.
    """
    if found := find_expert(env, level):
        return found
    known = sorted(f"prefgym/{file.stem.removesuffix('-expert')}" for file in FOLDER.glob("*-expert.json"))
    raise UserError(f"There is no {level} for {env}; there are experts for {', '.join(known)}.")


def _files(path: Path) -> tuple[Path, Path]:
    return named(path, ".safetensors"), named(path, ".json")


def _card(facts: dict[str, Any]) -> ExpertCard:
    """Convert the content of a JSON file into a card."""
    if unknown := {field.name for field in fields(ExpertCard)} ^ set(facts):
        raise ValueError(f"{', '.join(sorted(unknown))} is missing or unknown in its card")
    card: dict[str, Any] = {
        name: tuple(cast("list[Any]", value)) if isinstance(value, list) else value for name, value in facts.items()
    }
    card["returns"] = Measured(**card["returns"])
    return ExpertCard(**card)
