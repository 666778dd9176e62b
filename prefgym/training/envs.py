"""The environments in which an agent learns: on processors or a GPU, guarded, and recorded where anybody is asked."""

import sys
from dataclasses import asdict
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv

from prefgym.common.errors import UserError
from prefgym.common.spaces import single_spaces
from prefgym.evaluation.evaluate import OURS, making
from prefgym.sim import third_party as foreign
from prefgym.training.config import TrainCfg
from prefgym.wrappers.guards import GuardedTensorEnv, GuardedVectorEnv
from prefgym.wrappers.preference import PreferenceVectorEnv
from prefgym.wrappers.tensor import PreferenceTensorEnv


def make_training_env(cfg: TrainCfg) -> VectorEnv[Any, Any, Any]:
    """Make the environments in which the agent learns; with a rater they hide the task reward.

    Raises:
        UserError: If a segment does not fit into an episode, the spaces are not one-dimensional Boxes, there is neither
            rater nor reward, the device cannot be used, or what is to be recorded cannot be: there is no room, or no
            picture.
    """
    limit, length = foreign.find(cfg.env).max_episode_steps, cfg.sampling.segment_length
    is_recorded, is_on_device = cfg.rater != "none", cfg.backend == "warp"
    if is_recorded and limit is not None and length > limit:
        raise UserError(
            f"A segment of {length} steps does not fit into an episode of {cfg.env}: it ends after {limit}."
        )
    with making(cfg.env):
        env = envs_on_device(cfg) if is_on_device else envs_of_arrays(cfg)
    try:
        single_spaces(env)
    except ValueError as error:
        raise UserError(f"{cfg.env} cannot be used: {error}.") from None
    guarded = (GuardedTensorEnv if is_on_device else GuardedVectorEnv)(env, guard_reward=not is_recorded)
    if not is_recorded:
        if "task_description" in env.metadata:
            raise UserError(f"{cfg.env} has no task reward: without a rater there is nothing to learn from.")
        return guarded
    try:
        recording = (PreferenceTensorEnv if is_on_device else PreferenceVectorEnv)(guarded, recorder=cfg.recorder)
        if is_drawn(cfg, env):
            recording.reset()  # the first pictures show whether they can be drawn, and whether there is room
    except (ValueError, gym.error.Error, NotImplementedError) as error:
        raise UserError(f"{cfg.env} cannot be recorded: {error}.") from error
    return recording


def envs_of_arrays(cfg: TrainCfg) -> VectorEnv[Any, Any, Any]:
    """Make environments that processors simulate; they draw themselves if pictures are to be recorded.

    Raises:
        UserError: If they cannot draw themselves.
    """
    num_envs, mode = cfg.acting.num_envs, AutoresetMode.SAME_STEP
    if foreign.find(cfg.env).vector_entry_point == OURS:
        settings: dict[str, Any] = {"num_threads": cfg.num_threads, "dtype": np.float32}
        return gym.make_vec(cfg.env, num_envs, reward="recorded", autoreset_mode=mode, **settings)
    env = foreign.make_vector(cfg.env, num_envs, mode)
    if not is_drawn(cfg, env):
        return env
    if "rgb_array" not in env.metadata.get("render_modes", ()):
        raise UserError(f"{cfg.env} cannot draw itself: leave --recorder.frame-height out.")
    env.close()
    return foreign.make_vector(cfg.env, num_envs, mode, render_mode="rgb_array")


def is_drawn(cfg: TrainCfg, env: VectorEnv[Any, Any, Any]) -> bool:
    """Tell whether pictures are to be recorded: where they are wanted, and no states tell what happened."""
    return cfg.rater != "none" and cfg.recorder.frame_height > 0 and not hasattr(env.unwrapped, "physics_state")


def envs_on_device(cfg: TrainCfg) -> VectorEnv[Any, Any, Any]:
    """Make environments that MuJoCo Warp simulates, where the networks are.

    Raises:
        UserError: If they are not simulated here, or the device cannot be used.
    """
    if foreign.find(cfg.env).vector_entry_point != OURS:
        raise UserError(f"{cfg.env} is not simulated by prefgym, so it cannot be on a GPU: use --backend cpu.")
    if cfg.device == "cpu":
        print("--backend warp on --device cpu is for tests: a processor is faster with --backend cpu", file=sys.stderr)
    settings: dict[str, Any] = {"reward": "recorded", "backend": "warp", "device": cfg.device, **asdict(cfg.warp)}
    try:
        return gym.make_vec(cfg.env, cfg.acting.num_envs, **settings)
    except ValueError as error:
        raise UserError(f"{str(error).rstrip('.')}.") from error
