"""The formats, by name."""

from pathlib import Path

import numpy as np
import pytest
from commands import run

from prefgym.core.kinds import Comparison
from prefgym.data.importers.ipl import IplImportCfg
from prefgym.data.importers.registry import IMPORTERS, import_feedback


def test_feedback_is_imported_from_python() -> None:
    """The same function as the command's returns what it wrote."""
    numbers = np.arange(12.0).reshape(2, 3, 2)
    np.savez("pairs.npz", obs_1=numbers, obs_2=numbers, action_1=numbers, action_2=numbers, label=np.array([0.5, 1.0]))
    preferences = import_feedback(IplImportCfg(file=Path("pairs.npz"), out=Path("new"), rater="ada"))
    assert isinstance(preferences.answers, Comparison) and preferences.answers.tie.tolist() == [True, False]
    assert Path("new/manifest.json").is_file()


@pytest.mark.parametrize("name", IMPORTERS)
def test_each_format_has_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, output, _ = run(capsys, "feedback", "import", name, "--help")
    assert code == 0 and output.startswith(f"Usage: prefgym feedback import {name} ")
    assert max(map(len, output.splitlines())) <= 80


def test_formats_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    code, output, _ = run(capsys, "feedback", "import", "--help")
    assert code == 0 and output.split() == [w for n in IMPORTERS for w in f"prefgym feedback import {n} --help".split()]
    code, _, error = run(capsys, "feedback", "import")
    assert code == 2 and "a format is missing: choose among cpl, imitation, ipl" in error
    code, _, error = run(capsys, "feedback", "import", "tables", "x", "--out", "new")
    assert code == 2 and "'tables' is no format: did you mean 'table'?" in error
