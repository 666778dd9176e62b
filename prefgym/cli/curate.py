"""`prefgym curate`: drop or flip what questions with known answers contradict."""

from dataclasses import dataclass, replace
from pathlib import Path

import tyro

from prefgym.cli.feedback import summarize
from prefgym.cli.parse import parse
from prefgym.common.errors import UserError
from prefgym.data.curate import CurateCfg, curated
from prefgym.data.feedback import MANIFEST, Card, check_new, read_folder, write_feedback
from prefgym.data.recorded import recorded
from prefgym.runs.answer_log import AnswerLog
from prefgym.runs.config_file import read_config


@dataclass(frozen=True, kw_only=True)
class CurateArgs(CurateCfg):
    """Drop or flip what questions with known answers contradict, and write the rest into a new folder."""

    source: tyro.conf.Positional[Path]
    """Run folder, or folder of feedback."""
    folder: tyro.conf.Positional[Path]
    """Folder to write, which must not exist."""
    gold: Path | None = None
    """Feedback folder or run with answers that are known to be right, to the same queries; default: how each person did
    on the gold questions of the study, as the answers carry it."""


def run(argv: list[str]) -> int:
    """Curate, and print what became of whose answers. Returns the exit code."""
    args = parse(CurateArgs, argv, "prefgym curate")
    check_new(args.folder)
    if (args.source / MANIFEST).is_file() and not (args.source / "config.yaml").is_file():
        whole = read_folder(args.source)
        feedback, card, logged = whole.feedback, whole.card, whole.logged
    else:
        feedback, card = recorded(args.source), Card(env=read_config(args.source)["env"])
        logged = AnswerLog(args.source / "preferences" / "answers.sqlite").read()
    gold = None if args.gold is None else recorded(args.gold)
    kept, people = curated(feedback, gold, args)
    if not any(person.asked for person in people):
        raise UserError(
            f"nobody in {args.source} has answered a gold question: pass --gold FOLDER with answers that are right."
        )
    for person in people:
        print(person.in_words())
    if not kept.parts:
        raise UserError(f"nothing is left of {args.source}, and {args.folder} is not written: lower --min-accuracy.")
    write_feedback(args.folder, kept, replace(card, source=card.source or str(args.source)), logged)
    print(summarize(args.folder, kept))
    return 0
