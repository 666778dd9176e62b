"""Feedback as it lies on the disk: its answers, what its folder says about them, and clips of its queries."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import Field

from prefgym.common.errors import UserError, read_as
from prefgym.common.files import named
from prefgym.common.schema import FileModel, checked
from prefgym.core.feedback import Feedback
from prefgym.core.kinds import Comparison
from prefgym.core.preferences import Preferences
from prefgym.data.feedback import read_manifest
from prefgym.data.recorded import recorded
from prefgym.evaluation.envs import is_evaluated, make_evaluation_env, source_of_config
from prefgym.report.footage import Footage, film
from prefgym.runs.config_file import check_call, read_config
from prefgym.sim.capabilities import physics_of
from prefgym.sim.gl import MjModel
from prefgym.video.film import FPS, fps_of


class Label(FileModel):
    """What the manifest of a feedback folder says about the answers."""

    format: str = ""
    env: str = ""
    source: str = ""
    instructions: dict[str, str] = Field(default_factory=dict)
    licence: str = ""
    consent: str = ""
    written_at: str = ""


@dataclass(frozen=True, eq=False, kw_only=True)
class Recorded:
    """Feedback on the disk."""

    path: Path
    """Feedback folder, run folder, or name that was given to `Preferences.save`."""
    answers: Feedback
    """Its answers."""
    label: Label
    """What its folder says about them."""
    config: dict[str, Any] = field(default_factory=dict[str, Any])
    """Configuration of the run, or else the name of the environment, if there is one."""

    @property
    def comparisons(self) -> tuple[Preferences, ...]:
        """Return the comparisons; more than one part if the number of options differs."""
        return self.answers.of_kind(Comparison)


@dataclass(frozen=True, eq=False, kw_only=True)
class Looks:
    """What is needed to draw physics states."""

    model: MjModel | None = None
    """Their model; None if it is not known, or there is none."""
    camera: dict[str, Any] = field(default_factory=dict[str, Any])
    """See `prefgym.sim.render.StateRenderer`."""
    fps: float = FPS
    """Steps per second."""
    unknown: str = ""
    """Why the environment cannot be made, if it cannot."""


def read(path: Path) -> Recorded:
    """Read feedback, wherever it is.

    Args:
        path: As for `prefgym.data.recorded.recorded`.

    Raises:
        UserError: If there are no answers, or a file is damaged.
    """
    if not path.exists() and not named(path, ".json").is_file():
        raise UserError(f"there is no {path}: pass a feedback folder, or a run folder.")
    answers = recorded(path)
    if (path / "config.yaml").is_file():
        config = read_config(path)
        return Recorded(path=path, answers=answers, label=Label(env=config["env"]), config=config)
    if not path.is_dir():
        return Recorded(path=path, answers=answers, label=Label())
    label = checked(Label, read_manifest(path), path / "manifest.json")
    return Recorded(path=path, answers=answers, label=label, config={"env": label.env} if label.env else {})


def clips_of(feedback: Recorded, num: int) -> Footage:
    """Render some queries; without pictures, return the reason.

    Args:
        feedback: The feedback.
        num: Number of queries.

    Raises:
        UserError: If the physics states are not those of the environment.
    """
    shown = [part.queries.options for part in feedback.answers.parts]
    if all(options.state is None and options.frames is None for options in shown):
        return Footage(missing="the segments have neither physics states nor recorded pictures")
    looks = looks_of(feedback)
    with read_as(f"the physics states in {feedback.path} cannot be rendered"):
        footage = film(
            episode=None, preferences=feedback.answers, model=looks.model, camera=looks.camera, fps=looks.fps,
            num_queries=num,
        )  # fmt: skip
    return Footage(missing=looks.unknown) if looks.unknown and not footage.queries else footage


def looks_of(feedback: Recorded) -> Looks:
    """Return what is needed to draw the physics states of feedback."""
    try:
        if feedback.config and is_evaluated(feedback.config):
            check_call(feedback.config["env"], feedback.path)
            env = make_evaluation_env(source_of_config(feedback.config, feedback.path), 1, 1)
            physics = physics_of(env)
            if physics is None:
                return Looks(fps=fps_of(env))
            return Looks(model=physics.model, camera=dict(physics.camera), fps=fps_of(env))
    except UserError as error:
        return Looks(unknown=str(error))
    return Looks()
