"""`prefgym demos`: write episodes of a policy into a Minari dataset."""

from prefgym.cli.parse import parse
from prefgym.demos.collect import DemosCfg, write_demos


def run(argv: list[str]) -> int:
    """Record episodes and write the dataset. Returns the exit code."""
    cfg = parse(DemosCfg, argv, "prefgym demos")
    write_demos(cfg, ("prefgym", "demos", *argv))
    return 0
