"""A PostgreSQL server of the tests' own: Debian's programs, a folder of its own, a free port."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

PROGRAMS = Path("/usr/lib/postgresql/15/bin")


def needs_postgres() -> None:
    """Skip the test where there is no PostgreSQL."""
    pytest.importorskip("psycopg", reason="psycopg is not installed: pip install 'prefgym[postgres]'")
    if not (PROGRAMS / "initdb").exists():
        pytest.skip("PostgreSQL 15 is not installed: apt-get install postgresql-15")


@contextmanager
def postgres() -> Iterator["Server"]:
    """Run a server, which is gone with its data afterwards."""
    with tempfile.TemporaryDirectory(prefix="prefgym-postgres-") as name:
        folder = Path(name)
        server = Server(folder)
        server.make()
        try:
            server.start()
            yield server
        finally:
            server.stop()


class Server:
    """A server that listens to this machine alone.

    It does not wait for the disk (`fsync`): processes are killed in tests, and machines are not.
    """

    def __init__(self, folder: Path) -> None:
        """Take an empty folder."""
        self.folder, self.data = folder, folder / "data"
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]

    def make(self) -> None:
        """Make an empty cluster."""
        if os.getuid() == 0:  # which PostgreSQL refuses
            owner = pwd.getpwnam("postgres")
            os.chown(self.folder, owner.pw_uid, owner.pw_gid)
        self._run("initdb", "-D", self.data, "-U", "tests", "--auth=trust", "--encoding=UTF8", "--locale=C")

    def start(self) -> None:
        """Start the server, and wait until it takes connections."""
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={self.folder} -c fsync=off"
        self._run("pg_ctl", "-D", self.data, "-o", options, "-l", self.folder / "log", "-w", "-t", "60", "start")

    def stop(self, mode: str = "immediate") -> None:
        """Stop the server, by default as a power cut would."""
        if (self.data / "postmaster.pid").exists():
            self._run("pg_ctl", "-D", self.data, "-m", mode, "-w", "-t", "60", "stop")

    def new_database(self, name: str) -> str:
        """Make an empty database and return its address."""
        where = ("-h", "127.0.0.1", "-p", str(self.port), "-U", "tests")
        self._run("createdb", *where, name)
        return f"postgresql://tests:secret@127.0.0.1:{self.port}/{name}"

    def empty_database(self) -> str:
        """Return the address of a database that is emptied each time: quicker than a new one."""
        where = ("-h", "127.0.0.1", "-p", str(self.port), "-U", "tests", "-d", "postgres", "-q")
        self._run("psql", *where, "-c", "DROP SCHEMA public CASCADE", "-c", "CREATE SCHEMA public")
        return f"postgresql://tests:secret@127.0.0.1:{self.port}/postgres"

    def _run(self, program: str, *words: str | Path) -> None:
        command = [str(PROGRAMS / program), *map(str, words)]
        if os.getuid() == 0:
            command = [
                shutil.which("setpriv") or "setpriv",
                "--reuid=postgres",
                "--regid=postgres",
                "--clear-groups",
                *command,
            ]
        environment = {"PATH": "/usr/bin:/bin", "LC_ALL": "C"}
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            timeout=120,
        )
        if done.returncode:
            raise RuntimeError(f"{program} failed: {done.stderr}")
