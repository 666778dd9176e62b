"""Clips by worker processes: what a drawer draws, once for each segment."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from recorded import segment_of
from videos import decode

from prefgym.common.errors import UserError
from prefgym.core.segments import Segments
from prefgym.sim.source import EnvSource
from prefgym.video.drawing import CannotDraw, drawer_of
from prefgym.video.pool import ClipPool

LIMIT_S = 120
"""Seconds that a worker may take to begin."""


def pictures(first: int) -> Segments:
    """Six pictures in shades of grey, from `first` on."""
    frames = np.repeat(first + np.arange(6, dtype=np.uint8), 32 * 48 * 3).reshape(6, 32, 48, 3)
    return replace(segment_of(np.zeros((7, 4)), frames), state=None)


def test_a_segment_is_drawn_once_and_kept_on_disk(tmp_path: Path) -> None:
    with ClipPool(folder=tmp_path / "clips") as pool:
        one, other = pool.draw("CartPole-v1", pictures(50)), pool.draw("CartPole-v1", pictures(90))
        assert pool.draw("CartPole-v1", pictures(50)) is one
        assert one.result(LIMIT_S) == drawer_of("CartPole-v1").clip(pictures(50)).content
        assert abs(decode(other.result(LIMIT_S)).mean() - 92.5) < 3
        failed = pool.draw("CartPole-v1", replace(pictures(50), frames=None))
        with pytest.raises(CannotDraw, match="it has neither physics states nor pictures"):
            failed.result(LIMIT_S)
        assert pool.draw("CartPole-v1", replace(pictures(50), frames=None)) is not failed
    assert len(list((tmp_path / "clips").glob("*.mp4"))) == 2
    with ClipPool(folder=tmp_path / "clips") as later:
        kept = later.draw("CartPole-v1", pictures(50))
        assert kept.done(), "it comes from the folder"
        assert kept.result() == one.result()


def test_padding_and_what_is_not_shown_make_no_other_clip() -> None:
    with ClipPool() as pool:
        short = pictures(50)
        longer = short.with_steps(9)
        assert pool.draw("CartPole-v1", longer) is pool.draw("CartPole-v1", short)


def test_an_environment_without_a_name_is_refused() -> None:
    with ClipPool() as pool, pytest.raises(UserError, match="another process needs a name to make it by"):
        pool.draw(EnvSource.of(lambda: None), pictures(50))  # pyright: ignore[reportArgumentType]
