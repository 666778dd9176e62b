"""The commit of the running code, and a digest of its uncommitted changes."""

import hashlib
import subprocess
from pathlib import Path

CODE = (":(top)*.py", ":(top,exclude)tests")


def git_revision(file: Path = Path(__file__)) -> str | None:
    """Return the commit of a file's repository, followed by a plus and a digest of uncommitted changes to its code.

    Args:
        file: The file; by default this one.

    Returns:
        None without git, and where the file is not tracked: a wheel that is installed inside another repository is not
        part of its commit. New files count once they are tracked.
    """
    try:
        if _git(file, "ls-files", "--error-unmatch", file.name).returncode:
            return None
    except FileNotFoundError:  # git is not installed
        return None
    commit = _git(file, "rev-parse", "HEAD")
    if commit.returncode:  # the first one is yet to come
        return None
    changes = _git(file, "diff", "HEAD", "--", *CODE).stdout
    digest = f"+{hashlib.sha256(changes).hexdigest()[:8]}" if changes else ""
    return commit.stdout.decode().strip() + digest


def _git(file: Path, *argv: str) -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run(["git", *argv], cwd=file.resolve().parent, capture_output=True, check=False)
