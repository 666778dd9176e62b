"""A study of a run in the question store: what is asked there, and of which form."""

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prefgym.common.array_files import packed
from prefgym.common.errors import UserError, read_as
from prefgym.common.files import SETTINGS_BYTES, read_bytes
from prefgym.common.yaml_files import read_yaml
from prefgym.core.kinds import Reaction
from prefgym.core.packing import pack_segments
from prefgym.core.preferences import BETTER
from prefgym.core.queries import Queries, shown_sum
from prefgym.core.segments import Segments
from prefgym.raters.answered import Reading
from prefgym.store.records import NewQuestion, NewSegment
from prefgym.store.store import Store
from prefgym.store.study import Criterion, StudyCfg

if TYPE_CHECKING:
    from prefgym.raters.human import HumanRater, HumanRaterCfg

QUESTIONS = {
    "comparison": "Which one is better?",
    "ranking": "Which one is best, which one comes next?",
    "rating": "How good is it?",
    "thumbs": "Is it good or bad?",
    "mark": "Which part is good, which part is bad?",
    "live": "Press good or bad while you watch.",
}
"""The question that is asked if nothing else is."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Asking:
    """The study of a run."""

    rater: "HumanRater"
    """Whose questions these are."""
    store: Store
    """The open store."""
    study: str
    """Id of the study."""
    cfg: StudyCfg
    """What it asks."""

    @classmethod
    def open(cls, rater: "HumanRater", url: str, study: str | None, name: str) -> "Asking":
        """Open the store, and find or make the study.

        Args:
            rater: Whose questions these are.
            url: File or URL of the store.
            study: Id of the study; None makes one.
            name: Name of a new study.

        Raises:
            UserError: If the store cannot be opened, does not have the study, or the study file is none.
        """
        cfg = study_of(rater.cfg, name, rater.task_description) if study is None else None
        store = Store.open(url)
        if cfg is not None:
            asking = cls(rater=rater, store=store, study=store.add_study(cfg), cfg=cfg)
            asking.ask_gold()
            return asking
        assert study is not None
        return cls(rater=rater, store=store, study=study, cfg=store.study(study).cfg)

    @property
    def reading(self) -> Reading:
        """Return how its answers are read."""
        return Reading(num_levels=self.cfg.num_levels, press_delay_s=self.rater.cfg.press_delay_s, dt_s=self.rater.dt_s)

    def ask(self, queries: Queries) -> None:
        """Ask about queries, each with a question for each criterion; those that are there already stay as they are."""
        self.store.ask(
            self.study,
            [
                question
                for row in range(len(queries))
                for question in self._questions(
                    queries.options[row], int(queries.query_id[row]), int(queries.asked_at[row])
                )
            ],
        )

    def ask_gold(self) -> None:
        """Ask the questions whose answers are known.

        Raises:
            UserError: If none is of the kind that people are asked for.
        """
        gold = self.rater.gold
        parts = () if gold is None else gold.answered().parts
        if gold is not None and not any(part.answers.kind == self.cfg.kind for part in parts):
            raise UserError(f"--rater.gold has no {self.cfg.kind} with an answer, which is what people are asked for.")
        for part in parts:
            if part.answers.kind != self.cfg.kind:
                continue
            for row, stated in enumerate(part.answers.rows()):
                options, number = part.queries.options[row], int(part.query_id[row])
                questions = self._questions(options, number, 0)
                self.store.ask(self.study, [replace(one, gold=known(self.cfg.kind, stated)) for one in questions])

    def gold_records(self) -> dict[str, dict[str, int]]:
        """Return how many gold questions each person has answered, and how many of these right, by name."""
        raters = self.store.progress(self.study).raters
        return {one.name: {"gold_right": one.gold_right, "gold_asked": one.gold_asked} for one in raters}

    def _questions(self, options: Segments, query_id: int, asked_at: int) -> list[NewQuestion]:
        """Return the questions about one query, whose segments are written. Batch shape: (K,)."""
        segments = tuple(self._segment(options[number]) for number in range(len(options)))
        shown = shown_sum(options)
        return [
            NewQuestion(
                query_id=query_id,
                segments=segments,
                criterion=criterion.name,
                asked_at=asked_at,
                shown_sha256=shown,
                priority=asked_at if self.cfg.kind == "live" else 0,  # the newest first
            )
            for criterion in self.cfg.criteria
        ]

    @cached_property
    def _geometry(self) -> str | None:
        """Return the id of the bodies that the poses move."""
        geometry = self.rater.drawer.geometry()
        return None if geometry is None else self.store.add_geometry(geometry, "application/json")

    def _segment(self, segment: Segments) -> str:
        """Write one segment, and return its id. It has no batch axes."""
        drawing = self.rater.drawer.draw(segment)
        return self.store.add_segment(
            NewSegment(
                env=self.rater.env_id,
                num_steps=int(segment.length),
                dt_s=self.rater.dt_s,
                drawing=drawing.content,
                media_type=drawing.media_type,
                geometry=self._geometry,
                content=packed(pack_segments(segment)),
            )
        )


def study_of(cfg: "HumanRaterCfg", name: str, task_description: str) -> StudyCfg:
    """Return the study that the settings of a rater describe.

    Args:
        cfg: The settings.
        name: Name of the study, if its file has none.
        task_description: The task in words, for the instructions.

    Raises:
        UserError: If the study file is none, or asks for another kind of feedback.
    """
    if cfg.study is None:
        return StudyCfg(
            name=name,
            kind=cfg.gives,
            instructions=task_description,
            criteria=tuple(_criterion(text, cfg.gives) for text in cfg.criteria),
            num_levels=cfg.num_levels,
            overlap=cfg.overlap,
            gold_share=0.0 if cfg.gold is None else cfg.gold_share,
        )
    study = StudyCfg.of_dict({"name": name, "kind": cfg.gives, **_read(cfg.study)})
    if study.kind != cfg.gives:
        raise UserError(f"{cfg.study} asks for {study.kind}: pass --rater.gives {study.kind}.")
    return study


def _read(file: Path) -> dict[str, Any]:
    """Read a study file.

    Raises:
        UserError: If it is missing or damaged, or names questions: those of a run come from its sampler.
    """
    with read_as(f"{file} cannot be read as a study"):
        text = read_bytes(file, SETTINGS_BYTES).decode()
    values = read_yaml(text, file)
    if given := {"questions", "gold"} & {*values}:
        raise UserError(
            f"{file} has {' and '.join(sorted(given))}, and a training asks about its own segments: leave them out; "
            "--rater.gold FOLDER mixes in questions with known answers."
        )
    return values


def _criterion(text: str, kind: str) -> Criterion:
    """Return a criterion of a name, or of `name: the text of the question`."""
    name, _, question = (part.strip() for part in text.partition(":"))
    usual = QUESTIONS[kind] if name == BETTER else f"{QUESTIONS[kind]} ({name})"
    return Criterion(name=name, text=question or usual)


def known(kind: str, stated: dict[str, Any]) -> dict[str, Any]:
    """Return a known answer as the store has it.

    Args:
        kind: Kind of feedback.
        stated: What was stated, as `Statement.rows` has it.
    """
    if kind == "comparison":
        shares = stated["choice"]
        return {"choice": "tie" if stated["tie"] else shares.index(max(shares))}
    if kind == "thumbs":
        return {"reaction": Reaction(stated["reaction"]).name.lower()}
    if kind == "mark":
        steps = [step for step, share in enumerate(stated["share"]) if share >= 0.5]
        return {"stretches": [{"start": steps[0], "end": steps[-1] + 1, "good": stated["good"]}] if steps else []}
    return {name: stated[name] for name in ("rank", "level") if name in stated}
