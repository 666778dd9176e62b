"""Settings per task that were fixed before results were measured; both arms of an experiment use the same."""

from typing import Any

_PPO: dict[str, dict[str, Any]] = {
    "prefgym/HalfCheetah-v0": {"gamma": 0.98, "gae_lambda": 0.92},
    "prefgym/Hopper-v0": {"num_steps": 32, "minibatch_size": 256, "learning_rate": 7e-4},
}


def tuned(env_id: str, kind: str, name: str) -> dict[str, Any]:
    """Return what differs from the defaults of the part `name` of a `kind` on a task."""
    if (kind, name) == ("agent", "ppo"):
        return _PPO.get(env_id, {})
    return {}
