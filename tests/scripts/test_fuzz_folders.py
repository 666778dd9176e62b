"""Hostile folders: a few here, more in `make test-all`, 500 in `make soak`."""

import shutil
from pathlib import Path

import fuzz_folders
import numpy as np
import pytest
from fuzz_folders import FuzzFoldersCfg, main, outcome, told_in_one_sentence
from hostile_changes import CHANGES

from prefgym.common.errors import UserError

FEW = (FuzzFoldersCfg(num=1, kinds=("run",)), FuzzFoldersCfg(num=3, seed=3, first=15, kinds=("mixed",)))
MORE = [FuzzFoldersCfg(num=10, first=first) for first in range(0, 50, 10)]


@pytest.mark.filterwarnings("ignore")  # of libraries, about numbers beyond reason
@pytest.mark.parametrize("cfg", [*FEW, *(pytest.param(cfg, marks=pytest.mark.slow) for cfg in MORE)])
def test_no_hostile_folder_does_harm(cfg: FuzzFoldersCfg, capsys: pytest.CaptureFixture[str]) -> None:
    """No file outside changes, no traceback, none longer than 20 s."""
    assert main(cfg) == 0, capsys.readouterr().out


def test_what_is_wrong_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """A traceback, an exit code, words on two lines, too long: each is a problem."""

    def refuse() -> None:
        raise UserError("no.")

    def fail() -> None:
        raise KeyError("steps")

    def last() -> None:
        while True:
            pass

    assert outcome(refuse) == "refused: no." and outcome(lambda: 0) == "read"
    assert outcome(fail).startswith("traceback: ") and outcome(lambda: 1) == "exit code 1"
    assert told_in_one_sentence("a\nb").startswith("no sentence: ")
    monkeypatch.setattr(fuzz_folders, "MOST_SECONDS", 0.05)
    assert outcome(last).startswith("too long: ")


def test_a_change_outside_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Content and time of change of each file are compared."""
    Path("whole/feedback").mkdir(parents=True)
    Path("whole/feedback/manifest.json").write_text("{}")
    monkeypatch.setattr(fuzz_folders, "CHANGES", {"nothing": lambda *_: "nothing"})

    def write(kind: str, folder: Path, out: Path) -> dict[str, object]:
        return {"write": lambda: (folder.parent / "canary/file").write_text("mine\n"), "read": lambda: 0}

    monkeypatch.setattr(fuzz_folders, "commands", write)
    told = dict(fuzz_folders.try_folder(Path("whole"), Path("work"), np.random.default_rng(0)))
    assert {name.rpartition(" ")[2]: outcome for name, outcome in told.items()} == {
        "write": "outside changed",
        "read": "read",
    }


def test_the_same_number_is_the_same_folder(finished_run: Path) -> None:
    """So that a problem can be repeated: its number is printed."""
    said: list[list[str]] = []
    for _ in range(2):
        shutil.rmtree("run", ignore_errors=True)
        shutil.copytree(finished_run, "run")
        Path("canary/photos").mkdir(parents=True, exist_ok=True)
        Path("canary/file").write_text("mine\n")
        generator = np.random.default_rng(7)
        said.append([CHANGES[name](Path("run"), Path("canary").absolute(), generator) for name in sorted(CHANGES)])
    assert said[0] == said[1]
