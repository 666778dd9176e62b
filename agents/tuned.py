"""Settings per task, fixed before results were measured; both arms of an experiment use the same ones."""

from typing import Any

# few environments and long rollouts: on tasks with terminations, short ones stalled learning in many seeds
_FALLING: dict[str, Any] = {
    "num_envs": 16,
    "num_steps": 128,
    "minibatch_size": 256,
    "learning_rate": 3e-4,
    "log_std_init": -0.5,
}
_PPO: dict[str, dict[str, Any]] = {
    "prefgym/HalfCheetah-v0": {"gamma": 0.98, "gae_lambda": 0.92},
    "prefgym/Hopper-v0": _FALLING,
    "prefgym/Walker2d-v0": _FALLING,
}


def tuned(env_id: str, name: str) -> dict[str, Any]:
    """Return the settings of the agent `name` that differ from its defaults on a task."""
    return _PPO.get(env_id, {}) if name == "ppo" else {}
