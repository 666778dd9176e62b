"""The pages about the tasks are what the tasks say, and notice when they are not."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from write_task_docs import FOLDER, TaskDocsCfg, equation, main, pages, pictures

from prefgym.envs import HOPPER, HUMANOID_STANDUP, LANGUAGE_TASKS, TASKS


def test_pages_are_up_to_date(capsys: pytest.CaptureFixture[str]) -> None:
    """Run python scripts/write_task_docs.py if this fails."""
    assert main(TaskDocsCfg(check=True)) == 0, capsys.readouterr().err


def test_there_is_a_page_and_a_picture_for_each_task() -> None:
    """All of them, two grids, an index, and nothing else; pictures are small."""
    names = {*TASKS, *LANGUAGE_TASKS, "Delivery", "RandomMDP"}
    assert set(pages()) == {"README.md", *(f"{name}.md" for name in names)}
    assert {path.name for path in FOLDER.iterdir()} == {*pages(), *pictures()}
    for name in pictures():
        file = FOLDER / name
        assert file.stat().st_size < 40_000
        assert np.asarray(Image.open(file).convert("L")).std() > 2, f"{name} shows nothing"
        assert f"]({name})" in (FOLDER / f"{file.stem}.md").read_text()


def test_what_is_out_of_date_is_named_and_mended(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A changed page, a missing one and a missing picture; only these are written."""
    folder = tmp_path / "tasks"
    shutil.copytree(FOLDER, folder)
    (folder / "Ant.md").write_text("Ants have six legs.")
    (folder / "Reacher.md").unlink()
    (folder / "Delivery.png").unlink()
    before = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert main(TaskDocsCfg(check=True, folder=folder)) == 1
    named = capsys.readouterr().err.splitlines()
    assert [line.partition(" is out of date")[0] for line in named] == [
        str(folder / name) for name in ("Ant.md", "Reacher.md", "Delivery.png")
    ]
    assert main(TaskDocsCfg(folder=folder)) == 0
    assert main(TaskDocsCfg(check=True, folder=folder)) == 0
    after = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert {name for name in after if after[name] != before.get(name)} == {"Ant.md", "Reacher.md", "Delivery.png"}


def test_the_reward_is_the_sum_that_is_shown() -> None:
    """Each term counts once; the humanoid that stands up is rewarded 1 for being there."""
    assert equation(HOPPER) == "reward = reward_forward + reward_ctrl + reward_survive"
    assert equation(HUMANOID_STANDUP).endswith("+ reward_impact + 1")
    for task in TASKS.values():
        terms = {factor.name: np.array([0.0]) for factor in task.factors}
        nothing = task.reward(terms)[0]
        for name in terms:
            assert task.reward({**terms, name: np.array([2.0])})[0] == nothing + 2.0
