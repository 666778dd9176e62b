"""Base of the preference wrappers: a recorder, queries from it, and the learned reward."""

from typing import Protocol, TypeVar

import numpy as np
import torch
from gymnasium.vector import VectorEnv

from prefgym.buffers.base_recorder import BaseRecorder
from prefgym.buffers.recorder import RecorderCfg
from prefgym.common.spaces import device_of, single_spaces
from prefgym.core.protocols import Array, Learner
from prefgym.core.queries import Queries
from prefgym.core.relabel import learned_reward
from prefgym.core.segments import Segments
from prefgym.sim.capabilities import has_task_reward, physics_of
from prefgym.sim.third_party import draw
from prefgym.wrappers.order import AnyEnv

AnyRecorder = TypeVar("AnyRecorder", bound=BaseRecorder, covariant=True)


class MakesRecorder(Protocol[AnyRecorder]):
    """A kind of recorder, or a function that makes one."""

    def __call__(
        self,
        num_envs: int,
        obs_dim: int,
        action_dim: int,
        *,
        has_reward: bool,
        factor_names: tuple[str, ...],
        state_dim: int,
        cfg: RecorderCfg,
    ) -> AnyRecorder:
        """Make a recorder."""
        ...


def recorder_for(env: AnyEnv, make: MakesRecorder[AnyRecorder], cfg: RecorderCfg) -> AnyRecorder:
    """Make a recorder for the spaces, reward, factors and physics states of an environment.

    Raises:
        ValueError: If the observation or action space is no one-dimensional Box, or there is no room.
    """
    observation, action = single_spaces(env)
    physics = physics_of(env)
    return make(
        env.num_envs if isinstance(env, VectorEnv) else 1,
        observation.shape[0],
        action.shape[0],
        has_reward=has_task_reward(env),
        factor_names=tuple(physics.factors()) if physics else (),
        state_dim=physics.state_size if physics else 0,
        cfg=cfg,
    )


class Recording:
    """Records states, factors and pictures of an environment, and samples queries from its recorder."""

    def __init__(self, env: AnyEnv, recorder: BaseRecorder, cfg: RecorderCfg) -> None:
        """Record an environment.

        Args:
            env: The environment.
            recorder: Recorder of its steps.
            cfg: Settings of the recorder.

        Raises:
            ValueError: If pictures are to be recorded, and the environment cannot render.
        """
        self.env, self.recorder, self.physics = env, recorder, physics_of(env)
        self.learner: Learner | None = None
        self._has_states = self.physics is not None and recorder.has_states
        self._num_asked = 0
        self._frame_height = 0 if device_of(env) is not None else cfg.frame_height
        if self._frame_height and env.render_mode != "rgb_array":
            mode = f"render_mode={env.render_mode!r}"
            raise ValueError(f"frame_height needs an environment made with render_mode='rgb_array', not {mode}")

    def state(self, final: bool = False) -> Array | None:
        """Copy the physics states if they are recorded; with `final`, those before a reset. Shape: (N, S)."""
        return self.physics.physics_state(final) if self.physics and self._has_states else None

    def frames(self) -> Array | None:
        """Render the environments if pictures are recorded. Shape: (N, H, W, 3), uint8."""
        return draw(self.env, self._frame_height) if self._frame_height else None

    def factors(self) -> dict[str, Array] | None:
        """Copy the factors of the task reward at the last step, if there are any. Shape of each: (N,)."""
        return self.physics.factors() if self.physics else None

    def reward(self, obs: Array, action: Array, next_obs: Array, terminated: Array, truncated: Array) -> Array:
        """Return the learned reward of one step of each environment; zeros without a learner. Shape: (N,)."""
        if self.learner is None:
            return np.zeros(self.recorder.num_envs)
        step = Segments.of_steps(
            torch.as_tensor(obs.astype(np.float32)),
            torch.as_tensor(action.astype(np.float32)),
            torch.as_tensor(next_obs.astype(np.float32)),
            torch.as_tensor(terminated),
            torch.as_tensor(truncated),
        )
        return learned_reward(self.learner, step).double().cpu().numpy()

    def sample_queries(self, num_queries: int, length: int, generator: torch.Generator | None) -> Queries:
        """Sample pairs of segments uniformly from the recorder."""
        from prefgym.samplers import make

        sampler = make("uniform", segment_length=length, recent_steps=None)
        generator = generator or torch.Generator().manual_seed(self._num_asked)
        options = sampler(self.recorder, self.learner, num_queries, generator).map(torch.Tensor.cpu)
        queries = Queries.of(options, first_id=self._num_asked, asked_at=self.recorder.num_steps)
        self._num_asked += num_queries
        return queries
