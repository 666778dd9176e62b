"""Whether a run is running, was stopped, or has finished."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

from prefgym.runs.config_file import read_config
from prefgym.runs.lock import LOCK, holder_of, is_held, is_here
from prefgym.runs.manifest import has_finished

_FAR_AWAY = timedelta(minutes=10)
"""How long a run on another machine counts as running after its last sign, where locks do not reach."""
_SIGNS = (LOCK, "config.yaml", "metrics.jsonl", "checkpoints", "preferences")


@dataclass(frozen=True, kw_only=True)
class Activity:
    """What a run does."""

    state: Literal["running", "stopped", "finished"]
    """Whether a process writes to it, or else whether it came to its last step."""
    last_sign: datetime
    """When it last wrote metrics, answers or a checkpoint; UTC."""
    pid: int | None = None
    """The process that writes to it; None if there is none, or it is not known."""
    host: str | None = None
    """The machine of this process."""


def activity_of(run: Path) -> Activity:
    """Return whether a run is running, was stopped, or has finished.

    Raises:
        UserError: If `run` is no run folder, or it is damaged.
    """
    read_config(run)  # raises for a folder that is not a run
    signs = [run / name for name in _SIGNS]
    last = datetime.fromtimestamp(max(sign.lstat().st_mtime for sign in signs if sign.exists()), UTC)
    holder = holder_of(run)
    is_far = holder is not None and not is_here(holder)
    if is_held(run) or (is_far and datetime.now(UTC) - last < _FAR_AWAY):
        pid, host = holder or (None, None)
        return Activity(state="running", last_sign=last, pid=pid, host=host)
    return Activity(state="finished" if has_finished(run) else "stopped", last_sign=last)
