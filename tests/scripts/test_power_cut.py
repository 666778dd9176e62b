"""What is left of a folder when the power goes."""

import os
from pathlib import Path

from power_cut import Disk

from prefgym.common.files import sync


def test_a_power_cut_leaves_what_was_synced() -> None:
    """The content at the last sync, and no name that its folder was not synced with."""
    before = os.fsync
    try:
        folder = Path("run").absolute()
        (folder / "below").mkdir(parents=True)
        disk = Disk(folder)
        for name in ("synced", "unnamed", "below/lost"):
            (folder / name).write_text("first")
        for path in (folder / "synced", folder, folder.parent):
            sync(path)
        (folder / "synced").write_text("second")
        (folder / "late").write_text("late")
        disk.write(Path("left"))
    finally:
        os.fsync = before
    left = {str(path.relative_to("left")): path.is_file() and path.read_text() for path in Path("left").rglob("*")}
    assert left == {"below": False, "synced": "first", "unnamed": ""}
