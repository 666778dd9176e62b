"""Small runs, as tests configure them from Python."""

from typing import Any

import prefgym
from prefgym import agents, rewards, samplers
from prefgym.nn.actor import ActorCfg
from prefgym.rewards.fit import FitCfg
from prefgym.training.api import train_cfg
from prefgym.training.budget import ScheduleCfg
from prefgym.training.config import CheckpointCfg, EvalCfg, OfflineCheckpointCfg, OfflineEvalCfg, TrainCfg
from prefgym.training.run import Run

POLE = "prefgym/InvertedPendulum-v0"


def tiny_ppo(env: str = POLE, **changes: Any) -> Any:  # noqa: ANN401 - as `agents.cfg`
    """Configure a PPO agent with rollouts of 200 steps; what is tuned for a task stays as it is."""
    return agents.cfg("ppo", env=env, **{"num_envs": 4, "num_steps": 50, "epochs": 1, "hidden": (8,), **changes})


def tiny_reward(name: str = "ensemble", **changes: Any) -> Any:  # noqa: ANN401
    """Configure a small ensemble, or another reward learner with the same settings."""
    settings = {"hidden": (8, 8), "num_members": 2, "fit": FitCfg(gradient_steps=5)}
    return rewards.cfg(name, **{**settings, **changes})


def tiny_sampler(segment_length: int = 5, name: str = "disagreement", **changes: Any) -> Any:  # noqa: ANN401
    """Configure a sampler of short segments."""
    return samplers.cfg(name, segment_length=segment_length, **changes)


def tiny_settings(env: str = POLE, **changes: Any) -> dict[str, Any]:  # noqa: ANN401
    """Return what `prefgym.train` takes for a run of less than a second: two sessions, two evaluations, checkpoints.

    Args:
        env: Environment id.
        **changes: Whatever else it takes, in the place of what is here.
    """
    settings: dict[str, Any] = {
        "agent": tiny_ppo(env),
        "reward": tiny_reward(),
        "sampler": tiny_sampler(),
        "steps": 600,
        "budget": 10,
        "threads": 1,
        "schedule": ScheduleCfg(num_sessions=2),
        "checkpoint": CheckpointCfg(every=200),
        "eval": EvalCfg(every=300, episodes=1, final_episodes=2),
    }
    return {"env": env, **settings, **changes}


def tiny_cfg(env: str = POLE, **changes: Any) -> TrainCfg:  # noqa: ANN401
    """Configure a run; see `tiny_settings`."""
    return train_cfg(**tiny_settings(env, **changes))


def tiny_run(env: str = POLE, **changes: Any) -> Run:  # noqa: ANN401
    """Train; see `tiny_settings`."""
    return prefgym.train(**tiny_settings(env, **changes))


def tiny_offline(**changes: Any) -> Run:  # noqa: ANN401
    """Train on the preferences in `answers`: two evaluations, checkpoints, 120 updates of behavioural cloning.

    Args:
        **changes: Whatever `prefgym.train_offline` takes, in the place of what is here.
    """
    settings: dict[str, Any] = {
        "agent": agents.cfg("bc", actor=ActorCfg(hidden=(8,))),
        "preferences": "answers",
        "updates": 120,
        "threads": 1,
        "checkpoint": OfflineCheckpointCfg(every=40),
        "eval": OfflineEvalCfg(every=60, episodes=1, final_episodes=2),
    }
    return prefgym.train_offline(**{**settings, **changes})
