"""`prefgym label`: serve a page on which people judge segments."""

from prefgym.cli.parse import parse
from prefgym.envs import LANGUAGE_TASKS
from prefgym.labeling.label import LabelCfg, run_label


def run(argv: list[str]) -> int:
    """Serve until Ctrl-C. Returns the exit code."""
    run_label(parse(LabelCfg, argv, "prefgym label"), describe)
    return 0


def describe(env_id: str) -> str:
    """Return the task of an environment in words, where it has no reward; else nothing.

    >>> describe("prefgym/HalfCheetahBackflip-v0")[:12], describe("Hopper-v5")
    ('The cheetah ', '')
    """
    name = env_id.removeprefix("prefgym/").rpartition("-v")[0]
    return LANGUAGE_TASKS[name].task_description if name in LANGUAGE_TASKS else ""
