"""The import direction: each part may import what stands below it, never what stands above."""

import ast
import graphlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]

LADDER: tuple[tuple[str, ...], ...] = (
    ("common",),
    ("core", "nn", "theory"),
    ("sim", "buffers", "samplers", "store", "runs"),
    ("raters", "rewards"),
    ("wrappers", "rl", "data"),
    ("evaluation", "video"),
    ("report",),
    ("training",),
    ("testing", "bench", "labeling", "sb3"),
    ("agents", "envs"),
    ("demos", "cli", "__main__"),
)
"""From the ground up: a room may import those below its rung; a new room needs a place here."""

SAME_RUNG = {
    ("rl", "wrappers"),
    ("video", "evaluation"),
    ("cli", "demos"),
    ("__main__", "cli"),
}
"""Who may import whom on one rung: one way only."""

BELOW_AGENTS = frozenset(part for rung in LADDER[:-2] for part in rung)

ONLY: dict[str, tuple[frozenset[str], str]] = {
    "prefgym": (
        frozenset({"common.interrupt", "common.moved", "envs.registration"}),
        "importing prefgym registers the environments and does nothing else",
    ),
    "sim": (frozenset({"sim", "common", "core.protocols"}), "the simulator knows nothing of preferences"),
    "store": (frozenset({"store", "common", "core"}), "the store knows neither pages nor training"),
    "raters": (
        frozenset({"raters", "common", "core", "nn", "store"}),
        "a rater is handed simulators, experts and environments, and never sees what is learned from it",
    ),
    "report": (
        frozenset(
            {
                *(
                    "report",
                    "common",
                    "core",
                    "runs",
                    "data.asked",
                    "data.feedback",
                    "data.recorded",
                    "data.tables",
                    "video",
                    "evaluation",
                    "rewards.health",
                ),
                *("sim.gl", "sim.render", "sim.capabilities", "sim.source"),
            }
        ),
        "a report shows what a run folder or a feedback folder holds",
    ),
    "agents": (frozenset({"agents"}) | BELOW_AGENTS, "agents know environments by their ids and their interface"),
    "envs": (frozenset({"envs"}) | BELOW_AGENTS, "tasks know nothing of who acts in them"),
}
"""Rooms that may import nothing but these, and why."""


class Import(NamedTuple):
    """One import that runs: who, where, and what."""

    importer: str
    place: str
    imported: str


def modules() -> dict[str, Path]:
    """Map the name of each module under prefgym to its file."""
    found: dict[str, Path] = {}
    for top, prefix in (("prefgym", "prefgym"), ("agents", "prefgym.agents"), ("envs", "prefgym.envs")):
        for path in sorted((ROOT / top).rglob("*.py")):  # does not walk into links
            parts = path.relative_to(ROOT / top).with_suffix("").parts
            name = ".".join((prefix, *parts)).removesuffix(".__init__")
            found[name] = path
    return found


MODULES = modules()


def part_of(module: str) -> str:
    """Name the part a module belongs to.

    >>> part_of("prefgym.raters.scripted"), part_of("prefgym")
    ('raters', 'prefgym')
    """
    names = module.split(".")
    return names[1] if len(names) > 1 else names[0]


def running(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes of code that runs, inside functions too; what only type checkers see is left out."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and ast.unparse(child.test) in {"TYPE_CHECKING", "typing.TYPE_CHECKING"}:
            for other in child.orelse:
                yield other
                yield from running(other)
        else:
            yield child
            yield from running(child)


def imports_of(module: str, source: str, place: str) -> Iterator[Import]:
    """Yield what a module takes from prefgym, down to the module it comes from; the version is free to take."""
    for node in running(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [
                alias.name for alias in node.names if alias.name != "prefgym"
            ]  # what counts is what is taken from it
        elif isinstance(node, ast.Attribute) and ast.unparse(node.value) == "prefgym":
            names = [f"prefgym.{node.attr}"]
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            if name.startswith("prefgym.") and name != "prefgym.__version__":
                yield Import(module, f"{place}:{node.lineno}", name if name in MODULES else name.rpartition(".")[0])


def all_imports() -> list[Import]:
    """List what the modules under prefgym import from each other."""
    return [
        found
        for module, path in MODULES.items()
        for found in imports_of(module, path.read_text(), path.relative_to(ROOT).as_posix())
    ]


def complaint(found: Import) -> str | None:
    """Say what is wrong with an import; None if it points down the ladder."""
    rung = {part: number for number, parts in enumerate(LADDER) for part in parts}
    importer, imported = part_of(found.importer), part_of(found.imported)
    if not {importer, imported} <= {"prefgym", *rung}:
        return f"{found.place} imports {found.imported}: LADDER has no place for one of them"
    if imported == "prefgym":
        return (
            None if importer == "cli" else f"{found.place} imports from prefgym itself: name the module that is meant"
        )
    if importer in ONLY:
        allowed, why = ONLY[importer]
        if not allowed.intersection({imported, found.imported.removeprefix("prefgym.")}):
            return f"{found.place} imports {found.imported}: {why}"
    elif importer != imported and (importer, imported) not in SAME_RUNG and rung[imported] >= rung[importer]:
        where = "above" if rung[imported] > rung[importer] else "beside"
        return f"{found.place} imports {found.imported}: {imported} stands {where} {importer}"
    return None


def test_every_part_has_a_place_on_the_ladder() -> None:
    parts = {part_of(module) for module in MODULES} - {"prefgym"}
    assert parts <= {part for rung in LADDER for part in rung}, "give the new part a place in LADDER"


def test_imports_point_down_the_ladder() -> None:
    complaints = [text for text in map(complaint, all_imports()) if text is not None]
    assert complaints == [], "\n".join(["", *complaints])


def test_no_import_leads_back_to_where_it_began() -> None:
    graph: dict[str, set[str]] = {module: set() for module in MODULES}
    for found in all_imports():
        if found.imported not in (found.importer, "prefgym") and found.importer != "prefgym":
            graph[found.importer].add(found.imported)
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        raise AssertionError(" is imported by ".join(error.args[1])) from None


def test_wrong_directions_are_found() -> None:
    def first(module: str, source: str) -> str | None:
        return next(filter(None, map(complaint, imports_of(module, source, "x.py"))), None)

    assert first("prefgym.raters.a", "def f():\n    from prefgym.sim import pool") is not None
    hidden = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import prefgym.sim.pool"
    assert first("prefgym.raters.a", hidden) is None
    assert first("prefgym.buffers.recorder", "from prefgym.wrappers.preference import PreferenceEnv") == (
        "x.py:1 imports prefgym.wrappers.preference: wrappers stands above buffers"
    )
    assert first("prefgym.wrappers.preference", "from prefgym.rl.base import BaseAgent") == (
        "x.py:1 imports prefgym.rl.base: rl stands beside wrappers"
    )
    assert first("prefgym.rl.base", "from prefgym.wrappers.sb3 import VecEnv") is None
    assert first("prefgym.core.queries", "from prefgym.core.segments import Segments") is None
    assert first("prefgym.sim.pool", "from prefgym.core.segments import Segments") is not None
    assert first("prefgym.agents.ppo", "import prefgym.envs.registration") is not None
    assert first("prefgym.envs.delivery", "from prefgym.agents import ppo") is not None
    assert first("prefgym.training.loop", "from prefgym import PreferenceEnv") is not None
    assert first("prefgym.training.loop", "import prefgym\nprefgym.agents.make('ppo')") is not None
    assert first("prefgym.runs.folder", "from prefgym import __version__") is None
    assert first("prefgym.runs.folder", "import prefgym\nprint(prefgym.__version__)") is None
    assert first("prefgym", "from prefgym.envs.registration import register") is None
    assert first("prefgym", "from prefgym.wrappers.preference import PreferenceEnv") is not None


def test_importing_prefgym_is_light() -> None:
    code = (
        "import sys, prefgym, gymnasium as gym; gym.spec('prefgym/HalfCheetah-v0');"
        "print([name for name in ('torch', 'mujoco', 'matplotlib', 'imageio') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert (done.stdout.strip(), done.returncode) == ("[]", 0), done.stderr
