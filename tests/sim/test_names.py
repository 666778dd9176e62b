"""Render modes that are unknown get a sentence that helps."""

import pytest

from prefgym.sim.names import check_render_mode


def test_render_modes() -> None:
    """None asks for no pictures."""
    check_render_mode(None)
    check_render_mode("rgb_array")
    with pytest.raises(ValueError, match="unknown render mode 'rgb_arry': did you mean 'rgb_array'"):
        check_render_mode("rgb_arry")
