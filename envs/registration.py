"""Gymnasium ids: `prefgym/<Name>-v0` for every task.

Registering imports neither MuJoCo nor torch; making an environment does.
"""

import importlib.util
from typing import Any

import gymnasium as gym
from gymnasium.vector import VectorEnv

from prefgym.common.names import check_name
from prefgym.envs import LANGUAGE_TASKS, TASKS, VARIANTS, fetch
from prefgym.sim.names import REWARDS
from prefgym.sim.task import TaskSpec

_SPECS = TASKS | VARIANTS | LANGUAGE_TASKS
BACKENDS = ("cpu", "warp")
"""Simulator: threads on the CPU, or MuJoCo Warp on a GPU."""


OLD_REWARDS = {"measure": "metric"}
"""Names of earlier versions."""


def register() -> None:
    """Register `prefgym/<Name>-v0` for every task, unless it is registered already."""
    fetch.register()
    for task in _SPECS.values():
        env_id = f"prefgym/{task.name}-v0"
        if env_id not in gym.registry:
            gym.register(  # pyright: ignore[reportUnknownMemberType]
                env_id,
                entry_point="prefgym.envs.registration:make_env",
                vector_entry_point="prefgym.envs.registration:make_vector_env",
                max_episode_steps=task.max_episode_steps,
                kwargs={"task": task.name},
            )
    for name, make in (("Delivery", "make_delivery"), ("RandomMDP", "make_random")):
        if (env_id := f"prefgym/{name}-v0") not in gym.registry:
            gym.register(env_id, entry_point=f"prefgym.envs.grid:{make}", max_episode_steps=1000)  # pyright: ignore[reportUnknownMemberType]


def make_env(
    task: str,
    *,
    reward: str = "learned",
    backend: str = "cpu",
    **kwargs: Any,  # noqa: ANN401
) -> gym.Env[Any, Any]:
    """Make one environment of a task.

    Args:
        task: Name of the task.
        reward: "learned" returns 0 until a learned reward is installed; "task" returns the task reward; "metric"
            returns the metric of evaluation, which is the task reward if there is one; "recorded" is for wrappers
            that record, and returns the task reward, or 0 without one.
        backend: Simulator: "cpu"; a GPU simulates vector environments only.
        **kwargs: Arguments of `PoolEnv`.

    Raises:
        ValueError: If the task, the reward or the backend is unknown, or the task has no reward.
    """
    from prefgym.sim.single_env import PoolEnv

    if backend == "warp":
        raise ValueError(
            f"a GPU is for many environments: gym.make_vec('prefgym/{task}-v0', num_envs=4096, backend='warp')"
        )
    reward = OLD_REWARDS.get(reward, reward)
    env = PoolEnv(_spec(task, reward, backend), returns_metric=reward == "metric", **kwargs)
    if reward != "learned":
        return env
    from prefgym.wrappers.preference import PreferenceEnv

    return PreferenceEnv(env)


def make_vector_env(
    task: str,
    num_envs: int = 1,
    *,
    reward: str = "learned",
    backend: str = "cpu",
    **kwargs: Any,  # noqa: ANN401
) -> VectorEnv[Any, Any, Any]:
    """Make many environments of a task that step together.

    Args:
        task: Name of the task.
        num_envs: Number of worlds.
        reward: "learned" returns 0 until a learned reward is installed; "task" returns the task reward; "metric"
            returns the metric of evaluation, which is the task reward if there is one; "recorded" is for wrappers
            that record, and returns the task reward, or 0 without one.
        backend: Simulator: "cpu" is a pool of threads, "warp" a GPU, with tensors in and out.
        **kwargs: Arguments of `PoolVectorEnv`, or of `TensorVectorEnv`.

    Raises:
        ValueError: If the task, the reward or the backend is unknown, or the task has no reward.
    """
    reward = OLD_REWARDS.get(reward, reward)
    spec = _spec(task, reward, backend)
    make = _tensor_env if backend == "warp" else _pool_env
    env = make(spec, num_envs, reward, **kwargs)
    if reward != "learned":
        return env
    from prefgym.wrappers.preference import PreferenceVectorEnv
    from prefgym.wrappers.tensor import PreferenceTensorEnv

    return PreferenceTensorEnv(env) if backend == "warp" else PreferenceVectorEnv(env)


def _pool_env(spec: TaskSpec, num_envs: int, reward: str, **kwargs: Any) -> VectorEnv[Any, Any, Any]:  # noqa: ANN401
    from prefgym.sim.vector_env import PoolVectorEnv

    return PoolVectorEnv(spec, num_envs, returns_metric=reward == "metric", **kwargs)


def _tensor_env(spec: TaskSpec, num_envs: int, reward: str, **kwargs: Any) -> VectorEnv[Any, Any, Any]:  # noqa: ANN401
    if reward == "metric" and spec.metric is not None:
        raise ValueError("reward='metric' is computed on the CPU: pass backend='cpu'")
    if importlib.util.find_spec("mujoco_warp") is None:
        raise ValueError("backend='warp' needs MuJoCo Warp, which is not installed: pip install 'prefgym[warp]'")
    from prefgym.sim.tensor_env import TensorVectorEnv

    return TensorVectorEnv(spec, num_envs, **kwargs)


def _spec(task: str, reward: str, backend: str) -> TaskSpec:
    check_name("task", task, _SPECS)
    check_name("reward", reward, REWARDS)
    check_name("backend", backend, BACKENDS)
    if reward == "task" and task in LANGUAGE_TASKS:
        hint = "leave reward= out, and learn from a rater that judges pictures"
        raise ValueError(
            f"{task} has no task reward, only a description ({LANGUAGE_TASKS[task].task_description!r}): {hint}"
        )
    return _SPECS[task]
