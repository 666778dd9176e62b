"""Plain callables as raters."""

from collections.abc import Callable

import pytest

from prefgym.common.errors import UserError
from prefgym.core.queries import Queries
from prefgym.raters.immediate import as_rater
from prefgym.testing import example_segments


class Number:
    """Returns a number."""

    def __call__(self, queries: Queries) -> int:
        return len(queries)


@pytest.mark.parametrize(
    ("rater", "told"),
    [(Number(), "the rater Number returned int"), (lambda queries: None, "the rater <lambda> returned NoneType")],
)
def test_a_callable_that_returns_no_preferences_is_named(rater: Callable[[Queries], object], told: str) -> None:
    made = as_rater(rater)  # pyright: ignore[reportArgumentType] - what the test is about
    with pytest.raises(UserError, match=rf"^{told}, and prefgym\.Preferences was expected\.$"):
        made.submit(Queries.of(example_segments(1, 2)))
