"""Arms: runs that differ in the seed only, and what is said of those that differ in more."""

from pathlib import Path

import pytest
from compared import write_arm, write_run

from prefgym.common.errors import UserError
from prefgym.report.compare.api import compare
from prefgym.report.compare.arms import differences, name_arms


def test_runs_that_differ_in_seed_threads_and_place_are_one_arm(tmp_path: Path) -> None:
    write_run(tmp_path / "a", 3.0, 0, threads=1, out="a")
    write_run(tmp_path / "b", 1.0, 1, threads=4, out="b", checkpoint={"every": 7}, report=False)
    (arm,) = compare(tmp_path).arms
    assert [run.path.name for run in arm.runs] == ["a", "b"]
    assert arm.name == "Oracle" and arm.centre == 2.0 and arm.interval is None and arm.range == (1.0, 3.0)


def test_other_settings_are_other_arms_and_the_task_reward_comes_last(tmp_path: Path) -> None:
    """Without a rater, budget and reward learner change nothing, so they make no arm."""
    write_run(tmp_path / "a", 1.0, 0, rater="none")
    write_run(tmp_path / "b", 3.0, 1, rater="none", budget=100, reward_cfg={"num_members": 2})
    write_run(tmp_path / "c", 5.0, 0)
    write_run(tmp_path / "d", 7.0, 0, budget=100)
    write_run(tmp_path / "e", 9.0, 0, agent_cfg={"gamma": 0.9})
    arms = compare(tmp_path).arms
    names = ["Oracle, budget 500, agent.gamma 0.99", "Oracle, budget 100, agent.gamma 0.99"]
    names += ["Oracle, budget 500, agent.gamma 0.9", "Task reward, agent.gamma 0.99"]
    assert [arm.name for arm in arms] == names
    assert [arm.centre for arm in arms] == [5.0, 7.0, 9.0, 2.0]


def test_arms_are_named_by_as_little_as_tells_them_apart() -> None:
    base = {"env": "e", "rater": "oracle", "agent": "ppo", "sampler": "uniform", "agent_cfg.gamma": "0.9"}
    assert name_arms([base, {**base, "sampler": "disagreement", "x": "1"}]) == ["Uniform", "Disagreement"]
    assert name_arms([base]) == ["Oracle"]
    assert name_arms([{"agent": "cpl"}, {"agent": "bc", "updates": "5"}]) == ["CPL", "BC"]
    assert name_arms([base, {**base, "rater": "my_raters:Slow"}]) == ["Oracle", "Slow"]


def test_what_differs_leaves_out_what_follows_from_a_part(tmp_path: Path) -> None:
    """The settings of two raters differ since the raters do; the arm of the task reward asks nobody."""
    a = {"rater": "oracle", "rater_cfg.beta": "1", "budget": "500", "agent_cfg.gamma": "0.9"}
    b = {"rater": "mistake", "rater_cfg.eps": "0.1", "budget": "500", "agent_cfg.gamma": "0.8"}
    differing, same = differences([a, b])
    assert differing == {"rater": ["oracle", "mistake"], "agent_cfg.gamma": ["0.9", "0.8"]}
    assert same == {"budget": "500"}
    differing, _ = differences([a, {"rater": "none", "agent_cfg.gamma": "0.9"}])
    assert differing == {"rater": ["oracle", "none"]}
    differing, _ = differences([a, {**a, "budget": "100"}, {"rater": "none", "agent_cfg.gamma": "0.9"}])
    assert differing == {"rater": ["oracle", "oracle", "none"], "budget": ["500", "100", "\N{EN DASH}"]}


def test_a_seed_that_is_given_twice_counts_once(tmp_path: Path) -> None:
    """The finished run of the two; a repetition is no other sample."""
    write_run(tmp_path / "a", None, 0, rows=[(500, 100, 1, 1.0)])
    write_run(tmp_path / "b", 4.0, 0)
    write_run(tmp_path / "c", 8.0, 0)
    write_run(tmp_path / "d", 6.0, 1)
    (arm,) = compare(tmp_path).arms
    assert arm.centre == 5.0
    assert [run.path.name for run in arm.runs] == ["b", "d"]
    assert [run.path.name for run in arm.repeated] == ["c", "a"]


def test_unfinished_runs_are_counted_in_no_number(tmp_path: Path) -> None:
    write_arm(tmp_path / "done", [1.0, 3.0])
    write_run(tmp_path / "cut", None, 7, rows=[(500, 100, 1, 900.0)])
    (arm,) = compare(tmp_path).arms
    assert arm.centre == 2.0 and len(arm.finals) == 2 and arm.unfinished == " + 1 stopped"
    assert [run.seed for run in arm.runs] == [0, 1, 7]


def test_several_environments_are_refused(tmp_path: Path) -> None:
    write_run(tmp_path / "a", 1.0)
    write_run(tmp_path / "b", 1.0, env="prefgym/Ant-v0")
    with pytest.raises(UserError, match="several environments, prefgym/Hopper-v0, prefgym/Ant-v0"):
        compare(tmp_path)


def test_offline_runs_and_others_are_refused(tmp_path: Path) -> None:
    write_run(tmp_path / "a", 1.0)
    write_run(tmp_path / "b", 1.0, updates=100)
    with pytest.raises(UserError, match="compare one kind"):
        compare(tmp_path)


def test_a_damaged_run_is_named(tmp_path: Path) -> None:
    (run,) = write_arm(tmp_path / "arm", [1.0])
    with (run / "metrics.jsonl").open("a") as file:
        file.write("{}\n")
    with pytest.raises(UserError, match=r"metrics\.jsonl is damaged"):
        compare(tmp_path)


def test_early_ends_labels_and_accuracies_are_added_up(tmp_path: Path) -> None:
    """4 of 6 episodes; of 5 held-out choices 3 predicted, the tie left out."""
    told = [(0.9, 1.0), (0.2, 1.0), (0.4, 0.5)], [(0.1, 0.0), (0.8, 1.0), (0.7, 0.0)]
    write_run(tmp_path / "a", 1.0, 0, lengths=(1000, 999, 10), held_out=told[0], labels=400)
    write_run(tmp_path / "b", 1.0, 1, lengths=(1000, 999, 10), held_out=told[1], labels=410)
    comparison = compare(tmp_path)
    (arm,) = comparison.arms
    assert comparison.limit == 1000
    assert arm.early(comparison.limit) == (4, 6)
    assert arm.held_out == (3, 5)
    assert arm.labels == (400, 410)


def test_the_median_run_is_one_of_the_runs(tmp_path: Path) -> None:
    """Of 1, 9, 4, 7 the middle two are 4 and 7: the lower one is shown."""
    write_arm(tmp_path / "arm", [1.0, 9.0, 4.0, 7.0])
    (arm,) = compare(tmp_path).arms
    assert arm.median_run is not None and arm.median_run.final == 4.0
