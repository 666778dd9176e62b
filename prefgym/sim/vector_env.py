"""Many worlds as one Gymnasium vector environment."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from gymnasium import error, spaces
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from prefgym.sim.seeding import FastSeeding, ParitySeeding, Seed, Seeding
from prefgym.sim.task import TaskSpec
from prefgym.sim.worlds import AnyArray, BoolArray, FloatArray, Worlds, WorldsSnapshot

ObservationArray = npt.NDArray[np.float64] | npt.NDArray[np.float32]
Step = tuple[ObservationArray, FloatArray, BoolArray, BoolArray, dict[str, Any]]


@dataclass(frozen=True, kw_only=True)
class VectorSnapshot:
    """Everything that moves in a vector environment."""

    worlds: WorldsSnapshot
    elapsed: npt.NDArray[np.int64]
    ended: BoolArray
    final_state: FloatArray | None
    started: bool
    seeding: Seeding


class PoolVectorEnv(VectorEnv[ObservationArray, npt.NDArray[np.floating], npt.NDArray[Any]]):
    """Worlds of one task that step together on a pool of threads.

    Behaves as `gymnasium.vector.SyncVectorEnv` of the same environments: with `seeding="parity"` to the last bit.

    Args:
        task: What is simulated, seen, paid and final.
        num_envs: Number of worlds N.
        max_episode_steps: Actions after which an episode is truncated; None for the task's own limit, -1 for none.
        num_threads: Threads that step the worlds; None for one per CPU this process may use. Results do not depend on
            it.
        seeding: "fast" draws all initial states from one generator; "parity" has a generator for each world and draws
            what Gymnasium would.
        autoreset_mode: When worlds whose episode ended start the next one.
        dtype: Type of observations.
        render_mode: "rgb_array" or None.
        width: Width of pictures, in pixels.
        height: Height of pictures, in pixels.

    Raises:
        ValueError: If an argument is out of range or unknown.
    """

    def __init__(
        self,
        task: TaskSpec,
        num_envs: int,
        *,
        max_episode_steps: int | None = None,
        num_threads: int | None = None,
        seeding: Literal["fast", "parity"] = "fast",
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
        dtype: npt.DTypeLike = np.float64,
        render_mode: str | None = None,
        width: int = 480,
        height: int = 480,
    ) -> None:
        limit = task.max_episode_steps if max_episode_steps is None else max_episode_steps
        if limit < 1 and limit != -1:
            raise ValueError(f"max_episode_steps must be positive, or -1 for no limit, not {limit}")
        self.task = task
        self.num_envs = num_envs
        self.max_episode_steps = limit if limit > 0 else None
        self.render_mode = render_mode
        self.autoreset_mode = AutoresetMode(autoreset_mode)
        self.metadata = {
            "autoreset_mode": self.autoreset_mode,
            "render_modes": ["rgb_array"],
            "render_fps": round(1.0 / task.dt),
        }
        self._worlds = Worlds(task, num_envs, num_threads)
        self._seeding: Seeding = FastSeeding(num_envs) if seeding == "fast" else ParitySeeding(num_envs)
        self._dtype = np.dtype(dtype)
        self.single_observation_space = observation_space(self._worlds, self._dtype)
        self.single_action_space = action_space(self._worlds)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._action_shape = self.action_space.shape

        self._elapsed = np.zeros(num_envs, np.int64)
        self._ended = np.zeros(num_envs, np.bool_)
        self._final_state: FloatArray | None = None
        self._started = False
        self._everyone = np.ones(num_envs, np.bool_)
        self._everyone.flags.writeable = False

    def reset(
        self,
        *,
        seed: Seed = None,
        options: dict[str, Any] | None = None,
    ) -> tuple[ObservationArray, dict[str, Any]]:
        """Start new episodes in all worlds, or in those of `options["reset_mask"]`."""
        mask = self._everyone
        if options is not None and "reset_mask" in options:
            mask = _checked_mask(options["reset_mask"], self.num_envs)
        self._seeding.seed(seed, mask)
        self._restart(mask)
        self._ended = self._ended & ~mask
        self._worlds.observe()
        self._final_state = None
        self._started = self._started or bool(mask.all())
        return self._observation(), with_masks(zero_outside(self._worlds.state_info(), mask), mask)

    def step(self, actions: npt.NDArray[np.floating]) -> Step:
        """Take an action in every world, resetting worlds as the autoreset mode says."""
        actions = self._checked_actions(actions)
        worlds, ended = self._worlds, self._ended
        any_ended = bool(ended.any())
        worlds.pool.set_ctrl(actions)
        self._final_state = None
        if any_ended:
            return self._step_and_restart(actions, ended)
        worlds.pool.step()
        worlds.evaluate(actions)
        self._elapsed += 1
        truncated = self._truncated()
        self._ended = worlds.terminated | truncated
        reward, terminated = worlds.reward, worlds.terminated
        if self.autoreset_mode is AutoresetMode.SAME_STEP and self._ended.any():
            infos = self._finish_and_restart()
        else:
            worlds.observe()
            infos = with_masks(worlds.state_info() | worlds.step_info(), self._everyone)
        return self._observation(), reward, terminated, truncated, infos

    def _step_and_restart(self, actions: npt.NDArray[np.floating], restarted: BoolArray) -> Step:
        """Take a step in the worlds that go on, and start episodes in those that ended at the last step."""
        if self.autoreset_mode is AutoresetMode.DISABLED:
            ended = np.flatnonzero(restarted).tolist()
            raise error.ResetNeeded(f"the episodes of worlds {ended} ended: reset them before the next step")
        worlds, stepped = self._worlds, ~restarted
        if stepped.any():
            worlds.pool.step(stepped)
        self._elapsed += 1
        self._restart(restarted)
        worlds.evaluate(actions)
        worlds.reward[restarted] = 0.0
        worlds.terminated[restarted] = False
        worlds.terms = zero_outside(worlds.terms, stepped)
        truncated = self._truncated()
        self._ended = worlds.terminated | truncated
        worlds.observe()
        infos = with_masks(worlds.state_info(), self._everyone)
        if stepped.any():
            infos |= with_masks(zero_outside(worlds.step_info(), stepped), stepped)
        return self._observation(), worlds.reward, worlds.terminated, truncated, infos

    def _finish_and_restart(self) -> dict[str, Any]:
        """Start episodes in the worlds that just ended; the last observations and infos go to `final_*`."""
        worlds, ended = self._worlds, self._ended
        going_on = ~ended
        worlds.observe()
        final_obs = np.full(self.num_envs, None, object)
        for world, row in zip(np.flatnonzero(ended), worlds.observation[ended].astype(self._dtype)):
            final_obs[world] = row
        final_info = with_masks(zero_outside(worlds.state_info() | worlds.step_info(), ended), ended)
        self._final_state = worlds.pool.physics_state()
        self._restart(ended)
        worlds.observe()
        infos = {"final_obs": final_obs, "_final_obs": ended.copy(), "final_info": final_info, "_final_info": ended}
        infos |= with_masks(worlds.state_info(), self._everyone)
        if going_on.any():
            infos |= with_masks(zero_outside(worlds.step_info(), going_on), going_on)
        self._ended = np.zeros_like(ended)
        return infos

    def _restart(self, mask: BoolArray) -> None:
        pool = self._worlds.pool
        qpos, qvel = self._seeding.initial(self.task, mask, pool.qpos0, pool.qvel0)
        pool.reset(mask, qpos, qvel)
        self._elapsed[mask] = 0

    def _truncated(self) -> BoolArray:
        if self.max_episode_steps is None:
            return np.zeros(self.num_envs, np.bool_)
        return self._elapsed >= self.max_episode_steps

    def _observation(self) -> ObservationArray:
        return self._worlds.observation.astype(self._dtype)

    def _checked_actions(self, actions: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
        if not self._started:
            raise error.ResetNeeded("Cannot call step() before calling reset()")
        actions = np.asarray(actions)
        if actions.shape != self._action_shape:
            raise ValueError(f"actions have shape {actions.shape}, {self.task.name} needs {self._action_shape}")
        return actions

    def factors(self) -> dict[str, AnyArray]:
        """Copy the reward's terms at the last step, before any autoreset. Shape of each: (N,)."""
        return {name: term.copy() for name, term in self._worlds.terms.items()}

    @property
    def state_size(self) -> int:
        """Columns of `physics_state`."""
        return self._worlds.pool.state_size

    def physics_state(self, final: bool = False) -> FloatArray:
        """Copy what it takes to restore, continue and render the worlds later.

        Args:
            final: Whether worlds that were reset within the last step give the state before the reset.

        Returns:
            `mjSTATE_FULLPHYSICS` and the warm start. Shape: (N, state_size).
        """
        if final and self._final_state is not None:
            return self._final_state.copy()
        return self._worlds.pool.physics_state()

    def snapshot(self) -> VectorSnapshot:
        """Copy everything that moves, so that `restore` continues to the last bit."""
        return VectorSnapshot(
            worlds=self._worlds.snapshot(),
            elapsed=self._elapsed.copy(),
            ended=self._ended.copy(),
            final_state=None if self._final_state is None else self._final_state.copy(),
            started=self._started,
            seeding=copy.deepcopy(self._seeding),
        )

    def restore(self, snapshot: VectorSnapshot) -> None:
        """Continue from a snapshot as if nothing had happened since."""
        self._worlds.restore(snapshot.worlds)
        self._elapsed[:] = snapshot.elapsed
        self._ended = snapshot.ended.copy()
        self._final_state = None if snapshot.final_state is None else snapshot.final_state.copy()
        self._started = snapshot.started
        self._seeding = copy.deepcopy(snapshot.seeding)

    def close_extras(self, **kwargs: Any) -> None:  # noqa: ANN401
        """Free the pool."""
        self._worlds.pool.close()


def observation_space(worlds: Worlds, dtype: np.dtype[Any]) -> spaces.Box:
    """Make the observation space of one world."""
    return spaces.Box(-np.inf, np.inf, worlds.observation.shape[1:], dtype.type)


def action_space(worlds: Worlds) -> spaces.Box:
    """Make the action space of one world: the model's control ranges."""
    low, high = worlds.pool.model.actuator_ctrlrange.astype(np.float32).T
    return spaces.Box(low, high, dtype=np.float32)


def zero_outside(values: dict[str, AnyArray], mask: BoolArray) -> dict[str, AnyArray]:
    """Set to zero what belongs to worlds outside the mask, in place."""
    if not mask.all():
        for value in values.values():
            value[~mask] = 0
    return values


def with_masks(values: dict[str, AnyArray], mask: BoolArray) -> dict[str, Any]:
    """Pair each entry with the mask of the worlds that have it, as `VectorEnv` does."""
    infos: dict[str, Any] = {}
    for name, value in values.items():
        infos[name] = value
        infos["_" + name] = mask
    return infos


def _checked_mask(mask: Any, num_envs: int) -> BoolArray:  # noqa: ANN401
    """Validate a reset mask as `SyncVectorEnv` does."""
    if not isinstance(mask, np.ndarray):
        raise TypeError(f"options['reset_mask'] must be a NumPy array, not {type(mask).__name__}")
    if mask.shape != (num_envs,):
        raise ValueError(f"options['reset_mask'] must have shape ({num_envs},), not {mask.shape}")
    if mask.dtype != np.bool_:
        raise TypeError(f"options['reset_mask'] must have dtype bool, not {mask.dtype}")
    if not mask.any():
        raise ValueError("options['reset_mask'] must be True somewhere")
    return mask
