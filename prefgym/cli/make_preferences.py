"""`prefgym make-preferences`: query a rater about segments of a dataset."""

from prefgym.cli.feedback import summarize
from prefgym.cli.flags import parse_make_preferences
from prefgym.training.annotate import make_preferences


def run(argv: list[str]) -> int:
    """Query the rater, and write the answers. Returns the exit code."""
    cfg = parse_make_preferences(argv)
    print(summarize(cfg.out, make_preferences(cfg)))
    return 0
