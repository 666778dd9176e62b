"""What the page of a run says beside its numbers: n and intervals, each warning once, units, and the state."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from prefgym.common.schema import LARGEST
from prefgym.report.cautions import cautions
from prefgym.report.data import Metrics, RunData
from prefgym.report.facts import View, accuracies, latest_return
from prefgym.report.learning import learning
from prefgym.report.page import render_page
from prefgym.report.policy import final_policy
from prefgym.report.reward import reward
from prefgym.report.shipped import TABLE, expert_return, shipped_words
from prefgym.report.verdict import figures, rest, verdict

CONFIG = {
    "env": "prefgym/Hopper-v0",
    "rater": "oracle",
    "agent": "ppo",
    "budget": 500,
    "steps": 1000,
    "out": "runs/demo",
}
RESULT = {
    "final_return_mean": 2881.0, "final_return_std": 447.0, "returns": [2500.0, 2900.0, 3200.0, 2924.0],
    "episode_lengths": [700, 800, 1000, 900], "num_early": 3, "steps": 1024, "num_asked": 500, "num_answered": 490,
    "wall_time_s": 100.0,
}  # fmt: skip


def row(step: float, **values: float) -> dict[str, float]:
    """Make a line of metrics at a step, ten steps a second."""
    return {"time/total_timesteps": step, "time/time_elapsed": step / 10, **values}


def session(number: float, accuracy: float, num: float, **values: float) -> dict[str, float]:
    """Make what a line says of a session."""
    told = {"feedback/session": number, "reward_model/accuracy": accuracy, "health/num_held_out": num}
    return {**told, "reward_model/train_accuracy": 0.95, "reward_model/calibration_error": 0.12, **values}


def evaluated(true: float, learned: float) -> dict[str, float]:
    return {"eval/mean_reward": true, "eval/std_reward": 10.0, "rollout/ep_rew_mean": learned}


def view(*rows: Mapping[str, float], result: Mapping[str, Any] | None = None, **changes: Any) -> View:  # noqa: ANN401
    run = RunData(name="demo", config=CONFIG, metrics=Metrics(rows=rows), result=result or {})
    return View(**{"run": run, "state": "finished" if result else "running", "fps": 20.0, **changes})


def test_accuracy_has_n_and_an_interval() -> None:
    """14 of 15: z = 1.96; middle (0.933 + 0.128) / 1.256 = 0.845, half 0.142: 70 to 99 %."""
    shown = view(row(100, **session(1, 14 / 15, 15)), row(200, **session(2, 0.9, 150)))
    low, high = accuracies(shown.run).interval
    assert (low[0], high[0]) == (pytest.approx(0.702, abs=2e-3), pytest.approx(0.988, abs=2e-3))
    (accuracy,) = (one for one in figures(shown) if one.name == "Reward accuracy")
    assert accuracy.value == "90\N{NO-BREAK SPACE}%"
    assert accuracy.about == "84 to 94\N{NO-BREAK SPACE}%, n = 150 held-out answers"
    card = reward(shown)
    assert card.count('class="whisker tint-0"') == 2 * 2  # drawn for wide pages and for phones
    assert "70 to 99" in card
    assert "Calibration error 0.12" in card
    assert cautions(shown) == {}


def test_an_accuracy_of_which_n_is_not_known_has_no_interval() -> None:
    old = {"time/total_timesteps": 100.0, "feedback/session": 1.0, "reward_model/accuracy": 0.9}
    assert np.isnan(accuracies(view(old).run).interval[0]).all()
    assert "how many is not known" in str(figures(view(old)))
    assert "<svg" in reward(view(old))


def test_a_warning_stands_once_with_where_it_holds() -> None:
    rows = [row(100 * k, **session(k, 0.5, 100)) for k in range(1, 9)]
    (told,) = cautions(view(*rows)).values()
    assert told.startswith("After 800 environment steps, the reward model predicts held-out choices no better")
    assert told.endswith("Also after 100, 200, 300, 400 and 3 more.")


def test_a_true_return_that_falls_while_the_learned_one_rises_is_warned_of() -> None:
    points = ((100, 100.0, 1.0), (200, 3437.0, 1764.0), (300, 1682.0, 2016.0))
    rows = [row(at, **evaluated(true, learned)) for at, true, learned in points]
    told = cautions(view(*rows))["May be exploited"]
    assert "from 3,437 after 200 environment steps to 1,682 after 300" in told
    assert "while the learned return rose from 1,764 to 2,016" in told
    assert list(cautions(view(*rows[:2]))) == []
    alone = [row(200, **{"eval/mean_reward": 3437.0}), row(300, **{"eval/mean_reward": 1682.0})]
    assert list(cautions(view(*alone))) == ["Falls back"]


def test_a_fall_in_the_first_tenth_of_a_training_says_nothing() -> None:
    rows = [row(at, **evaluated(true, at)) for at, true in ((20, 270.0), (40, 90.0), (100, 300.0), (200, 290.0))]
    assert cautions(view(*rows)) == {}


def test_a_learned_return_that_falls_beside_a_rising_true_one_is_explained() -> None:
    rows = [row(k, **evaluated(100.0 * k, -k)) for k in range(1, 9)]
    assert "later fits set it lower, which is no fault" in learning(view(*rows))
    rises = [row(k, **evaluated(100.0 * k, k)) for k in range(1, 9)]
    assert "no fault" not in learning(view(*rises))
    assert "in units of its own" in learning(view(*rises))


def test_how_many_episodes_end_early_stands_beside_the_return() -> None:
    done = view(row(1000, **evaluated(2881, 5)), result=RESULT)
    assert verdict(done) == "True return 2,881 from 490 labels."
    assert "Mean of 4 final episodes, of which 3 of 4 end early." in rest(done)
    assert "3 of 4 end early" in str(figures(done))
    assert "3 of 4 end early, before their time limit." in final_policy(done)
    assert cautions(done)["Ends early"].startswith("3 of 4 final episodes end before their time limit")
    few = view(result={**RESULT, "num_early": 1})
    assert "Ends early" not in cautions(few)
    old = latest_return(view(result={name: RESULT[name] for name in ("final_return_mean", "returns")}).run)
    assert old is not None
    assert old.ends == ""


def test_a_running_run_says_how_long_it_takes() -> None:
    """600 of 1000 steps, ten a second: 40 s are left."""
    early = {"eval/num_episodes": 10.0, "eval/num_early": 4.0}
    shown = view(row(100), row(600, **evaluated(50, 1), **early))
    assert verdict(shown) == "60\N{NO-BREAK SPACE}% done, about 40 s left."
    assert "At the last evaluation, after 600 environment steps, the true return was 50, 4 of 10 end early" in rest(
        shown
    )
    assert "prefgym evaluate runs/demo --film" in final_policy(shown).replace("<span>", "").replace("</span>", "")
    stopped = replace(shown, state="stopped")
    assert verdict(stopped) == "Stopped after 600 environment steps."
    assert verdict(view()) == "The run has begun."


def test_questions_without_an_answer_are_warned_of() -> None:
    nobody = view(row(1000), result={**RESULT, "num_answered": 0})
    assert "500 questions were asked and none was answered" in cautions(nobody)["No answers"]


def test_the_shipped_table_is_that_of_the_benchmark() -> None:
    import json
    from pathlib import Path

    file = Path(__file__).resolve().parents[2] / "benchmarks" / "learning.jsonl"
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    for env, arms in TABLE.items():
        for labels, told in arms.items():
            scores = np.sort([
                line["final_return_mean"] for line in lines
                if (line["env"], line["num_asked"]) == (env, labels) and line["rater"] in ("none", "oracle")
                and line["steps"] >= 1_000_000
            ])  # fmt: skip
            cut = len(scores) // 4
            found = (len(scores), scores[cut : len(scores) - cut].mean(), scores[0], scores[-1])
            assert (told.seeds, told.iqm, told.low, told.high) == tuple(round(value) for value in found), (env, labels)


def test_the_shipped_table_is_quoted_for_its_tasks_alone() -> None:
    assert "the task reward comes to 2,841 (10 seeds, 1,060 to 3,537)" in shipped_words(CONFIG)
    assert "compare several with prefgym train --seeds 0-5" in rest(view(result=RESULT))
    changed = {**CONFIG, "env_cfg": {"kwargs": {"mass": 2}, "wrappers": []}}
    assert shipped_words(changed) == shipped_words({**CONFIG, "agent": "sac"}) == shipped_words({}) == ""
    assert expert_return(changed) is expert_return({"env": "mine:Env"}) is expert_return({}) is None
    assert expert_return(CONFIG) == pytest.approx(3496, abs=1)


@pytest.mark.parametrize("size", [LARGEST, -LARGEST, 1e-300, 0.0])
def test_a_page_of_absurd_numbers_is_a_page(size: float) -> None:
    """Whatever finite numbers a file of somebody else holds."""
    wild = {**session(size, size, size), **evaluated(size, -size), "feedback/num_pending": size}
    wild |= {"eval/std_reward": -size, "eval/num_early": size, "eval/num_episodes": size, "health/true_fall": size}
    result = {**RESULT, "final_return_mean": size, "returns": [size, -size], "episode_lengths": [size, 1.0]}
    config = {**CONFIG, "steps": size, "budget": size, "env": "\ud800<script>"}
    for given in (result, {}):
        rows = (row(size, **wild), row(-size, **wild), row(1.0, **wild))
        run = RunData(name="\ud800", config=config, metrics=Metrics(rows=rows), result=given)
        for state in ("running", "stopped", "finished"):
            page = render_page(View(run=run, state=state, fps=20.0))
            assert "<h1>" in page and "<script>\\" not in page and "nan" not in page.split("<main>")[1].lower()
