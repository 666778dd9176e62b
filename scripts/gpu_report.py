"""Print the numbers of `gpu_check.py` beside what is aimed at."""

from typing import Any

from rich.console import Console
from rich.table import Table

AGREE = {"qpos": 1e-4, "qvel": 1e-4, "others": 1e-3}
"""Largest difference of the back ends after a step; forces lose digits, since they come from differences."""


def report(results: dict[str, Any]) -> int:
    """Print all numbers, and say how many fall short of what is aimed at."""
    console = Console(width=120)
    bars: list[tuple[str, float, float, bool]] = []
    failed = {part: found["failed"] for part, found in results.items() if "failed" in found}
    for part, reason in failed.items():
        console.print(f"{part} FAILED: {reason}", highlight=False)
    results = {part: found for part, found in results.items() if part not in failed}
    for part, found in results.items():
        console.print(part, *(f"{name} {value}" for name, value in found.get("machine", {}).items()), highlight=False)
    for name, apart in results.get("agreement", {}).get("tasks", {}).items():
        bars += [
            (f"{name}: {part} after a step, 99th percentile", value, AGREE[part], value <= AGREE[part])
            for part, value in apart.items()
        ]
    for name, played in results.get("distribution", {}).get("tasks", {}).items():
        bars += [
            (f"{name}: KS p of {part}", played[f"{part}_p"], 0.01, played[f"{part}_p"] > 0.01)
            for part in ("returns", "lengths")
        ]
    for name, row in results.get("speed", {}).get("tasks", {}).items():
        for num, rates in row["worlds"].items():
            steps = f"{rates['env']:,.0f} steps/s, CPU's pool {row['cpu']:,.0f}"
            bars.append(
                (f"{name}, {num} environments: env / bare ({steps})", rates["ratio"], 0.85, rates["ratio"] >= 0.85)
            )
    if "training" in results:
        run = results["training"]
        bars.append(
            (f"seconds to a return of {run['goal']:.0f}", run["seconds"], 180, run["reached"] and run["seconds"] < 180)
        )
        shares = run.get("shares", {})  # none if it did not come that far
        busy = shares.get("physics", 0.0) + shares.get("gradients", 0.0)
        bars.append(("share of physics and gradients", busy, 0.8, busy >= 0.8))
    table = Table("what", "measured", "aim", "holds")
    for what, value, aim, holds in bars:
        table.add_row(what, f"{value:.3g}", f"{aim:.3g}", "yes" if holds else "NO")
    console.print(table)
    return len(failed) + sum(not holds for *_, holds in bars)
