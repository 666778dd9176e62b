"""Absurd values of flags are refused in one sentence, or lawful."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "fuzz_flags.py"


def fuzz(*flags: str) -> subprocess.CompletedProcess[str]:
    """Run the fuzzer in a process of its own, which has one thread and may fork."""
    env = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.run([sys.executable, str(SCRIPT), *flags], env=env, capture_output=True, text=True)


@pytest.mark.slow  # a tenth of `make soak`, in four parts
@pytest.mark.parametrize("part", range(4))
def test_absurd_values_are_refused_in_one_sentence_or_lawful(part: int) -> None:
    done = fuzz("--share", "0.025", "--seed", str(part))
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"


@pytest.mark.slow  # another process, and commands in it
def test_the_fuzzer_reports_what_it_ran() -> None:
    done = fuzz("--only", "train --resume run --resume-from", "--show")
    assert done.returncode == 0, done.stderr
    assert (
        "refused: train --resume run ... --resume-from 'zzz': prefgym: --resume-from zzz: there is no such"
        in done.stdout
    )
