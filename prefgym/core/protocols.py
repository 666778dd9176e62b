"""What the parts may ask of each other."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, Self, TypeAlias, runtime_checkable

from gymnasium.vector import VectorEnv
from numpy.typing import NDArray
from torch import Generator, Tensor

from prefgym.core.preferences import Answers, Preferences
from prefgym.core.queries import Queries
from prefgym.core.segments import Segments

Array: TypeAlias = NDArray[Any]
Env: TypeAlias = VectorEnv[Array, Array, Array]


@runtime_checkable
class Rater(Protocol):
    """Whoever answers queries: at once, late, out of order, or never."""

    def submit(self, queries: Queries) -> None:
        """Hand over questions; answers are fetched with `collect`."""
        ...

    def collect(self) -> Preferences | None:
        """Return what was answered since the last call, or None. Each query is expected to come back once."""
        ...


class Recorder(Protocol):
    """Where recorded steps can be drawn from. A start is a row number of a recorded step."""

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
    """What is fitted to preferences and gives the agent."""

    @property
    def is_fitted(self) -> bool:
        """Return whether there was anything to fit to yet."""
        ...

    def weights(self) -> dict[str, Tensor]:
        """Return everything that was learned."""
        ...

    def load_weights(self, weights: Mapping[str, Tensor]) -> None:
        """Take over what `weights` returned."""
        ...

    def fit(self, preferences: Preferences) -> Any:  # noqa: ANN401
        """Fit to all preferences so far and report how well that went."""
        ...

    def reward(self, segments: Segments) -> Tensor:
        """Say what each member thinks the steps are worth. Shape: (E, ..., T)."""
        ...


@runtime_checkable
class ScoringLearner(Learner, Protocol):
    """A learner that chooses by other numbers than the sum of the reward it gives, such as the one not normalised."""

    def score(self, segments: Segments) -> Tensor:
        """Score options so that the softmax over the last axis of the batch is what is expected to be chosen.

        Shape: (E, ..., K).
        """
        ...


@runtime_checkable
class SelfPlayLearner(Learner, Protocol):
    """A learner that gives for what wins against fragments of the latest rollouts."""

    def observe_fragments(self, fragments: Segments) -> None:
        """Take note of the latest fragments, with a reward or without. Batch shape: (M,)."""
        ...


@runtime_checkable
class JudgedLearner(Learner, Protocol):
    """One that has each rollout judged by the rater, in the place of sessions and fits, and gives whole fragments."""

    def last_win_rates(self, segments: Segments) -> Tensor:
        """Say in what share of comparisons with the latest fragments each was preferred. Shape: that of the batch."""
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
    """Nothing has been recorded yet that a segment could be drawn from."""


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
    """Whatever chooses actions, as SB3's models do."""

    def predict(
        self,
        observation: Any,  # noqa: ANN401
        /,
        state: Any = None,  # noqa: ANN401
        episode_start: Any = None,  # noqa: ANN401
        deterministic: bool = False,
    ) -> tuple[Any, Any]:
        """Choose actions for a batch of observations. Shape: (N, A).

        Args:
            observation: Shape: (N, O).
            state: What was returned beside the last actions, by those who remember something: a tuple of arrays.
            episode_start: Where an episode begins, so that nothing is remembered. Shape: (N,), bool.
            deterministic: Whether the most likely actions are chosen.

        Returns:
            The actions, and what is to be remembered.
        """
        ...


class Expert(Policy, Protocol):
    """A policy that was trained on the task reward, and what states and actions are worth to it."""

    @property
    def gamma(self) -> float:
        """Return the discount of the values per step."""
        ...

    @property
    def horizon(self) -> int:
        """Return H, the steps after which a reward hardly counts."""
        ...

    def value(self, obs: Tensor) -> Tensor:
        """Return V(s). Shapes: (..., O) to (...,)."""
        ...

    def action_value(self, obs: Tensor, action: Tensor) -> Tensor:
        """Return Q(s, a). Shapes: (..., O), (..., A) to (...,)."""
        ...


class Continuation(Protocol):
    """The steps that followed some states: M of them."""

    def discounted(self, gamma: float) -> Any:  # noqa: ANN401
        """Return sum_t gamma^t r_t. Shape: (M,)."""
        ...


class Simulator(Protocol):
    """Where recorded states can be gone on from."""

    def play_on(self, state: Any, obs: Any, policy: Policy, num_steps: int) -> Continuation:  # noqa: ANN401
        """Let a policy go on from each state for at most `num_steps` steps. Shapes: (M, S), (M, O)."""
        ...


class Agent(Policy, Protocol):
    """What acts and learns from what its steps are rewarded."""

    def collect(self, env: Any) -> Any:  # noqa: ANN401
        """Step the environment and return what happened."""
        ...

    def update(self, rollout: Any, progress: float) -> Mapping[str, float]:  # noqa: ANN401
        """Learn from a rollout with its reward; `progress` is the share of the training that is done."""
        ...

    def save(self, path: Path | str) -> None:
        """Write what was learned."""
        ...

    @classmethod
    def load(cls, path: Path | str, env: Any, device: str = "cpu") -> Self:  # noqa: ANN401
        """Make the agent that `save` wrote."""
        ...


@runtime_checkable
class OffPolicyAgent(Protocol):
    """An agent that learns from the past again, and wants it relabelled when the learner changes its mind."""

    def explore(self, rollout: Any) -> Mapping[str, float]:  # noqa: ANN401
        """Remember a rollout without a reward yet."""
        ...

    def relabel(self, learner: Learner) -> None:
        """Relabel all that is remembered with the present reward."""
        ...
