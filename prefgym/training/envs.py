"""The environments in which an agent learns: on the CPU or a GPU, guarded, and recorded if there is a rater."""

import sys
from dataclasses import asdict
from typing import Any

from gymnasium.vector import VectorEnv

from prefgym.common.errors import UserError
from prefgym.common.memory import is_out_of_memory
from prefgym.common.spaces import single_spaces
from prefgym.sim.capabilities import has_task_reward
from prefgym.sim.gl import CANNOT_RENDER
from prefgym.sim.source import EnvSource, making
from prefgym.training.config import OfflineCfg, TrainCfg
from prefgym.wrappers.guards import GuardedTensorEnv, GuardedVectorEnv
from prefgym.wrappers.preference import PreferenceVectorEnv
from prefgym.wrappers.tensor import PreferenceTensorEnv


def source_of(cfg: TrainCfg | OfflineCfg) -> EnvSource:
    """Return the builder of the environments that a configuration names."""
    return EnvSource.of(cfg.env, cfg.env_cfg)


def make_training_env(cfg: TrainCfg, source: EnvSource | None = None) -> VectorEnv[Any, Any, Any]:
    """Make the environments in which the agent learns; with a rater they hide the task reward.

    Args:
        cfg: Resolved configuration.
        source: Builder of environments; None for the one that `cfg` names.

    Raises:
        UserError: If a segment does not fit into an episode, the spaces are not one-dimensional Boxes, there is neither
            rater nor task reward, the device cannot be used, or the recorder lacks room or pictures.
    """
    source = source or source_of(cfg)
    limit = source.max_episode_steps if cfg.eval.copies else source.declared_max_episode_steps
    length = cfg.sampling.segment_length
    is_recorded, is_on_device = cfg.rater != "none", cfg.backend == "warp"
    if is_recorded and limit is not None and length > limit:
        raise UserError(
            f"A segment of {length} steps does not fit into an episode of {cfg.env}: it ends after {limit}; "
            f"pass --segment-length {limit}."
        )
    with making(source):
        env = envs_on_device(cfg, source) if is_on_device else envs_of_arrays(cfg, source)
    try:
        single_spaces(env)
    except ValueError as error:
        raise UserError(f"{cfg.env} cannot be used: {error}.") from None
    guarded = (GuardedTensorEnv if is_on_device else GuardedVectorEnv)(env, guard_reward=not is_recorded)
    if not is_recorded:
        if not has_task_reward(env):
            raise UserError(f"{cfg.env} has no task reward: without a rater there is nothing to learn from.")
        return guarded
    try:
        recording = (PreferenceTensorEnv if is_on_device else PreferenceVectorEnv)(guarded, recorder=cfg.recorder)
        if is_drawn(cfg):
            recording.reset()  # the first pictures show whether the environments can render, and whether there is room
    except (ValueError, *CANNOT_RENDER) as error:
        if isinstance(error, UserError) or is_out_of_memory(error):
            raise
        raise UserError(f"{cfg.env} cannot be recorded: {str(error).rstrip('.')}.") from error
    return recording


def envs_of_arrays(cfg: TrainCfg, source: EnvSource) -> VectorEnv[Any, Any, Any]:
    """Make environments on the CPU; they render pictures if these are to be recorded.

    Raises:
        UserError: If pictures are to be recorded, and the environments cannot render.
    """
    num_envs, num_threads = cfg.acting.num_envs, cfg.num_threads
    # what can render is looked up in an environment, unless it exists once
    mode = "rgb_array" if is_drawn(cfg) and not cfg.eval.copies else None
    env = source.make_vec(num_envs, reward="recorded", num_threads=num_threads, render_mode=mode)
    if mode is not None or not is_drawn(cfg):
        return env
    if "rgb_array" not in env.metadata.get("render_modes", ()):
        raise UserError(f"{cfg.env} cannot render: leave --recorder.frame-height out.")
    env.close()
    return source.make_vec(num_envs, reward="recorded", num_threads=num_threads, render_mode="rgb_array")


def is_drawn(cfg: TrainCfg) -> bool:
    """Return whether to record the pictures that environments render: if the settings want them, and not on a GPU."""
    return cfg.rater != "none" and cfg.recorder.frame_height > 0 and cfg.backend != "warp"


def envs_on_device(cfg: TrainCfg, source: EnvSource) -> VectorEnv[Any, Any, Any]:
    """Make environments that MuJoCo Warp simulates, on the device of the networks.

    Raises:
        UserError: If prefgym does not simulate them, or the device cannot be used.
    """
    if source.is_ours and cfg.device == "cpu":
        print("--backend warp on --device cpu is for tests: a processor is faster with --backend cpu", file=sys.stderr)
    return source.make_on_device(cfg.acting.num_envs, device=cfg.device, **asdict(cfg.warp))
