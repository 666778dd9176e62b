"""Unknown names get a sentence that helps."""

import pytest

from prefgym.sim.names import check_name, check_render_mode


def test_close_names_are_suggested() -> None:
    """A typo is answered by what is closest, anything else by all there is."""
    check_name("seeding", "fast", ("fast", "parity"))
    with pytest.raises(ValueError, match=r"^unknown seeding 'party': did you mean 'parity'\?$"):
        check_name("seeding", "party", ("fast", "parity"))
    with pytest.raises(ValueError, match=r"^unknown seeding 7: there is fast, parity$"):
        check_name("seeding", 7, ("fast", "parity"))


def test_render_modes() -> None:
    """None asks for no pictures."""
    check_render_mode(None)
    check_render_mode("rgb_array")
    with pytest.raises(ValueError, match="unknown render mode 'rgb_arry': did you mean 'rgb_array'"):
        check_render_mode("rgb_arry")
