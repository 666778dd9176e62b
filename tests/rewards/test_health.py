"""Signs that a reward model is in trouble."""

from pathlib import Path
from typing import Any

import pytest
import torch
from kinds import EXAMPLES
from tiny import tiny_ppo, tiny_reward, tiny_run, tiny_sampler

from prefgym import raters
from prefgym.core.feedback import Feedback
from prefgym.core.fit_report import FitReport
from prefgym.core.preferences import Comparison, Preferences, RaterInfo
from prefgym.core.queries import Queries
from prefgym.core.segments import Segments
from prefgym.rewards.health import Health, fall, measure_kinds, share_fallen, troubles
from prefgym.training.budget import ScheduleCfg

FINE = {
    "reward_model/accuracy": 0.9,
    "health/num_held_out": 100.0,
    "health/spread": 0.1,
    "health/num_choices": 50.0,
    "health/first_share": 0.5,
    "health/num_predicted": 50.0,
    "health/share_predicted": 0.7,
    "health/learned_return_change": 5.0,
}


def test_a_model_that_does_well_is_left_alone() -> None:
    assert troubles(FINE) == {}
    assert troubles({}) == {}


def side(share: float) -> dict[str, float]:
    """Say how many of 50 choices fell on the first option."""
    return {"health/first_share": share, "health/first_deviations": (share - 1 / 2) / (1 / 4 / 50) ** 0.5}


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        # 1/2 + 1.64 sqrt(1/400) = 0.582
        ({"reward_model/accuracy": 0.58}, "predicts held-out choices no better than chance (58% of 100)"),
        ({"health/spread": 0.001}, "no longer differ"),
        (side(0.8), "of the last 50 choices, 80% fell on the option shown first"),
        (side(0.0), "of the last 50 choices, 100% fell on the option shown later"),
        ({"health/share_predicted": 0.4}, "the reward predicted only 40% of the last 50 choices"),
        ({"feedback/num_answers": 10.0, "feedback/tie_fraction": 1.0}, "all 10 answers are ties"),
        ({"health/true_fall": 0.34, "health/learned_rise": 1.0}, "has fallen by more than a third from its best"),
    ],
)
def test_each_trouble_is_one_sentence(changes: dict[str, float], sentence: str) -> None:
    (told,) = troubles(FINE | changes).values()
    assert sentence in told


@pytest.mark.parametrize(
    "changes",
    [
        {"reward_model/accuracy": 0.59},
        {"reward_model/accuracy": 0.5, "health/num_held_out": 19.0},
        side(0.76),  # (0.76 - 1/2) / sqrt(1/4 / 50) = 3.68
        side(1.0) | {"health/num_choices": 19.0},
        {"health/share_predicted": 0.4, "health/learned_return_change": -1.0},
        {"health/share_predicted": 0.0, "health/num_predicted": 19.0},
        {"feedback/num_answers": 10.0, "feedback/tie_fraction": 0.9},
        {"feedback/num_answers": 9.0, "feedback/tie_fraction": 1.0},
        {"health/true_fall": 0.33, "health/learned_rise": 1.0},
        {"health/true_fall": 0.9, "health/learned_rise": -1.0},
    ],
)
def test_little_is_no_trouble(changes: dict[str, float]) -> None:
    """Just beyond the limit, or too few choices to tell."""
    assert troubles(FINE | changes) == {}


def test_a_fall_that_the_learned_return_does_not_see_comes_first() -> None:
    """The deepest fall, to 100, goes with the learned return; the one to 900 does not."""
    true, learned = [0.0, 2000.0, 900.0, 100.0, 1900.0], [0.0, 10.0, 12.0, 1.0, 11.0]
    found = fall(true, learned)
    assert found is not None
    assert (found.best_at, found.low_at, found.low, found.rose) == (1, 2, 900.0, (10.0, 12.0))
    alone = fall(true, None)
    assert alone is not None
    assert (alone.low_at, alone.rose) == (3, None)
    assert fall([0.0, 2000.0, 1400.0], [0.0, 1.0, 2.0]) is None
    assert fall([5.0], None) is fall([], None) is None


def test_a_fall_of_negative_returns_is_measured_by_what_was_gained() -> None:
    """From -60 to -10 is a gain of 50; -30 has lost 20 of it, two fifths."""
    assert share_fallen([-60.0, -10.0, -30.0]) == (pytest.approx(0.4), 1)
    assert share_fallen([-10.0, -60.0]) == (0.0, 0)


class TwoMembers:
    """A step is worth its action; the second member thinks the opposite."""

    is_fitted = True

    def weights(self) -> dict[str, torch.Tensor]:
        """Return nothing."""
        return {}

    def load_weights(self, weights: object) -> None:
        """Take nothing over."""

    def fit(self, preferences: Preferences) -> FitReport:
        """Learn nothing."""
        return FitReport()

    def reward(self, segments: Segments) -> torch.Tensor:
        """Give two members. Shape: (2, ..., T)."""
        return torch.stack([2 * segments.action[..., 0], -segments.action[..., 0]])


def choices(chosen: list[int]) -> Preferences:
    """Choose between a step with action 1, shown first, and one with action 0."""
    num = len(chosen)
    flag = torch.zeros(num, 2, dtype=torch.bool)
    options = Segments(
        obs=torch.zeros(num, 2, 2, 1),
        action=torch.tensor([1.0, 0.0]).expand(num, 2).reshape(num, 2, 1, 1),
        length=torch.ones(num, 2, dtype=torch.long),
        terminated=flag,
        truncated=flag,
    )
    return Preferences.of(Queries.of(options), Comparison.of(torch.tensor(chosen), 2), RaterInfo(name="test"))


def test_numbers_are_what_they_say() -> None:
    """The members' mean gives 1/2 for the first option: of the choices 0, 0, 1 it predicts two."""
    health, fresh = Health(), choices([0, 0, 1])
    fit = FitReport(
        num_preferences=3, epochs=1, loss=0.0, train_accuracy=1.0, accuracy=1.0, calibration_error=0.0,
        probability=torch.tensor([0.9, 0.5]), choice=torch.tensor([1.0, 0.5]),
    )  # fmt: skip
    health.record_predictions(TwoMembers(), fresh, 10.0)
    assert measure_kinds(Feedback.of(fresh), fit) == {"health/num_held_out": 1.0}
    numbers = health.measure(TwoMembers(), fresh, fresh, 12.5)
    # P(first) is 1 / (1 + exp(-2)) = 0.881 for one member and 1 / (1 + exp(1)) = 0.269 for the other
    spread = (0.880797 - 0.268941) / 2
    assert numbers == pytest.approx(
        {
            "health/num_choices": 3.0,
            "health/first_share": 2 / 3,
            "health/first_deviations": (2 / 3 - 1 / 2) / (1 / 4 / 3) ** 0.5,
            "health/num_predicted": 3.0,
            "health/spread": spread,
            "health/share_predicted": 2 / 3,
            "health/learned_return_change": 2.5,
        },
        abs=1e-5,
    )
    other = Health()
    other.load_state_dict(health.state_dict())
    assert other.measure(TwoMembers(), fresh, fresh, 12.5) == numbers


def test_numbers_of_other_kinds_are_what_they_say() -> None:
    """Of three reactions, one is good, one bad, one a silence; three ratings have three levels; skips are left out."""
    feedback = Feedback((EXAMPLES["thumbs"], EXAMPLES["rating"]))
    fit = FitReport(extra={"thumbs_num_held_out": 2.0, "rating_num_held_out": 3.0})
    assert measure_kinds(feedback, fit) == {
        "health/num_held_out": 5.0,
        "health/num_shown": 3.0,
        "health/num_good": 1.0,
        "health/num_bad": 1.0,
        "health/num_ratings": 3.0,
        "health/num_of_one_level": 1.0,
    }


SILENT = {"health/num_shown": 100.0, "health/num_good": 0.0, "health/num_bad": 0.0}


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (SILENT, "none of 100 segments drew a reaction: nothing says which are good"),
        (SILENT | {"health/num_bad": 20.0}, "all 20 reactions say bad: they hardly tell segments apart"),
        (SILENT | {"health/num_good": 20.0}, "all 20 reactions say good"),
        ({"health/num_ratings": 10.0, "health/num_of_one_level": 10.0}, "all 10 ratings are of one level"),
        (
            {"reward_model/comparison_accuracy": 0.5, "reward_model/comparison_num_held_out": 20.0},
            "predicts held-out choices no better than chance (50% of 20)",
        ),
    ],
)
def test_other_kinds_have_troubles_of_their_own(changes: dict[str, float], sentence: str) -> None:
    (told,) = troubles(FINE | changes).values()
    assert sentence in told


@pytest.mark.parametrize(
    "changes",
    [
        SILENT | {"health/num_shown": 99.0},
        SILENT | {"health/num_good": 19.0},
        SILENT | {"health/num_good": 99.0, "health/num_bad": 1.0},
        {"health/num_ratings": 9.0, "health/num_of_one_level": 9.0},
        {"health/num_ratings": 10.0, "health/num_of_one_level": 9.0},
        # to predict half of five levels is no guessing
        {"reward_model/accuracy": 0.5, "reward_model/rating_num_held_out": 100.0},
    ],
)
def test_little_of_other_kinds_is_no_trouble(changes: dict[str, float]) -> None:
    assert troubles(FINE | changes) == {}


@pytest.mark.parametrize(
    ("first", "budget", "sentence"),
    [
        ({"first": 1.0}, 40, "100% fell on the option shown first"),
        ({}, 200, "fell on the option shown first"),
    ],
)
def test_a_rater_of_one_side_is_told_while_training_and_in_the_report(
    first: dict[str, Any],
    budget: int,
    sentence: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Twenty answers of one side only in the first of two sessions are enough; with 80 % it takes some more."""
    hopper = "prefgym/Hopper-v0"
    settings: dict[str, Any] = {
        "agent": tiny_ppo(hopper, num_envs=8, num_steps=32),
        "sampler": tiny_sampler(10),
        "reward": tiny_reward(hidden=(8,), num_members=3),
        "schedule": ScheduleCfg(num_sessions=2, first=0.2),
    }
    monkeypatch.setenv("MUJOCO_GL", "disabled")  # the sentence stands in the report without videos as well
    rater = raters.cfg("one-sided", **first)
    tiny_run(hopper, **settings, rater=rater, budget=budget, steps=1024, out=tmp_path / "run")
    assert sentence in " ".join(capsys.readouterr().err.split())
    assert sentence in (tmp_path / "run" / "report.html").read_text()
