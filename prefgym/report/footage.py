"""The clips of a report: some of the queries, and the final policy."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeGuard

from prefgym.core.feedback import Feedback
from prefgym.core.kinds import Comparison, Statement
from prefgym.core.preferences import Preferences
from prefgym.report.data import Episode
from prefgym.report.kinds import framed, order_of
from prefgym.sim.gl import MjModel, RenderingUnavailable
from prefgym.sim.render import StateRenderer
from prefgym.video.clips import (
    FINAL_SECONDS,
    Clip,
    Draw,
    Frames,
    choose_pace,
    load_clip,
    make_clip,
    segment_frames,
    side_by_side,
)
from prefgym.video.geometry import geometry_of
from prefgym.video.inline import packed_poses, packed_shapes
from prefgym.video.poses import PoseReader, encode

NUM_QUERIES = 6
"""Queries shown as clips."""
QUERY_WIDTH = 512
"""Width of all options of a query together, in pixels."""
FINAL_SIZE = (512, 288)
"""Width and height of the final policy's video, in pixels."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Footage:
    """The clips of a report."""

    final: Clip | None = None
    queries: tuple[tuple[Preferences[Statement], Clip], ...] = ()
    """Single rows of preferences, and their options side by side."""
    poses: tuple[str, ...] = ()
    """For each of them what `prefgym.video.inline.packed_poses` makes of its options; empty where there are none."""
    shapes: str = ""
    """What `prefgym.video.inline.packed_shapes` makes of the model of the poses."""
    missing: str = ""
    """One sentence on why there is no video, if there is none."""


def film(
    *,
    episode: Episode | None,
    preferences: Feedback | Preferences[Statement] | None,
    model: MjModel | None,
    camera: Mapping[str, Any],
    fps: float,
    final_clip: Path | None = None,
    num_queries: int = NUM_QUERIES,
) -> Footage:
    """Render the final episode and some queries; without pictures, return the reason.

    Args:
        episode: The final policy's episode.
        preferences: Queries and answers of the run.
        model: Model of the physics states; None if it is not known. Recorded pictures need none.
        camera: See `StateRenderer`.
        fps: States recorded for each second of the episode.
        final_clip: Clip of the final policy, if the run made one.
        num_queries: Number of queries to render.
    """
    missing = ""
    with ExitStack() as stack:

        def open_renderer(width: int, height: int) -> Draw | None:
            nonlocal missing
            if missing or model is None:
                return None
            try:
                return stack.enter_context(StateRenderer(model, width=width, height=height, camera=camera))
            except RenderingUnavailable as error:
                missing = str(error)
                return None

        queries: list[tuple[Preferences[Statement], Clip]] = []
        geometry = None if model is None else geometry_of(model, camera, 1 / fps)
        read = None if model is None or geometry is None else PoseReader(model, camera, geometry)
        parts = [part for part in (preferences.parts if preferences is not None else ()) if len(part)]
        for place, part in enumerate(parts):
            num = num_queries // len(parts) + (place < num_queries % len(parts))
            side = QUERY_WIDTH // max(part.queries.num_options, 2) // 2 * 2
            queries += _film_queries(part, num, open_renderer(side, side), fps) if num else []
        final = None if final_clip is None else load_clip(final_clip)
        if final is None and episode is not None and episode.state is not None and (draw := open_renderer(*FINAL_SIZE)):
            pace = choose_pace(len(episode.state), fps)
            shown = episode.state[: round(FINAL_SECONDS * fps) + 1 : pace.stride]
            final = make_clip(draw(shown), pace)
    if not missing and final is None and not queries:
        unknown = "the physics model of this environment is not known"
        missing = unknown if model is None else "this run recorded no physics states"
    poses = tuple(_poses_of(one, read) for one, _ in queries)
    shapes = packed_shapes(geometry.to_json()) if geometry is not None and any(poses) else ""
    return Footage(final=final, queries=tuple(queries), missing=missing, poses=poses, shapes=shapes)


def pick_queries(preferences: Preferences[Statement], num: int) -> list[int]:
    """Pick evenly spaced queries of the run, oldest first, with one tie and one skip if there are any."""
    answers = preferences.answers
    ties = [answers.tie] if isinstance(answers, Comparison) else []
    rare = [int(where.nonzero()[0]) for where in (*ties, ~answers.answered) if bool(where.any())][:num]
    common = [index for index in range(len(preferences)) if index not in rare]
    return sorted(rare + _evenly(common, num - len(rare)))


def _evenly(values: Sequence[int], num: int) -> list[int]:
    if len(values) <= num:
        return list(values)
    if num < 2:
        return list(values[:num])
    return [values[place * (len(values) - 1) // (num - 1)] for place in range(num)]


def _film_queries(
    part: Preferences[Statement], num: int, draw: Draw | None, fps: float
) -> list[tuple[Preferences[Statement], Clip]]:
    clips: list[tuple[Preferences[Statement], Clip]] = []
    for index in pick_queries(part, num):
        one = part[index : index + 1]
        order, is_best = order_of(one), framed(one)
        options = one.queries.options[0][order]
        num_pictures = int(options.length.max()) + (options.frames is None)  # recorded ones end before the last action
        pace = choose_pace(num_pictures, fps)
        shown = [segment_frames(options[k], draw, pace.stride) for k in range(len(order))]
        if _all_there(shown):
            poster = min(map(len, shown)) // 2  # where no option has ended yet
            panels = side_by_side(shown, [is_best[k] for k in order]) if len(order) > 1 else shown[0]
            clips.append((one, make_clip(panels, pace, poster)))
    return clips


def _poses_of(one: Preferences[Statement], read: PoseReader | None) -> str:
    """Pack the poses of a query's options, in the order in which they are shown; nothing without states."""
    options = one.queries.options[0][order_of(one)]
    if read is None or options.state is None:
        return ""
    states = [options.state[k, : int(options.length[k]) + 1].double().numpy() for k in range(len(options))]
    return packed_poses([encode(read(rows), read.geometry) for rows in states])


def _all_there(shown: Sequence[Frames | None]) -> TypeGuard[Sequence[Frames]]:
    return all(frames is not None for frames in shown)
