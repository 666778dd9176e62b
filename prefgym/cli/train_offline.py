"""`prefgym train-offline`: train an agent on recorded preferences, demonstrations, or both."""

from prefgym.cli.flags import parse_offline, resumes
from prefgym.cli.train import exit_code, resume
from prefgym.training.run import run_offline


def run(argv: list[str]) -> int:
    """Begin or resume a run. Returns the exit code."""
    return resume(argv, "train-offline") if resumes(argv) else exit_code(run_offline(parse_offline(argv)))
