"""Which study is served: one that the store has, or one that is begun."""

from dataclasses import dataclass
from pathlib import Path

from prefgym.common.errors import UserError
from prefgym.common.files import read_json
from prefgym.labeling.study_file import StudyFile
from prefgym.store.store import Store
from prefgym.store.study import Criterion, StudyCfg

DEMO = StudyCfg(
    name="demonstration",
    instructions=(
        "Two robots move for a moment. Say which one runs better: forward, steadily, and without falling.\n"
        "Answers of this demonstration are thrown away when it ends."
    ),
    criteria=(Criterion(text="Which one runs better?"),),
    gold_share=0.1,
    repeat_share=0.05,
    practice=2,
)
"""The study of the demonstration."""


_NOTE = "labels.json"
"""Where a training that asks people notes its study and its store."""


@dataclass(frozen=True, kw_only=True)
class Noted:
    """What a training noted; empty where none asks people."""

    study: str = ""
    """Id of its study."""
    store: str = ""
    """Store that has it, without a password."""

    @classmethod
    def of(cls, folder: Path) -> "Noted":
        """Read it from a run folder.

        Raises:
            UserError: If it is damaged.
        """
        values = read_json(folder / _NOTE) if (folder / _NOTE).is_file() else {}
        return cls(study=str(values.get("study", "")), store=str(values.get("store", "")))


def store_of(folder: Path) -> str:
    """Return the store inside a folder.

    Raises:
        UserError: If its training uses another one: a folder may be a stranger's, and what it names is not opened.
    """
    inside, noted = folder / "labels.sqlite", Noted.of(folder).store
    if inside.exists() or not noted:
        return str(inside)
    with_password = ", with its password" if ":***@" in noted else ""
    raise UserError(f"the questions of {folder} are in another store: pass --store {noted}{with_password}.")


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """A study, and whether questions are put into it."""

    id: str
    is_filled: bool


def choose_study(
    store: Store, *, file: StudyFile | None, folder: Path | None, demo: bool, goes_on: bool, description: str
) -> Chosen:
    """Find a study, or begin it.

    Args:
        store: The store.
        file: Content of a study file.
        folder: Folder whose queries are asked.
        demo: Whether it is the demonstration.
        goes_on: Whether the folder is that of a training that goes on.
        description: The task in words, where it has no reward; it becomes the question.

    Raises:
        UserError: If the store has none, and nothing says what to ask; or one of the same name asks something else;
            or if it is not the one that a training uses.
    """
    known = store.studies()
    if file is not None:
        return Chosen(id=_named(store, file.cfg), is_filled=folder is not None)
    if demo:
        return Chosen(id=_named(store, DEMO), is_filled=True)
    if folder is None:
        if not known:
            raise UserError(f"{store.url_shown} has no study yet: pass --study FILE, or a run.")
        return Chosen(id=known[-1].id, is_filled=False)
    noted = Noted.of(folder)
    if noted.study in {study.id for study in known}:
        return Chosen(id=noted.study, is_filled=False)  # its training asks by itself
    if goes_on and noted.study:
        raise UserError(f"{store.url_shown} does not have the questions of {folder}: they are in {noted.store}.")
    name = folder.resolve().name[:200]
    ours = [study.id for study in known if study.name == name]
    if known and (goes_on or not ours):  # a training began it, and asks by itself
        return Chosen(id=known[-1].id, is_filled=False)
    text = f"{description.rstrip('.')}: which one does it better?" if description else "Which one does better?"
    return Chosen(id=ours[-1] if ours else store.add_study(_of_folder(name, text)), is_filled=True)


def _of_folder(name: str, text: str) -> StudyCfg:
    return StudyCfg(name=name, criteria=(Criterion(text=text),))


def _named(store: Store, cfg: StudyCfg) -> str:
    """Return the study of this name, or begin it.

    Raises:
        UserError: If it asks something else.
    """
    for study in store.studies():
        if study.name == cfg.name:
            if study.cfg != cfg:
                said = "asks something else than the file: change the name in the file"
                raise UserError(f"the study {cfg.name!r} of {store.url_shown} {said}.")
            return study.id
    return store.add_study(cfg)
