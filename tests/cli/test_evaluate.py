"""`prefgym evaluate`: returns with early ends, and a film of the median episode."""

import re
from pathlib import Path

import pytest
from commands import run
from videos import decode


@pytest.mark.parametrize("flag", ["--film", "--video"])
def test_the_median_episode_is_filmed(flag: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A medium hopper falls: the film is as long as its episode, at 125 steps and some 30 pictures a second."""
    code, output, error = run(capsys, "evaluate", "medium:prefgym/Hopper-v0", "--episodes", "3", flag)
    if "cannot be drawn" in error:
        pytest.skip(error)
    assert code == 0
    returns, told = output.splitlines()
    assert re.fullmatch(r"true return [\d.]+ ± [\d.]+, \d of 3 end early", returns)
    found = re.fullmatch(r"film: (Hopper-v0-medium-1000[012]\.mp4): the median episode, true return ([\d.]+)", told)
    assert found is not None, told
    assert len(decode(Path(found[1]).read_bytes())) > 10
