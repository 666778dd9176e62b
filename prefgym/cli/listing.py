"""`prefgym list`: the names of parts, and their combinations."""

import json
import textwrap
from collections.abc import Iterator

import gymnasium as gym
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from prefgym.cli.help import WIDTH
from prefgym.common.descriptions import Description, describe
from prefgym.common.errors import UnknownNameError, UserError
from prefgym.common.names import did_you_mean
from prefgym.common.registry import KINDS, Kind, registry_of
from prefgym.envs import LANGUAGE_TASKS, TASKS, VARIANTS

KIND_OF: dict[str, Kind] = {f"{kind}s": kind for kind in KINDS}
LISTS = ("envs", *KIND_OF)


def run(argv: list[str]) -> int:
    """Print names, a line each. Returns the exit code."""
    calls = [f"prefgym list {kind}" for kind in LISTS]
    if argv[:1] in (["-h"], ["--help"]):
        others = ["prefgym list --matrix", "prefgym list agents --matrix", "prefgym list raters --json"]
        print("\n".join(f"  {one}" for one in [*calls, *others]))
    elif argv in (["--matrix"], ["--matrix", "--json"], ["--json", "--matrix"]):
        from prefgym.cli.matrix import as_json, as_lines, read_matrix  # imports the parts

        found = read_matrix()
        print(as_json(found) if len(argv) > 1 else "\n".join(as_lines(found)))
    elif argv == ["agents", "--matrix"]:
        Console(width=120).print(matrix())
    elif argv[:1] and argv[0] in LISTS and argv[1:] in ([], ["--json"]):
        described = dict(descriptions(argv[0]))
        if argv[1:]:
            print(json.dumps([{"name": name, **one._asdict()} for name, one in described.items()], indent=2))
        else:
            print("\n".join(lines(described)))
    else:
        near = did_you_mean(argv[0], calls) if argv else f"choose among {', '.join(calls)}"
        raise UserError(f"list needs a kind of part: {near}")
    return 0


def descriptions(listed: str) -> Iterator[tuple[str, Description]]:
    """Yield the names of a list, each with a line and its paper; no part is imported."""
    if listed == "envs":
        for name in gym.registry:
            if name.startswith("prefgym/"):
                yield name, describe_env(name)
    else:
        registry = registry_of(KIND_OF[listed])
        yield from ((name, registry.describe(name)) for name in registry.names())


def describe_env(env_id: str) -> Description:
    """Describe an environment of prefgym: by its description, or by the terms of its reward."""
    spec = gym.registry[env_id]
    task = (TASKS | VARIANTS | LANGUAGE_TASKS).get(env_id.removeprefix("prefgym/").removesuffix("-v0"))
    if task is None:
        module = str(spec.entry_point).partition(":")[0]
        about = describe(f"{module}:", of_module=True)
        return Description(f"{about.line}; {spec.max_episode_steps} steps", about.paper)
    terms = " + ".join(factor.name.removeprefix("reward_") for factor in task.factors)
    solver = f", {task.solver} solver" if task.solver else ""
    what = f'"{task.task_description}"' if task.task_description else f"reward {terms}"
    return Description(f"{what}; {task.max_episode_steps} steps{solver}", "")


def lines(described: dict[str, Description]) -> Iterator[str]:
    """Yield the names, their lines and papers, at most 80 columns wide."""
    column = max(map(len, described)) + 2
    for name, (line, paper) in described.items():
        text = f"{line} ({paper})" if paper else line
        first, *rest = textwrap.wrap(text, WIDTH - column, break_on_hyphens=False) or [""]
        yield f"{name:<{column}}{first}".rstrip()
        yield from (f"{'':<{column}}{more}" for more in rest)


def matrix() -> Table:
    """Format the table of agents: their sources of learning, and what they need."""
    table = Table("agent", "command", "task reward", "learned reward", "preferences", "demonstrations", "actions")
    for name in registry_of("agent").names():
        table.add_row(name, *columns(name))
    table.caption = "Observations and actions are one-dimensional Boxes; dict observations are flattened."
    return table


def columns(name: str) -> tuple[str, ...]:
    """Return the columns of an agent; what to install if it cannot be imported here."""
    from prefgym.core.capabilities import learns_from, needs_bounds  # imports torch

    try:
        agent = registry_of("agent").get(name)
    except UnknownNameError as error:
        return (escape(str(error).rpartition(": ")[2]),)
    sources, bounds = learns_from(agent), needs_bounds(agent)
    acts = "reward" in sources
    return (
        "train" if acts else "train-offline",
        *["yes" if acts else ""] * 2,
        "yes" if "preferences" in sources else "",
        "yes" if "demonstrations" in sources else "" if acts else "beside preferences",
        "as the algorithm asks" if bounds is None else "within bounds" if bounds else "any",
    )
