"""What the parts may ask of each other. What a part can do beyond its protocol, it declares: see `capabilities`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol, Self, runtime_checkable

from torch import Generator, Tensor

from prefgym.core.arrays import Array, Env, PolicyState
from prefgym.core.fit_report import FitReport
from prefgym.core.preferences import Answers, Preferences
from prefgym.core.queries import Queries
from prefgym.core.rollout import Rollout
from prefgym.core.segments import Segments


@runtime_checkable
class Rater(Protocol):
    """A source of answers to queries: at once, late, out of order, or never."""

    def submit(self, queries: Queries) -> None:
        """Hand over questions; answers are fetched with `collect`."""
        ...

    def collect(self) -> Preferences | None:
        """Return what was answered since the last call, or None. Each query is expected to come back once."""
        ...


class Recorder(Protocol):
    """Recorded steps, from which segments are sampled. A start is the row number of a recorded step."""

    def starts(self, length: int, *, keep_short: bool = True, last_steps: int | None = None) -> Tensor:
        """List the steps at which a segment of at most `length` steps may start. Shape: (M,), int64.

        Args:
            length: Longest segment, in steps.
            keep_short: Whether windows that meet a termination are kept, cut there.
            last_steps: Consider only the most recent steps, counted over all envs, but twice `length` of each env
                at least; None for all.
        """
        ...

    def segments(self, starts: Tensor, length: int, *, truth: bool = True) -> Segments:
        """Copy out the segments that begin at `starts`; batch shape is that of `starts`.

        Args:
            starts: Row numbers as given by `starts`.
            length: Longest segment, in steps; shorter where the episode ends.
            truth: Whether task reward, factors and physics state come along; candidates need none.
        """
        ...


class Learner(Protocol):
    """A reward learner: fitted to preferences, it rewards the agent."""

    @property
    def is_fitted(self) -> bool:
        """Return whether it has been fitted."""
        ...

    def weights(self) -> dict[str, Tensor]:
        """Return everything that was learned."""
        ...

    def load_weights(self, weights: Mapping[str, Tensor]) -> None:
        """Load what `weights` returned."""
        ...

    def fit(self, preferences: Preferences) -> FitReport:
        """Fit to all preferences so far and report how well that went."""
        ...

    def reward(self, segments: Segments) -> Tensor:
        """Predict the reward of each step, by each member. Shape: (E, ..., T)."""
        ...


class ScoringLearner(Learner, Protocol):
    """A learner that predicts choices by numbers other than the sum of its reward, such as that before normalising."""

    def score(self, segments: Segments) -> Tensor:
        """Score options, so that the softmax over the last axis of the batch is the predicted choice.

        Shape: (E, ..., K).
        """
        ...


@runtime_checkable
class SelfPlayLearner(Learner, Protocol):
    """A learner whose reward is for winning against fragments of the latest rollouts."""

    def observe_fragments(self, fragments: Segments) -> None:
        """Remember the latest trajectory fragments, with a reward or without. Batch shape: (M,)."""
        ...


@runtime_checkable
class JudgedLearner(Learner, Protocol):
    """A learner that has the rater judge each rollout, in place of sessions and fits, and rewards whole fragments."""

    def last_win_rates(self, segments: Segments) -> Tensor:
        """Return the share of its comparisons that each fragment has won. Shape: that of the batch."""
        ...

    def propose_comparisons(self, starts: Tensor, whole: Tensor, num_comparisons: int) -> Tensor:
        """Propose which new fragments are compared with which recent ones; both by where they begin. Shape: (B, 2).

        Args:
            starts: Where the new fragments begin. Shape: (M,).
            whole: Which of them are as long as the rollout, or ended by a termination. Shape: (M,), bool.
            num_comparisons: B; there are none if no fragment is whole.
        """
        ...

    def record_outcomes(self, answers: Answers) -> None:
        """Record how these comparisons ended."""
        ...


class NoSegmentError(ValueError):
    """No segment can be sampled yet: too little has been recorded."""


class Sampler(Protocol):
    """Which segments to ask about."""

    def __call__(self, recorder: Recorder, learner: Learner | None, num_queries: int, generator: Generator) -> Segments:
        """Choose options for `num_queries` questions. Batch shape: (B, K).

        Raises:
            NoSegmentError: If nothing can be drawn yet; the loop asks again after the next rollout.
        """
        ...


class Score(Protocol):
    """A number per segment: partial return, regret, log-probability under a policy ..."""

    def __call__(self, segments: Segments) -> Tensor:
        """Score segments; the result has their batch shape. Says how it treats segments of unequal length."""
        ...


class Policy(Protocol):
    """Anything that chooses actions, with the signature of SB3's models."""

    def predict(
        self,
        observation: Array,
        /,
        state: PolicyState = None,
        episode_start: Array | None = None,
        deterministic: bool = False,
    ) -> tuple[Array, PolicyState]:
        """Choose actions for a batch of observations. Shape: (N, A).

        Args:
            observation: Shape: (N, O).
            state: What a recurrent policy returned beside its last actions; None at first.
            episode_start: Where an episode begins, so that the state is reset. Shape: (N,), bool.
            deterministic: Whether the most likely actions are chosen.

        Returns:
            The actions, and the state of a recurrent policy, which goes into the next call.
        """
        ...


class Expert(Policy, Protocol):
    """A policy that was trained on the task reward, with its values of states and actions."""

    @property
    def gamma(self) -> float:
        """Return the discount of the values per step."""
        ...

    @property
    def horizon(self) -> int:
        """Return H, the number of steps after which a reward hardly counts."""
        ...

    def value(self, obs: Tensor) -> Tensor:
        """Return V(s). Shapes: (..., O) to (...,)."""
        ...

    def action_value(self, obs: Tensor, action: Tensor) -> Tensor:
        """Return Q(s, a). Shapes: (..., O), (..., A) to (...,)."""
        ...


class Continuation(Protocol):
    """The steps that followed some states: M of them."""

    def discounted(self, gamma: float) -> Array:
        """Return sum_t gamma^t r_t. Shape: (M,)."""
        ...


class Simulator(Protocol):
    """Environments that continue from recorded states."""

    def play_on(self, state: Array, obs: Array, policy: Policy, num_steps: int) -> Continuation:
        """Let a policy act from each state on, for at most `num_steps` steps. Shapes: (M, S), (M, O)."""
        ...


class Agent(Policy, Protocol):
    """A policy that acts, and learns from the reward of its steps."""

    def collect(self, env: Env) -> Rollout:
        """Step the environments, and return the steps."""
        ...

    def update(self, rollout: Rollout, progress: float) -> Mapping[str, float]:
        """Learn from a rollout with its reward; `progress` is the share of the training that is done, for schedules."""
        ...

    def save(self, path: Path | str) -> None:
        """Write what was learned."""
        ...

    @classmethod
    def load(cls, path: Path | str, env: Env, device: str = "cpu") -> Self:
        """Load the agent that `save` wrote."""
        ...


@runtime_checkable
class OffPolicyAgent(Protocol):
    """An agent that learns from a replay buffer, which is relabelled when the learned reward has changed."""

    def explore(self, rollout: Rollout) -> Mapping[str, float]:
        """Remember a rollout for which there is no reward yet."""
        ...

    def relabel(self, learner: Learner) -> None:
        """Relabel the replay buffer with the present reward."""
        ...
