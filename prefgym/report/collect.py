"""Write the report of a run folder, with its preferences and the model and camera of its environment."""

from pathlib import Path

from prefgym.common.errors import read_as
from prefgym.common.files import named
from prefgym.core.feedback import Feedback
from prefgym.data.asked import ASKED, recover
from prefgym.data.tables import load_preferences
from prefgym.evaluation.envs import is_evaluated, make_evaluation_env, source_of_run
from prefgym.report.frame import State
from prefgym.report.page import write_report
from prefgym.runs.activity import activity_of
from prefgym.runs.answer_log import AnswerLog
from prefgym.runs.config_file import read_config
from prefgym.sim.capabilities import physics_of
from prefgym.sim.source import EnvSource
from prefgym.video.film import FPS, fps_of


def write_run_report(run: Path, source: EnvSource | None = None, state: State | None = None) -> Path:
    """Write the report of a run and return its path.

    Args:
        run: Run folder.
        source: Builder of its environments; None for the one that its `config.yaml` names.
        state: Whether it is running, was stopped or has finished; None to look.

    Raises:
        UserError: If `run` is no run folder, or its environment cannot be made.
    """
    state = activity_of(run).state if state is None else state
    feedback = _feedback(run, state)
    physics, fps = None, FPS
    model, camera = None, dict[str, object]()
    if is_evaluated(read_config(run)):
        env = make_evaluation_env(source or source_of_run(run), 1, 1)
        physics, fps = physics_of(env), fps_of(env)
    if physics is not None:
        model, camera = physics.model, dict(physics.camera)
    with read_as(f"what {run} holds cannot be shown"):  # of states of another model, say
        return write_report(run, model=model, camera=camera, fps=fps, preferences=feedback, state=state)


def _feedback(run: Path, state: State) -> Feedback | None:
    """Load the answers so far; those of a running run, or of one that was killed, from its log."""
    kept = run / "preferences" / "preferences"
    if state == "finished" or not (run / ASKED).is_dir():
        return load_preferences(kept) if named(kept, ".json").is_file() else None
    return recover(run) if AnswerLog(run / "preferences" / "answers.sqlite").read() else None
