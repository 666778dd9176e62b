"""The page of a report: sections in `page.html`, with styles and clips embedded."""

from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from string import Template
from typing import Any

from prefgym.common.files import write_text
from prefgym.core.preferences import Preferences
from prefgym.report import sections
from prefgym.report.data import RunData, load_run
from prefgym.report.footage import Footage, film
from prefgym.report.markup import escape
from prefgym.report.statistics import count_labels
from prefgym.sim.gl import MjModel


def write_report(
    run_dir: Path,
    *,
    model: MjModel | None,
    camera: Mapping[str, Any],
    fps: float,
    preferences: Preferences | None,
) -> Path:
    """Write `report.html` into a run folder, from the files that exist, and return its path.

    Args:
        run_dir: The run folder.
        model: Model of the recorded physics states; without it there are no videos of them.
        camera: Camera of the pictures; see `StateRenderer`.
        fps: Environment steps for each second of the episode.
        preferences: Queries and answers of the run.

    Raises:
        ValueError: If a file of the run folder is damaged.
    """
    run = load_run(run_dir)
    footage = film(
        episode=run.final_episode,
        preferences=preferences,
        model=model,
        camera=camera,
        fps=fps,
        final_clip=run.final_clip,
    )
    write_text(page := run_dir / "report.html", render_page(run, preferences, footage, fps))
    return page


def render_page(run: RunData, preferences: Preferences | None, footage: Footage, fps: float) -> str:
    """Return the page as HTML."""
    counts = None if preferences is None else count_labels(preferences)
    files = resources.files("prefgym.report")
    parts = (
        sections.learning(run),
        sections.reward_model(run),
        sections.labels(run, preferences, counts, footage),
        sections.final_policy(run, footage, fps),
        sections.configuration(run),
    )
    return Template((files / "page.html").read_text(encoding="utf-8")).substitute(
        title=escape(f"{run.fact('env') or run.name} · prefgym report"),
        style=(files / "style.css").read_text(encoding="utf-8"),
        headline=sections.headline(run, counts),
        cards=sections.cards(run, counts),
        command=sections.command(run),
        sections="\n".join(part for part in parts if part),
    )
