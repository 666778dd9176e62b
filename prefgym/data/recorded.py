"""Recorded preferences, wherever they are: in a run folder, in a folder of feedback, or in files of their own."""

from pathlib import Path

from prefgym.core.feedback import Feedback
from prefgym.data.asked import recover
from prefgym.data.feedback import read_feedback
from prefgym.data.tables import load_preferences


def recorded(path: Path | str) -> Feedback:
    """Read preferences.

    Args:
        path: Run folder, also of a run that was killed; folder that `write_feedback` wrote; or name that was given to
            `Preferences.save`.

    Raises:
        UserError: If there are none, or a file is damaged.
    """
    path = Path(path)
    if not path.is_dir():
        return load_preferences(path)
    if not (path / "config.yaml").is_file():
        return read_feedback(path)
    ended = path / "preferences" / "preferences"
    return load_preferences(ended) if ended.with_name("preferences.json").is_file() else recover(path)
