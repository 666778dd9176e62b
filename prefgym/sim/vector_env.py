"""Many worlds as one Gymnasium vector environment."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

import numpy as np
import numpy.typing as npt
from gymnasium import error
from gymnasium.vector import AutoresetMode

from prefgym.common.names import check_name
from prefgym.common.states import State
from prefgym.sim.base_env import BaseVectorEnv
from prefgym.sim.cpu import CpuPool
from prefgym.sim.infos import check_mask, final_observations, masked
from prefgym.sim.seeding import FastSeeding, ParitySeeding, Seed, Seeding, generator_states, restore_generators
from prefgym.sim.task import TaskSpec
from prefgym.sim.variation import Variation
from prefgym.sim.worlds import Array, BoolArray, FloatArray, Worlds

Step: TypeAlias = tuple[Array, FloatArray, BoolArray, BoolArray, dict[str, Any]]

SEEDINGS: dict[str, Callable[[int], Seeding]] = {"fast": FastSeeding, "parity": ParitySeeding}
AUTORESET_MODES = {mode.value: mode for mode in AutoresetMode}


@dataclass(frozen=True, kw_only=True)
class VectorSnapshot:
    """The whole state of a vector environment; the parts fit into safetensors and JSON."""

    arrays: dict[str, Array]
    """Arrays by name."""
    generators: tuple[dict[str, Any], ...]
    """States of the random generators."""
    started: bool
    """Whether there was a reset."""

    def __repr__(self) -> str:
        shapes = ", ".join(f"{name}={array.shape}" for name, array in self.arrays.items())
        return f"VectorSnapshot({shapes}, generators={len(self.generators)}, started={self.started})"


class PoolVectorEnv(BaseVectorEnv[Array, CpuPool]):
    """Worlds of one task that step together on a pool of threads.

    Behaves as `gymnasium.vector.SyncVectorEnv` does over the same environments; with `seeding="parity"` the
    numbers are the same, to the last bit. The arrays it returns are the caller's to keep and to change.

    Args:
        task: The task.
        num_envs: Number of worlds N.
        max_episode_steps: Actions after which an episode is truncated; None for the task's own limit, -1 for none.
        num_threads: Threads that step the worlds, the caller's included; None for one per CPU this process may use.
            Results do not depend on it.
        seeding: "fast" samples all initial states from one generator, "parity" has a generator for each world and
            samples like Gymnasium.
        autoreset_mode: Autoreset mode of Gymnasium.
        dtype: Type of observations: float64 or float32.
        render_mode: "rgb_array", or None for no pictures from `render`.
        width: Width of pictures, in pixels.
        height: Height of pictures, in pixels.
        returns_metric: Whether the task's metric, if it has one, is returned in the place of the reward.
        variation: Variation of masses and friction; None for equal worlds.

    Raises:
        ValueError: If an argument is out of range or unknown.
    """

    def __init__(
        self,
        task: TaskSpec,
        num_envs: int = 1,
        *,
        max_episode_steps: int | None = None,
        num_threads: int | None = None,
        seeding: str = "fast",
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
        dtype: npt.DTypeLike = np.float64,
        render_mode: str | None = None,
        width: int = 480,
        height: int = 480,
        returns_metric: bool = False,
        variation: Variation | None = None,
    ) -> None:
        if not isinstance(autoreset_mode, AutoresetMode):
            check_name("autoreset mode", autoreset_mode, AUTORESET_MODES)
            autoreset_mode = AUTORESET_MODES[autoreset_mode]
        check_name("seeding", seeding, SEEDINGS)
        super().__init__(
            task,
            num_envs,
            max_episode_steps=max_episode_steps,
            autoreset_mode=autoreset_mode,
            render_mode=render_mode,
            width=width,
            height=height,
        )
        self.autoreset_mode = autoreset_mode
        self._worlds = Worlds(task, num_envs, num_threads, returns_metric=returns_metric, variation=variation)
        self.pool = self._worlds.pool
        self._seeding = SEEDINGS[seeding](num_envs)
        self._np_random, self._np_random_seed = self._seeding.generators[0], self._seeding.seeds[0]
        self._dtype = np.dtype(dtype)
        self._set_spaces(self._worlds.observation_space(dtype), self._worlds.action_space())
        self._everyone = np.ones(num_envs, np.bool_)
        self._elapsed = np.zeros(num_envs, np.int64)
        self._ended = np.zeros(num_envs, np.bool_)  # episodes that are over and wait for a reset

    def reset(self, *, seed: Seed = None, options: dict[str, Any] | None = None) -> tuple[Array, dict[str, Any]]:
        """Start episodes in all worlds, or in those of `options["reset_mask"]`.

        Args:
            seed: With seeding="fast" an integer; with seeding="parity" also one for each world. None goes on.
            options: May hold `reset_mask`. Shape: (N,), bool.

        Returns:
            Observations of all worlds, and infos of those that were reset.
        """
        partial = "reset_mask" in (options := options or {})
        mask = check_mask(options["reset_mask"], self.num_envs) if partial else self._everyone.copy()
        self._seeding.seed(seed, mask)
        self._np_random, self._np_random_seed = self._seeding.generators[0], self._seeding.seeds[0]
        self._restart(mask)
        self._worlds.observe(mask)
        self._ended = self._ended & ~mask
        self._final_state = None
        self._started = self._started or not partial
        return self._observation(), masked(self._worlds.state_info(), mask)

    def step(self, actions: Array) -> Step:
        """Take an action in every world; reset worlds whose episode ended, by the autoreset mode.

        Args:
            actions: Actions, not clipped. Shape: (N, A).

        Returns:
            Observations (N, O), rewards, whether the state is final, whether the time is up (N,), and infos.
        """
        actions = self._check_actions(actions)
        self._final_state = None
        worlds = self._worlds
        if self._ended.any():
            return self._step_or_restart(actions, self._ended)
        worlds.step(actions)
        worlds.evaluate(actions)
        worlds.observe()
        self._elapsed += 1
        truncated = self._elapsed >= self.max_episode_steps
        self._ended = worlds.terminated | truncated
        if self.autoreset_mode is AutoresetMode.SAME_STEP and self._ended.any():
            infos = self._finish_and_restart(self._ended)
            self._ended = np.zeros(self.num_envs, np.bool_)
        else:
            infos = masked(worlds.state_info() | worlds.step_info(), self._everyone.copy())
        return self._observation(), worlds.reward, worlds.terminated, truncated, infos

    def _step_or_restart(self, actions: Array, over: BoolArray) -> Step:
        """Start episodes in the worlds whose last one is over, and take a step in the others."""
        if self.autoreset_mode is AutoresetMode.DISABLED:
            which = np.flatnonzero(over).tolist()
            raise error.ResetNeeded(f"the episodes of worlds {which} are over: reset these worlds before the next step")
        worlds, stepped = self._worlds, ~over
        if stepped.any():
            worlds.step(actions, stepped)
        self._elapsed += 1
        self._restart(over)
        worlds.evaluate(actions)
        worlds.discount(over)
        worlds.observe()
        truncated = self._elapsed >= self.max_episode_steps
        self._ended = worlds.terminated | truncated
        infos = masked(worlds.state_info(), self._everyone.copy())
        if stepped.any():
            infos |= masked(worlds.step_info(), stepped)
        return self._observation(), worlds.reward, worlds.terminated, truncated, infos

    def _finish_and_restart(self, ended: BoolArray) -> dict[str, Any]:
        """Start episodes in the worlds whose last one just ended; its end goes to `final_obs` and `final_info`."""
        worlds, going_on = self._worlds, ~ended
        infos: dict[str, Any] = {
            "final_obs": final_observations(worlds.observation, ended, self._dtype),
            "_final_obs": ended.copy(),
            "final_info": masked(worlds.state_info() | worlds.step_info(), ended),
            "_final_info": ended.copy(),
        }
        self._final_state = self.pool.physics_state()
        self._restart(ended)
        worlds.observe()
        infos |= masked(worlds.state_info(), self._everyone.copy())
        if going_on.any():
            infos |= masked(worlds.step_info(), going_on)
        return infos

    def _restart(self, mask: BoolArray) -> None:
        start = self._seeding.initial(self.task, mask, self.pool.qpos0, self.pool.qvel0)
        self._worlds.reset(mask, *start)
        self._elapsed[mask] = 0

    def _observation(self) -> Array:
        return self._worlds.observation.astype(self._dtype)

    def _check_actions(self, actions: Array) -> Array:
        self._check_running()
        actions = np.asarray(actions)
        self._check_shape(actions.shape)
        return actions

    def _copied(self, array: Array) -> Array:
        return array.copy()

    def _on_host(self, states: Array) -> FloatArray:
        return states

    def factors(self) -> dict[str, Array]:
        """Copy the terms of the reward at the last step, before any autoreset. Shape of each: (N,)."""
        return self._worlds.factors()

    @property
    def returns_metric(self) -> bool:
        """Return whether rewards are the metric of the task."""
        return self._worlds.metric is not None

    def snapshot(self) -> VectorSnapshot:
        """Copy the whole state, so that `restore` continues to the last bit."""
        arrays = self._worlds.snapshot() | {"elapsed": self._elapsed.copy(), "ended": self._ended.copy()}
        if self._final_state is not None:
            arrays["final_state"] = self._final_state.copy()
        return VectorSnapshot(arrays=arrays, generators=generator_states(self._seeding), started=self._started)

    def restore(self, snapshot: VectorSnapshot) -> None:
        """Restore a snapshot of this or of an equal environment.

        Raises:
            ValueError: If the snapshot belongs to other worlds, or to another seeding.
        """
        if not isinstance(cast(object, snapshot), VectorSnapshot):
            raise ValueError("this is a snapshot of worlds on a device: restore it with backend='warp'")
        restore_generators(self._seeding, snapshot.generators)
        self._worlds.restore(snapshot.arrays)
        self._elapsed[:] = snapshot.arrays["elapsed"]
        self._ended = snapshot.arrays["ended"].copy()
        final_state = snapshot.arrays.get("final_state")
        self._final_state = None if final_state is None else final_state.copy()
        self._started = snapshot.started

    def state_dict(self) -> State:
        """Return `snapshot` as a tree."""
        snapshot = self.snapshot()
        return {"arrays": snapshot.arrays, "generators": list(snapshot.generators), "started": snapshot.started}

    def load_state_dict(self, state: State) -> None:
        """Restore the state that `state_dict` returned, as `restore` does."""
        arrays = {name: np.asarray(array) for name, array in state["arrays"].items()}
        self.restore(VectorSnapshot(arrays=arrays, generators=tuple(state["generators"]), started=state["started"]))
