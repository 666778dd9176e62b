"""`prefgym demos`: write episodes of a policy into a Minari dataset."""

import tyro

from prefgym.demos.collect import DemosCfg, write_demos
from prefgym.training.resolve import check_env


def run(argv: list[str]) -> int:
    """Play and write. Returns the exit code."""
    cfg = tyro.cli(DemosCfg, args=argv, prog="prefgym demos")
    check_env(cfg.env)
    write_demos(cfg, ("prefgym", "demos", *argv))
    return 0
