"""What tests of importers share: a refusal in one sentence that changes nothing, and files of the present folder."""

from collections.abc import Callable
from pathlib import Path

import pytest
from commands import run


@pytest.fixture
def refused(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Give `refused(*argv)`: the sentence in which `prefgym feedback import` refuses; no file comes or goes."""

    def import_in_vain(*argv: str) -> str:
        before = {path: path.stat().st_mtime_ns for path in Path().rglob("*")}
        code, output, error = run(capsys, "feedback", "import", *argv, "--out", "new")
        assert (code, output, error.count("\n")) == (2, "", 1), error
        assert {path: path.stat().st_mtime_ns for path in Path().rglob("*")} == before
        return error

    return import_in_vain
