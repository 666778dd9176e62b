"""Which store and which study a run folder stands for."""

import json
from pathlib import Path

import pytest

from prefgym.common.errors import UserError
from prefgym.labeling.studies import choose_study, store_of
from prefgym.store.store import Store
from prefgym.store.study import StudyCfg


def noted(folder: Path, study: str, store: str) -> Path:
    """Make a run folder with what its training noted."""
    folder.mkdir()
    (folder / "labels.json").write_text(json.dumps({"study": study, "store": store}))
    return folder


@pytest.mark.parametrize("goes_on", [True, False])
def test_a_run_is_asked_about_in_its_own_study_of_a_shared_store(store: Store, tmp_path: Path, goes_on: bool) -> None:
    mine = store.add_study(StudyCfg(name="mine", open_ended=True))
    run = noted(tmp_path / "mine", mine, store.url_shown)
    store.add_study(StudyCfg(name="another", open_ended=True))  # by a training that began later
    chosen = choose_study(store, file=None, folder=run, demo=False, goes_on=goes_on, description="")
    assert (chosen.id, chosen.is_filled) == (mine, False)


def test_a_run_is_not_asked_about_where_its_training_does_not_look(store: Store, tmp_path: Path) -> None:
    run = noted(tmp_path / "run", "elsewhere", "sqlite:////other.sqlite")
    with pytest.raises(UserError, match="they are in sqlite:////other"):
        choose_study(store, file=None, folder=run, demo=False, goes_on=True, description="")
    assert not store.studies()


def test_a_store_that_a_run_names_is_not_opened(tmp_path: Path) -> None:
    """The folder may be a stranger's."""
    run = noted(tmp_path / "run", "any", "sqlite:////shared/labels.sqlite")
    with pytest.raises(UserError, match="in another store: pass --store sqlite:////shared/labels"):
        store_of(run)
    (run / "labels.sqlite").touch()
    assert store_of(run) == str(run / "labels.sqlite")  # also after the folder was moved
    assert store_of(tmp_path) == str(tmp_path / "labels.sqlite")


def test_a_store_whose_password_is_not_known_is_asked_for(tmp_path: Path) -> None:
    run = noted(tmp_path / "run", "any", "postgresql+psycopg://me:***@host/labels")
    with pytest.raises(UserError, match=r"pass --store .*, with its password"):
        store_of(run)
