"""Random segments, preferences and recorders, and a cheap environment, to test parts with."""

from dataclasses import replace
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from torch import Tensor

from prefgym.buffers.recorder import Recorder
from prefgym.core.kinds import Comparison, Mark, Ranking, Rating, Statement, Status, Thumbs
from prefgym.core.preferences import Preferences, RaterInfo
from prefgym.core.queries import Queries
from prefgym.core.segments import Segments


def example_segments(
    *batch: int,
    num_steps: int = 5,
    obs_dim: int = 3,
    action_dim: int = 2,
    seed: int = 0,
    equal_lengths: bool = False,
) -> Segments:
    """Return segments of random numbers, padded like recorded ones.

    Args:
        *batch: Batch shape.
        num_steps: Longest segment, in steps.
        obs_dim: Size of an observation.
        action_dim: Size of an action.
        seed: Seed of the numbers.
        equal_lengths: Whether all segments have `num_steps` steps; otherwise shorter ones end in a termination.
    """
    generator = torch.Generator().manual_seed(seed)
    length = torch.randint(1, num_steps + 1, batch, generator=generator)
    length = torch.full_like(length, num_steps) if equal_lengths else length
    steps = torch.arange(num_steps + 1)
    seen, taken = steps <= length.unsqueeze(-1), steps[:-1] < length.unsqueeze(-1)
    return Segments(
        obs=torch.randn(*batch, num_steps + 1, obs_dim, generator=generator) * seen.unsqueeze(-1),
        action=torch.randn(*batch, num_steps, action_dim, generator=generator) * taken.unsqueeze(-1),
        length=length,
        terminated=length < num_steps,
        truncated=torch.zeros_like(length, dtype=torch.bool),
        reward=torch.randn(*batch, num_steps, generator=generator) * taken,
    )


def example_preferences(name: str = "example", first_id: int = 0, **sizes: Any) -> Preferences:  # noqa: ANN401
    """Return four answers to queries about random segments: a tie, a skip and two choices.

    Args:
        name: Name of the rater.
        first_id: Number of the first query.
        **sizes: Arguments of `example_segments`.
    """
    options = example_segments(4, 2, **sizes)
    assert options.reward is not None  # it is among the random numbers
    state = torch.randn(*options.obs.shape[:-1], 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    options = replace(options, state=state, factors={"speed": options.reward * 2})
    tie, skip = torch.tensor([True, False, False, False]), torch.tensor([False, True, False, False])
    answers = Comparison.of(torch.tensor([0, 1, 1, 0]), 2, tie=tie, skipped=skip)
    queries = Queries.of(options, first_id=first_id, asked_at=77)
    return Preferences.of(queries, answers, RaterInfo(name=name, settings={"beta": 2.0}))


def example_answers(kind: type[Statement], first_id: int = 0, **sizes: Any) -> Preferences[Statement]:  # noqa: ANN401
    """Return 16 random answers of a kind that has a likelihood, a skip among them, to queries about random segments.

    Args:
        kind: The kind of feedback.
        first_id: Number of the first query.
        **sizes: Arguments of `example_segments`.
    """
    options = example_segments(16, kind.usual_options, **sizes)
    chance = torch.rand(16, options.num_steps, generator=torch.Generator().manual_seed(first_id))
    status = torch.zeros(16, dtype=torch.long)
    status[3] = int(Status.SKIPPED)
    stated = _stated(kind, chance, options, status)
    return Preferences.of(Queries.of(options, first_id=first_id), stated, RaterInfo(name="example"))


def _stated(kind: type[Statement], chance: Tensor, options: Segments, status: Tensor) -> Statement:
    """Return random statements; `chance` has two or more numbers between 0 and 1 for each. Shape: (B, T)."""
    said, first = status == int(Status.ANSWERED), chance[:, 0]
    num_options = options.batch_shape[1]
    if kind is Ranking:
        order = torch.rand(len(status), num_options, generator=torch.Generator().manual_seed(0)).argsort(-1)
        return Ranking.of(order, skipped=~said)
    if kind is Rating:
        return Rating(status=status, level=(5 * first).long() * said, num_levels=5)
    if kind is Thumbs:
        return Thumbs(status=status, reaction=((3 * first).long() - 1) * said)
    if kind is Mark:
        return Mark(status=status, share=chance * said.unsqueeze(-1), good=chance[:, 1] > 0.5)
    return Comparison.of((num_options * first).long(), num_options, tie=chance[:, 1] > 0.8, skipped=~said)


def example_recorder(num_episodes: int = 6, *, num_worlds: int = 2, obs_dim: int = 3, action_dim: int = 2) -> Recorder:
    """Record episodes of 4 to 12 random steps; every second one ends in a termination, the others are cut off.

    Args:
        num_episodes: Episodes over all environments; 0 records nothing.
        num_worlds: Number of environments.
        obs_dim: Size of an observation.
        action_dim: Size of an action.
    """
    numbers = np.random.default_rng(0)
    recorder = Recorder(num_worlds, obs_dim, action_dim)

    def drawn(*shape: int) -> np.ndarray:
        return numbers.standard_normal((num_worlds, *shape), np.float32)

    for episode in range(num_episodes):
        recorder.begin(drawn(obs_dim))
        num_steps = int(numbers.integers(4, 13))
        for step in range(num_steps):
            last = np.full(num_worlds, step == num_steps - 1)
            terminates = np.full(num_worlds, episode % 2 == 0)
            recorder.add(drawn(action_dim), drawn(), drawn(obs_dim), last & terminates, last & ~terminates)
    return recorder


class _Reach(gym.Env[np.ndarray, np.ndarray]):
    """Push a point to the origin; an episode is cut off after 12 steps, or terminates where the point is far away."""

    def __init__(self, obs_dim: int, action_dim: int) -> None:
        self.observation_space = gym.spaces.Box(-np.inf, np.inf, (obs_dim,), np.float32)
        self.action_space = gym.spaces.Box(-0.5, 0.5, (action_dim,), np.float32)
        self._push = np.eye(obs_dim, action_dim)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Render the point."""
        super().reset(seed=seed, options=options)
        self._at, self._step = self.np_random.uniform(-1, 1, self._push.shape[0]), 0
        return self._at.astype(np.float32), {}

    def step(self, action: np.ndarray) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """Push."""
        self._at, self._step = self._at + self._push @ action, self._step + 1
        distance = float(np.linalg.norm(self._at))
        return self._at.astype(np.float32), -distance, distance > 4, self._step == 12, {}


def example_env(num_envs: int = 2, *, obs_dim: int = 3, action_dim: int = 2) -> SyncVectorEnv:
    """Make environments that an agent learns within seconds; sizes are those of `example_segments`.

    The reward is minus the distance of a point from the origin; an action pushes it by at most 0.5 per step and axis.

    Args:
        num_envs: Number of environments.
        obs_dim: Size of an observation.
        action_dim: Size of an action.
    """
    env = SyncVectorEnv([lambda: _Reach(obs_dim, action_dim)] * num_envs, autoreset_mode=AutoresetMode.SAME_STEP)
    env.reset(seed=0)
    return env
