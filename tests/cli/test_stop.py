"""`prefgym stop`: a running run keeps what it has learned, and a process that somebody names is left alone."""

import json
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from commands import TINY, run

import prefgym
from prefgym.runs.activity import activity_of
from prefgym.runs.lock import lock, unlock

ENDLESS = (*TINY, "--steps", "100000000", "--budget", "20", "--eval.every", "1000", "--no-report")


def begun(*argv: str) -> "subprocess.Popen[str]":
    """Begin a run in a process of its own, and wait until it has been evaluated a few times."""
    process = subprocess.Popen([sys.executable, "-m", "prefgym", "train", *argv], stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    lines = 0
    for line in process.stderr:
        lines += " steps " in line
        if lines == 3:
            return process
    pytest.fail("it has ended")


@pytest.mark.slow  # another process
def test_a_running_run_is_stopped(capsys: pytest.CaptureFixture[str]) -> None:
    """It says how to go on, and a second call says that it is not running."""
    with begun(*ENDLESS, "--out", "run") as process:
        code, output, error = run(capsys, "stop", "run")
        assert code == 0, error
        assert output == "run was stopped: what was learned is kept; go on with: prefgym train --resume run\n"
    assert process.returncode == 143
    told = prefgym.Run("run")
    assert told.result.reason == "SIGTERM" and told.result.steps > 0
    assert told.policy is not None and activity_of(Path("run")).state == "stopped"
    code, _, error = run(capsys, "stop", "run")
    assert code == 2 and error.startswith("prefgym: run is not running: run was stopped: what was learned is kept; go")


@pytest.mark.slow  # three processes
def test_seeds_are_stopped(capsys: pytest.CaptureFixture[str]) -> None:
    """All of them, with the process that began them."""
    command = [sys.executable, "-m", "prefgym", "train", *ENDLESS, "--seeds", "0-2", "--jobs", "2", "--out", "runs"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        while not all(Path(f"runs/seed-{seed}/checkpoints").is_dir() for seed in (0, 1)):
            assert process.poll() is None
        code, output, error = run(capsys, "stop", "runs")
        assert code == 0, error
        assert output == "runs has stopped; go on with: prefgym train --resume runs\n"
    for seed in (0, 1):
        assert prefgym.Run(f"runs/seed-{seed}").result.interrupted
    assert not Path("runs/seed-2").exists()


def test_a_finished_run_is_not_running(finished_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, error = run(capsys, "stop", str(finished_run))
    assert (code, error) == (2, f"prefgym: {finished_run} is not running: {finished_run} has finished.\n")
    code, _, error = run(capsys, "stop", "nowhere")
    assert code == 2 and "nowhere is not a run folder" in error


def test_a_process_that_does_not_hold_the_lock_is_left_alone(
    finished_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever is named in a lock that somebody else holds, or on another machine."""
    copy = Path(shutil.copytree(finished_run, tmp_path / "run"))
    (copy / "manifest.json").unlink()
    with subprocess.Popen(["sleep", "1000"]) as innocent:
        held = lock(copy)
        for host, said in (
            (socket.gethostname(), "it does not name: stop that with Ctrl-C"),
            ("moon", "running on moon"),
        ):
            (copy / ".lock").write_text(json.dumps({"pid": innocent.pid, "host": host}))
            code, _, error = run(capsys, "stop", str(copy))
            assert code == 2 and said in error
        unlock(held)
        assert innocent.poll() is None
        innocent.kill()
