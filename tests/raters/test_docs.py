"""What the pages of raters, samplers, tabular tasks and experts show works."""

import re
from pathlib import Path

import gymnasium as gym
import pytest
from pages import run_examples

from prefgym import raters
from prefgym.raters.factors import resolve
from prefgym.raters.scripted import ScriptedRaterCfg

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.filterwarnings("ignore")  # of packages that are not ours
@pytest.mark.parametrize(
    "page", ["raters", "raters/divided", "raters/principles", "raters/weighted", "samplers", "tabular", "experts"]
)
def test_examples_run(page: str, tmp_path: Path) -> None:
    run_examples(f"{page}.md", tmp_path)


def test_the_table_of_raters_is_true() -> None:
    """The table of docs/raters.md has every rater with its settings."""
    text = (ROOT / "docs" / "raters.md").read_text()
    rows = {row[0]: row[1:] for row in re.findall(r"^\| `([a-z-]+)` \|(.*?)\|(.*?)\|(.*?)\|(.*?)\|(.*?)\|", text, re.M)}
    assert set(rows) == set(raters.names())
    for name in raters.names():
        cfg = raters.cfg(name)
        if not isinstance(cfg, ScriptedRaterCfg):
            assert not "".join(rows[name][:5]).strip()
            continue
        shown = [float(value) for value in rows[name]]
        assert shown == [cfg.beta, cfg.gamma, cfg.eps_mistake, cfg.eps_skip, cfg.eps_equal], name


@pytest.mark.filterwarnings("ignore")  # of packages that are not ours
def test_the_table_of_rankings_is_true() -> None:
    """docs/raters/heron.md names the ranking of every task that has a reward."""
    text = (ROOT / "docs" / "raters" / "heron.md").read_text()
    rows = re.findall(r"^\| ([A-Z][A-Za-z0-9, ]+) \| ([a-z, ]+) \|$", text, re.M)
    told = {task: ranking.split(", ") for tasks, ranking in rows for task in tasks.split(", ")}
    ids = [name for name, spec in gym.registry.items() if name.startswith("prefgym/") and spec.vector_entry_point]
    tasks = [gym.make_vec(env_id, 1).unwrapped.task for env_id in ids]  # pyright: ignore[reportAttributeAccessIssue]
    with_reward = [task for task in tasks if not getattr(task, "task_description", "")]
    assert len(with_reward) == 17
    for task in with_reward:
        names = [factor.name for factor in task.factors]
        assert sorted(task.ranking) == sorted(names)
        assert [resolve(name, names) for name in told[task.name.removesuffix("Newton")]] == list(task.ranking), (
            task.name
        )
