"""`prefgym demos`: write episodes of a policy into a Minari dataset."""

import tyro

from prefgym.demos.collect import DemosCfg, write_demos
from prefgym.sim.source import EnvSource
from prefgym.training.resolve import check_env


def run(argv: list[str]) -> int:
    """Record episodes and write the dataset. Returns the exit code."""
    cfg = tyro.cli(DemosCfg, args=argv, prog="prefgym demos")
    check_env(EnvSource.of(cfg.env, cfg.env_cfg))
    write_demos(cfg, ("prefgym", "demos", *argv))
    return 0
