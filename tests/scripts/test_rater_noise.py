"""How often noisy raters are wrong, at the two ends of noise."""

import math

import pytest
from rater_noise import RaterNoiseCfg, main


def test_who_never_errs_and_who_guesses(capsys: pytest.CaptureFixture[str]) -> None:
    """With beta = inf no answer is wrong; with beta = 0 every other one, 5 standard deviations being 0.13."""
    main(RaterNoiseCfg(tasks=("Reacher",), betas=(math.inf, 0.0), num_steps=100, num_queries=400))
    cells = [cell.strip() for cell in capsys.readouterr().out.splitlines()[-2].split("│")]
    assert (cells[1], cells[3]) == ("Reacher", "0.0%")
    assert 37 < float(cells[4].rstrip("%")) < 63
