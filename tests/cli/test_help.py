"""The help of the command line."""

import os
import subprocess
import sys

import pytest
from commands import run

from prefgym.cli.flags import EVERYDAY, parse_train
from prefgym.cli.main import COMMANDS


@pytest.mark.parametrize("argv", [[], ["--help"], ["-h"], ["help"]])
def test_help_has_a_line_for_each_command(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    code, text, _ = run(capsys, *argv)
    assert code == 0
    lines = text.splitlines()
    assert max(map(len, lines)) <= 80
    for name, command in COMMANDS.items():
        assert f"  {name:<20}{command.line}" in lines


@pytest.mark.parametrize("command", EVERYDAY)
def test_help_shows_a_dozen_flags_and_how_to_see_the_rest(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing of docstrings but their first paragraphs; the rest has every flag of the chosen parts."""
    code, brief, _ = run(capsys, command, "--help")
    assert code == 0
    shown = {line.split()[0] for line in brief.splitlines() if line.startswith("  --")}
    assert shown == set(EVERYDAY[command])
    assert len(shown) <= 13
    assert f"prefgym {command} " in brief
    assert "--help-all" in brief
    code, whole, _ = run(capsys, command, "--help-all")
    assert code == 0
    assert len(whole) > 2 * len(brief)
    for text in (brief, whole):
        assert "Raises" not in text
        assert max(map(len, text.splitlines())) <= 80


def test_help_is_about_the_chosen_parts(capsys: pytest.CaptureFixture[str]) -> None:
    text = run(capsys, "train", "--rater", "mistake", "--agent", "sac", "--help-all")[1]
    assert "--rater.eps-mistake X" in text
    assert "--agent.tau X" in text
    assert "--agent.clip" not in text
    assert "--eval.keep | --eval.no-keep" in text
    assert "--backend cpu|warp" in text


@pytest.mark.parametrize(
    "words",
    [
        ["evaluate"],
        ["report"],
        ["demos"],
        ["feedback", "export"],
        ["feedback", "validate"],
        ["feedback", "show"],
        ["bench", "sim"],
    ],
)
def test_other_help_fits_as_well(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    code, text, _ = run(capsys, *words, "--help")
    assert code == 0
    assert text.startswith(f"Usage: prefgym {' '.join(words)} ")
    assert "Raises" not in text
    assert max(map(len, text.splitlines())) <= 80


@pytest.mark.parametrize("number", ["1e5", "100_000", "100000", "1.0E+5"])
def test_integers_are_read_as_people_write_them(number: str) -> None:
    assert parse_train(["--steps", number, "--eval.every", number]).steps == 100_000


def test_of_several_names_of_a_flag_help_shows_one(capsys: pytest.CaptureFixture[str]) -> None:
    """The one without a prefix, and otherwise the first."""
    assert "\n  --film | --no-film  " in run(capsys, "evaluate", "--help")[1]
    assert "\n  --segment-length N  " in run(capsys, "train", "--help-all")[1]


def test_a_reader_that_goes_ends_a_list_in_silence() -> None:
    """As `prefgym list envs | head -1` does: the exit code is that of SIGPIPE."""
    listing = (sys.executable, "-m", "prefgym", "list", "envs")
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(listing, stdout=writer, stderr=subprocess.PIPE, text=True)
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, "")
