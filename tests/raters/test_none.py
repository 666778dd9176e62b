"""The name for training on the task reward."""

import pytest

from prefgym import raters
from prefgym.core.queries import Queries
from prefgym.testing import example_segments


def test_nobody_answers_nothing() -> None:
    """It cannot be asked, and has nothing to collect."""
    nobody = raters.make("none")
    assert nobody.collect() is None
    with pytest.raises(ValueError, match="trains on the task reward and cannot answer 3 queries"):
        nobody.submit(Queries.of(example_segments(3, 2)))
