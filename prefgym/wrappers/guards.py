"""Guards: what is not finite stops a run where it appears, and is named."""

from typing import Any, cast

import numpy as np
from gymnasium.vector import VectorEnv, VectorWrapper

from prefgym.common.finite import NotFiniteError, check_finite


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
