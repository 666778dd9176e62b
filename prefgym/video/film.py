"""Videos of a policy: one episode, rendered from its physics states or by the environment."""

import sys
from pathlib import Path
from typing import Any

import numpy.typing as npt
from gymnasium.vector import VectorEnv

from prefgym.common.errors import UserError
from prefgym.common.files import write_bytes
from prefgym.core.protocols import Policy
from prefgym.evaluation.envs import make_evaluation_env
from prefgym.evaluation.evaluate import record_episode
from prefgym.sim.capabilities import physics_of
from prefgym.sim.gl import CANNOT_RENDER, RenderingUnavailable
from prefgym.sim.render import render_states
from prefgym.sim.source import EnvSource
from prefgym.video.clips import FINAL_SECONDS, Clip, choose_pace, encode_mp4, make_clip

FPS = 30.0
"""Steps per second of an environment that does not declare them."""


def film(
    env: EnvSource | str, policy: Policy, seed: int, file: Path, *, episodes: int = 1, index: int = 0, threads: int = 1
) -> Path:
    """Write a film of one episode of a policy; return its path.

    Args:
        env: Builder of the environments, or a name.
        policy: Policy.
        seed: Seed of the first episode.
        file: MP4 file.
        episodes: Episodes of the evaluation.
        index: Which of them is filmed.
        threads: Threads of the simulation.

    Raises:
        UserError: If pictures cannot be rendered.
    """
    source = EnvSource.of(env)
    looked_at = make_evaluation_env(source, episodes, threads)
    physics = physics_of(looked_at)
    if physics is None or physics.model is None:
        drawing = rendering_env(source)
        if drawing is None:
            raise UserError(f"{source.name} cannot be filmed.")
        frames = record_episode(policy, drawing, seed + index)["frames"]
        write_bytes(file, rendered_clip(frames, fps_of(drawing)).mp4)
        return file
    states = record_episode(policy, looked_at, seed, index)["state"]
    pace = choose_pace(len(states), fps_of(looked_at))
    try:
        frames = render_states(physics.model, states[:: pace.stride], camera=physics.camera)
    except RenderingUnavailable as error:
        raise UserError(str(error)) from None
    write_bytes(file, encode_mp4(frames, pace.fps))
    return file


def fps_of(env: VectorEnv[Any, Any, Any]) -> float:
    """Return the steps of an environment per second of simulated time."""
    return env.metadata.get("render_fps", FPS)


def rendering_env(env: EnvSource | str) -> VectorEnv[Any, Any, Any] | None:
    """Make one environment that renders pictures; print the reason and return None if it cannot."""
    source = EnvSource.of(env)
    if "rgb_array" not in make_evaluation_env(source, 1, 1).metadata.get("render_modes", ()):
        print(f"no video: {source.name} has no render mode rgb_array", file=sys.stderr)
        return None
    try:
        drawing = make_evaluation_env(source, 1, 1, render_mode="rgb_array")
        drawing.reset()
        drawing.render()
    except (UserError, *CANNOT_RENDER) as error:
        print(f"no video: {source.name} cannot render: {error}", file=sys.stderr)
        return None
    return drawing


def rendered_clip(frames: npt.NDArray[Any], fps: float) -> Clip:
    """Encode the start of an episode for the report, in even sizes. Shape: (T, H, W, 3)."""
    pace = choose_pace(len(frames), fps)
    height, width = (size // 2 * 2 for size in frames.shape[1:3])
    return make_clip(frames[: round(FINAL_SECONDS * fps) + 1 : pace.stride, :height, :width], pace)
