"""Write a page that shows segments of a task in 3-D: one HTML file that loads nothing.

    python scripts/segment_page.py prefgym/Ant-v0 --out ant.html

Segments are of the expert that ships for the task, and of random actions where there is none.
"""

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import tyro

from prefgym.common.errors import UserError
from prefgym.common.files import write_text
from prefgym.core.segments import Segments
from prefgym.evaluation.envs import make_evaluation_env
from prefgym.evaluation.experts import find_expert
from prefgym.sim.capabilities import physics_of
from prefgym.sim.source import EnvSource
from prefgym.video.drawing import CannotDraw, drawer_of
from prefgym.video.inline import segment_page


@dataclass(frozen=True, kw_only=True)
class SegmentPageCfg:
    """Write a page that shows segments of a task in 3-D."""

    env: tyro.conf.Positional[str]
    """Environment id."""
    out: Path = Path("segments.html")
    """HTML file."""
    steps: int = 50
    """Steps of each segment."""
    num: int = 2
    """Number of segments, side by side."""
    first: int = 100
    """Steps before each segment."""
    seed: int = 0
    """Seed of the first segment; those after it have the next ones."""


def record(env_id: str, first: int, steps: int, seed: int, *, at_random: bool = False) -> Segments:
    """Record a segment.

    Raises:
        CannotDraw: If the task has no physics states.
    """
    env, expert = make_evaluation_env(env_id, 1, 1), None if at_random else find_expert(env_id)
    physics = physics_of(env)
    if physics is None:
        raise CannotDraw(f"{env_id} has no physics states to be drawn in 3-D.")
    obs, _ = env.reset(seed=seed)
    env.action_space.seed(seed)
    states = []
    for step in range(first + steps + 1):
        if step >= first:
            states.append(physics.physics_state()[0].copy())
        action = env.action_space.sample() if expert is None else expert.predict(obs, deterministic=True)[0]
        obs, *_ = env.step(action)
    flag = torch.tensor(False)
    return Segments(
        obs=torch.zeros(steps + 1, 1), action=torch.zeros(steps, 1), length=torch.tensor(steps), terminated=flag,
        truncated=flag, state=torch.from_numpy(np.array(states)),
    )  # fmt: skip


def main(args: list[str] | None = None) -> int:
    """Write the page that the command line describes. Returns the exit code."""
    cfg = tyro.cli(SegmentPageCfg, args=args)
    try:
        source = EnvSource.of(cfg.env)
        segments = [record(source.name, cfg.first, cfg.steps, cfg.seed + k) for k in range(cfg.num)]
        write_text(cfg.out, segment_page(drawer_of(source), segments, f"{source.name}, {cfg.steps} steps"))
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"{cfg.out} ({cfg.out.stat().st_size:,} bytes)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
