"""Completion, in real shells at a real terminal."""

import os
import pty
import shutil
import subprocess
from pathlib import Path

import pytest
from commands import run

DONE = b"<end>"
"""What the shell prints after the completed line."""


@pytest.fixture(scope="module")
def scripts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the scripts, which takes a second or two."""
    return tmp_path_factory.mktemp("completion")


def press_tab(shell: list[str], script: Path, line: str) -> str:
    """Type the beginning of a command, press Tab, and return the line that the shell would run."""
    keys, terminal = pty.openpty()
    env = {"TERM": "dumb", "PATH": os.environ["PATH"], "HOME": str(script.parent), "PS1": "", "LANG": "C.UTF-8"}
    with subprocess.Popen(shell, stdin=terminal, stdout=terminal, stderr=terminal, env=env, start_new_session=True):
        os.close(terminal)
        prepare = f"prefgym() {{ echo; echo '<ran>' \"$@\" '<end>'; exit; }}; source {script}"
        os.write(keys, f"{prepare}\n".encode())
        os.write(keys, f"{line}\t\n".encode())
        said = b""
        while DONE not in said.rpartition(b"<ran>")[2] or b"<ran> " not in said.replace(b"'<ran>' ", b""):
            said += os.read(keys, 4096)
    os.close(keys)
    return said.decode().rpartition("<ran> ")[2].partition(" <end>")[0]


LINES = [
    ("prefgym make-p", "make-preferences"),
    ("prefgym train --rater mist", "train --rater mistake"),
    ("prefgym train --rater mistake --rater.eps-m", "train --rater mistake --rater.eps-mistake"),
    ("prefgym train --agent pebble --agent.neigh", "train --agent pebble --agent.neighbours"),
    ("prefgym train --env prefgym/HopperB", "train --env prefgym/HopperBackflip-v0"),
    ("prefgym train --backend=w", "train --backend=warp"),
    ("prefgym train-offline --agent p-", "train-offline --agent p-iql"),
    ("prefgym list sam", "list samplers"),
    ("prefgym feedback export --lic", "feedback export --licence"),
    ("prefgym feedback import pref", "feedback import preference-transformer"),
    ("prefgym feedback import uni-rlhf --data", "feedback import uni-rlhf --dataset"),
    ("prefgym evaluate medium:prefgym/Sw", "evaluate medium:prefgym/Swimmer-v0"),
    ("prefgym report a_f", "report a_folder/"),
]


@pytest.mark.parametrize(("line", "completed"), LINES)
def test_bash_completes(line: str, completed: str, scripts: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert press_tab(["bash", "--norc", "-i"], write("bash", scripts, capsys), line) == completed


@pytest.mark.skipif(shutil.which("zsh") is None, reason="zsh is not installed")
@pytest.mark.parametrize(("line", "completed"), LINES[:11])
def test_zsh_completes(line: str, completed: str, scripts: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert press_tab(["zsh", "-f", "-i"], write("zsh", scripts, capsys), line) == completed


def write(shell: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """Write the script of a shell once; make a folder to complete."""
    Path("a_folder").mkdir()
    script = folder / shell
    if not script.is_file():
        code, text, _ = run(capsys, "--completion", shell)
        assert code == 0
        script.write_text(text)
    return script


@pytest.mark.parametrize("shell", [[], ["fish"]])
def test_other_shells_are_refused(shell: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    code, _, error = run(capsys, "--completion", *shell)
    assert (code, error.endswith("pass --completion bash or --completion zsh\n")) == (2, True)
