"""`prefgym label`: one command from nothing to a page, and back to the shell without a trace."""

import json
import re
import shutil
import signal
import socket
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from commands import TINY, run
from labelled import API, answer, ask, given, store_in

import prefgym
from prefgym.cli.settings import settings_of
from prefgym.data.recorded import recorded
from prefgym.labeling.config import ServerCfg
from prefgym.labeling.label import LabelCfg
from prefgym.labeling.serve import listen
from prefgym.store.store import Store

LONG_S = 120
"""Far longer than anything here takes."""


@dataclass
class Labelling:
    """A `prefgym label` that runs."""

    process: "subprocess.Popen[str]"
    links: dict[str, str]

    @property
    def base(self) -> str:
        """Return the address of the server."""
        return self.links["admin"].partition("/admin#")[0]

    @contextmanager
    def client(self, whom: str = "label") -> Iterator[httpx.Client]:
        """Give somebody who came by a link."""
        with httpx.Client(base_url=self.base, headers={"Origin": self.base}, timeout=60) as client:
            token = self.links[whom].rpartition("=")[2]
            key = "admin_token" if whom == "admin" else "invitation"
            assert client.post(f"{API}/session", json={key: token}).status_code == 200
            yield client

    def end(self, number: int = signal.SIGINT) -> tuple[int, str]:
        """Stop it; return the exit code and what else it printed."""
        self.process.send_signal(number)
        output, _ = self.process.communicate(timeout=LONG_S)
        return self.process.returncode, output


@contextmanager
def labelling(*flags: str) -> Iterator[Labelling]:
    """Run `prefgym label` in a process of its own, until it answers."""
    command = [sys.executable, "-m", "prefgym", "label", *flags, "--port", "0", "--no-browser"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        links = {}
        for line in process.stdout:
            if found := re.match(r"(\S+) +(http://\S+)$", line):
                links[found[1]] = found[2]
            if line.startswith("Ctrl-C ends"):
                break
        else:
            pytest.fail(f"it has ended with {process.wait()}")
        try:
            yield Labelling(process, links)
        finally:
            process.kill()


def waited(client: httpx.Client) -> dict[str, Any]:
    """Return an assignment, as soon as there is one."""
    for _ in range(5 * LONG_S):
        if found := given(client):
            return found[0]
        threading.Event().wait(0.2)
    pytest.fail("there is nothing to do")


@pytest.mark.slow  # two processes
def test_a_run_is_labelled_and_goes_on_where_it_stopped(finished_run: Path, tmp_path: Path) -> None:
    """The answers are in the run folder; the next start has the same study, and a rater who comes back is known."""
    folder = Path(shutil.copytree(finished_run, tmp_path / "run"))
    for number in range(2):
        with labelling(str(folder)) as label, label.client() as client:
            one = waited(client)
            assert client.post(f"{API}/events", json=[answer(one["id"])]).json()[0]["is_new"]
            token = Path(f"{folder}/labels.sqlite.admin-token")
            assert stat.S_IMODE(token.stat().st_mode) == 0o600
            assert label.links["admin"].endswith(f"#t={token.read_text().strip()}")
            code, output = label.end()
        assert code == 0 and f"{number + 1} answers are in" in output and "Traceback" not in output
        assert not token.exists()
    with Store.open(str(folder / "labels.sqlite")) as store:
        (study,) = store.studies()
        assert study.name == "run" and 2 <= store.progress(study.id).num_asked <= len(recorded(folder))
        assert len(store.progress(study.id).raters) == 2
    assert prefgym.Run(folder).result.mean_return is not None  # the folder is still a run


@pytest.mark.slow  # records in a process of its own
def test_the_demonstration_can_be_labelled_at_once_and_leaves_nothing() -> None:
    with labelling("--demo", "--invite", "ada", "bob") as label:
        with label.client("ada") as client, label.client("admin") as admin:
            assert client.get(f"{API}/me").json()["study"]["name"] == "demonstration"
            assert client.get(f"{API}/me").json()["name"] == "ada"
            one = waited(client)
            assert client.get(f"{API}/segments/{one['segments'][0]['id']}").status_code == 200
            assert [one["name"] for one in admin.get(f"{API}/admin/invitations").json()] == ["ada", "bob"]
        code, output = label.end(signal.SIGTERM)
    assert code == 0
    place = re.search(r"sqlite:///(\S+)/labels.sqlite", output)
    assert place is None or not Path(place[1]).exists()


@pytest.mark.slow  # a training in another process
def test_it_serves_while_a_training_goes_on_and_ends_with_it() -> None:
    endless = (*TINY, "--steps", "100000000", "--schedule.first", "0", "--budget", "20", "--no-report", "--out", "run")
    training = subprocess.Popen([sys.executable, "-m", "prefgym", "train", *endless], stderr=subprocess.PIPE, text=True)
    with training:
        assert training.stderr is not None
        for line in training.stderr:
            if " steps " in line:
                break
        with labelling("--while", "run") as label:
            with label.client() as client:
                one = waited(client)
                assert client.post(f"{API}/events", json=[answer(one["id"])]).json()[0]["is_new"]
            training.send_signal(signal.SIGTERM)
            training.stderr.read()
            output, _ = label.process.communicate(timeout=LONG_S)
    assert label.process.returncode == 0
    assert "run has stopped." in output and "1 answers are in" in output


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        ([], "there is nothing to label: prefgym label RUN, or --store URL, or --demo."),
        (["--demo", "run"], "name one thing to label"),
        (["nowhere"], "there is no folder nowhere."),
        (["--demo", "--study", "none.yaml"], "there is no study file none.yaml."),
        (
            ["--demo", "--host", "0.0.0.0"],
            "0.0.0.0 can be reached from other machines: allow that with --allow-remote.",
        ),
        (["--demo", "--origin", "lab.example.org"], "'lab.example.org' is no origin"),
        (["--demo", "--port", "70000"], "--port 70000: it must be between 0 and 65535"),
        (["--demoo"], "unknown flag --demoo: did you mean --demo?"),
        (["--store", "new.sqlite"], "has no study yet: pass --study FILE, or a run."),
        (["--store", "mysql://x/y"], "A question store is in SQLite or PostgreSQL, not in mysql."),
        (["--store", "postgresql://127.0.0.1:1/none", "--demo"], "The question store postgresql"),
    ],
)
def test_bad_input_is_one_sentence(flags: list[str], sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    port = [] if "--port" in flags else ["--port", "0"]
    code, output, error = run(capsys, "label", *flags, *port)
    assert code == 2 and output == ""
    assert sentence in error and error.startswith("prefgym: ") and error.count("\n") == 1


def test_a_foreign_database_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "other.sqlite"
    with sqlite3.connect(file) as other:
        other.execute("CREATE TABLE films (name TEXT)")
    other.close()
    code, _, error = run(capsys, "label", "--demo", "--store", str(file), "--port", "0")
    assert code == 2 and error.startswith("prefgym: ") and error.count("\n") == 1 and "other.sqlite" in error
    with sqlite3.connect(file) as other:
        assert other.execute("SELECT name FROM sqlite_master").fetchall() == [("films",)]
    other.close()


def test_a_study_of_the_same_name_asks_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with store_in(tmp_path) as store:
        ask(store, name="gait")
    Path("study.yaml").write_text("name: gait\noverlap: 3\n")
    code, _, error = run(capsys, "label", "--store", "labels.sqlite", "--study", "study.yaml", "--port", "0")
    assert code == 2 and "asks something else than the file: change the name in the file" in error


def test_a_port_that_is_taken_is_told_and_the_next_one_is_used(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        code, _, error = run(capsys, "label", "--demo", "--port", str(port))
        assert code == 2 and f"port {port} of 127.0.0.1 cannot be used (Address already in use)" in error
        opened, cfg = listen(ServerCfg(port=port), any_port=True)
        opened.close()
        assert port < cfg.port <= port + 20


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("prefgym.labeling.label._NEEDED", ("a_package_that_is_not_there",))
    code, _, error = run(capsys, "label", "--demo")
    assert code == 2
    assert error == (
        "prefgym: labelling needs a_package_that_is_not_there, which is not installed: pip install 'prefgym[label]'.\n"
    )


def test_starting_imports_nothing_heavy() -> None:
    """Torch and MuJoCo alone take longer to import than the server takes to start."""
    imported = "prefgym.labeling.app, prefgym.labeling.serve, prefgym.labeling.studies, prefgym.cli.label"
    code = f"import sys, json, {imported}; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"torch", "mujoco", "scipy"} & {*json.loads(done.stdout)}


def test_settings_are_documented() -> None:
    assert all(one.text for one in settings_of(LabelCfg))


def test_a_folder_that_leads_elsewhere_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "elsewhere").write_text("kept")
    (tmp_path / "run/labels.sqlite-wal").symlink_to(tmp_path / "elsewhere")
    code, _, error = run(capsys, "label", str(tmp_path / "run"))
    assert code == 2 and "labels.sqlite-wal is a link" in error
    assert (tmp_path / "elsewhere").read_text() == "kept"
