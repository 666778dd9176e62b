"""Recorded data, and answers about them."""

from pathlib import Path

import pytest
from pole_data import ask
from tiny import POLE

from prefgym.demos.collect import DemosCfg, write_demos
from prefgym.samplers.uniform import UniformSamplerCfg


@pytest.fixture(scope="session")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Play thirty episodes of random actions, and ask 40 questions about them."""
    pytest.importorskip("minari")
    folder = tmp_path_factory.mktemp("offline")
    write_demos(DemosCfg(env=POLE, policy=("random",), episodes=30, dataset="pole/random-v0", out=folder / "data"))
    of_equal_length = UniformSamplerCfg(recent_steps=None, segment_length=4, keep_short=False)
    ask(folder / "prefs", of_equal_length, datasets=folder / "data", queries=40)
    return folder


@pytest.fixture
def here(recorded: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Work in a folder that has them."""
    monkeypatch.chdir(tmp_path)
    for name in ("data", "prefs"):
        (tmp_path / name).symlink_to(recorded / name)
    return tmp_path
