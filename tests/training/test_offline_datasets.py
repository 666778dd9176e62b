"""Datasets that are damaged, or lack something: told before anybody is asked."""

import json
import shutil
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from pole_data import DATASET, ask, learn

import prefgym
from prefgym import raters
from prefgym.common.errors import UserError
from prefgym.core.queries import Queries
from prefgym.samplers.uniform import UniformSamplerCfg
from prefgym.testing import LateRater
from prefgym.training import annotate as questions


class Asked(LateRater):
    """A rater that must not be asked."""

    def submit(self, queries: Queries) -> None:
        raise AssertionError("somebody was asked")


@pytest.mark.parametrize("what", ["rewards", "actions", "observations"])
def test_a_dataset_with_a_nan_is_refused_before_anybody_is_asked(
    what: str, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its episode and step are named; who clones behaviour needs no reward."""
    import h5py

    shutil.copytree(here / "data", here / "other")
    with h5py.File(here / "other" / "pole" / "random-v0" / "data" / "main_data.hdf5", "a") as file:
        cast(Any, file)["episode_1"][what][3] = np.nan
    monkeypatch.setattr(questions, "make_rater", lambda *_, **__: Asked(raters.make("oracle", seed=0)))
    told = f"the {what[:-1]} at step 3 of episode 1 is not finite"
    with pytest.raises(UserError, match=rf"^the dataset pole/random-v0 cannot be learned from: {told}\.$"):
        ask(sampler=UniformSamplerCfg(recent_steps=None, segment_length=4), datasets=Path("other"))
    assert not (here / "new").exists()
    cloning: dict[str, Any] = {**DATASET, "datasets": Path("other"), "updates": 1, "out": "run"}
    if what == "rewards":
        learn("bc", **cloning)
    else:
        with pytest.raises(UserError, match=told):
            learn("bc", **cloning)


def test_a_dataset_that_lost_its_file_is_told(here: Path) -> None:
    shutil.copytree(here / "data", here / "other")
    (here / "other" / "pole" / "random-v0" / "data" / "main_data.hdf5").unlink()
    with pytest.raises(UserError, match=r"^the dataset pole/random-v0 cannot be read"):
        prefgym.train_offline(agent="bc", dataset="pole/random-v0", datasets="other")


def change_metadata(folder: Path, **changes: Any) -> None:  # noqa: ANN401
    """Copy the dataset, and let it say something else of itself."""
    shutil.copytree(folder / "data", folder / "other")
    file = folder / "other" / "pole" / "random-v0" / "data" / "metadata.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


def test_a_dataset_that_does_not_name_its_environment_is_told(here: Path) -> None:
    change_metadata(here, env_spec=None)
    told = r"^the dataset pole/random-v0 does not name its environment: pass --env ID\.$"
    with pytest.raises(UserError, match=told):
        prefgym.train_offline(agent="bc", dataset="pole/random-v0", datasets="other")
    with pytest.raises(UserError, match=told):
        ask(datasets=Path("other"))


def test_a_dataset_that_promises_more_episodes_than_it_has_is_told(here: Path) -> None:
    change_metadata(here, total_episodes=31)
    with pytest.raises(UserError, match=r"^the dataset pole/random-v0 cannot be learned from: "):
        prefgym.train_offline(agent="bc", dataset="pole/random-v0", datasets="other")
