"""Guards: what is not finite stops a run where it appears, and is named."""

import math
from typing import Any, TypeAlias, cast

import numpy as np
import numpy.typing as npt
import torch
from gymnasium.vector import VectorEnv, VectorWrapper
from torch import Tensor

Values: TypeAlias = Tensor | npt.NDArray[Any]


class NotFiniteError(ValueError):
    """A part gave a NaN or an infinity."""

    def __init__(self, part: str, arrays: dict[str, Values]) -> None:
        """Name the part, and keep what helps to see why.

        Args:
            part: What is not finite, as the subject of a sentence.
            arrays: What it gave, and what it was given, by name.
        """
        super().__init__(f"{part} is not finite")
        self.part, self.arrays = part, arrays


def check_finite(part: str, values: Values, **given: Values) -> None:
    """Raise if a value is not finite.

    Args:
        part: What gave the values, as the subject of a sentence.
        values: What it gave.
        **given: What it was given, to be looked at if it is not.

    Raises:
        NotFiniteError: If one is a NaN or an infinity.
    """
    if isinstance(values, Tensor):
        # a sum is finite only if all in it are, and is one operation; where it is not, it may have overflowed
        if math.isfinite(values.sum().item()) or torch.isfinite(values).all():
            return
    elif np.isfinite(values).all():
        return
    raise NotFiniteError(part, {"values": values, **given})


class GuardedVectorEnv(VectorWrapper):
    """Let nothing but finite actions in, and nothing but finite observations out.

    Raises:
        NotFiniteError: Before the physics sees such an action, or the agent such an observation.
    """

    def __init__(self, env: VectorEnv[Any, Any, Any], *, guard_reward: bool) -> None:
        """Guard an environment.

        Args:
            env: What is guarded.
            guard_reward: Whether rewards are guarded, too: where they are learned from.
        """
        super().__init__(env)
        self._guard_reward = guard_reward

    def reset(self, *, seed: Any = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:  # noqa: ANN401
        """Start episodes."""
        obs, info = self.env.reset(seed=seed, options=options)
        check_finite("the observation", obs)
        return obs, info

    def step(self, actions: Any) -> tuple[Any, Any, Any, Any, dict[str, Any]]:  # noqa: ANN401
        """Take a step in every world."""
        check_finite("the agent's action", actions)
        obs, reward, terminated, truncated, info = self.env.step(actions)
        try:
            check_finite("the observation", obs, action=actions)
            if (ended := info.get("_final_obs")) is not None and ended.any():
                check_finite("the observation", np.stack(list(info["final_obs"][ended])), action=actions)
            if self._guard_reward:
                check_finite("the task reward", reward, action=actions, obs=obs)
        except NotFiniteError as error:
            base = cast(Any, self.unwrapped)
            if hasattr(base, "physics_state"):
                error.arrays["physics_state"] = base.physics_state(final=True)
            raise
        return obs, reward, terminated, truncated, info
