"""`prefgym list`: the names of parts, and their combinations."""

from collections.abc import Callable, Sequence

import gymnasium as gym
from rich.console import Console
from rich.table import Table

from prefgym.common.errors import UserError
from prefgym.common.registry import KINDS, registry_of
from prefgym.core.capabilities import learns_from, needs_bounds


def run(argv: list[str]) -> int:
    """Print names, a line each. Returns the exit code."""
    kinds: dict[str, Callable[[], Sequence[str]]] = {
        "envs": lambda: [name for name in gym.registry if name.startswith("prefgym/")],
        **{f"{kind}s": registry_of(kind).names for kind in KINDS},
    }
    calls = [*(f"prefgym list {kind}" for kind in kinds), "prefgym list agents --matrix"]
    if argv[:1] in (["-h"], ["--help"]):
        print("\n".join(f"  {one}" for one in calls))
    elif argv == ["agents", "--matrix"]:
        Console(width=120).print(matrix())
    elif len(argv) == 1 and argv[0] in kinds:
        print("\n".join(kinds[argv[0]]()))
    else:
        raise UserError(f"list needs a kind of part: {', '.join(calls)}")
    return 0


def matrix() -> Table:
    """Format the table of agents: their sources of learning, and back ends."""
    table = Table("agent", "command", "task reward", "learned reward", "preferences", "demonstrations", "actions")
    agents = registry_of("agent")
    for name in agents.names():
        agent = agents.get(name)
        sources, bounds = learns_from(agent), needs_bounds(agent)
        acts = "reward" in sources
        table.add_row(
            name,
            "train" if acts else "train-offline",
            *["yes" if acts else ""] * 2,
            "yes" if "preferences" in sources else "",
            "yes" if "demonstrations" in sources else "" if acts else "beside preferences",
            "as the algorithm asks" if bounds is None else "within bounds" if bounds else "any",
        )
    table.caption = "Observations and actions are one-dimensional Boxes; dict observations are flattened."
    return table
