"""Segments into the store, with what a page draws of them."""

from collections.abc import Sequence
from dataclasses import dataclass

from prefgym.common.array_files import packed
from prefgym.core.segments import Segments
from prefgym.data.tables import pack_segments
from prefgym.sim.source import EnvSource
from prefgym.store.records import NewSegment
from prefgym.store.store import Store
from prefgym.video.drawing import Drawer, drawer_of


@dataclass(frozen=True, kw_only=True, eq=False)
class Drawing:
    """What draws the segments of an environment, and its geometry in the store."""

    env: str
    drawer: Drawer
    geometry: str | None
    """Id of the geometry; None where segments are clips."""

    @classmethod
    def of(cls, store: Store, env: EnvSource | str) -> "Drawing":
        """Put the geometry of an environment into the store.

        Raises:
            UserError: If there is no such environment.
        """
        drawer, source = drawer_of(env), EnvSource.of(env)
        content = drawer.geometry()
        geometry = None if content is None else store.add_geometry(content, "application/json")
        return cls(env=source.name, drawer=drawer, geometry=geometry)


def add_drawn(store: Store, drawing: Drawing, segments: Sequence[Segments]) -> list[str]:
    """Draw segments, and put them into the store.

    Args:
        store: The store.
        drawing: Draws them.
        segments: Segments without batch axes.

    Returns:
        Their ids.

    Raises:
        CannotDraw: If one has neither physics states that can be drawn nor frames.
    """
    return [store.add_segment(_drawn(drawing, segment)) for segment in segments]


def _drawn(drawing: Drawing, segment: Segments) -> NewSegment:
    whole = segment.with_steps(int(segment.length)).without_reward()
    drawn = drawing.drawer.draw(whole)
    return NewSegment(
        env=drawing.env,
        num_steps=whole.num_steps,
        dt_s=drawing.drawer.dt,
        geometry=drawing.geometry if drawn.media_type.startswith("application/") else None,
        drawing=drawn.content,
        media_type=drawn.media_type,
        content=packed(pack_segments(whole)),
    )
