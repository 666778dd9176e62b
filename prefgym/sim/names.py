"""Names that the environments of prefgym take: of rewards and of render modes."""

from prefgym.common.names import check_name

REWARDS = ("learned", "task", "metric", "recorded")
"""Rewards that the environments of prefgym can return."""


def check_render_mode(mode: str | None) -> None:
    """Refuse an unknown render mode; None stands for no pictures.

    Raises:
        ValueError: If the mode is unknown.
    """
    if mode is not None:
        check_name("render mode", mode, ("rgb_array",))
