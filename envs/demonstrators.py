"""Scripted demonstrators for manipulation: feedback controllers of adjustable quality.

They have no memory: the action depends on the positions of gripper, object and goal. All environments are computed
together, with masks for the phases of the motion.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from prefgym.common.limits import Positive, Share, check
from prefgym.envs.fetch import ACHIEVED, DESIRED, GRIPPER, TO_OBJECT

Array = npt.NDArray[np.float64]

NUM_ACTIONS = 4
OPEN, SHUT = 1.0, -1.0
FINGER = slice(15, 16)
"""Index of the observation with the distance of a finger from the middle, in m."""
FINGER_HOLDING_M = 0.03
"""A finger nearer to the middle than this has closed on the object, whose half width is 0.025 m."""
CLEARANCE_M = 0.08
"""Height above the object at which the gripper moves sideways."""
UP = np.array([0.0, 0.0, 1.0])
BEHIND_M, CONTACT_M = 0.07, 0.045
"""Distance of the gripper from the object's middle before it pushes, and while it does."""
ARRIVED_M = 0.015
"""Distance from object to goal below which the gripper stops pushing."""
AROUND_M, HELD_M, ABOVE_M = 0.02, 0.04, 0.015
"""Distances from the gripper to the object: where the fingers close, where a closed one holds it, and sideways, where
the gripper goes down."""


@dataclass(frozen=True, kw_only=True)
class DemonstratorCfg:
    """Quality and gain of a demonstrator.

    Raises:
        ValueError: If the quality is no share, or the gain is not positive.
    """

    quality: Share = 1.0
    """Share of the steps with the action of the controller; the actions of the others are uniformly random. 0 is a
    random policy."""
    gain: Positive = 10.0
    """Action per metre between the gripper and its target, in 1/m; an action of 1 moves it by 5 cm."""

    __post_init__ = check


def reach(obs: Array, gain: float) -> Array:
    """Move the gripper to the goal. Shapes: (N, O) to (N, A)."""
    return _towards(obs[:, DESIRED], obs, gain, SHUT)


def pick_and_place(obs: Array, gain: float) -> Array:
    """Stand above the object, go down around it, close on it, and carry it to the goal. Shapes: (N, O) to (N, A)."""
    to_object, thing, up = obs[:, TO_OBJECT], obs[:, ACHIEVED], CLEARANCE_M * UP
    distance = np.linalg.norm(to_object, axis=-1, keepdims=True)
    is_above = np.linalg.norm(to_object[:, :2], axis=-1, keepdims=True) < ABOVE_M
    holds = (distance < HELD_M) & (obs[:, FINGER] < FINGER_HOLDING_M)
    target = np.where(is_above, thing, thing + up)
    target = np.where(holds, obs[:, GRIPPER] + obs[:, DESIRED] - thing, target)
    return _towards(target, obs, gain, np.where((distance < AROUND_M) | holds, SHUT, OPEN))


def push(obs: Array, gain: float) -> Array:
    """Stand behind the object as seen from the goal, at its height, and push it there. Shapes: (N, O) to (N, A)."""
    thing, gripper = obs[:, ACHIEVED], obs[:, GRIPPER]
    way = (obs[:, DESIRED] - thing)[:, :2]
    distance = np.linalg.norm(way, axis=-1, keepdims=True)
    forward = np.pad(way / np.maximum(distance, 1e-6), ((0, 0), (0, 1)))
    from_thing = gripper - thing
    along = (from_thing * forward).sum(-1, keepdims=True)
    aside = from_thing - along * forward
    is_behind = (along < -0.02) & (np.linalg.norm(aside[:, :2], axis=-1, keepdims=True) < 0.02)
    is_low = from_thing[:, 2:] < 0.03
    behind = thing - BEHIND_M * forward
    target = np.where(is_low, gripper, behind) + CLEARANCE_M * UP  # up first: sideways would push it
    target = np.where(is_behind, behind, target)
    # 4.5 cm short of the goal, and beyond the line by as much as the gripper is beside it: that gets it there in time
    target = np.where(is_behind & is_low, obs[:, DESIRED] - CONTACT_M * forward - aside, target)
    target = np.where(distance < ARRIVED_M, gripper, target)
    return _towards(target, obs, gain, SHUT)


CONTROLLERS: dict[str, Callable[[Array, float], Array]] = {
    "prefgym/FetchReach-v0": reach,
    "prefgym/FetchPush-v0": push,
    "prefgym/FetchPickAndPlace-v0": pick_and_place,
}
"""The controllers, by environment."""


class Demonstrator:
    """A scripted policy."""

    def __init__(self, env_id: str, cfg: DemonstratorCfg | None = None, *, seed: int = 0) -> None:
        """Choose the controller.

        Args:
            env_id: One of `CONTROLLERS`.
            cfg: Quality and gain.
            seed: Seed of its random actions.

        Raises:
            ValueError: If there is no controller for this environment.
        """
        if env_id not in CONTROLLERS:
            raise ValueError(f"there is no demonstrator for {env_id}: there is one for {', '.join(CONTROLLERS)}")
        self.cfg, self._control = cfg or DemonstratorCfg(), CONTROLLERS[env_id]
        self._generator = np.random.default_rng(seed)

    def predict(
        self,
        observation: Any,  # noqa: ANN401
        state: Any = None,  # noqa: ANN401
        episode_start: Any = None,  # noqa: ANN401
        deterministic: bool = False,
    ) -> tuple[npt.NDArray[np.float32], Any]:
        """Return actions. Shape: (A,) or (N, A), like `observation`.

        Args:
            observation: Observation of one environment, or observations of several.
            state: Returned unchanged, since the policy has no state.
            episode_start: Not used.
            deterministic: Whether to leave random actions out, at any quality.
        """
        del episode_start
        obs = np.asarray(observation, np.float64)
        actions = self._control(obs.reshape(-1, obs.shape[-1]), self.cfg.gain)
        if not deterministic:
            slips = self._generator.random(len(actions)) >= self.cfg.quality
            anything = self._generator.uniform(-1.0, 1.0, actions.shape)
            actions = np.where(slips[:, None], anything, actions)
        return actions.reshape(*obs.shape[:-1], NUM_ACTIONS).astype(np.float32), state


def _towards(target: Array, obs: Array, gain: float, fingers: Array | float) -> Array:
    """Return actions towards `target` (N, 3), within bounds, and for `fingers` (N, 1). Shape: (N, A)."""
    move = gain * (target - obs[:, GRIPPER])
    return np.clip(np.concatenate([move, np.broadcast_to(fingers, (len(obs), 1))], -1), -1.0, 1.0)
