"""Ctrl-C while modules are imported, in real processes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

CTRL_C = """\
import os, signal
signal.signal(signal.SIGINT, signal.default_int_handler)
os.kill(os.getpid(), signal.SIGINT)
"""


def run_interrupted(folder: Path, module: str, *argv: str) -> subprocess.CompletedProcess[str]:
    """Run Python with a module that presses Ctrl-C when it is imported."""
    (folder / f"{module}.py").write_text(CTRL_C)
    env = os.environ | {"PYTHONPATH": os.pathsep.join([str(folder), *sys.path])}
    return subprocess.run([sys.executable, *argv], env=env, capture_output=True, text=True)


@pytest.mark.parametrize("module", ["gymnasium", "torch"])
@pytest.mark.parametrize("start", [("-m", "prefgym"), (str(Path(sys.executable).parent / "prefgym"),)])
def test_ctrl_c_during_imports_is_one_line(module: str, start: tuple[str, ...], tmp_path: Path) -> None:
    """Of prefgym itself, before `main` has begun, and of a command."""
    done = run_interrupted(tmp_path, module, *start, "evaluate", "nowhere")
    assert (done.returncode, done.stderr) == (130, "prefgym: interrupted\n")


def test_other_programs_keep_their_traceback(tmp_path: Path) -> None:
    done = run_interrupted(tmp_path, "gymnasium", "-c", "import prefgym")
    assert "Traceback" in done.stderr
    assert "prefgym: interrupted" not in done.stderr
