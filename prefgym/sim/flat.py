"""Vector environments of other packages with flat values, which nobody else writes into."""

from copy import deepcopy
from typing import Any, cast

import gymnasium as gym
import numpy as np
from gymnasium.envs.registration import EnvSpec
from gymnasium.vector import AutoresetMode, SyncVectorEnv, VectorEnv, VectorWrapper
from gymnasium.vector.utils import batch_space, concatenate, create_empty_array

from prefgym.common.spaces import flat_space, flatten, is_made_of_boxes, unflatten
from prefgym.sim.world import World

AnyVectorEnv = VectorEnv[Any, Any, Any]


def flat_vector(env: AnyVectorEnv) -> AnyVectorEnv:
    """Flatten observations and actions of a vector environment, unless they are flat, and copy those of its parts."""
    copy_within(env)
    seen, taken = _spaces(env)
    is_flat = flat_space(seen) is seen and (flat_space(taken) is taken or not is_made_of_boxes(taken))
    return env if is_flat else FlatVectorEnv(env)


def check_same_step(who: str, env: object) -> None:
    """Check that a vector environment begins episodes within the step that ends the last one.

    Args:
        who: Who needs it, with the verb: the beginning of the sentence.
        env: The environment.

    Raises:
        ValueError: If it is no vector environment, or was made in another mode; the message has the call.
    """
    if isinstance(env, VectorEnv) and cast(Any, env).metadata.get("autoreset_mode") == AutoresetMode.SAME_STEP:
        return
    spec: EnvSpec | None = getattr(cast(object, env), "spec", None)
    name, num_envs = spec.id if spec else "ID", getattr(cast(object, env), "num_envs", 1)
    ours = name.startswith("prefgym/")
    mode = 'autoreset_mode="SameStep"' if ours else 'vector_kwargs={"autoreset_mode": "SameStep"}'
    raise ValueError(f"{who} environments of gymnasium.make_vec({name!r}, num_envs={num_envs}, {mode})")


def _spaces(env: AnyVectorEnv) -> tuple[gym.Space[Any], gym.Space[Any]]:
    single: Any = env
    return single.single_observation_space, single.single_action_space


def copy_within(env: AnyVectorEnv) -> None:
    """Let Gymnasium's `SyncVectorEnv` copy observations before a reset may overwrite them in SAME_STEP mode."""
    base = env.unwrapped
    if type(base) is SyncVectorEnv:
        copying = [env if isinstance(env, (Copying, World)) else Copying(env) for env in base.envs]
        base.envs = cast(Any, copying)


class Copying(gym.Wrapper[Any, Any, Any, Any]):
    """Copy observations, which the environment may write into later, and actions, for the same reason."""

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Start an episode."""
        obs, info = self.env.reset(seed=seed, options=options)
        return deepcopy(obs), info

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:  # noqa: ANN401
        """Take a step."""
        obs, reward, terminated, truncated, info = self.env.step(deepcopy(action))
        return deepcopy(obs), reward, terminated, truncated, info


class FlatVectorEnv(VectorWrapper):
    """Flatten observations, also those at the end of episodes, and take flat actions."""

    def __init__(self, env: AnyVectorEnv) -> None:
        super().__init__(env)
        self._seen, self._taken = _spaces(env)
        self._has_flat_actions = is_made_of_boxes(self._taken)
        self.single_observation_space = flat_space(self._seen)
        self.observation_space = batch_space(self.single_observation_space, env.num_envs)
        if self._has_flat_actions:
            self.single_action_space = flat_space(self._taken)
            self.action_space = batch_space(self.single_action_space, env.num_envs)

    def reset(self, *, seed: Any = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:  # noqa: ANN401
        """Start episodes. Shape: (N, O)."""
        obs, info = self.env.reset(seed=seed, options=options)
        return flatten(self._seen, obs, 1), info

    def step(self, actions: Any) -> tuple[Any, Any, Any, Any, dict[str, Any]]:  # noqa: ANN401
        """Take a step. Shapes: (N, A), (N, O)."""
        obs, reward, terminated, truncated, info = self.env.step(self._batch(actions))
        if (final := info.get("final_obs")) is not None:
            info = {**info, "final_obs": np.full(self.num_envs, None, object)}
            for index in np.flatnonzero(info["_final_obs"]).tolist():
                info["final_obs"][index] = flatten(self._seen, final[index])
        return flatten(self._seen, obs, 1), reward, terminated, truncated, info

    def _batch(self, actions: Any) -> Any:  # noqa: ANN401
        """Put flat actions into the shapes of the environments' own."""
        if not self._has_flat_actions:
            return actions
        each = [unflatten(self._taken, action) for action in np.asarray(actions)]
        return concatenate(self._taken, each, create_empty_array(self._taken, len(each)))
