"""The table of environments in which a reward was learned: real environments, real fits, a line each."""

import json
from pathlib import Path

import numpy as np
import pytest
from regret_identifiability import Cell, IdentifiabilityCfg, choose, main, read


@pytest.mark.slow
def test_what_was_learned_is_not_learned_again(capsys: pytest.CaptureFixture[str]) -> None:
    """Two environments, two kinds of answers, two learners; the second call only prints."""
    cfg = IdentifiabilityCfg(num_random=1, preferences=(60,), num_policies=20, results=Path("results.jsonl"))
    main(cfg)
    lines = cfg.results.read_text().splitlines()
    assert len(lines) == 8
    assert {json.loads(line)["world"] for line in lines} == {"delivery", "random-0"}
    assert all(json.loads(line)["scaled_return"] <= 1 + 1e-9 for line in lines)
    cfg.results.write_text("\n".join(lines[:-1]) + "\n")
    main(cfg)
    assert cfg.results.read_text().splitlines()[-1] == lines[-1]  # the one that was missing, to the last digit
    told = read(cfg.results)
    assert Cell(world="delivery", answers="stochastic", preferences=60, learner="regret") in told
    assert "partial-return" in capsys.readouterr().out


def test_choices() -> None:
    """0 over -1, a tie, and by Boltzmann: P = 1 / (1 + e^-1) = 0.73."""
    better = np.array([[0.0, -1.0], [2.0, 2.0], [-1.0, 0.0]])
    assert choose(better, "error-free", np.zeros(3)).tolist() == [1.0, 0.5, 0.0]
    assert choose(better, "stochastic", np.array([0.72, 0.49, 0.28])).tolist() == [1.0, 1.0, 0.0]
    assert choose(better, "stochastic", np.array([0.74, 0.51, 0.26])).tolist() == [0.0, 0.0, 1.0]
