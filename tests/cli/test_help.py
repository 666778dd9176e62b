"""The help of the command line."""

import pytest
from commands import run

from prefgym.cli.main import COMMANDS


@pytest.mark.parametrize("argv", [[], ["--help"], ["-h"], ["help"]])
def test_help_has_a_line_for_each_command(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    code, text, _ = run(capsys, *argv)
    assert code == 0
    lines = text.splitlines()
    assert max(map(len, lines)) <= 80
    for name, command in COMMANDS.items():
        assert f"  {name:<18}{command.line}" in lines
