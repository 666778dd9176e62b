"""States of a task, recorded while it acts at random."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from prefgym.core.segments import Segments
from prefgym.evaluation.envs import make_evaluation_env
from prefgym.sim.capabilities import HasPhysics, physics_of

FloatArray = NDArray[np.float64]


def record_states(env_id: str, num_steps: int = 20, seed: int = 0) -> tuple[HasPhysics, FloatArray]:
    """Return the layer with the physics, and states (T+1, S) of one episode."""
    env = make_evaluation_env(env_id, 1, 1)
    physics = physics_of(env)
    assert physics is not None
    env.reset(seed=seed)
    rng, space = np.random.default_rng(seed), env.action_space
    low, high = (np.asarray(bound) for bound in (space.low, space.high))  # pyright: ignore[reportAttributeAccessIssue]
    states = [physics.physics_state()[0].copy()]
    for _ in range(num_steps):
        env.step(rng.uniform(low, high).astype(space.dtype))
        states.append(physics.physics_state()[0].copy())
    return physics, np.array(states)


def segment_of(states: NDArray[Any], frames: NDArray[np.uint8] | None = None) -> Segments:
    """Make a segment with nothing but states, and pictures if they are given."""
    num = len(states) - 1
    return Segments(
        obs=torch.zeros(num + 1, 1), action=torch.zeros(num, 1), length=torch.tensor(num),
        terminated=torch.tensor(False), truncated=torch.tensor(False), state=torch.as_tensor(states),
        frames=None if frames is None else torch.as_tensor(frames),
    )  # fmt: skip
