"""The sentence on top follows rules: no interval and no order below six seeds, none but the interval from there on."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from compared import write_arm, write_run

from prefgym.report.compare.api import RunComparison, compare
from prefgym.report.compare.verdict import figures, rest, verdict


def comparison_of(folder: Path, **arms: tuple[Sequence[float], dict[str, Any]]) -> RunComparison:
    """Write arms by name: final returns, and settings."""
    for name, (finals, settings) in arms.items():
        write_arm(folder / name, finals, **settings)
    return compare([folder / name for name in arms])


def test_two_arms_of_few_seeds_have_a_ratio_and_no_order(tmp_path: Path) -> None:
    """Means 3000 and 2000; seeds of 2800 to 3200 and 1000 to 3000 overlap; the shipped table is quoted."""
    one = comparison_of(tmp_path, a=([2800.0, 3200.0], {}), b=([1000.0, 3000.0], {"rater": "none"}))
    assert verdict(one) == "Oracle\u2019s 500 labels reach 1.50 of the task reward; two seeds an arm, so no interval."
    told = rest(one)
    assert "Ratio of means of final true returns: Oracle 3,000; Task reward 2,000." in told
    assert "The seeds of the two arms overlap (2,800 to 3,200 and 1,000 to 3,000)." in told
    assert "In the shipped table (1,000,000 steps of PPO), the task reward comes to 2,841" in told
    assert "So this is no finding yet." in told
    assert [figure.value for figure in figures(one)] == ["3,000", "2,000", "1.50", "0"]


def test_seeds_that_do_not_overlap_are_said_to(tmp_path: Path) -> None:
    one = comparison_of(tmp_path, a=([30.0, 31.0, 32.0], {}), b=([10.0, 29.0], {"budget": 100}))
    assert verdict(one) == "Budget 500 ends at 1.59 of Budget 100; 3 and 2 seeds, so no interval."
    assert "The seeds of the two arms do not overlap (30 to 32 and 10 to 29)." in rest(one)


def test_from_six_seeds_on_the_interval_decides(tmp_path: Path) -> None:
    """Equal seeds leave no doubt: 40 / 20 is 2.00 in each bootstrap."""
    one = comparison_of(tmp_path, a=([40.0] * 6, {}), b=([20.0] * 6, {"rater": "none"}))
    assert verdict(one) == (
        "Oracle\u2019s 500 labels reach 2.00 of the task reward, 95 % interval 2.00 to 2.00: it leaves out 1."
    )
    assert str(one.pairs[0].estimate) == "2.00 (2.00 to 2.00)"
    alike = [10.0, 20.0, 30.0, 40.0, 50.0, 60.0]
    same = comparison_of(tmp_path / "same", a=(alike, {}), b=(alike, {"sampler": "uniform"}))
    assert verdict(same).startswith("Disagreement ends at 1.00 of Uniform, 95 % interval 0.")
    assert verdict(same).endswith(": six seeds do not tell them apart.")
    assert "no finding" not in rest(same)


def test_returns_that_may_be_negative_are_subtracted(tmp_path: Path) -> None:
    """-4 over -8 would be 0.5, as if it were worse."""
    one = comparison_of(tmp_path, a=([-4.0, -4.0], {}), b=([-8.0, -8.0], {"rater": "none"}))
    assert verdict(one) == "Oracle ends 4 above the task reward; two seeds an arm, so no interval."
    assert "Difference of means" in rest(one)
    six = comparison_of(tmp_path / "six", a=([-4.0] * 6, {}), b=([-8.0] * 6, {"rater": "none"}))
    assert verdict(six) == "Oracle ends 4 above the task reward, 95 % interval +4 to +4: it leaves out 0."


def test_three_arms_are_held_against_the_task_reward(tmp_path: Path) -> None:
    one = comparison_of(
        tmp_path,
        a=([40.0] * 6, {}),
        b=([20.0] * 6, {"rater": "mistake"}),
        c=([20.0] * 6, {"rater": "none"}),
    )
    assert verdict(one) == "Ratio to the task reward: Oracle 2.00 (2.00 to 2.00), Mistake 1.00 (1.00 to 1.00)."
    assert "Oracle leaves out 1." in rest(one)
    assert "3 pairs of arms can be looked at" in rest(one)


def test_many_arms_are_summed_up(tmp_path: Path) -> None:
    arms = {f"b{k}": ([10.0 * k], {"budget": k}) for k in range(1, 7)}
    one = comparison_of(tmp_path, **arms)
    assert verdict(one) == "Ratio to Budget 6: from 0.17 (Budget 1) to 0.83 (Budget 5)."


@pytest.mark.parametrize(
    ("finals", "words"),
    [
        ([1.0, 3.0], "Oracle: true return 2 (1 to 3), two seeds."),
        ([5.0], "Oracle: true return 5, one seed."),
        ([5.0] * 6, "Oracle: true return 5, 95 % interval 5 to 5, six seeds."),
    ],
)
def test_one_arm_is_no_comparison(finals: list[float], words: str, tmp_path: Path) -> None:
    assert verdict(comparison_of(tmp_path, a=(finals, {}))) == words


def test_without_a_finished_run_there_are_no_numbers(tmp_path: Path) -> None:
    write_run(tmp_path / "a", None, rows=[(100, 10, 1, 5.0)])
    one = compare(tmp_path)
    assert verdict(one) == "No run has finished yet, so there are no numbers to compare."
    assert figures(one) == ()
    write_arm(tmp_path / "b", [3.0], rater="none")
    assert verdict(compare(tmp_path)) == "Task reward: true return 3, one seed, the only arm with a finished run."
