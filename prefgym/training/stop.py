"""What ends a training before its last step: Ctrl-C, a signal, or an error; who caused it, and how to go on."""

import shlex
import traceback
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import gymnasium as gym
from gymnasium.vector import VectorEnv

from prefgym.common.errors import UserError
from prefgym.common.files import open_to_change
from prefgym.common.finite import NotFiniteError
from prefgym.common.memory import is_out_of_memory
from prefgym.common.parts import part_that_raised
from prefgym.common.signals import Terminated
from prefgym.core import contact
from prefgym.runs.answer_log import AnswerLog
from prefgym.runs.folder import ERROR_FILE, RunFolder
from prefgym.sim.pool import SimulationError


class StoppedError(UserError):
    """An error stopped a run; what it had learned is in its folder.

    Args:
        sentence: What happened, and how to go on.
        path: Run folder.
    """

    def __init__(self, sentence: str, path: Path) -> None:
        super().__init__(sentence)
        self.path = path

    def __reduce__(self) -> tuple[type["StoppedError"], tuple[str, Path]]:
        """Send it to another process with its path."""
        return StoppedError, (str(self), self.path)


@dataclass(frozen=True, eq=False, kw_only=True)
class Stop:
    """The end of a training before its last step."""

    reason: str
    """`Ctrl-C`, the name of a signal, or a sentence about an error, without its full stop."""
    cause: BaseException
    """What was raised."""

    @classmethod
    def by_signal(cls, cause: KeyboardInterrupt) -> "Stop":
        """Describe Ctrl-C, or another signal."""
        return cls(reason=str(cause) if isinstance(cause, Terminated) else "Ctrl-C", cause=cause)

    @classmethod
    def by_error(cls, error: BaseException, run: RunFolder, *, env: str, steps: int, place: str, device: str) -> "Stop":
        """Describe an error in a sentence, and write its arrays or its traceback into the run folder.

        Args:
            error: The error.
            run: Run folder.
            env: Name of the environment.
            steps: Steps so far.
            place: Point of the training in words.
            device: Torch device of the run.
        """
        text = " ".join(str(error).split()).rstrip(".")
        if isinstance(error, NotFiniteError):
            with suppress(OSError, UserError):  # a full disk
                return cls(reason=f"{text}, {place}; see {run.dump(error, steps)}", cause=error)
        if isinstance(error, (NotFiniteError, SimulationError)):
            return cls(reason=f"{text}, {place}", cause=error)
        if isinstance(error, UserError):
            return cls(reason=text, cause=error)
        if is_out_of_memory(error):
            return cls(reason=memory_sentence(device), cause=error)
        with suppress(OSError, UserError), open_to_change(run.path / ERROR_FILE) as file:
            file.write("".join(traceback.format_exception(error)).encode("utf-8", "replace"))
        said = f"{type(error).__name__}: {text[:500]}" if text else type(error).__name__
        return cls(reason=f"{culprit(error, env)} raised {said}, {place}; see {run.path / ERROR_FILE}", cause=error)


def culprit(error: BaseException, env: str) -> str:
    """Name the part that raised an error, by the note that it has, or as it passed through an environment.

    Args:
        error: The error.
        env: Name of the environment.
    """
    part = part_that_raised(error)
    if part is not None and not part.startswith((f"the {contact.AGENT}", f"the {contact.POLICY}")):
        return part
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    if any(isinstance(frame.f_locals.get("self"), (gym.Env, VectorEnv)) for frame in frames):
        return f"the environment {env}"  # agents, evaluations and callbacks step it
    notes: list[str] = [*getattr(error, "__notes__", ())]
    callback = next((name for note in notes if (name := note.partition("of the callback ")[2])), None)
    return part or (f"the callback {callback}" if callback else "prefgym")


def memory_sentence(device: str) -> str:
    """Say that the memory of a device does not suffice."""
    flags = "lower --agent.num-envs or --recorder.capacity-bytes"
    return f"the memory of {device} does not suffice: {flags}"


def how_to_go_on(run: Path, command: Sequence[str], stateless: Iterable[str]) -> str:
    """Say how to go on with a stopped run, or why it cannot be resumed and what becomes of its answers.

    Args:
        run: Run folder.
        command: Command line that began it; empty for a run from Python.
        stateless: Its parts without a state.
    """
    folder = shlex.quote(str(run))
    if names := ", ".join(stateless):
        why = f"it cannot be resumed, since these parts have no state_dict(): {names}"
        answers = AnswerLog(run / "preferences" / "answers.sqlite").read()
        if not answers:
            return why
        export = f"prefgym feedback export {folder} FOLDER keeps its {len(answers)} answers"
        return f"{why}; {export}, and prefgym train --preferences FOLDER begins with them"
    has_checkpoint = any((run / "checkpoints").glob("step-*"))
    again = "" if has_checkpoint else " (from the beginning: there is no checkpoint yet)"
    call = f"prefgym {command[1]} --resume {folder}" if command else f"prefgym.Run({str(run)!r}).resume()"
    return f"go on with: {call}{again}"
