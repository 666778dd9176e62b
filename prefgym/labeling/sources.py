"""Where questions come from: the queries of a run, also of one that goes on, or of a folder of feedback."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from prefgym.common.errors import UserError
from prefgym.core.queries import Queries
from prefgym.core.segments import Segments
from prefgym.data.asked import asked_queries
from prefgym.data.feedback import read_folder
from prefgym.evaluation.envs import source_of_run
from prefgym.labeling.drawn import Drawing, add_drawn
from prefgym.labeling.study_file import GoldPart
from prefgym.runs.answers import shown_sum
from prefgym.sim.source import EnvSource
from prefgym.store.records import NewQuestion
from prefgym.store.store import Store
from prefgym.store.study import StudyCfg
from prefgym.video.drawing import CannotDraw

ABOUT_SEVERAL = ("comparison", "ranking")
"""Kinds of questions that show the options of a query together; the others show one at a time."""


@dataclass(eq=False)
class Source:
    """A run folder, or a folder of feedback.

    Raises:
        UserError: If it is neither.
    """

    path: Path
    seen: set[str] = field(default_factory=set[str])
    """Files that have been read."""

    def __post_init__(self) -> None:
        self.is_run = (self.path / "config.yaml").is_file()
        if not self.is_run and not self.path.is_dir():
            raise UserError(f"{self.path} is neither a run folder nor a folder of feedback.")
        self.env = source_of_run(self.path) if self.is_run else EnvSource.of(read_folder(self.path).card.env)

    def new_queries(self) -> list[Queries]:
        """Return the queries that have come since the last call.

        Raises:
            DamageError: If a file is damaged.
        """
        if self.is_run:
            found = asked_queries(self.path, self.seen)
        elif self.seen:
            return []
        else:
            found = {str(n): part.queries for n, part in enumerate(read_folder(self.path).feedback.parts)}
        self.seen |= found.keys()
        return list(found.values())


def drawing_of(store: Store, source: Source) -> Drawing:
    """Return what draws the segments of a source.

    Raises:
        UserError: If its environment cannot be made.
    """
    return Drawing.of(store, source.env)


@dataclass(frozen=True, kw_only=True)
class Added:
    """What became of queries."""

    num_asked: int
    """Queries that are asked about."""
    num_left_out: int
    """Queries that cannot be drawn."""
    why: str
    """Why the first of them cannot be drawn."""


def add_queries(
    store: Store,
    study: str,
    cfg: StudyCfg,
    drawing: Drawing,
    parts: Iterable[Queries],
    gold: Sequence[GoldPart] = (),
    most: int | None = None,
) -> Added:
    """Draw queries and ask about them, one after the other; those that are there already stay as they are.

    Args:
        store: The store.
        study: Id of the study.
        cfg: Its configuration.
        drawing: Draws their segments.
        parts: The queries.
        gold: Questions whose answers are known.
        most: How many queries are asked about.
    """
    num_asked = num_left_out = 0
    why = ""
    for query_id, asked_at, options in _rows(parts, cfg.kind in ABOUT_SEVERAL):
        if most is not None and num_asked >= most:
            break
        try:
            segments = add_drawn(store, drawing, [options[place] for place in range(len(options))])
        except CannotDraw as error:
            num_left_out, why = num_left_out + 1, why or str(error)
            continue
        store.ask(study, list(_questions(cfg, query_id, asked_at, options, segments, gold)))
        num_asked += 1
    return Added(num_asked=num_asked, num_left_out=num_left_out, why=why)


def _rows(parts: Iterable[Queries], together: bool) -> Iterator[tuple[int, int, Segments]]:
    """Yield number, step and options of each query; where one option is shown at a time, each is a query."""
    for queries in parts:
        for row in range(len(queries)):
            options = queries.options[row]
            query_id, asked_at = int(queries.query_id[row]), int(queries.asked_at[row])
            if together:
                yield query_id, asked_at, options
                continue
            for place in range(len(options)):
                yield query_id * len(options) + place, asked_at, options[place : place + 1]


def _questions(
    cfg: StudyCfg, query_id: int, asked_at: int, options: Segments, segments: Sequence[str], gold: Sequence[GoldPart]
) -> Iterator[NewQuestion]:
    for criterion in cfg.criteria:
        known = [
            one for one in gold if (one.query, one.criterion or cfg.criteria[0].name) == (query_id, criterion.name)
        ]
        yield NewQuestion(
            query_id=query_id,
            asked_at=asked_at,
            segments=tuple(segments),
            criterion=criterion.name,
            shown_sha256=shown_sum(options),
            gold=known[0].answer() if known else None,
            practice=bool(known) and known[0].practice,
        )
