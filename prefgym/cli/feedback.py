"""`prefgym feedback`: preferences as files that others can read."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
import tyro

from prefgym.cli.feedback_import import HELP_TEXT, import_files
from prefgym.cli.feedback_show import show
from prefgym.cli.parse import HELP, parse
from prefgym.common.errors import UserError
from prefgym.core.feedback import Feedback
from prefgym.core.kinds import Statement, Status
from prefgym.core.preferences import Preferences
from prefgym.data.feedback import MANIFEST, Card, export_folder, export_run, read_feedback, read_manifest
from prefgym.data.importers.label_studio import CONFIG, TASKS
from prefgym.evaluation.envs import NO_ENV
from prefgym.runs.config_file import read_config


@dataclass(frozen=True, kw_only=True)
class ExportArgs:
    """Write the queries and answers of a run into a folder, or its queries as tasks for people in Label Studio.

    Raises:
        ValueError: If a setting is of the other format.
    """

    run: tyro.conf.Positional[Path]
    """Run folder, or a feedback folder of an earlier version."""
    folder: tyro.conf.Positional[Path]
    """Folder to write, which must not exist."""
    to: Literal["prefgym-feedback", "label-studio"] = "prefgym-feedback"
    """The format: prefgym-feedback/2, or tasks, which `prefgym feedback import label-studio` takes back answered."""
    videos_at: str = ""
    """Address under which Label Studio finds the videos of the tasks; default: they are embedded."""
    truth: bool = True
    """Whether to include task reward, factors, physics states and pictures of the segments."""
    instructions: str = ""
    """Instructions to the raters."""
    licence: str = ""
    """License of the folder."""
    consent: str = ""
    """Consent of the people who answered."""

    def __post_init__(self) -> None:
        if self.videos_at and self.to != "label-studio":
            raise ValueError("--videos-at is about videos, which only --to label-studio writes")


@dataclass(frozen=True, kw_only=True)
class ValidateArgs:
    """Read a folder of preferences, and check its contents."""

    folder: tyro.conf.Positional[Path]
    """Folder to read."""


def run(argv: list[str]) -> int:
    """Export, import, validate or show. Returns the exit code."""
    if argv[:1] == ["show"]:
        return show(argv[1:])
    if argv[:1] == ["export"]:
        args = parse(ExportArgs, argv[1:], "prefgym feedback export")
        if args.to == "label-studio":
            print(_export_tasks(args))
            return 0
        folder, preferences = args.folder, _export(args)
    elif argv[:1] == ["validate"]:
        folder = parse(ValidateArgs, argv[1:], "prefgym feedback validate").folder
        preferences = read_feedback(folder)
    elif argv[:1] == ["import"] and HELP.intersection(argv[1:2]):
        print(HELP_TEXT)
        return 0
    elif argv[:1] == ["import"]:
        folder, preferences = import_files(argv[1:])
    elif argv[:1] in (["-h"], ["--help"]):
        print("\n\n".join(f"  prefgym feedback {name} --help" for name in ("export", "validate", "show", "import")))
        return 0
    else:
        raise UserError(
            "feedback needs a command: prefgym feedback export RUN FOLDER, prefgym feedback validate FOLDER, "
            "prefgym feedback show FOLDER, prefgym feedback import FORMAT FILES --out FOLDER"
        )
    print(summarize(folder, preferences))
    return 0


def _export(args: ExportArgs) -> Feedback:
    given = {"instructions": args.instructions, "licence": args.licence, "consent": args.consent}
    given = {name: text for name, text in given.items() if text}
    if not (args.run / "config.yaml").is_file() and (args.run / MANIFEST).is_file():
        return export_folder(args.run, args.folder, given, truth=args.truth)
    card = Card(env=read_config(args.run)["env"], **given)
    return export_run(args.run, args.folder, card, truth=args.truth)


def _export_tasks(args: ExportArgs) -> str:
    """Write tasks for Label Studio. Returns what to do with them."""
    from prefgym.labeling.label_studio import TasksCfg, export_tasks  # which draws

    num = export_tasks(
        args.run, args.folder, TasksCfg(videos_at=args.videos_at), truth=args.truth,
        instructions=args.instructions, licence=args.licence, consent=args.consent,
    )  # fmt: skip
    return (
        f"{args.folder}: {num} tasks; make a project with {CONFIG} and import {TASKS}, then: prefgym feedback import "
        f"label-studio EXPORT.json --tasks {args.folder} --out FOLDER"
    )


def summarize(folder: Path, feedback: Feedback | Preferences[Statement]) -> str:
    """Describe a folder of answers in one line."""
    env = read_manifest(folder)["env"]
    about = "" if env == NO_ENV else f" about {env}"
    raters = ", ".join(dict.fromkeys(info.name for part in feedback.parts for info in part.raters))
    statuses = torch.cat([part.answers.status for part in feedback.parts])
    counts = statuses.bincount(minlength=len(Status)).numpy().tolist()
    num_queries = len({int(number) for number in feedback.query_id})
    answers = ", ".join(f"{count} {status.name.lower()}" for status, count in zip(Status, counts) if count)
    return f"{folder}: {num_queries} queries{about} to {raters}: {answers}"
