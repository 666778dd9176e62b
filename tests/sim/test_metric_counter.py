"""The metric along recorded states is that of evaluation."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from prefgym.envs import ANT_CIRCLE, HALF_CHEETAH_BACKFLIP, HUMANOID_KNEEL, TASKS
from prefgym.sim.metric_counter import MetricCounter
from prefgym.sim.task import TaskSpec
from prefgym.sim.vector_env import PoolVectorEnv
from prefgym.sim.worlds import Worlds

TURN = 2 * np.pi


def led(task: TaskSpec, path: Any) -> tuple[Any, Any]:  # noqa: ANN401
    """Lead robots along paths (M, T+1, nq), each alone; return their states and the metric that evaluation counts."""
    states, counted = list[Any](), list[Any]()
    for positions in path:
        worlds, everyone = Worlds(task, 1, 1, returns_metric=True), np.array([True])
        at_rest = 0 * worlds.pool.qvel0[None]
        worlds.reset(everyone, positions[:1], at_rest)
        states.append([worlds.pool.physics_state()[0]])
        counted.append([])
        for qpos in positions[1:]:
            worlds.pool.reset(everyone, qpos[None], at_rest)
            worlds.evaluate(np.zeros((1, worlds.pool.model.nu)))
            states[-1].append(worlds.pool.physics_state()[0])
            counted[-1].append(float(worlds.reward[0]))
    return np.array(states), np.array(counted)


def turning(angles: Sequence[float]) -> Any:  # noqa: ANN401
    """Turn a cheetah in the air, backwards from 0 to each angle in 12 steps. Shape: (M, 13, nq)."""
    path = np.zeros((len(angles), 13, 9))
    path[..., 1] = 3.0
    path[..., 2] = -np.linspace(0.0, 1.0, 13) * np.array(angles)[:, None]
    return path


def test_turns_are_counted_when_they_are_completed() -> None:
    """A turn has steps of 30 degrees, and is completed 60 before its end, at step 10; two turns at 5 and at 11."""
    states, counted = led(HALF_CHEETAH_BACKFLIP, turning([TURN, 2 * TURN, -TURN, 0.5 * TURN]))
    counter = MetricCounter(HALF_CHEETAH_BACKFLIP, num_worlds=3, num_threads=1)  # fewer than states
    assert counter.name == "backflips"
    assert np.array_equal(counter.count(states, np.full(4, 12)), counted)
    assert counted.sum(-1).tolist() == [1, 2, -1, 0]
    cut = counter.count(states, np.array([8, 8, 12, 12]))
    assert cut.sum(-1).tolist() == [0, 1, -1, 0]
    assert not cut[:2, 8:].any()


def test_the_memory_begins_with_the_states() -> None:
    """The ant's course needs some steps until its leash is taut, also in the later half of a lap."""
    angle = np.linspace(0, TURN, 101)
    path = np.zeros((1, 101, 15))
    path[..., 0], path[..., 1], path[..., 2], path[..., 3] = 2 * np.cos(angle), 2 * np.sin(angle), 0.75, 1.0
    states, counted = led(ANT_CIRCLE, path)
    counter = MetricCounter(ANT_CIRCLE, num_worlds=2, num_threads=1)
    assert np.array_equal(counter.count(states, np.array([100])), counted)
    later = counter.count(states[:, 50:], np.array([50]))[0]
    assert later[0] == 0 != counted[0, 50]
    assert later[-1] == pytest.approx(counted[0, -1], rel=0.3)


def test_a_simulated_episode_counts_as_in_evaluation() -> None:
    """Nearly: after a simulation step, the places of bodies are those of its last stage, and states hold its end."""
    env = PoolVectorEnv(HUMANOID_KNEEL, 6, num_threads=1, returns_metric=True, autoreset_mode="Disabled")
    env.reset(seed=0)
    env.action_space.seed(0)
    states, counted = [env.physics_state()], list[Any]()
    for _ in range(60):
        counted.append(env.step(env.action_space.sample())[1].copy())
        states.append(env.physics_state())
    again = MetricCounter(HUMANOID_KNEEL, num_worlds=6, num_threads=1).count(np.stack(states, 1), np.full(6, 60))
    assert np.stack(counted, 1).sum() > 1.0
    assert again == pytest.approx(np.stack(counted, 1), abs=1e-4)


def test_other_tasks_are_refused() -> None:
    with pytest.raises(ValueError, match="Hopper has a reward, and no metric beside it"):
        MetricCounter(TASKS["Hopper"])
    with pytest.raises(ValueError, match=r"a state of AntCircle has .* numbers, these have 3"):
        MetricCounter(ANT_CIRCLE, num_worlds=1, num_threads=1).count(np.zeros((1, 2, 3)), np.array([1]))
