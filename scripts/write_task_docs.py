"""Write docs/tasks/ from the tasks themselves: a page and a picture each, and an index.

python scripts/write_task_docs.py            writes what is out of date, and draws pictures that are missing
python scripts/write_task_docs.py --check    writes nothing, and fails if a page is out of date or a picture missing
"""

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import gymnasium as gym
import numpy as np
import tyro
from PIL import Image
from task_poses import POSES, posed

import prefgym
from prefgym.envs import LANGUAGE_TASKS, TASKS
from prefgym.envs.grid import DELIVERY, FEATURES, HEIGHTS, MEANINGS, REWARDS, SHARES, WIDTHS, GridEnv, make_delivery
from prefgym.envs.grid import make_random as make_random_grid
from prefgym.sim.cpu import load_model
from prefgym.sim.describe import Number, controlled, observed
from prefgym.sim.gl import MjModel, RenderingUnavailable
from prefgym.sim.render import render_states
from prefgym.sim.seeding import HostSampler
from prefgym.sim.task import TaskSpec
from prefgym.sim.worlds import Worlds

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "tasks"
WIDTH, HEIGHT = 360, 270
"""Of pictures, in pixels."""
NOTICE = "<!-- Written by scripts/write_task_docs.py: change the task, and run it again. -->"
GRIDS = {"Delivery": make_delivery, "RandomMDP": make_random_grid}
MERGED = 3
"""Bodies with more numbers than this have one row for all of them."""


@dataclass(frozen=True, kw_only=True)
class TaskDocsCfg:
    """Write the pages of the tasks."""

    check: bool = False
    """Whether to write nothing, and fail if something would have to be written."""
    redraw: bool = False
    """Whether to draw pictures that are there, too."""
    folder: Path = FOLDER
    """Where the pages are."""


def main(cfg: TaskDocsCfg) -> int:
    """Write or check the pages. Returns the exit code."""
    stale = [name for name, text in pages().items() if read(cfg.folder / name) != text]
    undrawn = [name for name in pictures() if cfg.redraw or not (cfg.folder / name).is_file()]
    if cfg.check:
        for name in (*stale, *undrawn):
            print(f"{cfg.folder / name} is out of date: run python scripts/write_task_docs.py", file=sys.stderr)
        return int(bool(stale or undrawn))
    cfg.folder.mkdir(parents=True, exist_ok=True)
    for name in stale:
        (cfg.folder / name).write_text(pages()[name], encoding="utf-8")
    try:
        for name in undrawn:
            draw(name.partition(".")[0]).save(cfg.folder / name, optimize=True, quality=85)
    except RenderingUnavailable as error:
        print(error, file=sys.stderr)
        return 2
    print(f"{len(stale)} pages and {len(undrawn)} pictures written")
    return 0


def read(path: Path) -> str:
    """Read a page; "" if it is missing."""
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def pages() -> dict[str, str]:
    """Write all pages, by the names of their files."""
    tasks = {f"{name}.md": task_page(task) for name, task in (TASKS | LANGUAGE_TASKS).items()}
    return {"README.md": index(), **tasks, **{f"{name}.md": grid_page(name) for name in GRIDS}}


def pictures() -> list[str]:
    """Name the files of the pictures: those of grids have few colours, the others many."""
    return [f"{name}.jpg" for name in TASKS | LANGUAGE_TASKS] + [f"{name}.png" for name in GRIDS]


# --- pages ---


def index() -> str:
    """List all tasks."""
    lines = ["# Tasks", "", NOTICE, ""]
    lines += [
        "Each task has a page with its observation, action and reward; [envs.md](../envs.md) describes their use."
    ]
    for title, tasks in (("With a reward", TASKS), ("Without a reward, for raters that look", LANGUAGE_TASKS)):
        lines += ["", f"## {title}", "", *table_head("task", "", "observation", "action", "limit")]
        for name, task in sorted(tasks.items()):
            model = load_model(task)
            sizes = f"{len(observed(task, model))} | {model.nu} | {task.max_episode_steps}"
            lines.append(f'| [{env_id(name)}]({name}.md) | <img src="{name}.jpg" width="120"> | {sizes} |')
    lines += ["", "## Grids, of which all is known", "", *table_head("task", "", "cells", "actions", "limit")]
    for name, make in GRIDS.items():
        mdp = make().mdp
        sizes = f"{mdp.num_states} | {mdp.num_actions} | {limit(name)}"
        lines.append(f'| [{env_id(name)}]({name}.md) | <img src="{name}.png" width="120"> | {sizes} |')
    return "\n".join(lines) + "\n"


def task_page(task: TaskSpec) -> str:
    """Write the page of a task."""
    model = load_model(task)
    parts = [*head(task.name, "jpg")]
    parts += [f"> {task.task_description}", ""] if task.task_description else []
    parts += [*facts(task), *observation(task, model), *action(model)]
    parts += [*metric(task)] if task.metric else [*reward(task)]
    about = "the first" if task.task_description else f"Gymnasium's `{task.name}-v5`, to the last bit"
    return "\n".join([*parts, *versions(task.name, about)]) + "\n"


def head(name: str, ending: str) -> list[str]:
    """Write the title and show the picture."""
    return [f"# {env_id(name)}", "", NOTICE, "", f"![{name}]({name}.{ending})", ""]


def facts(task: TaskSpec) -> list[str]:
    """Write the table of model, times, starts and terminations."""
    starts, ends = task.starts.format(noise=task.reset_noise), task.ends.format(**task.ranges)
    return [
        *table_head("", ""),
        f"| model | `{task.model}` of Gymnasium |",
        f"| duration of a step | {task.dt:g} s: {task.frame_skip} simulation steps of {task.timestep:g} s |",
        f"| time limit | {task.max_episode_steps} steps, {task.max_episode_steps * task.dt:g} s: truncated |",
        f"| starts at | {starts} |",
        f"| terminates | {ends} |",
        "",
    ]


def observation(task: TaskSpec, model: MjModel) -> list[str]:
    """Write the table of the observation, number by number."""
    numbers = observed(task, model)
    lines = [f"## Observation, {len(numbers)} numbers", "", *table_head("", "meaning", "unit", "bounds")]
    rows = groupby(enumerate(numbers), key=lambda row: (row[1].of, 0 if "/" in row[1].of else row[0]))
    for _, group in rows:
        first, *_ = entries = list(group)
        if len(entries) <= MERGED:
            lines += [f"| {at} | {number.meaning} | {number.unit} | {bounds(number)} |" for at, number in entries]
        else:
            units = ", ".join(dict.fromkeys(number.unit for _, number in entries))
            about = merged([number.meaning for _, number in entries])
            lines.append(f"| {first[0]} to {entries[-1][0]} | {about} | {units} | {bounds(first[1])} |")
    if any(number.limits for number in numbers):
        lines += ["", "A joint's limits push back; it may pass them a little."]
    if any(part.field in ("cinert", "cvel") for part in task.observation_parts):
        lines += [
            "",
            "Inertias, offsets and spatial velocities of bodies are taken at the centre of mass of the robot.",
        ]
    return [*lines, ""]


def merged(meanings: list[str]) -> str:
    """Name the body once.

    >>> merged(["inertia xx of body `a`", "mass of body `a`"])
    'body `a`: inertia xx, mass'
    """
    found = re.search(r" (?:of|on) (body (?:below )*`\w+`)", meanings[0])
    assert found is not None  # rows are merged where bodies have many numbers
    short = [meaning.replace(f" of {found[1]}", "").replace(f" on {found[1]}", "") for meaning in meanings]
    return f"{found[1]}: {', '.join(short)}"


def bounds(number: Number) -> str:
    """Write the bounds of a number.

    >>> bounds(Number(meaning="x", unit="m")), bounds(Number(meaning="x", unit="m", low=-1, high=1))
    ('', '[-1, 1]')
    """
    if number.limits is not None:
        return f"joint's limits {span(*number.limits)}"
    return span(number.low, number.high) if np.isfinite(number.low) else ""


def span(low: float, high: float) -> str:
    """Write an interval with three digits."""
    return f"[{low:.3g}, {high:.3g}]"


def action(model: MjModel) -> list[str]:
    """Write the table of the action, number by number."""
    numbers = controlled(model)
    lines = [f"## Action, {len(numbers)} numbers", "", *table_head("", "meaning", "unit", "bounds")]
    rows = (f"| {at} | {number.meaning} | {number.unit} | {bounds(number)} |" for at, number in enumerate(numbers))
    return [*lines, *rows, ""]


def reward(task: TaskSpec) -> list[str]:
    """Write the reward as an equation, and the table of its terms."""
    lines = ["## Reward", "", f"`{equation(task)}`; each term is a factor of the same name.", ""]
    lines += [*table_head("factor", "unit", "value")]
    lines += [f"| `{f.name}` | {f.unit} | {code(f.doc)} |" for f in task.factors]
    if task.weights:
        lines += ["", "Weights: " + ", ".join(f"`w_{name} = {value:g}`" for name, value in task.weights.items()) + "."]
    ranked = ", ".join(f"`{name}`" for name in task.ranking)
    return [
        *lines,
        "",
        f"Default ranking of the factors, the most important first: {ranked}.",
        "",
    ]


def equation(task: TaskSpec) -> str:
    """Write the reward as a sum of its terms and a constant."""
    constant = float(task.reward({factor.name: np.zeros(1) for factor in task.factors})[0])
    terms = [factor.name for factor in task.factors] + ([f"{constant:g}"] if constant else [])
    return f"reward = {' + '.join(terms)}"


def metric(task: TaskSpec) -> list[str]:
    """Write the task description and the metric of evaluation."""
    assert task.metric is not None  # where there is no reward, there is a metric
    metric = task.metric
    lines = ["## Reward", "", "None, and no factors: the sentence above is the task description.", "", "## Metric", ""]
    lines += [f"The evaluation metric is **{metric.name}** (unit {metric.unit}), hidden from agents and raters:", ""]
    return [*lines, f"{metric.doc[:1].upper()}{metric.doc[1:]}.", ""]


def versions(name: str, about: str) -> list[str]:
    """List the versions of an id."""
    return ["## Versions", "", *table_head("version", ""), f"| {env_id(name).rpartition('-')[2]} | {about} |"]


def grid_page(name: str) -> str:
    """Write the page of a grid, or of random grids."""
    env, is_drawn = GRIDS[name](), name == "RandomMDP"
    lines = [*head(name, "png"), *table_head("", "")]
    if is_drawn:
        size = f"{listed(HEIGHTS)} rows, {listed(WIDTHS)} columns; the number given to `gym.make` selects the grid"
    else:
        size = f"{DELIVERY.shape[0]} rows, {DELIVERY.shape[1]} columns, as published by Knox et al. (arXiv:2206.02231)"
    lines += [f"| board | {size} |"]
    if is_drawn:
        lines += [f"| share of cells with a {kind} | {listed(shares)} |" for kind, shares in SHARES.items()]
    lines += [
        "| observation | number of the cell on which the van is, row by row |",
        "| action | 0 up, 1 down, 2 left, 3 right; against a wall or a house the van stays |",
        f"| time limit | {limit(name)} steps: truncated |",
        "| starts at | a cell that is neither terminal nor a house, each equally likely |",
        "| terminates | on the goal, and on a sheep |",
        f"| discount | {env.mdp.gamma:g} a step, in the exact values of `env.unwrapped.mdp` |",
        "",
        *("## Reward", "", "`reward = sum of weight x feature`; the features are in `info`.", ""),
        *grid_rewards(env, is_drawn),
        "",
        "[tabular.md](../tabular.md) describes its exact values.",
        "",
    ]
    return "\n".join([*lines, *versions(name, "the first")]) + "\n"


def grid_rewards(env: GridEnv, is_drawn: bool) -> Iterator[str]:
    """Write the table of the features and their rewards."""
    yield from table_head("feature", "weight", "1 for")
    for feature, weight in zip(FEATURES, env.mdp.weights, strict=True):
        yield f"| `{feature}` | {listed(REWARDS[feature]) if is_drawn else f'{weight:g}'} | {MEANINGS[feature]} |"


def listed(values: tuple[float, ...]) -> str:
    """Write the values of a uniform choice."""
    return " or ".join(f"{value:g}" for value in values)


def env_id(name: str) -> str:
    """Find the newest id of a task.

    Raises:
        StopIteration: If there is none.
    """
    assert prefgym.__version__  # importing registers the ids
    return next(known for known in reversed(gym.registry) if known.startswith(f"prefgym/{name}-v"))


def limit(name: str) -> int | None:
    """Return the time limit of an id, in steps."""
    return gym.spec(env_id(name)).max_episode_steps


def table_head(*titles: str) -> list[str]:
    """Begin a table."""
    return [f"| {' | '.join(titles)} |", "|" + "---|" * len(titles)]


def code(text: str) -> str:
    """Write an equation as code in a table, where bars would end the cell."""
    return "`" + text.replace("|", "\\|") + "`"


# --- pictures ---


def draw(name: str) -> Image.Image:
    """Render a task: the described posture, or else an initial state.

    Raises:
        RenderingUnavailable: If OpenGL cannot be had.
    """
    if name in GRIDS:
        env = GRIDS[name](render_mode="rgb_array")
        env.reset(seed=0)
        picture = env.render()
        assert picture is not None  # this mode draws
        return Image.fromarray(picture)
    task = (TASKS | LANGUAGE_TASKS)[name]
    worlds, everyone = Worlds(task, 1), np.array([True])
    pool, model = worlds.pool, worlds.pool.model
    if name in POSES:
        worlds.reset(everyone, posed(model, POSES[name])[None], pool.qvel0[None])
    else:
        start = task.initial(task, HostSampler(np.random.default_rng(0)), 1, pool.qpos0, pool.qvel0)
        worlds.reset(everyone, *start)
    is_posture = name in POSES and name.startswith("Humanoid")
    camera = {**task.camera, "azimuth": 140.0, "distance": 2.8} if is_posture else task.camera
    return Image.fromarray(render_states(model, pool.physics_state(), width=WIDTH, height=HEIGHT, camera=camera)[0])


if __name__ == "__main__":
    sys.exit(main(tyro.cli(TaskDocsCfg, description=__doc__)))
