"""Queries as tasks of Label Studio, with videos of their segments; `prefgym.data.importers` reads the answers."""

import base64
import json
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

import numpy as np

from prefgym.common.array_files import packed
from prefgym.common.errors import UserError
from prefgym.common.files import write_text, writing
from prefgym.core.feedback import Feedback
from prefgym.core.kinds import Comparison, Rating, Statement, Thumbs
from prefgym.core.preferences import BETTER, Preferences
from prefgym.core.queries import Queries
from prefgym.data.feedback import Card, new_folder
from prefgym.data.importers.label_studio import CARD, CONFIG, CONTROL, QUERIES, SIDES, TASKS, WORDS, TaskCard
from prefgym.data.tables import pack_segments
from prefgym.report.feedback.source import looks_of, read
from prefgym.sim.render import StateRenderer
from prefgym.video.clips import Draw, choose_pace, encode_mp4, segment_frames

QUESTIONS = {
    "comparison": "Which one is better?",
    "rating": "How good is it?",
    "thumbs": "Is it good or bad?",
}
"""What is asked by the criterion `better`, by kind of feedback."""
WIDTH, HEIGHT = 384, 288
"""Size of a video, in pixels."""
KEYS = {"comparison": "asd", "thumbs": "asd"}
"""Keys of the choices, in their order."""


@dataclass(frozen=True, kw_only=True)
class TasksCfg:
    """How tasks are written."""

    seed: int = 0
    """Seed of the sides on which the options stand."""
    videos_at: str = ""
    """Address under which the folder `videos` is served; empty: the videos are embedded in the tasks."""


def export_tasks(
    source: Path, folder: Path, cfg: TasksCfg, *, truth: bool = True,
    instructions: str = "", licence: str = "", consent: str = "",
) -> int:  # fmt: skip
    """Write the queries of a run or a feedback folder as tasks.

    Args:
        source: Run folder, or feedback folder.
        folder: New folder, which must not exist.
        cfg: How they are written.
        truth: Whether `queries.safetensors` has task reward, factors, physics states and pictures.
        instructions: Shown above each task.
        licence: Licence of the answers.
        consent: Consent of the people who answer.

    Returns:
        The number of tasks.

    Raises:
        UserError: As `write_tasks`, or if there are no queries.
    """
    recorded = read(source)
    looks = looks_of(recorded)
    texts = {"instructions": instructions, "licence": licence, "consent": consent}
    known = {name: getattr(recorded.label, name) for name in ("licence", "consent")}
    known["instructions"] = "\n".join(recorded.label.instructions.values())
    card = Card(env=recorded.label.env, **{name: text or known[name] for name, text in texts.items()})
    with ExitStack() as stack:
        draw = None
        if looks.model is not None:
            renderer = StateRenderer(looks.model, width=WIDTH, height=HEIGHT, camera=looks.camera)
            draw = stack.enter_context(renderer)
        return write_tasks(folder, recorded.answers, card, draw, looks.fps, cfg, truth=truth)


def write_tasks(
    folder: Path, feedback: Feedback | Preferences[Statement], card: Card, draw: Draw | None, fps: float,
    cfg: TasksCfg, *, truth: bool = True,
) -> int:  # fmt: skip
    """Write the queries of feedback as tasks, each query and criterion once; the answers stay behind.

    Args:
        folder: New folder, which must not exist; see `prefgym.data.importers.label_studio`.
        feedback: Its queries are asked; all of one kind.
        card: Environment and texts.
        draw: Draws physics states; None if the segments have recorded pictures.
        fps: Steps per second.
        cfg: How they are written.
        truth: As for `export_tasks`.

    Returns:
        The number of tasks.

    Raises:
        UserError: If Label Studio cannot ask this kind of feedback, or a segment cannot be drawn.
    """
    part = _asked_once(Feedback.of(feedback))
    kind = part.answers.kind
    num_levels = part.answers.num_levels if isinstance(part.answers, Rating) else 0
    asked = {"kind": kind, "criteria": part.criteria, "num_levels": num_levels, **asdict(card)}
    task_card = TaskCard.model_validate(asked)
    generator = np.random.default_rng(cfg.seed)
    queries = part.queries
    with writing(folder), new_folder(folder) as new:
        (new / "videos").mkdir()
        tasks: list[dict[str, Any]] = []
        for row in range(len(part)):
            criterion = part.criteria[int(part.criterion[row])]
            order: list[int] = generator.permutation(queries.num_options).tolist()
            videos = _videos(queries[row : row + 1], order, draw, fps)
            question = QUESTIONS[kind] if criterion == BETTER else criterion
            data: dict[str, Any] = {"question": question, "instructions": str(card.instructions)}
            for name, video in zip(SIDES if len(order) > 1 else ("video",), videos, strict=True):
                data[name] = _address(new, f"{row}-{name}.mp4", video, cfg)
            data["prefgym"] = {"query": row, "order": order, "criterion": criterion}
            tasks.append({"data": data})
        if not cfg.videos_at:
            (new / "videos").rmdir()
        kept = queries if truth else queries.without_truth()
        arrays = pack_segments(kept.options)
        arrays |= {"query_id": queries.query_id.contiguous(), "asked_at": queries.asked_at.contiguous()}
        (new / QUERIES).write_bytes(packed(arrays))
        write_text(new / CARD, task_card.model_dump_json(indent=2) + "\n")
        write_text(new / CONFIG, labeling_config(kind, num_levels))
        write_text(new / TASKS, json.dumps(tasks))
    return len(tasks)


def labeling_config(kind: str, num_levels: int) -> str:
    """Return the labelling configuration of a kind of feedback.

    Choices are words with keys, and not the tag Pairwise: that one knows no tie, and takes a click on the controls of a
    video for an answer.
    """
    names = SIDES if kind == "comparison" else ("video",)
    videos = "\n".join(f'    <View style="flex: 1"><Video name="{name}" value="${name}"/></View>' for name in names)
    if kind == "rating":
        control = f'  <Rating name="{CONTROL}" toName="video" maxRating="{num_levels}" required="true"/>'
    else:
        choices = "\n".join(
            f"    <Choice value={quoteattr(word)} hotkey={quoteattr(key)}/>"
            for word, key in zip(WORDS[kind], KEYS[kind], strict=True)
        )
        control = (
            f'  <Choices name="{CONTROL}" toName="{names[0]}" choice="single" showInLine="true" required="true">\n'
            f"{choices}\n  </Choices>"
        )
    return (
        '<View>\n  <Header value="$question"/>\n  <Header size="6" value="$instructions"/>\n'
        f'  <View style="display: flex; gap: 1em">\n{videos}\n  </View>\n{control}\n</View>\n'
    )


def _asked_once(feedback: Feedback) -> Preferences[Statement]:
    """Return the first row of each query and criterion.

    Raises:
        UserError: If the kinds of feedback cannot be asked together, or not at all.
    """
    fits = [part for part in feedback.parts if isinstance(part.answers, (Comparison, Rating, Thumbs))]
    fits = [part for part in fits if part.queries.num_options == (2 if isinstance(part.answers, Comparison) else 1)]
    kinds = ", ".join(dict.fromkeys(part.answers.kind for part in feedback.parts))
    if len(fits) != 1 or len(feedback.parts) != 1:
        raise UserError(
            f"tasks for Label Studio are comparisons of two, ratings or thumbs, one kind at a time; these are {kinds}."
        )
    (part,) = fits
    seen: dict[tuple[int, int], int] = {}
    for row, (query, criterion) in enumerate(zip(part.queries.query_id, part.criterion, strict=True)):
        seen.setdefault((int(query), int(criterion)), row)
    return part[list(seen.values())]


def _videos(query: Queries, order: Sequence[int], draw: Draw | None, fps: float) -> list[bytes]:
    options = query.options[0][list(order)]
    pace = choose_pace(int(options.length.max()) + (options.frames is None), fps)
    videos: list[bytes] = []
    for place in range(len(order)):
        frames = segment_frames(options[place], draw, pace.stride)
        if frames is None:
            raise UserError("the segments have neither recorded pictures nor physics states of a known model.")
        videos.append(encode_mp4(frames[:, : frames.shape[1] // 2 * 2, : frames.shape[2] // 2 * 2], pace.fps))
    return videos


def _address(folder: Path, name: str, video: bytes, cfg: TasksCfg) -> str:
    if not cfg.videos_at:
        return f"data:video/mp4;base64,{base64.b64encode(video).decode()}"
    (folder / "videos" / name).write_bytes(video)
    return f"{cfg.videos_at.rstrip('/')}/{name}"
