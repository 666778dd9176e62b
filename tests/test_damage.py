"""Damage anywhere in a run folder: the same data, or one sentence that names the file; never other data."""

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing
from dataclasses import replace
from functools import partial
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from commands import TINY, TINY_OFFLINE, command
from tiny import POLE, tiny_cfg, tiny_offline, tiny_run

from prefgym.common.errors import UserError
from prefgym.common.files import read_sealed_json
from prefgym.common.states import flatten
from prefgym.data.feedback import Card, export_run, read_feedback
from prefgym.runs.answer_log import AnswerLog
from prefgym.runs.checkpoints import Which
from prefgym.runs.config_file import read_config
from prefgym.runs.folder import RunFolder
from prefgym.runs.manifest import verify_reported
from prefgym.training.config import TrainCfg
from prefgym.training.load import load_policy, load_reward
from prefgym.training.loop import Loop
from prefgym.training.online import build
from prefgym.training.parts import Parts
from prefgym.training.run import Run
from prefgym.training.sources import OnlineSource

NOT_READ = {"tensorboard", ".lock", "asked"}
"""TensorBoard's files are for TensorBoard, the lock is empty, and the checkpoint has the queries that were asked."""
POLICY = Path("checkpoints/final/policy.safetensors")
Read = Callable[[Path], dict[str, Any]]


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory, stopped_at: Callable[..., AbstractContextManager[None]]) -> Path:
    """Make a run that was stopped when it was about to finish."""
    out = tmp_path_factory.mktemp("stopped") / "run"
    with stopped_at(RunFolder, "write_json"):
        tiny_run(report=False, out=out)
    shutil.rmtree(out / "checkpoints" / "final")  # the beginning of what it came to
    for file in out.glob("preferences/preferences.*"):
        file.unlink()
    return out


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make one that has finished."""
    out = tmp_path_factory.mktemp("finished") / "run"
    return tiny_run(report=False, out=out).path


@pytest.fixture(scope="module")
def read_stopped() -> Read:
    """Make what reads a run that was stopped; the parts are made once."""
    cfg = tiny_cfg(report=False)
    return partial(resumed, cfg, build(cfg))


def resumed(cfg: TrainCfg, parts: Parts, out: Path, which: Which = "latest") -> dict[str, Any]:
    """Resume a run, and say all that it goes on with."""
    config = read_config(out)
    with closing(RunFolder(replace(cfg, out=out), resume=True)) as run:
        source = OnlineSource(cfg, parts, run)
        loop = Loop(cfg, source, run)
        loop.resume(which)
    arrays, plain = flatten(loop.state_dict())
    del plain["run"]["wall_time_s"]
    assert parts.recorder is not None
    rows = parts.recorder.segments(parts.recorder.starts(5), 5)
    shown = {
        name: array.numpy().tobytes() for name, array in {**arrays, "rows": rows.obs, "action": rows.action}.items()
    }
    return {**shown, "plain": repr(plain), "config": config, "answers": source.history.log.read()}


def read_finished(out: Path) -> dict[str, Any]:
    """Load what a run has learned, and say what its report shows."""
    policy, reward = load_policy(out), load_reward(out)
    verify_reported(out)
    manifest = read_sealed_json(out / "manifest.json")
    weights = {**flatten(policy.state_dict())[0], **flatten(reward.state_dict())[0]}  # pyright: ignore[reportAttributeAccessIssue]
    return {"manifest": manifest, **{name: value.numpy().tobytes() for name, value in weights.items()}}


def files_of(out: Path) -> list[Path]:
    """List the files of a run that are read, by their places in it; of two checkpoints, the latest.

    Of a finished run, only `resume` reads the final state, as that of a stopped one.
    """
    names = [path.relative_to(out) for path in sorted(out.rglob("*")) if path.is_file()]
    if (out / "manifest.json").is_file():
        names = [name for name in names if name.parts[0] != "checkpoints" or name.parts[1] == "final"]
    checkpoints = sorted({name.parts[1] for name in names if name.parts[1:] and name.parts[1].startswith("step-")})
    return [name for name in names if not NOT_READ & {*name.parts} and not {*checkpoints[:-1]} & {*name.parts}]


def harmed(whole: bytes, damage: str, generator: np.random.Generator) -> bytes:
    """Flip one bit, or cut at one place."""
    at = int(generator.integers(len(whole)))
    if damage == "cut":
        return whole[:at]
    return whole[:at] + bytes([whole[at] ^ 1 << int(generator.integers(8))]) + whole[at + 1 :]


def is_told(read: Read, out: Path, expected: dict[str, Any], *names: Path) -> bool:
    """Say whether damage is told, in one line that names one of the files; otherwise nothing has changed."""
    try:
        assert read(out) == expected
    except UserError as error:
        assert "\n" not in str(error)
        assert any(str(out / name) in str(error) for name in names), error
        return True
    return False


@pytest.mark.parametrize("num", [40, pytest.param(200, marks=pytest.mark.slow)])
@pytest.mark.parametrize("damage", ["flip", "cut"])
@pytest.mark.parametrize("state", ["stopped", "finished"])
def test_flips_and_cuts(state: str, damage: str, num: int, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """In all kinds of files, one at a time; a kind is a place, whatever its size."""
    run: Path = request.getfixturevalue(state)
    read: Read = request.getfixturevalue("read_stopped") if state == "stopped" else read_finished
    generator = np.random.default_rng(0)
    expected = read(copied(run, tmp_path))
    names = files_of(run)
    told = 0
    for number in range(num):
        name = names[number % len(names)]
        out = copied(run, tmp_path)
        (out / name).write_bytes(harmed((run / name).read_bytes(), damage, generator))
        told += is_told(read, out, expected, name)
    assert told > 0.75 * num  # SQLite's pages are mostly empty, and metrics after the checkpoint are written again


@pytest.mark.parametrize("state", ["stopped", "finished"])
def test_missing_and_exchanged_files(state: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """Each file alone, and each pair."""
    run: Path = request.getfixturevalue(state)
    read: Read = request.getfixturevalue("read_stopped") if state == "stopped" else read_finished
    names = files_of(run)
    for name in names:
        out = copied(run, tmp_path)
        (out / name).unlink()
        with pytest.raises(UserError) as missing:
            read(out)
        assert name.name in str(missing.value)
    for one, other in list(permutations(names, 2)):
        if one < other and (run / one).read_bytes() != (run / other).read_bytes():
            out = copied(run, tmp_path)
            shutil.copy(run / one, out / other)
            shutil.copy(run / other, out / one)
            with pytest.raises(UserError, match=r"is damaged|has no manifest") as exchanged:
                read(out)
            assert one.name in str(exchanged.value) or other.name in str(exchanged.value)


def copied(run: Path, folder: Path) -> Path:
    """Copy a run to where it may be harmed."""
    shutil.rmtree(folder / "harmed", ignore_errors=True)
    return Path(shutil.copytree(run, folder / "harmed"))


def latest(run: Path) -> Iterator[Path]:
    """List what the previous checkpoint can do without."""
    names = files_of(run)
    yield from (name for name in names if any(part.startswith("step-") for part in name.parts))
    yield max(name for name in names if "shards" in name.parts)
    yield from (Path("metrics.jsonl"), Path("preferences/answers.sqlite"))


@pytest.mark.parametrize("how", ["cut", "missing"])
def test_the_previous_checkpoint_goes_on(how: str, stopped: Path, finished: Path, tmp_path: Path) -> None:
    """The file is named; from the previous checkpoint, the run comes to the policy that it would have."""
    for name in latest(stopped):
        out = copied(stopped, tmp_path)
        if how == "cut":
            (out / name).write_bytes((stopped / name).read_bytes()[:100])
        else:
            (out / name).unlink()
        with pytest.raises(UserError) as told:
            Run(out).resume()
        assert str(out / name) in str(told.value)
        Run(out).resume("previous")
        assert (out / POLICY).read_bytes() == (finished / POLICY).read_bytes()


def test_a_run_that_was_mended_and_killed_goes_on(
    stopped: Path, finished: Path, tmp_path: Path, stopped_at: Callable[..., AbstractContextManager[None]]
) -> None:
    """Killed again before the next checkpoint, and once more after it: it goes on in the same way each time."""
    out = copied(stopped, tmp_path)
    for name in ("metrics.jsonl", "preferences/answers.sqlite"):
        (out / name).write_bytes((stopped / name).read_bytes()[:100])
    for place in (Loop, "run_to_end"), (RunFolder, "write_json"):
        with stopped_at(*place):
            Run(out).resume("previous")
    Run(out).resume()
    assert (out / POLICY).read_bytes() == (finished / POLICY).read_bytes()


def test_two_processes_cannot_write_one_run(stopped: Path, tmp_path: Path) -> None:
    """The second is told so, and leaves everything as it is; when the first is gone, it may."""
    out = copied(stopped, tmp_path)
    code = f"import sys; from prefgym.runs.lock import lock; from pathlib import Path; f = lock(Path({str(out)!r}))"
    waiting = "; print('ready', flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", code + waiting], stdin=-1, stdout=-1) as other:
        assert other.stdout is not None
        other.stdout.readline()
        with pytest.raises(UserError, match=f"{out} is being written by another process"):
            Run(out).resume()
        other.kill()
    Run(out).resume()


def test_what_fails_costs_no_checkpoint(stopped: Path, tmp_path: Path) -> None:
    """Nor is a later one removed before another is written."""
    out = copied(stopped, tmp_path)
    (out / "config.yaml").unlink()
    before = sorted(out.glob("checkpoints/step-*"))
    with pytest.raises(UserError):
        Run(out).resume("previous")
    assert sorted(out.glob("checkpoints/step-*")) == before


def test_an_interrupted_run_keeps_its_checkpoints(
    stopped: Path, finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Although one bit of its result says that it was not interrupted."""
    out = copied(stopped, tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(Loop, "run_to_end", interrupt)
        assert Run(out).resume().result.interrupted
    whole = (out / "result.json").read_bytes()
    (out / "result.json").write_bytes(whole.replace(b'"interrupted"', b'"hnterrupted"'))
    with pytest.raises(UserError):
        Run(out).resume()
    assert len([*out.glob("checkpoints/step-*")]) == 2
    (out / "result.json").write_bytes(whole)
    Run(out).resume()
    assert (out / POLICY).read_bytes() == (finished / POLICY).read_bytes()


def interrupt(*_: Any) -> None:  # noqa: ANN401
    """Be Ctrl-C."""
    raise KeyboardInterrupt


def test_a_run_that_begins_again_writes_its_log_again(stopped: Path, tmp_path: Path) -> None:
    """Before the first checkpoint nothing says what is in it, but damage is seen, and costs nothing."""
    out = copied(stopped, tmp_path)
    shutil.rmtree(out / "checkpoints")
    (out / "preferences/answers.sqlite").write_bytes((stopped / "preferences/answers.sqlite").read_bytes()[:5000])
    Run(out).resume()
    assert len(AnswerLog(out / "preferences/answers.sqlite").read()) == 10
    assert (out / "preferences/answers.sqlite.damaged").is_file()


SMALL_DISK = """
mount -t tmpfs -o size=$1k tmpfs disk
{python} -m prefgym {begin} --out disk/run > told 2>&1
echo $? > code
mount -o remount,size=64m disk
{python} -m prefgym {later} > told_later 2>&1
echo $? > code_later
cp -r disk/run kept
"""


def on_a_small_disk(size_kib: int, begin: Sequence[str], later: Sequence[str]) -> str:
    """Begin a run on a small tmpfs, which ends in exit code 2, and call a second command with room again, which works.

    Returns:
        The last line of the run. Its folder is copied to `kept`.
    """
    if shutil.which("unshare") is None or subprocess.run(["unshare", "-rm", "true"], check=False).returncode:
        pytest.skip("a disk cannot be mounted here")
    Path("disk").mkdir()
    script = SMALL_DISK.format(python=sys.executable, begin=" ".join(begin), later=" ".join(later))
    subprocess.run(["unshare", "-rm", "sh", "-c", script, "sh", str(size_kib)], check=True)
    told = Path("told").read_text()
    assert Path("code").read_text() == "2\n", told
    last = told.strip().splitlines()[-1]
    assert last.startswith("prefgym: disk/run") and "cannot be written" in last
    assert "No space left" in last or "disk is full" in last  # SQLite's words
    assert Path("code_later").read_text() == "0\n", Path("told_later").read_text()
    return last


@pytest.mark.slow  # four processes; a disk that fills up in this one: tests/cli/test_main.py
@pytest.mark.parametrize("size_kib", [40, 200])
def test_a_full_disk(size_kib: int, finished: Path) -> None:
    """A run ends in a sentence; with room again, it goes on to the same policy."""
    last = on_a_small_disk(size_kib, ("train", *TINY, "--no-report"), ("train", "--resume", "disk/run"))
    assert "; go on with: prefgym train --resume disk/run" in last
    assert Path("kept", POLICY).read_bytes() == (finished / POLICY).read_bytes()


@pytest.mark.slow  # two processes
def test_a_full_disk_below_an_environment_of_others() -> None:
    """The answers to the first session are exported when there is room again; the second one could not be logged."""
    begin = ("train", *TINY, "--env", "Pendulum-v1", "--no-report")
    last = on_a_small_disk(56, begin, ("feedback", "export", "disk/run", "answers"))
    assert "it cannot be resumed, since these parts have no state_dict(): env; " in last
    assert "prefgym feedback export disk/run FOLDER keeps its 5 answers" in last
    assert len(read_feedback("answers")) == 5
    assert command("report", "kept") == 0


@pytest.mark.slow  # two processes
def test_a_full_disk_of_an_offline_run(finished: Path) -> None:
    """Full at its second checkpoint; with room again, it goes on to the same policy."""
    export_run(finished, Path("answers"), Card(env=POLE))
    whole = tiny_offline(out="whole").path
    begin, later = ("train-offline", *TINY_OFFLINE), ("train-offline", "--resume", "disk/run")
    assert on_a_small_disk(64, begin, later).endswith("; go on with: prefgym train-offline --resume disk/run.")
    assert Path("kept", POLICY).read_bytes() == (whole / POLICY).read_bytes()
