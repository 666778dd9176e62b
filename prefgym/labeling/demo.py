"""The demonstration: questions about robots of some tasks, recorded when it starts."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from gymnasium.vector import VectorEnv

from prefgym.common.spaces import Spaces
from prefgym.core.segments import Segments
from prefgym.evaluation.envs import make_evaluation_env
from prefgym.evaluation.experts import LEVELS, Expert, Level, load_expert
from prefgym.labeling.drawn import Drawing, add_drawn
from prefgym.runs.answers import shown_sum
from prefgym.sim.capabilities import physics_of
from prefgym.store.records import NewQuestion
from prefgym.store.store import Store

Array = npt.NDArray[Any]


@dataclass(frozen=True, kw_only=True)
class Way:
    """A way to make a segment."""

    level: Level | None
    """Level of the expert that acts; None for uniformly random actions."""
    noise: float
    """Standard deviation of Gaussian noise on its actions, as a share of half their range."""
    start: int
    """First step of the segment within its episode."""


WAYS = (
    Way(level="expert", noise=0.0, start=60),
    Way(level="expert", noise=0.25, start=40),
    Way(level="medium", noise=0.0, start=50),
    Way(level="medium", noise=0.35, start=30),
    Way(level="expert", noise=0.6, start=25),
    Way(level=None, noise=0.0, start=0),
)
"""From good to bad, as far as noise allows."""
TASKS = {"HalfCheetah": 60, "Walker2d": 100}
"""The tasks, and the steps of a segment of each."""
TAKES = 2
PAIRS = 15
"""Segments of each way, and questions of each task."""
SAID = "A trained policy runs against one that acts at random."
_SHORTEST = 12


def add_demo(store: Store, study: str, seed: int = 0) -> None:
    """Record segments and ask about them, task by task.

    Args:
        store: The store.
        study: A study with one criterion.
        seed: Seed of initial states, noise, and the choice of pairs.
    """
    for number, (task, num_steps) in enumerate(TASKS.items()):
        env = f"prefgym/{task}-v0"
        segments = record(env, num_steps, seed + number)
        drawn = add_drawn(store, Drawing.of(store, env), segments)
        rng = np.random.default_rng([seed, number])
        store.ask(study, list(questions(drawn, segments, 1000 * number, rng)))


@dataclass(frozen=True, eq=False, kw_only=True)
class Steps:
    """A step of N environments, or several; the first axis is then the step."""

    obs: Array
    """Before the step. Shape: (N, O)."""
    state: Array
    """Physics states before the step. Shape: (N, S)."""
    action: Array
    """Shape: (N, A)."""
    next_obs: Array
    """After the step, before any reset. Shape: (N, O)."""
    next_state: Array
    """Shape: (N, S)."""
    ended: Array
    """Whether the episode ended. Shape: (N,), bool."""


def record(env_id: str, num_steps: int, seed: int) -> list[Segments]:
    """Record `TAKES` segments of each way, side by side, in the order of `WAYS`.

    Args:
        env_id: A task that experts come with.
        num_steps: Steps of a segment; one that ends with its episode has fewer.
        seed: Seed of initial states and noise.
    """
    ways = [way for way in WAYS for _ in range(TAKES)]
    rng = np.random.default_rng(seed)
    with closing(make_evaluation_env(env_id, len(ways), 1)) as env:
        experts: dict[Level, Expert] = {level: load_expert(env_id, level) for level in LEVELS}
        steps = list(play(env, experts, ways, max(way.start for way in ways) + num_steps, rng, seed))
    return [cut(steps, index, way.start, num_steps) for index, way in enumerate(ways)]


def play(
    env: VectorEnv[Any, Any, Any],
    experts: Mapping[Level, Expert],
    ways: Sequence[Way],
    num_steps: int,
    rng: np.random.Generator,
    seed: int,
) -> Iterator[Steps]:
    """Play some steps, each environment in its own way."""
    physics, space = physics_of(env), Spaces.of(env).single_action_space
    assert physics is not None
    low, high = np.asarray(space.low, np.float64), np.asarray(space.high, np.float64)
    noise = np.array([[way.noise] for way in ways]) * (high - low) / 2
    obs, _ = env.reset(seed=seed)
    for _ in range(num_steps):
        state = physics.physics_state()
        acts = {level: np.asarray(expert.predict(obs, deterministic=True)[0]) for level, expert in experts.items()}
        random = rng.uniform(low, high, noise.shape)
        action = np.stack([random[i] if way.level is None else acts[way.level][i] for i, way in enumerate(ways)])
        action = np.clip(action + noise * rng.standard_normal(noise.shape), low, high).astype(np.float32)
        reached, _, terminated, truncated, info = env.step(action)
        ended, next_obs = terminated | truncated, reached.copy()
        if ended.any():
            next_obs[ended] = np.stack(list(info["final_obs"][ended]))
        final = physics.physics_state(final=True)
        yield Steps(obs=obs, state=state, action=action, next_obs=next_obs, next_state=final, ended=ended)
        obs = reached


def cut(steps: Sequence[Steps], index: int, start: int, num_steps: int) -> Segments:
    """Cut a segment of at most `num_steps` steps out of one environment, within one episode."""
    ends = [number for number, step in enumerate(steps) if step.ended[index]]
    stop = min([start + num_steps, *(end + 1 for end in ends if end >= start)])
    if stop - start < _SHORTEST:  # it fell before the segment had well begun: show how it came to that
        start = max([0, stop - num_steps, *(end + 1 for end in ends if end + 1 < stop)])
    taken = steps[start:stop]
    last = taken[-1]

    def stacked(name: str, after: Array | None = None) -> torch.Tensor:
        rows = [getattr(step, name)[index] for step in taken] + ([] if after is None else [after[index]])
        return torch.as_tensor(np.stack(rows))

    return Segments(
        obs=stacked("obs", last.next_obs).float(),
        action=stacked("action"),
        length=torch.tensor(len(taken)),
        terminated=torch.tensor(bool(last.ended[index])),
        truncated=torch.tensor(False),
        state=stacked("state", last.next_state).double(),
    )


def questions(
    drawn: Sequence[str], segments: Sequence[Segments], first: int, rng: np.random.Generator
) -> Iterator[NewQuestion]:
    """Yield the questions of a task: one for practice, one whose answer is known, and pairs by chance.

    Args:
        drawn: Ids of the segments in the store, in the order of `WAYS`.
        segments: The segments.
        first: Number of the first question.
        rng: Chooses the pairs.
    """
    best, worst = 0, len(drawn) - TAKES
    pairs = [tuple(map(int, rng.choice(len(drawn), 2, replace=False))) for _ in range(PAIRS)]
    for number, (one, other) in enumerate([(best, worst), (best + 1, worst + 1), *pairs]):
        num_steps = max(segments[one].num_steps, segments[other].num_steps)
        shown = Segments.stack([segments[place].with_steps(num_steps) for place in (one, other)])
        yield NewQuestion(
            query_id=first + number,
            segments=(drawn[one], drawn[other]),
            shown_sha256=shown_sum(shown),
            gold={"choice": 0, "text": SAID} if number < 2 else None,
            practice=number == 0,
        )
