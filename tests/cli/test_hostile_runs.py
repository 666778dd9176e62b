"""Run folders of strangers: nothing outside changes, and what cannot be is told in one sentence."""

import json
import re
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from commands import run
from safetensors.torch import load_file, save_file
from tiny import tiny_run

from prefgym.common.files import read_sealed_text, write_sealed_text
from prefgym.runs.answer_log import AnswerLog
from prefgym.runs.folder import RunFolder
from prefgym.runs.manifest import write_manifest
from prefgym.training.run import Run

OUTSIDE = Path("outside")


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory, stopped_at: Callable[..., AbstractContextManager[None]]) -> Path:
    """Make a run that was killed when it was about to finish."""
    out = tmp_path_factory.mktemp("stopped") / "run"
    with stopped_at(RunFolder, "write_json"):
        tiny_run(report=False, out=out)
    return out


@pytest.fixture
def outside() -> Iterator[Path]:
    """Give a folder of the user's, and check that it is the same afterwards."""
    (OUTSIDE / "photos").mkdir(parents=True)
    for name in ("file", "photos/a.jpg", "photos/000009.safetensors", "photos/step-000000000001"):
        (OUTSIDE / name).write_text("mine")
    before = {path: path.lstat().st_mtime_ns for path in OUTSIDE.rglob("*")}
    yield OUTSIDE.absolute()
    assert {path: path.lstat().st_mtime_ns for path in OUTSIDE.rglob("*")} == before
    assert all(path.read_text() == "mine" for path in before if path.is_file())


@pytest.mark.parametrize("how", ["symlink_to", "hardlink_to"])
@pytest.mark.parametrize(
    "name", [".manifest.json.part", "manifest.json", "report.html", "metrics.jsonl", "preferences/answers.sqlite-wal"]
)
@pytest.mark.parametrize("argv", ["report", "evaluate", "feedback export", "train --resume"])
def test_a_link_in_the_place_of_a_file(
    argv: str, name: str, how: str, finished_run: Path, outside: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(finished_run, "run")
    Path("run", name).unlink(missing_ok=True)
    getattr(Path("run", name), how)(outside / "file")
    code, _, error = run(capsys, *argv.split(), "run", *(["out"] if argv.startswith("feedback") else []))
    assert code == 2
    assert error.startswith(f"prefgym: run/{name} is a ") and error.count("\n") == 1


@pytest.mark.parametrize("name", ["checkpoints/shards", "checkpoints", "tensorboard", "preferences", "dump"])
def test_a_link_in_the_place_of_a_folder(
    name: str, stopped: Path, outside: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A resumed run writes to all of them, and removes what it does not need."""
    shutil.copytree(stopped, "run")
    shutil.rmtree(f"run/{name}", ignore_errors=True)
    Path("run", name).symlink_to(outside / "photos")
    code, _, error = run(capsys, "train", "--resume", "run")
    assert code == 2
    assert error.startswith(f"prefgym: run/{name} is a link, ")


def test_a_journal_removes_no_file(stopped: Path, outside: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """SQLite removes the file that a journal of a transaction over several databases names."""
    shutil.copytree(stopped, "run")
    name = str(outside / "file").encode()
    magic = bytes.fromhex("d9d505f920a163d7")
    tail = name + len(name).to_bytes(4, "big") + sum(name).to_bytes(4, "big") + magic
    Path("run/preferences/answers.sqlite-journal").write_bytes(magic.ljust(512, b"\0") + tail)
    for argv in ("train --resume run", "feedback export run out"):
        code, _, error = run(capsys, *argv.split())
        assert code == 2 and "answers.sqlite-journal is damaged: it names a file elsewhere" in error


def test_a_log_of_answers_has_no_statements_of_others(stopped: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A view without an end hangs whoever reads it."""
    shutil.copytree(stopped, "run")
    endless = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT x FROM c"
    with closing(sqlite3.connect("run/preferences/answers.sqlite")) as connection:
        connection.executescript(f"DROP TABLE answers; CREATE VIEW answers AS {endless};")
    for argv in ("train --resume run", "feedback export run out"):
        code, _, error = run(capsys, *argv.split())
        assert code == 2 and "its tables are not those of a log of answers" in error
    assert len(AnswerLog(stopped / "preferences/answers.sqlite").read()) > 0


BOMB = "a0: &a0 [x, x]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]\n" for i in range(1, 40))


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (BOMB, "aliases and tags are not allowed"),
        ("more: " + "[" * 1000 + "]" * 1000 + "\n", "it is nested too deep"),
        ("more: " + "9" * 5000 + "\n", "it is not valid YAML"),
        ("more: " + "9" * 4000 + "\n", "a number has too many digits"),
        ("more: 2026-01-01\n", "date is no type of JSON"),
        ("x" * 300_000 + ": 1\n", "is too large to be what its name says"),
        ("rater: os:system\n", "asks for the module os"),
    ],
)
def test_a_configuration_is_bounded_before_it_is_read(
    line: str, told: str, finished_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(finished_run, "run")
    file = Path("run/config.yaml")
    text = re.sub(rf"(?m)^{line.partition(':')[0][:20]}:.*\n", "", read_sealed_text(file))
    write_sealed_text(file, text + line)
    write_manifest(Path("run"))
    for argv in ("report run", "evaluate run", "feedback export run out", "train --resume run"):
        code, _, error = run(capsys, *argv.split())
        assert (code, error.count("\n")) == (2, 1) and told in error


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("steps", "many", "steps: "),
        ("budget", [1], "budget: "),
        ("agent_cfg", None, "settings are a mapping"),
        ("eval", {"every": "often"}, "every: "),
        ("seed", 2**70, "seed"),
    ],
)
def test_a_configuration_has_the_types_of_its_fields(
    name: str, value: object, told: str, stopped: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(stopped, "run")
    config = yaml.safe_load(read_sealed_text(Path("run/config.yaml")))
    write_sealed_text(Path("run/config.yaml"), yaml.safe_dump({**config, name: value}))
    code, _, error = run(capsys, "train", "--resume", "run")
    assert code == 2
    assert "its configuration is not one of this version" in error and told in error


def test_a_result_is_text_and_numbers(finished_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of earlier versions as well, whose metric was called `measure`; metrics beyond reason are left out."""
    shutil.copytree(finished_run, "run")
    result = json.loads(Path("run/result.json").read_text())
    result |= {"measure": '"><script>alert(1)</script> $\\frac{$', "seed": 1}
    Path("run/result.json").write_text(json.dumps(result))
    with Path("run/metrics.jsonl").open("a") as file:
        file.write('{"time/total_timesteps": 1e308, "eval/mean_reward": -1e308, "train/loss": ' + "9" * 400 + "}\n")
    write_manifest(Path("run"))
    assert run(capsys, "report", "run")[0] == 0
    page = Path("run/report.html").read_text()
    assert "<script>alert" not in page and "&lt;script&gt;alert(1)&lt;/script&gt; $\\frac{$" in page
    for wrong in ({"returns": "x"}, {"interrupted": 7}, {"num_asked": 10**30}, {"final_return_mean": [1]}):
        Path("run/result.json").write_text(json.dumps({**result, **wrong}))
        write_manifest(Path("run"))
        code, _, error = run(capsys, "report", "run")
        assert code == 2 and f"run/result.json is damaged: {next(iter(wrong))}" in error


Changed = Callable[[torch.Tensor], torch.Tensor]


@pytest.mark.parametrize(
    ("file", "name", "change", "told"),
    [
        ("report/final_episode", "state", lambda x: x[:, :3], "cannot be shown: states have shape"),
        ("report/final_episode", "reward", lambda x: x[1:], "rewards have the shapes"),
        ("report/final_episode", "state", lambda x: x.bfloat16(), "has numbers of the type torch.bfloat16"),
        ("report/final_episode", "state", lambda x: x * np.nan, "numbers that are not finite"),
        ("preferences/preferences", "0/state", lambda x: x[..., :3], "cannot be shown: states have shape"),
        ("preferences/preferences", "0/status", lambda x: x + 9, "a status must be one of"),
        ("preferences/preferences", "0/tie", lambda x: x.double(), "tie has the type float64, and not bool"),
        ("preferences/preferences", "0/shown_order", lambda x: x[:, :1], "shown_order has shape"),
    ],
)
def test_arrays_have_their_types_and_shapes(
    file: str, name: str, change: Changed, told: str, finished_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(finished_run, "run")
    arrays = load_file(f"run/{file}.safetensors")
    save_file({**arrays, name: change(arrays[name]).contiguous()}, f"run/{file}.safetensors")
    write_manifest(Path("run"))
    code, _, error = run(capsys, "report", "run")
    assert code == 2
    assert told in error and error.splitlines()[-1].startswith("prefgym: ")


def test_a_checkpoint_of_other_shapes_is_told(stopped: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And the run is not changed: it can still be resumed from the checkpoint before."""
    from hostile_changes import reseal

    shutil.copytree(stopped, "run")
    *_, last = sorted(Path("run/checkpoints").glob("step-*"))
    arrays = load_file(last / "arrays.safetensors")
    arrays["agent|weights|actor.0.weight"] = torch.zeros(3, 3)
    save_file(arrays, last / "arrays.safetensors")
    reseal(Path("run"))
    code, _, error = run(capsys, "train", "--resume", "run")
    assert code == 2 and "run/checkpoints does not fit this run" in error
    assert not Run("run").resume("previous").result.interrupted


def test_the_networks_of_a_card_are_no_larger_than_its_weights(
    finished_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Or memory would be asked for that nobody has."""
    shutil.copytree(finished_run, "run")
    for name, key in (("policy", "hidden"), ("reward", "num_members")):
        file = Path(f"run/checkpoints/final/{name}.json")
        card = json.loads(file.read_text())
        file.write_text(json.dumps({**card, "cfg": {**card["cfg"], key: [10**9] if key == "hidden" else 10**9}}))
        write_manifest(Path("run"))
    code, _, error = run(capsys, "evaluate", "run")
    assert code == 2 and "is more than its weights have" in error
    with pytest.raises(ValueError, match=r"reward\.json is damaged: num_members of \[1000000000\]"):
        _ = Run("run").reward
