"""The cards of the narrow column: what differs, warnings, the command, and how it was measured."""

from collections.abc import Sequence

from prefgym.evaluation.statistics import SEEDS_FOR_INTERVAL
from prefgym.report.compare.arms import Arm, differences, short
from prefgym.report.compare.comparison import Arms
from prefgym.report.compare.runs import ComparedRun
from prefgym.report.compare.sections import MOST_EARLY
from prefgym.report.compare.verdict import seeds
from prefgym.report.markup import Column, caption, card, command_line, escape, folded, settings, table, warnings
from prefgym.report.numbers import number
from prefgym.rewards.health import fall

MOST_NAMED = 3
"""More runs of one arm are counted in a warning, not named."""


def what_differs(one: Arms) -> str:
    """Show the settings in which the arms differ, and fold those that are the same."""
    differing, same = differences([arm.settings for arm in one.arms])
    rows = [[escape(short(name)), *map(escape, values)] for name, values in differing.items()]
    rows.append(["labels answered", *(_labels(arm) for arm in one.arms)])
    rows.append(["seeds", *(escape(_seeds(arm)) for arm in one.arms)])
    heads = [_tinted(one, arm) for arm in one.arms]
    columns = [Column(title=""), *(Column(title="", head=head) for head in heads)]
    shown = table(columns, rows) if len(one.arms) <= 3 else _listed(one, differing)
    told = {short(name): value for name, value in same.items()}
    return card("What differs", shown, folded(f"{len(told)} settings are the same", settings(told)), name="differs")


def _listed(one: Arms, differing: dict[str, list[str]]) -> str:
    """List the settings of each arm: a table of many arms is too wide."""
    told = ""
    for place, arm in enumerate(one.arms):
        own = {short(name): values[place] for name, values in differing.items()}
        own |= {"labels answered": _labels(arm), "seeds": _seeds(arm)}
        told += f"<h3>{_tinted(one, arm)}</h3>{settings(own)}"
    return told


def cautions(one: Arms) -> str:
    """Show what to know before believing the page: each once, with the runs that it is about."""
    found: dict[str, list[str]] = {}
    for arm in one.arms:
        of_arm: dict[str, list[str]] = {}
        for run in arm.runs:
            for kind, where in _of_run(one, run):
                of_arm.setdefault(kind, []).append(where)
        if arm.repeated:
            of_arm["Seed given twice"] = [run.name for run in arm.repeated]
        for kind, where in of_arm.items():
            found.setdefault(kind, []).extend(_some(arm, where))
    versions = sorted({str(run.data.fact("version")) for run in one.runs if run.data.fact("version")})
    if len(versions) > 1:
        found["Different versions"] = versions
    told = {kind: f"{WORDS[kind]} {', '.join(where)}." for kind, where in found.items()}
    return card("Warnings", warnings(told), about="each once" if told else "", name="warnings")


def _some(arm: Arm, where: list[str]) -> list[str]:
    """Name runs; of many in one arm, a few."""
    if len(where) <= MOST_NAMED:
        return where
    return [*where[: MOST_NAMED - 1], f"and {len(where) - MOST_NAMED + 1} more of {arm.name}"]


WORDS = {
    "Ends early": "More than a quarter of the final episodes end early; their return is what was collected until then:",
    "Falls back": "The return fell by more than a third from its best evaluation: where a run stops is partly chance:",
    "Still running": "Drawn so far, and counted in no number:",
    "Stopped without a result": (
        "Drawn as far as it came, and counted in no number; it goes on with prefgym train --resume RUN:"
    ),
    "Seed given twice": "The same settings and seed give the same run, so these are neither drawn nor counted:",
    "Different versions": "The runs were trained by several versions of prefgym:",
}


def _of_run(one: Arms, run: ComparedRun) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    early, num = run.early(one.limit)
    if run.is_finished and num and early > MOST_EARLY * num:
        found.append(("Ends early", f"{run.name} ({early} of {num})"))
    if (fallen := fall(since_best(run.evaluations("steps")[1].tolist()), None)) is not None:
        found.append(("Falls back", f"{run.name} ({number(fallen.best)} to {number(fallen.low)})"))
    at = f"{run.name} ({run.steps:,} {one.unit.removeprefix('environment ')})"
    if run.state == "running":
        found.append(("Still running", at))
    elif not run.is_finished:
        found.append(("Stopped without a result", at))
    return found


def since_best(values: list[float]) -> list[float]:
    """Return what follows the highest value, and that.

    >>> since_best([1.0, 5.0, 2.0])
    [5.0, 2.0]
    """
    return values[values.index(max(values)) :] if values else []


def make_again(command: Sequence[str]) -> str:
    """Show the command that makes the page."""
    if not command:
        return ""
    hint = '<p class="hint">One click selects it. Arms are found by what differs but the seed.</p>'
    return card("Make this page", command_line(command) + hint)


def method(one: Arms) -> str:
    """Say how the numbers were found."""
    few, many = seeds(SEEDS_FOR_INTERVAL), f"From {seeds(SEEDS_FOR_INTERVAL)} on"
    return card(
        "How it was measured",
        caption(
            f"Below {few} an arm: seeds and their mean, no interval, no order. Bootstrap intervals of three seeds that"
            " are called 95 % hold the truth in 81 to 82 % of cases.",
            f"{many}: interquartile mean (the middle half of the seeds), percentile bootstrap over seeds, performance"
            " profile, probability of improvement.",
            f"The {one.metric} of a run is that of its last policy. Runs are counted once they have ended.",
        ),
    )


def _tinted(one: Arms, arm: Arm) -> str:
    tint = one.tint(arm)
    return escape(arm.name) if tint is None else f'<span class="tinted tint-{tint}">{escape(arm.name)}</span>'


def _labels(arm: Arm) -> str:
    fewest, most = arm.labels
    return f"{most:,}" if fewest == most else f"{fewest:,} to {most:,}"


def _seeds(arm: Arm) -> str:
    """Write seeds as `--seeds` takes them: 0-5,9."""
    told: list[str] = []
    numbers = sorted(run.seed for run in arm.runs if run.seed is not None)
    while numbers:
        last = next((k for k, seed in enumerate(numbers) if seed != numbers[0] + k), len(numbers)) - 1
        told.append(f"{numbers[0]}" if not last else f"{numbers[0]}\N{NON-BREAKING HYPHEN}{numbers[last]}")
        numbers = numbers[last + 1 :]
    return ", ".join(told)
