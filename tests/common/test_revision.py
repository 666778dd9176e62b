"""A commit is named with what was changed since, and nobody else's is named."""

import subprocess
from pathlib import Path

import pytest

from prefgym.common.revision import git_revision

WHO = ("-c", "user.name=A", "-c", "user.email=a@example.org")


def git(*argv: str) -> str:
    """Run git here, and return what it says."""
    return subprocess.run(["git", *WHO, *argv], check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def code() -> Path:
    """Make a repository with some code."""
    git("init", "--quiet")
    for name in ("code.py", "tests/test_code.py", "notes.md"):
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_text("first\n")
    git("add", ".")
    git("commit", "--quiet", "--message", "First")
    return Path("code.py")


def test_changes_are_told_and_forgotten(code: Path) -> None:
    """The same change has the same digest; tests and text are no code that runs."""
    commit = git("rev-parse", "HEAD")
    assert git_revision(code) == commit
    for name in ("tests/test_code.py", "notes.md"):
        Path(name).write_text("second\n")
    assert git_revision(code) == commit
    told = {text: change(code, text) for text in ("second\n", "third\n")}
    assert told["second\n"] != told["third\n"]
    assert all(name.startswith(f"{commit}+") for name in told.values())
    assert change(code, "second\n") == told["second\n"]
    assert change(code, "first\n") == commit


def change(code: Path, text: str) -> str:
    """Change the code, and name the revision."""
    code.write_text(text)
    return str(git_revision(code))


def test_a_new_file_counts_once_git_knows_of_it(code: Path) -> None:
    commit = git_revision(code)
    Path("new.py").write_text("new\n")
    assert git_revision(code) == commit
    git("add", "new.py")
    assert git_revision(code) != commit


def test_what_is_in_no_commit_has_no_name(code: Path) -> None:
    """As a wheel in a virtual environment that lies in a repository."""
    (installed := Path("venv/installed.py")).parent.mkdir()
    installed.write_text("first\n")
    assert git_revision(installed) is None


def test_before_the_first_commit_there_is_no_name() -> None:
    git("init", "--quiet")
    Path("code.py").write_text("first\n")
    git("add", ".")
    assert git_revision(Path("code.py")) is None


def test_without_git_there_is_no_name(code: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert git_revision(code) is None
