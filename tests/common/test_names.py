"""Unknown names get a sentence that helps."""

import pytest

from prefgym.common.names import check_name


def test_close_names_are_suggested() -> None:
    """The message on a typo has the closest name, any other all there are."""
    check_name("seeding", "fast", ("fast", "parity"))
    with pytest.raises(ValueError, match=r"^unknown seeding 'party': did you mean 'parity'\?$"):
        check_name("seeding", "party", ("fast", "parity"))
    with pytest.raises(ValueError, match=r"^unknown seeding 7: choose among fast, parity$"):
        check_name("seeding", 7, ("fast", "parity"))
