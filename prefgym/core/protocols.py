"""Protocols of the parts. Abilities beyond a protocol are declared as `capabilities`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol, Self, runtime_checkable

from torch import Generator, Tensor

from prefgym.core.arrays import Array, Env, PolicyState
from prefgym.core.feedback import Feedback
from prefgym.core.fit_report import FitReport
from prefgym.core.kinds import Comparison, Statement
from prefgym.core.preferences import Preferences
from prefgym.core.queries import Queries
from prefgym.core.rollout import Rollout
from prefgym.core.segments import Segments


@runtime_checkable
class Rater(Protocol):
    """A source of answers to queries: at once, late, out of order, or never."""

    def submit(self, queries: Queries) -> None:
        """Submit queries; `collect` fetches the answers."""
        ...

    def collect(self) -> Feedback | Preferences[Statement] | None:
        """Return the answers since the last call, or None. A query may have several; a repeated one is dropped."""
        ...


class ProposingRater(Rater, Protocol):
    """A rater that brings the segments of its queries itself, in the place of a sampler."""

    def propose(self, num_queries: int) -> Segments:
        """Return the options of the next queries; fewer before queries of another K, or at the end. Shape: (B, K).

        Raises:
            NoSegmentError: If there are none.
        """
        ...


class Recorder(Protocol):
    """Recorded steps, from which segments are sampled. A start is the row number of a recorded step."""

    def starts(self, length: int, *, keep_short: bool = True, last_steps: int | None = None) -> Tensor:
        """List the steps at which a segment of at most `length` steps may start. Shape: (M,), int64.

        Args:
            length: Longest segment, in steps.
            keep_short: Whether windows that reach a termination are kept, shortened to it.
            last_steps: Consider only the most recent steps, counted over all environments, but at least
                twice `length` of each environment; None for all.
        """
        ...

    def segments(self, starts: Tensor, length: int, *, truth: bool = True) -> Segments:
        """Copy out the segments that begin at `starts`; batch shape is that of `starts`.

        Args:
            starts: Row numbers from `starts`.
            length: Longest segment, in steps; shorter where the episode ends.
            truth: Whether to include task reward, factors and physics state; candidates need none.
        """
        ...


class Learner(Protocol):
    """A reward learner: it is fitted to preferences, and its reward trains the agent."""

    @property
    def is_fitted(self) -> bool:
        """Return whether it has been fitted."""
        ...

    def weights(self) -> dict[str, Tensor]:
        """Return all learned tensors, by name."""
        ...

    def load_weights(self, weights: Mapping[str, Tensor]) -> None:
        """Load tensors that `weights` returned."""
        ...

    def fit(self, preferences: Preferences) -> FitReport:
        """Fit to all preferences so far, and report the quality of the fit.

        A learner that declares the kinds it `fits` gets `Feedback`, which has a part for each kind.
        """
        ...

    def reward(self, segments: Segments) -> Tensor:
        """Predict the reward of each step, by each member. Shape: (E, ..., T)."""
        ...


class ScoringLearner(Learner, Protocol):
    """A learner that predicts choices from numbers other than the sum of its reward, such as unnormalised outputs."""

    def score(self, segments: Segments) -> Tensor:
        """Score options, so that the softmax over the last axis of the batch is the predicted choice.

        Shape: (E, ..., K).
        """
        ...


class SelfPlayLearner(Learner, Protocol):
    """A learner that rewards being preferred to fragments of the latest rollouts."""

    def observe_fragments(self, fragments: Segments) -> None:
        """Store the latest trajectory fragments, with a reward or without. Batch shape: (M,)."""
        ...


class JudgedLearner(Learner, Protocol):
    """A learner that rewards whole fragments by the rater's comparisons of each rollout, without sessions or fits."""

    def last_win_rates(self, segments: Segments) -> Tensor:
        """Return the share of comparisons that each fragment has won. Shape: that of the batch."""
        ...

    def propose_comparisons(self, starts: Tensor, whole: Tensor, num_comparisons: int) -> Tensor:
        """Propose comparisons of new fragments with recent ones, both given by their starts. Shape: (B, 2).

        Args:
            starts: Starts of the new fragments. Shape: (M,).
            whole: Which of them are as long as the rollout, or ended by a termination. Shape: (M,), bool.
            num_comparisons: B; without a whole fragment, there are no comparisons.
        """
        ...

    def record_outcomes(self, answers: Comparison) -> None:
        """Record the outcomes of these comparisons."""
        ...


class NoSegmentError(ValueError):
    """No segment can be sampled yet: too little has been recorded."""


class Sampler(Protocol):
    """A rule that selects the segments of queries."""

    def __call__(self, recorder: Recorder, learner: Learner | None, num_queries: int, generator: Generator) -> Segments:
        """Choose the options of `num_queries` queries. Batch shape: (B, K).

        Raises:
            NoSegmentError: If no segment can be sampled yet; the loop tries again after the next rollout.
        """
        ...


class Score(Protocol):
    """A number per segment: partial return, regret, log-probability under a policy ..."""

    def __call__(self, segments: Segments) -> Tensor:
        """Score segments; the result has their batch shape. Document the treatment of segments of unequal length."""
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
            state: State that a recurrent policy returned with its last actions; None at first.
            episode_start: Whether an episode begins, which resets the state. Shape: (N,), bool.
            deterministic: Whether the most likely actions are chosen.

        Returns:
            The actions, and the state of a recurrent policy for the next call.
        """
        ...


class Expert(Policy, Protocol):
    """A policy trained on the task reward, with its values of states and actions."""

    @property
    def gamma(self) -> float:
        """Return the discount of the values per step."""
        ...

    @property
    def horizon(self) -> int:
        """Return H, the number of steps after which rewards are negligible."""
        ...

    def value(self, obs: Tensor) -> Tensor:
        """Return V(s). Shapes: (..., O) to (...,)."""
        ...

    def action_value(self, obs: Tensor, action: Tensor) -> Tensor:
        """Return Q(s, a). Shapes: (..., O), (..., A) to (...,)."""
        ...


class Continuation(Protocol):
    """Simulated steps that follow M states."""

    def discounted(self, gamma: float) -> Array:
        """Return sum_t gamma^t r_t. Shape: (M,)."""
        ...


class Simulator(Protocol):
    """Environments that continue from recorded states."""

    def play_on(self, state: Array, obs: Array, policy: Policy, num_steps: int) -> Continuation:
        """Continue from each state with a policy, for at most `num_steps` steps. Shapes: (M, S), (M, O)."""
        ...


class Drawing(Protocol):
    """What a segment looks like to a page: poses of its bodies, or a clip."""

    @property
    def content(self) -> bytes:
        """Return the bytes of the file."""
        ...

    @property
    def media_type(self) -> str:
        """Return its media type."""
        ...


class Drawer(Protocol):
    """Whoever draws segments for pages."""

    def geometry(self) -> bytes | None:
        """Return the bodies that poses move, as JSON; None where segments are drawn as clips."""
        ...

    def draw(self, segment: Segments) -> Drawing:
        """Draw one segment, without batch axes."""
        ...


class MetricCounter(Protocol):
    """The hidden metric of a task without a reward, which evaluation counts, and a rater for tests."""

    @property
    def name(self) -> str:
        """Return the name of the metric."""
        ...

    def count(self, state: Array, length: Array) -> Array:
        """Count the metric of each step along physics states. Shapes: (M, T+1, S), (M,) to (M, T)."""
        ...


class Agent(Policy, Protocol):
    """A policy that acts, and learns from the reward of its steps."""

    def collect(self, env: Env) -> Rollout:
        """Step the environments, and return the steps."""
        ...

    def update(self, rollout: Rollout, progress: float) -> Mapping[str, float]:
        """Learn from a rollout with its reward; `progress` is the completed share of the training, for schedules."""
        ...

    def save(self, path: Path | str) -> None:
        """Write the learned weights."""
        ...

    @classmethod
    def load(cls, path: Path | str, env: Env, device: str = "cpu") -> Self:
        """Load the agent that `save` wrote."""
        ...


class OffPolicyAgent(Protocol):
    """An agent that learns from a replay buffer, which is relabelled when the learned reward has changed."""

    def explore(self, rollout: Rollout) -> Mapping[str, float]:
        """Store a rollout that has no reward yet."""
        ...

    def relabel(self, learner: Learner) -> None:
        """Relabel the replay buffer with the present reward."""
        ...
