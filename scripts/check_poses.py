"""Measure what a page is sent for each task: bytes of a pair, its largest errors, and the geometry.

    python scripts/check_poses.py

A pair is two segments of 50 steps: one by the expert that ships for the task, one by random actions.
"""

import gzip
import sys
from dataclasses import dataclass

import gymnasium as gym
import numpy as np
import tyro
from segment_page import record

from prefgym.common.errors import UserError
from prefgym.video.drawing import Drawer, drawer_of
from prefgym.video.poses import Poses, axes_of, decode, encode


@dataclass(frozen=True, kw_only=True)
class CheckPosesCfg:
    """Measure what a page is sent for each task."""

    envs: tyro.conf.Positional[tuple[str, ...]] = ()
    """Environment ids; default: all tasks of prefgym with a MuJoCo model."""
    steps: int = 50
    """Steps of each segment."""


def errors(drawer: Drawer, exact: Poses, sent: Poses) -> tuple[float, float]:
    """Return the largest errors of positions (m) and turns (rad)."""
    assert drawer.shapes is not None
    turned = [0.0]
    for k, shape in enumerate(drawer.shapes.moving):
        if shape.type in ("capsule", "cylinder"):
            off = np.linalg.norm(axes_of(exact.turns[:, k]) - axes_of(sent.turns[:, k]), axis=-1)
            turned.append(float(2 * np.arcsin(off.max() / 2)))
        elif shape.type != "sphere":
            ways = [np.linalg.norm(exact.turns[:, k] - sign * sent.turns[:, k], axis=-1) for sign in (1, -1)]
            turned.append(float(4 * np.arcsin(np.minimum(*ways).max() / 2)))
    return float(np.abs(exact.places - sent.places).max()), max(turned)


def measure(env_id: str, steps: int) -> str:
    """Measure one task; returns a row of a table."""
    drawer = drawer_of(env_id)
    geometry = drawer.geometry()
    assert geometry is not None and drawer.shapes is not None
    size, places, turns = 0, 0.0, 0.0
    for seed, acts in enumerate(("expert", "random")):
        exact = drawer.poses(record(env_id, 30, steps, seed, at_random=acts == "random"))
        content = encode(exact, drawer.shapes)
        off = errors(drawer, exact, decode(content))
        size, places, turns = size + len(content), max(places, off[0]), max(turns, off[1])
    name = env_id.removeprefix("prefgym/").removesuffix("-v0")
    return f"| {name} | {size:,} | {places:.1e} | {turns:.1e} | {len(gzip.compress(geometry)):,} |"


def main(args: list[str] | None = None) -> int:
    """Print the table. Returns the exit code."""
    cfg = tyro.cli(CheckPosesCfg, args=args)
    known = [name for name in gym.registry if name.startswith("prefgym/")]
    envs = cfg.envs or [name for name in known if drawer_of(name).shapes is not None]
    print("| task | bytes of a pair | metres | radians | geometry, bytes |\n|---|---|---|---|---|")
    try:
        for env_id in envs:
            print(measure(env_id, cfg.steps))
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
