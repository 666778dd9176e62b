"""Folders of others: whatever could lead out of them is refused by name."""

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from prefgym.common.errors import UserError
from prefgym.common.files import open_to_change, read_bytes, write_text
from prefgym.common.folders import check_folder

OUTSIDE = Path("outside")
ODD: dict[str, Callable[[Path], object]] = {
    "a link": lambda path: path.symlink_to(OUTSIDE.absolute()),
    "a hard link": lambda path: path.hardlink_to(OUTSIDE / "file"),
    "a named pipe": os.mkfifo,
    "a socket": lambda path: socket.socket(socket.AF_UNIX).bind(str(path)),
}


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # of the socket
@pytest.mark.parametrize("kind", ODD)
@pytest.mark.parametrize("place", [".", "in", "in/deeper"])
def test_what_is_no_plain_file_is_refused_by_name(kind: str, place: str) -> None:
    OUTSIDE.mkdir()
    (OUTSIDE / "file").write_text("mine")
    Path("run/in/deeper").mkdir(parents=True)
    Path("run/in/plain").write_text("")
    check_folder(Path("run"))
    odd = Path("run") / place / "odd"
    ODD[kind](odd)
    with pytest.raises(UserError, match=f"^{odd} is {kind}, "):
        check_folder(Path("run"))


def test_a_run_may_lie_behind_a_link() -> None:
    """The user has named it: `runs` may be on another disk, and `latest` a link to a run."""
    Path("disk/run").mkdir(parents=True)
    Path("runs").symlink_to("disk")
    check_folder(Path("runs/run"))
    Path("latest").symlink_to("runs/run")
    check_folder(Path("latest"))


def test_depth_is_bounded() -> None:
    deep = Path("run", *["a"] * 16)
    deep.mkdir(parents=True)
    check_folder(Path("run"))
    (deep / "b").mkdir()
    with pytest.raises(UserError, match="run has more than 16 folders inside each other"):
        check_folder(Path("run"))


@pytest.mark.parametrize("kind", ["a link", "a hard link"])
def test_nothing_is_written_through_links(kind: str) -> None:
    """Neither in the place of a file, nor in that of the part that becomes it."""
    OUTSIDE.mkdir()
    (OUTSIDE / "file").write_text("mine")
    for name in ("a", ".b.part", "c"):
        if kind == "a link":
            Path(name).symlink_to(OUTSIDE / "file")
        else:
            Path(name).hardlink_to(OUTSIDE / "file")
    write_text(Path("a"), "1")
    write_text(Path("b"), "2")
    with pytest.raises(UserError, match="c"):
        open_to_change(Path("c"))
    assert (OUTSIDE / "file").read_text() == "mine"
    assert (Path("a").read_text(), Path("b").read_text()) == ("1", "2")


def test_files_to_read_are_plain_and_bounded() -> None:
    os.mkfifo("pipe")
    Path("link").symlink_to("file")
    with Path("file").open("wb") as file:
        file.truncate(2**40)  # needs no room on the disk
    for name, told in (("pipe", "it is no file"), ("link", "it is a link"), ("file", "too large"), ("no", "missing")):
        with pytest.raises(UserError, match=told):
            read_bytes(Path(name))
