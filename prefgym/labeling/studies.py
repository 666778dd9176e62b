"""Which study is served: one that the store has, or one that is begun."""

from dataclasses import dataclass
from pathlib import Path

from prefgym.common.errors import UserError
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
        UserError: If the store has none, and nothing says what to ask; or one of the same name asks something else.
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
