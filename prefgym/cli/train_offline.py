"""`prefgym train-offline`: train an agent on recorded preferences, demonstrations, or both."""

from prefgym.cli.flags import parse_offline, resumes
from prefgym.cli.seeds import check_alone, run_seeds, take_seeds, with_command
from prefgym.cli.train import exit_code, resume
from prefgym.training.run import run_offline


def run(argv: list[str]) -> int:
    """Begin or resume a run, or several. Returns the exit code."""
    rest, seeds = take_seeds(argv)
    if resumes(rest):
        return resume(rest, "train-offline", seeds)
    cfg = with_command(parse_offline(rest), "train-offline", argv)
    if seeds.seeds is not None:
        return run_seeds(cfg, seeds)
    check_alone(seeds)
    return exit_code(run_offline(cfg))
