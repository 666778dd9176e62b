"""The page of one run: the same cards in the same order while it runs and after its end."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from prefgym.common.files import write_text
from prefgym.core.feedback import Feedback
from prefgym.core.kinds import Statement
from prefgym.core.preferences import Preferences
from prefgym.report import aside, frame
from prefgym.report.data import load_run
from prefgym.report.facts import View
from prefgym.report.footage import film
from prefgym.report.frame import State
from prefgym.report.learning import learning
from prefgym.report.policy import final_policy
from prefgym.report.questions import questions
from prefgym.report.reward import reward
from prefgym.report.shipped import expert_return
from prefgym.report.verdict import figures, rest, verdict
from prefgym.runs.checkpoints import Checkpoints
from prefgym.sim.gl import MjModel


def write_report(
    run_dir: Path,
    *,
    model: MjModel | None,
    camera: Mapping[str, Any],
    fps: float,
    preferences: Feedback | Preferences[Statement] | None,
    state: State = "finished",
) -> Path:
    """Write `report.html` into a run folder, from the files that exist, and return its path.

    Args:
        run_dir: The run folder.
        model: Model of the recorded physics states; without it there are no videos of them.
        camera: Camera of the pictures; see `StateRenderer`.
        fps: Environment steps for each second of the episode.
        preferences: Queries and answers of the run.
        state: Whether the run is running, was stopped or has finished.

    Raises:
        ValueError: If a file of the run folder is damaged.
    """
    run = load_run(run_dir)
    if state == "running":
        run = replace(run, result={})  # of a run that had finished, and was given more steps
    feedback = None if preferences is None else Feedback.of(preferences)
    footage = film(
        episode=run.final_episode,
        preferences=feedback,
        model=model,
        camera=camera,
        fps=fps,
        final_clip=run.final_clip,
    )
    view = View(
        run=run,
        state=state,
        fps=fps,
        preferences=feedback,
        footage=footage,
        kept=Checkpoints(run_dir / "checkpoints").latest_policy() if state == "stopped" else None,
        expert=expert_return(run.config),
    )
    page = run_dir / "report.html"
    write_text(page, render_page(view))
    return page


def render_page(view: View) -> str:
    """Return the page as HTML."""
    env = str(view.run.fact("env") or view.run.name)
    return frame.render(
        frame.Page(
            title=f"{view.run.name} · {env}",
            about=env,
            name=view.run.name,
            verdict=verdict(view),
            rest=rest(view),
            figures=figures(view),
            beside=(aside.waiting(view), aside.warned(view)),
            main=(learning(view), reward(view), questions(view), final_policy(view), aside.configuration(view)),
            after=(aside.next_steps(view), aside.command(view)),
            state=view.state,
            shapes=view.footage.shapes,
        )
    )
