"""The shared fixtures do what they say."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

GENERATORS = """
import random

import numpy as np
import pytest
import torch


@pytest.mark.parametrize("draw", [np.random.rand, random.random, lambda: torch.rand(1)])
def test_shared(no_global_rng, draw):
    draw()


def test_own(no_global_rng):
    np.random.default_rng(0).normal()
    torch.rand(1, generator=torch.Generator().manual_seed(0))
"""

MODULES = """
import sys

import gymnasium as gym
import pytest

from prefgym.common.modules import is_trusted, load_module, trust


@pytest.mark.parametrize("time", ["first", "second"])
def test_each_time_nothing_is_there(time, tmp_path):
    (tmp_path / "package" / "inner").mkdir(parents=True)
    register = "import gymnasium as gym\\ngym.register('{}-v0', entry_point={})\\n"
    (tmp_path / "one.py").write_text(register.format("One", "type('Env', (gym.Env,), {'__module__': __name__})"))
    (tmp_path / "package" / "inner" / "__init__.py").write_text(register.format("Two", "'package.inner:Env'"))
    assert not {"one", "package", "package.inner"} & {*sys.modules}
    assert not {"One-v0", "Two-v0"} & {*gym.registry}
    assert str(tmp_path.parent) not in [place[:len(str(tmp_path.parent))] for place in sys.path]
    assert not is_trusted("one")
    load_module("one"), load_module("package.inner"), trust("one")
    assert {"one", "package", "package.inner"} <= {*sys.modules} and {"One-v0", "Two-v0"} <= {*gym.registry}
    assert is_trusted("one") and str(tmp_path) in sys.path
"""


def outcome_of(cases: str, folder: Path) -> str:
    """Run tests with our fixtures, in a process of their own, and return the output."""
    shutil.copy(Path(__file__).with_name("conftest.py"), folder)
    (folder / "test_cases.py").write_text(cases)
    flags = ("-o", f"pythonpath={Path(__file__).with_name('helpers')}", "-p", "no:cacheprovider", "-p", "no:randomly")
    command = [sys.executable, "-m", "pytest", *flags, "-n0", "-q", str(folder)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    return done.stdout


@pytest.mark.slow  # pytest within pytest
def test_draws_from_shared_generators_are_noticed(tmp_path: Path) -> None:
    outcome = outcome_of(GENERATORS, tmp_path)
    # A test that used a shared generator itself passes; what fails is taking its fixture down: 4 passed, 3 errors.
    assert "4 passed, 3 errors" in outcome, outcome
    for name in ("numpy", "random", "torch"):
        assert f"global generators were used: {name};" in outcome


@pytest.mark.slow  # pytest within pytest
def test_no_module_that_a_test_wrote_is_there_in_the_next(tmp_path: Path) -> None:
    outcome = outcome_of(MODULES, tmp_path)
    assert "2 passed" in outcome, outcome


def test_there_is_one_thread_and_an_empty_directory() -> None:
    assert torch.get_num_threads() == 1
    assert list(Path.cwd().iterdir()) == []
