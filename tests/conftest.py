"""What every test gets: one thread, a directory and modules of its own, and examples that ignore the clock."""

import os
import random
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is imported, and for the processes that tests start

import gymnasium as gym
import numpy as np
import pytest
import torch
from hypothesis import settings
from tiny import tiny_run

from prefgym.common import modules
from prefgym.training.config import EvalCfg

if TYPE_CHECKING:
    from playwright.sync_api import Browser

torch.set_num_threads(1)
settings.register_profile("prefgym", deadline=None, derandomize=True, database=None)
settings.load_profile("prefgym")


@pytest.fixture(autouse=True)
def one_thread() -> None:
    """Begin the test with one thread, whatever the test before has asked for."""
    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def own_modules(tmp_path: Path) -> Iterator[None]:
    """Let the test trust no module yet; forget its own ones afterwards, with the environments that they registered."""
    path, imported = [*sys.path], {*sys.modules}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(modules, "_trusted", set[str]())
        yield
    written = {name for name in sys.modules.keys() - imported if _lies_in(tmp_path, sys.modules[name])}
    for env_id, spec in [*gym.registry.items()]:
        if _module_of(spec.entry_point) in written:
            gym.registry.pop(env_id)
    for name in written:
        sys.modules.pop(name)
    sys.path[:] = path  # without the present folder of the test, where modules have been looked for


def _lies_in(folder: Path, module: object) -> bool:
    places = [getattr(module, "__file__", None), *getattr(module, "__path__", ())]
    return any(folder in Path(place).parents for place in places if isinstance(place, str))


def _module_of(entry_point: object) -> str:
    return entry_point.partition(":")[0] if isinstance(entry_point, str) else getattr(entry_point, "__module__", "")


@pytest.fixture(autouse=True)
def empty_working_directory(own_modules: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run the test in a directory of its own, so that nothing is written elsewhere."""
    monkeypatch.chdir(tmp_path)


class Killed(BaseException):
    """The end of a process, of which no part of prefgym takes notice."""


@pytest.fixture(scope="session")
def stopped_at() -> Callable[..., AbstractContextManager[None]]:
    """Give `stopped_at(cls, name)`, for `with`: what runs in it is expected to call this method, and ends there."""

    def stop(*_: Any, **__: Any) -> None:  # noqa: ANN401
        raise Killed

    @contextmanager
    def stopping(cls: type, name: str) -> Iterator[None]:
        with pytest.MonkeyPatch.context() as patch, pytest.raises(Killed):
            patch.setattr(cls, name, stop)
            yield

    return stopping


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the slow tests, so that short ones fill up what the last of them leaves idle."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


@pytest.fixture(scope="session")
def finished_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a run folder with its report, and a policy that was kept on the way. Tests that change it copy it."""
    out = tmp_path_factory.mktemp("finished") / "run"
    return tiny_run(eval=EvalCfg(every=300, episodes=1, final_episodes=2, keep=True), out=out).path


@pytest.fixture(scope="session")
def browser() -> Iterator["Browser"]:
    """Give a browser without a window; skip the test where there is none."""
    from screenshots import find_browser, open_browser

    if find_browser() is None:
        pytest.skip("there is no Chromium: on Debian or Ubuntu, apt-get install chromium")
    with open_browser() as opened:
        yield opened


@pytest.fixture
def no_global_rng() -> Iterator[None]:
    """Fail the test that asks for it if it drew from, or seeded, a generator that belongs to nobody."""
    before = _global_states()
    yield
    touched = [name for name, state in _global_states().items() if state != before[name]]
    if touched:
        pytest.fail(f"global generators were used: {', '.join(touched)}; each part draws from a generator of its own")


def _global_states() -> dict[str, object]:
    _, key, position, has_gauss, gauss = np.random.get_state()
    return {
        "random": random.getstate(),
        "numpy": (np.asarray(key).tobytes(), position, has_gauss, gauss),
        "torch": torch.get_rng_state().numpy().tobytes(),
    }
