"""The shared fixtures do what they say."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

CASES = """
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


@pytest.mark.slow  # pytest within pytest
def test_draws_from_shared_generators_are_noticed(tmp_path: Path) -> None:
    shutil.copy(Path(__file__).with_name("conftest.py"), tmp_path)
    (tmp_path / "test_cases.py").write_text(CASES)
    flags = ("-o", f"pythonpath={Path(__file__).with_name('helpers')}", "-p", "no:cacheprovider", "-p", "no:randomly")
    command = [sys.executable, "-m", "pytest", *flags, "-n0", "-q", str(tmp_path)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    # A test that used a shared generator itself passes; what fails is taking its fixture down: 4 passed, 3 errors.
    assert "4 passed, 3 errors" in done.stdout, done.stdout
    for name in ("numpy", "random", "torch"):
        assert f"global generators were used: {name};" in done.stdout


def test_there_is_one_thread_and_an_empty_directory() -> None:
    assert torch.get_num_threads() == 1
    assert list(Path.cwd().iterdir()) == []
