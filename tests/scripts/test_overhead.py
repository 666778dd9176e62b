"""What a run spends on not losing anything."""

import importlib
import sys
from itertools import chain

import pytest
from overhead import PARTS, main


@pytest.fixture(autouse=True)
def untouched(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let what is timed be as it was after each test, wherever it was imported."""
    for place in (*chain(*PARTS.values()), "prefgym.training.online:train"):
        module, _, path = place.partition(":")
        *owners, name = path.split(".")
        owner = importlib.import_module(module)
        for step in owners:
            owner = getattr(owner, step)
        function = getattr(owner, name)
        for user in [owner, *(m for m in sys.modules.values() if vars(m).get(name) is function)]:
            monkeypatch.setattr(user, name, function)


def test_shares_of_a_real_run(capsys: pytest.CaptureFixture[str]) -> None:
    """With 2000 steps there are two checkpoints on the way and two sessions, each share below the whole."""
    flags = ["--env", "prefgym/InvertedPendulum-v0", "--steps", "2000", "--budget", "10", "--checkpoint.every", "800"]
    flags += ["--agent.num-envs", "4", "--agent.num-steps", "50", "--schedule.num-sessions", "2", "--threads", "1"]
    assert main([*flags, "--segment-length", "5", "--reward.hidden", "8", "--eval.final-episodes", "2"]) == 0
    *_, saving, log, guards = capsys.readouterr().out.splitlines()
    assert saving.startswith("checkpoints: 2 calls")
    assert log.startswith("log of answers: 2 calls")
    assert guards.startswith("guards: ") and int(guards.split()[1].replace(",", "")) > 100
    assert all(0 < float(line.split("s, ")[-1].partition("%")[0]) < 100 for line in (saving, log, guards))


def test_a_run_that_fails_has_no_shares() -> None:
    assert main(["--env", "nowhere"]) == 2
