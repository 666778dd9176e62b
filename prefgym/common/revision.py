"""Which commit runs, and whether its code was changed."""

import hashlib
import subprocess
from pathlib import Path

CODE = (":(top)*.py", ":(top,exclude)tests")


def git_revision(file: Path = Path(__file__)) -> str | None:
    """Name the commit that a file belongs to, and behind a plus a digest of changes to its code that no commit has.

    Args:
        file: The file; this one unless said.

    Returns:
        None without git, and where the file is in no commit: a wheel that was installed below somebody's work is not
        of their commit. New files count once git knows of them.
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
