"""The base of offline agents, which learn from recorded data and do not act."""

import math
from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Generic

import torch
from torch import Generator, Tensor
from torch.nn.functional import pad
from typing_extensions import TypeVar

from prefgym.buffers.recorder import Recorder
from prefgym.buffers.replay import Batch, ReplayBuffer
from prefgym.common.spaces import denormalize_action, normalize_action
from prefgym.common.states import State
from prefgym.core.arrays import Env
from prefgym.core.capabilities import Capability, fits
from prefgym.core.feedback import Feedback
from prefgym.core.kinds import Comparison, Statement
from prefgym.core.preferences import Preferences
from prefgym.core.segments import Segments
from prefgym.nn.actor import Actor
from prefgym.rl.base import BaseAgent
from prefgym.rl.sb3_verbs import StopTraining
from prefgym.rl.settings import OfflineSettings

if TYPE_CHECKING:
    from stable_baselines3.common.callbacks import BaseCallback

UPDATES_AT_ONCE = 100
STARTS_AT_ONCE = 4096
_ALL = "pass --agent p-iql, which fits any mix, or --agent bc, which clones all segments"

Cfg = TypeVar("Cfg", bound=OfflineSettings, default=Any)


@dataclass(frozen=True, eq=False, kw_only=True)
class OfflineData:
    """Recorded data of an offline agent, without the truth.

    Raises:
        ValueError: If there are neither preferences nor demonstrations, or preferences of different robots.
    """

    preferences: Feedback | Preferences[Statement] | None = None
    """Queries and answers of any kinds; here they become feedback."""
    demos: Recorder | None = None
    """Recorded episodes, such as `prefgym.data.minari.record_demos` returns."""

    def __post_init__(self) -> None:
        if self.preferences is None and self.demos is None:
            raise ValueError("there is nothing to learn from: neither preferences nor demonstrations")
        options = [part.queries.options for part in self.feedback.parts]
        if len({(one.obs.shape[-1], one.action.shape[-1]) for one in options}) > 1:
            raise ValueError("the preferences are about observations or actions of several sizes")
        # what an agent is handed, it may look at
        if self.preferences is not None:
            object.__setattr__(self, "preferences", Feedback.of(self.preferences).without_truth())
        if self.demos is not None:
            object.__setattr__(self, "demos", self.demos.without_truth())

    @property
    def feedback(self) -> Feedback:
        """Return queries and answers; without preferences there are no parts."""
        return Feedback(()) if self.preferences is None else Feedback.of(self.preferences)

    def answered(self, agent: str) -> Feedback:
        """Return the answered preferences, without the truth and without superseded answers.

        Args:
            agent: Name of the agent, for the error.

        Raises:
            ValueError: If no query was answered.
        """
        answered = self.feedback.current().answered()
        if not answered.parts:
            raise ValueError(f"{agent} learns from preferences, and there are none that were answered")
        return answered

    def answered_alike(self, agent: str) -> Feedback:
        """Return the answered preferences of an agent that takes queries of one number of options and steps.

        Args:
            agent: Name of the agent, for the error.

        Raises:
            ValueError: If no query was answered, or queries differ.
        """
        answered = self.answered(agent)
        forms = {(part.queries.num_options, part.queries.options.num_steps): None for part in answered.parts}
        if len(forms) > 1:
            found = " and ".join(f"{options} segments of {steps} steps" for options, steps in forms)
            raise ValueError(f"{agent} takes queries of one size, and there are queries of {found}: {_ALL}")
        return answered

    def sizes(self) -> dict[str, tuple[int, int]]:
        """Return the sizes of observations and actions, in preferences and in demonstrations."""
        sizes = {} if self.demos is None else {"demonstrations": self.demos.sizes}
        for part in self.feedback.parts[:1]:
            sizes["preferences"] = part.queries.options.obs.shape[-1], part.queries.options.action.shape[-1]
        return sizes

    def steps(self) -> Batch:
        """Return all recorded steps without rewards: those of the demonstrations, or else of the segments."""
        if self.demos is not None:
            return Batch.of(self.demos.segments(self.demos.starts(1), 1, truth=False))
        return Batch.cat([Batch.of(part.queries.options) for part in self.feedback.parts])

    def plans(self, num_steps: int) -> tuple[Tensor, Tensor]:
        """Return the recorded actions from each of `steps` on, as targets of action chunks.

        Args:
            num_steps: Length C of the longest chunk.

        Returns:
            Actions, and a mask of those that were taken. Shapes: (M, C, A), (M, C).
        """
        if self.demos is not None:
            parts = torch.split(self.demos.starts(1), STARTS_AT_ONCE)  # since segments hold more than actions
            ahead = (self.demos.segments(starts, num_steps, truth=False) for starts in parts)
            action, taken = zip(*((part.action, part.mask) for part in ahead))
        else:
            action, taken = zip(*(_plans(part.queries.options, num_steps) for part in self.feedback.parts))
        return torch.cat(action), torch.cat(taken)


def _plans(options: Segments, num_steps: int) -> tuple[Tensor, Tensor]:
    """Return the actions from each valid step on, and which were taken. Shapes: (M, C, A), (M, C)."""
    # windows of C steps, with padding behind the last step: (..., T, C)
    taken = pad(options.mask, (0, num_steps - 1)).unfold(-1, num_steps, 1)
    action = pad(options.action, (0, 0, 0, num_steps - 1)).unfold(-2, num_steps, 1).transpose(-1, -2)
    return action[options.mask], taken[options.mask]


class OfflineAgent(BaseAgent[Cfg], Generic[Cfg]):
    """An agent that `improve` trains on recorded data; a step of `learn` is an update."""

    capabilities: ClassVar[frozenset[Capability]] = BaseAgent.capabilities | {Capability.OFFLINE}
    learns_from = ("preferences",)
    fits: ClassVar[tuple[type[Statement], ...]] = (Comparison,)
    """Kinds of feedback that the agent learns from."""

    def __init__(
        self, cfg: Cfg, env: Env, *, data: OfflineData | None = None, seed: int = 0, device: str = "cpu"
    ) -> None:
        """Make an untrained policy.

        Args:
            cfg: Hyperparameters.
            env: Environments of the task, for their spaces.
            data: Recorded data: preferences, and the steps of demonstrations or else of the same segments. None for an
                agent that only predicts.
            seed: Seed of weights and samples.
            device: Device of the networks.

        Raises:
            ValueError: If actions are not bounded, sizes of the data differ, or the agent cannot learn from them.
        """
        super().__init__(cfg, env, seed=seed, device=device)
        draws, sizes = torch.Generator().manual_seed(seed), (self.obs_dim, self.action_dim)
        planned = self.num_planned * self.action_dim
        self.actor = Actor(cfg.actor, self.obs_dim, planned, draws, self.generator).to(self.device).eval()
        self.buffer = ReplayBuffer(0, *sizes, self.device)
        self.is_second = False
        self.build(draws)
        if data is not None:
            for kind, recorded in data.sizes().items():
                if recorded != sizes:
                    raise ValueError(
                        f"the {kind} have {recorded} numbers an observation and an action, the environments {sizes}"
                    )
            if not {*data.feedback.kinds} <= {*fits(self)}:
                found, fitted = (", ".join(kind.kind for kind in kinds) for kinds in (data.feedback.kinds, fits(self)))
                raise ValueError(f"{self.name} fits {fitted}, and there are answers of {found}: {_ALL}")
            steps = data.steps()
            self.buffer = ReplayBuffer(len(steps.obs), *sizes, self.device)
            self.buffer.extend(steps)
            self.actor.obs_norm.update(steps.obs.to(self.device))
            self.take(data)

    @property
    def num_planned(self) -> int:
        """Return the number of steps that the actor plans at once."""
        return 1

    @abstractmethod
    def build(self, draws: Generator) -> None:
        """Make further networks and the optimisers; `draws` is the generator of their weights."""

    def take(self, data: OfflineData) -> None:
        """Load further data than the recorded steps, which are in `buffer`.

        Raises:
            ValueError: If these data are missing, or the agent cannot learn from them.
        """

    def act(self, obs: Tensor, deterministic: bool = False) -> tuple[Tensor, Tensor]:
        """Sample actions in -1..1 and their log-probabilities. Shapes: (N, A), (N,)."""
        return self.actor.sample(obs, deterministic)

    def executed(self, action: Tensor) -> Tensor:
        """Scale actions from -1..1 to the bounds of the environments. Shape as given."""
        return denormalize_action(action, self.action_low, self.action_high)

    def unit(self, action: Tensor) -> Tensor:
        """Map recorded actions to -1..1. Shape as given."""
        return normalize_action(action.to(self.device), self.action_low, self.action_high)

    @abstractmethod
    def improve(self, num_updates: int) -> dict[str, float]:
        """Take a number of updates."""

    def switch(self) -> float:
        """Return the share of the training after which `enter` is called; 1 for a training of one part."""
        return 1.0

    def enter(self) -> None:
        """Begin the second part of the training; a further call of `learn` continues it."""

    def advance(
        self,
        left: int,
        progress: float,
        callback: "BaseCallback | None" = None,
        at_once: int = UPDATES_AT_ONCE,
    ) -> dict[str, float]:
        """Take some updates; with a callback only one, so that it is called after each.

        Args:
            left: Updates to the end of the training.
            progress: Share of the training that is done.
            callback: SB3's, called after each update; None for none.
            at_once: Most updates to take.

        Raises:
            ValueError: If there is nothing to learn from.
            StopTraining: If the callback ends the training.
        """
        if not len(self.buffer):
            raise ValueError(f"{self.name} has nothing to learn from: pass data=")
        num_updates = min(UPDATES_AT_ONCE, left, at_once) if callback is None else 1
        if not self.is_second and progress < 1.0:
            # updates until the switch; progress is a share of left / (1 - progress) updates in all
            before = math.ceil((self.switch() - progress) * left / (1 - progress) - 1e-6)
            if before <= 0:
                self.is_second = True
                self.enter()
            else:
                num_updates = min(num_updates, before)
        metrics = self.improve(num_updates)
        self.num_timesteps += num_updates
        if callback is not None:
            callback.update_locals({"rewards": [], "dones": []})
            if not callback.on_step():
                raise StopTraining
            callback.on_rollout_end()
        return metrics

    def state_dict(self) -> State:
        """Return the state to resume from; an algorithm adds its own."""
        return {**super().state_dict(), "is_second": self.is_second}

    def load_state_dict(self, state: State) -> None:
        """Restore the state that `state_dict` returned."""
        super().load_state_dict(state)
        self.is_second = state["is_second"]
