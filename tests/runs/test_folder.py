"""A new run folder is there with its configuration, or not at all."""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from tiny import tiny_cfg

from prefgym.common.errors import UserError
from prefgym.runs.activity import activity_of
from prefgym.runs.config_file import read_config
from prefgym.runs.folder import RunFolder


def killed(part: Path) -> None:
    """Begin to copy preferences, and be killed."""
    (part / "preferences").mkdir()
    (part / "preferences" / "half").write_text("half")
    raise KeyboardInterrupt


def test_one_that_is_interrupted_while_it_is_made_is_not_there() -> None:
    """The same name can be used again."""
    cfg = tiny_cfg(out=Path("runs/one"))
    with pytest.raises(KeyboardInterrupt):
        RunFolder(cfg, prepare=killed)
    assert [*Path("runs").iterdir()] == []
    with closing(RunFolder(cfg)):
        assert activity_of(Path("runs/one")).state == "running"
    with pytest.raises(UserError, match=r"The run folder runs/one exists"):
        RunFolder(cfg)


def test_what_a_killed_process_left_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    """SIGKILL leaves a hidden folder; the next run of that name begins without its files."""
    cfg = tiny_cfg(out=Path("runs/one"))
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("prefgym.runs.folder.shutil.rmtree", nothing)
        RunFolder(cfg, prepare=killed)
    assert (Path("runs/.one.part") / "preferences" / "half").is_file()
    with closing(RunFolder(cfg)) as run:
        assert read_config(run.path)["steps"] == cfg.steps
        assert not (run.path / "preferences").exists()
    assert [path.name for path in Path("runs").iterdir()] == ["one"]


def nothing(*_: object, **__: object) -> None:
    """Remove nothing, as a process that was killed."""


@pytest.mark.parametrize("link", [lambda path, to: path.symlink_to(to), lambda path, to: path.write_text(str(to))])
def test_what_stands_in_its_way_is_left_alone(link: Callable[[Path, Path], object]) -> None:
    """A link to a folder of somebody, or a file, under the hidden name."""
    precious = Path("precious").absolute()
    precious.mkdir()
    (precious / "photo").write_text("photo")
    Path("runs").mkdir()
    link(Path("runs/.one.part"), precious)
    with pytest.raises(UserError, match=r"\.one\.part"):
        RunFolder(tiny_cfg(out=Path("runs/one")))
    assert (precious / "photo").read_text() == "photo"
