"""Scripted raters: each teacher against answers worked out by hand."""

import json
import math
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from prefgym import raters
from prefgym.core.feedback import Feedback
from prefgym.core.preferences import Preferences, Status
from prefgym.core.protocols import Rater
from prefgym.core.queries import Queries
from prefgym.raters.scripted import ScriptedRater, ScriptedRaterCfg
from prefgym.testing import LateRater, LateRaterCfg, check_rater, example_segments

TEACHERS = ["partial-return", "oracle", "stochastic", "mistake", "skip", "equal", "myopic", "soft"]
NUM_DRAWS = 20_000
MAX_DEVIATIONS = 4.5  # of a binomial count; exceeded by chance in 7 of a million draws


def asking(rewards: list[list[list[float]]], lengths: list[list[int]] | None = None, first_id: int = 0) -> Queries:
    """Make queries whose options have these task rewards. Shapes: (B, K, T), (B, K)."""
    reward = torch.tensor(rewards)
    *batch, num_steps = reward.shape
    segments = example_segments(*batch, num_steps=num_steps, equal_lengths=True)
    length = segments.length if lengths is None else torch.tensor(lengths)
    return Queries.of(replace(segments, reward=reward, length=length), first_id)


def asking_often(rewards: list[list[float]]) -> Queries:
    """Ask the same question many times. Shape: (K, T)."""
    queries = asking([rewards])
    return Queries.of(queries.options[torch.zeros(NUM_DRAWS, dtype=torch.long)])


def ask(rater: Rater, queries: Queries) -> Preferences:
    """Submit queries and collect the answers."""
    rater.submit(queries)
    answers = rater.collect()
    assert answers is not None
    return Feedback.of(answers).only


def average(value: float) -> Callable[[], float]:
    """Say that an average step returns `value`."""
    return lambda: value


def choices(preferences: Preferences) -> list[str]:
    """Write answers as `1`, `2`, `=` (tie) and `skip`."""
    words: list[str] = []
    for row in range(len(preferences)):
        if preferences.answers.status[row] == Status.SKIPPED:
            words.append("skip")
        elif preferences.answers.tie[row]:
            words.append("=")
        else:
            words.append(str(1 + int(preferences.answers.choice[row].argmax())))
    return words


# Five queries of two options of four steps; what they return, undiscounted and with gamma = 1/2:
#   first (R, G)                     second (R, G)
#   1 1 1 1   4    1.875             0 0 0 3   3    3
#   0 0 0 0   0    0                 0 0 1 0   1    0.5
#   9 0 0 0   9    1.125             0 0 0 8   8    8
#   2 2 2 2   8    3.75              2 2 2 2   8    3.75
#  -1 0 0 0  -1   -0.125             0 0 0 -1 -1   -1
QUERIES = [
    [[1.0, 1.0, 1.0, 1.0], [0.0, 0.0, 0.0, 3.0]],
    [[0.0, 0.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0]],
    [[9.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 8.0]],
    [[2.0, 2.0, 2.0, 2.0], [2.0, 2.0, 2.0, 2.0]],
    [[-1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, -1.0]],
]


@pytest.mark.parametrize(
    ("teacher", "settings", "expected"),
    [
        # the higher R; equal R are equal
        ("oracle", {}, ["1", "2", "1", "=", "="]),
        # an average step returns 2.5, a segment 10, eps 0.1: the threshold is 1.
        # skip if max R <= 1: queries 2 and 5
        ("skip", {}, ["1", "skip", "1", "=", "skip"]),
        # equal if |R1 - R2| < 1: only the last two; differences of exactly 1 are none
        ("equal", {}, ["1", "2", "1", "=", "="]),
        # eps 0.11, threshold 1.1: all differences are 1 or 0
        ("equal", {"eps_equal": 0.11}, ["=", "=", "=", "=", "="]),
        # the higher G
        ("myopic", {"gamma": 0.5}, ["2", "2", "2", "=", "1"]),
        # myopic and careful: ties go by R (threshold 1.1), not by G, and override the choice
        ("myopic", {"gamma": 0.5, "eps_equal": 0.11}, ["=", "=", "=", "=", "="]),
        # a tie overrides a mistake, and so does a skip
        ("mistake", {"eps_mistake": 1.0, "eps_equal": 0.01}, ["2", "1", "2", "=", "="]),
        ("mistake", {"eps_mistake": 1.0, "eps_skip": 0.1}, ["2", "skip", "2", "=", "skip"]),
    ],
)
def test_teachers_answer_as_worked_out(teacher: str, settings: dict[str, float], expected: list[str]) -> None:
    """What a teacher answers to five queries agrees with the table above."""
    rater = raters.make(teacher, step_return=average(2.5), **settings)
    assert choices(ask(rater, asking(QUERIES))) == expected


@pytest.mark.parametrize(
    ("teacher", "settings", "p_second"),
    [
        ("partial-return", {}, 1 / (1 + math.e)),  # R = 4, 3: P(second) = 1 / (1 + exp(4 - 3))
        ("stochastic", {"beta": 0.5}, 1 / (1 + math.exp(0.5))),
        ("stochastic", {"beta": 0.0}, 0.5),
        ("stochastic", {"gamma": 0.5}, 1 / (1 + math.exp(1.875 - 3))),  # G = 1.875, 3
        ("mistake", {}, 0.1),
        ("mistake", {"eps_mistake": 0.3}, 0.3),
        ("mistake", {"beta": 1.0, "eps_mistake": 0.2}, 0.8 / (1 + math.e) + 0.2 * math.e / (1 + math.e)),
    ],
)
def test_noisy_teachers_are_right_as_often_as_worked_out(
    teacher: str, settings: dict[str, float], p_second: float
) -> None:
    """How often the second option is chosen lies within a binomial interval of its probability."""
    rater = raters.make(teacher, seed=3, **settings)
    count = float(ask(rater, asking_often(QUERIES[0])).answers.choice[:, 1].sum())
    deviation = math.sqrt(NUM_DRAWS * p_second * (1 - p_second))
    assert abs(count - NUM_DRAWS * p_second) <= MAX_DEVIATIONS * deviation


def test_presets_are_those_of_b_pref() -> None:
    """The settings of B-Pref's teachers; whatever is not named is off."""
    off = {"gamma": 1.0, "eps_mistake": 0.0, "eps_skip": 0.0, "eps_equal": 0.0}
    wanted: dict[str, dict[str, float]] = {
        "partial-return": {"beta": 1.0},
        "stochastic": {"beta": 1.0},
        "oracle": {"beta": math.inf},
        "mistake": {"beta": math.inf, "eps_mistake": 0.1},
        "skip": {"beta": math.inf, "eps_skip": 0.1},
        "equal": {"beta": math.inf, "eps_equal": 0.1},
        "myopic": {"beta": math.inf, "gamma": 0.9},
    }
    for name, settings in wanted.items():
        assert raters.cfg(name) == replace(ScriptedRaterCfg(name=name), **{**off, **settings})


def test_soft_answers_hold_the_probabilities() -> None:
    """Shares are P of the noisy teacher, lapses included; ties and skips stay what they are."""
    rater = raters.make("soft", eps_mistake=0.2, eps_equal=0.05, eps_skip=0.1, step_return=average(2.5))
    answers = ask(rater, asking(QUERIES)).answers
    # thresholds as above: skips at R <= 1 (queries 2 and 5), ties below 0.5 (query 4)
    assert answers.status.tolist() == [0, 1, 0, 0, 1]
    assert answers.tie.tolist() == [False, False, False, True, False]
    # R = 4, 3 and R = 9, 8: p = 1 / (1 + exp(-1)), a share of 0.8 p + 0.2 (1 - p)
    p = 1 / (1 + math.exp(-1))
    share = 0.8 * p + 0.2 * (1 - p)
    expected = [[share, 1 - share], [0, 0], [share, 1 - share], [0.5, 0.5], [0, 0]]
    assert torch.allclose(answers.choice, torch.tensor(expected))


@pytest.mark.parametrize(("teacher", "below"), [("skip", "skip"), ("equal", "=")])
def test_epsilon_enters_the_threshold_once_in_every_session(teacher: str, below: str) -> None:
    """The threshold is 0.1 of an average segment's return in the first session and in every later one."""
    # An average segment returns 4 * 25 = 100: the threshold is 10, and would be 1 with epsilon squared.
    rater = raters.make(teacher, step_return=average(25.0))
    rewards = [[[0.0] * 4, [0.0, 0.0, 0.0, best]] for best in (0.5, 2.0, 9.0, 11.0, 90.0)]
    for session in range(4):
        answers = ask(rater, asking(rewards, first_id=10 * session))
        assert choices(answers) == [below, below, below, "2", "2"]


def test_the_threshold_follows_the_average_step() -> None:
    """An agent that got better raises the bar."""
    step_return = [25.0]
    rater = raters.make("skip", step_return=lambda: step_return[0])
    question = asking([[[0.0] * 4, [0.0, 0.0, 0.0, 11.0]]])
    answers: list[str] = []
    for step_return[0] in (25.0, 30.0, -30.0):  # thresholds 10, 12; below zero nothing is skipped
        answers += choices(ask(rater, question))
    assert answers == ["2", "skip", "2"]


def test_without_an_average_step_the_shown_segments_give_it() -> None:
    """The threshold then comes from all segments shown so far, by their valid steps."""
    rater = ScriptedRater(raters.cfg("skip", eps_skip=1.0))
    # Session 1: 4 valid steps return 8 + 0, so 2 a step and 8 for a segment of 4: max R = 8 is skipped.
    first = asking([[[4.0, 4.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0]]], lengths=[[2, 2]])
    assert choices(rater(first)) == ["skip"]
    # Session 2: 12 valid steps return 8 + 9 + 1 = 18, so 1.5 a step and 6 for a segment: max R = 9 is answered.
    assert choices(rater(asking([[[9.0, 0.0, 0.0, 0.0], [1.0, 0.0, 0.0, 0.0]]]))) == ["1"]


def test_options_of_unequal_length_are_compared_over_their_valid_steps() -> None:
    """A short segment that ends well loses to a long one that returns more; padding does not count."""
    rewards = [[[1.0, 1.0, 99.0, 99.0], [1.0, 1.0, 1.0, 1.0]], [[-1.0, 9.0, 9.0, 9.0], [-1.0, -1.0, -1.0, -1.0]]]
    answers = ScriptedRater(raters.cfg("oracle"))(asking(rewards, lengths=[[2, 4], [1, 4]]))
    assert choices(answers) == ["2", "1"]  # 2 < 4; -1 > -4


def test_more_than_two_options_are_ranked_by_their_best() -> None:
    """K = 3: the highest return is chosen; a tie is a tie of all."""
    answers = ScriptedRater(raters.cfg("oracle"))(asking([[[1.0], [3.0], [2.0]], [[1.0], [1.0], [1.0]]]))
    assert choices(answers) == ["2", "="]


@given(seed=st.integers(0, 2**31), shift=st.integers(-8, 8))
def test_a_constant_reward_changes_no_answer_at_equal_length(seed: int, shift: int) -> None:
    """Adding the same to every step of windows of one length leaves all choices as they are."""
    segments = example_segments(8, 2, seed=seed, equal_lengths=True)
    assert segments.reward is not None
    shifted = replace(segments, reward=segments.reward.double() + shift)
    one, other = (ScriptedRater(raters.cfg("oracle"))(Queries.of(part)) for part in (segments, shifted))
    assert choices(one) == choices(other)


@given(seed=st.integers(0, 2**31), teacher=st.sampled_from(["oracle", "skip", "equal", "myopic"]))
def test_swapping_the_options_swaps_the_answer(seed: int, teacher: str) -> None:
    """Errorless teachers do not care which option is shown first."""
    segments = example_segments(8, 2, seed=seed)
    one, other = (
        ScriptedRater(raters.cfg(teacher), step_return=average(1.0))(Queries.of(part))
        for part in (segments, segments[:, [1, 0]])
    )
    assert torch.equal(one.answers.choice, other.answers.choice.flip(-1))
    assert torch.equal(one.answers.status, other.answers.status)


def test_a_session_may_answer_nothing() -> None:
    """A rater that skips every query, or is asked none, hands out what it did."""
    rater = raters.make("skip", eps_skip=100.0, step_return=average(1.0))
    assert choices(ask(rater, asking(QUERIES))) == ["skip"] * 5
    rater.submit(asking(QUERIES)[:0])
    assert len(rater.collect() or ()) == 0


def test_all_that_was_submitted_comes_back_in_order() -> None:
    """Two submissions are collected together, and only once."""
    rater = raters.make("oracle")
    rater.submit(asking(QUERIES))
    assert ask(rater, asking(QUERIES, first_id=5)).query_id.tolist() == list(range(10))
    assert rater.collect() is None


@pytest.mark.parametrize("teacher", TEACHERS)
def test_teachers_comply(teacher: str) -> None:
    """Every preset keeps to what the loop relies on."""
    check_rater(lambda: raters.make(teacher, seed=1))
    check_rater(lambda: LateRater(raters.make(teacher, seed=1), LateRaterCfg(lost=0.0, twice=0.0)))


@pytest.mark.usefixtures("no_global_rng")
def test_seeds_decide() -> None:
    """The same seed answers the same, another one differently."""
    queries = Queries.of(example_segments(50, 2))

    def answer(seed: int) -> list[str]:
        return choices(ScriptedRater(seed=seed)(queries))

    assert answer(1) == answer(1) != answer(2)


def test_a_resumed_rater_goes_on_as_if_never_stopped() -> None:
    """State taken after one session gives the same answers in the next, thresholds included."""
    cfg = raters.cfg("partial-return", eps_skip=0.5, eps_equal=0.5, eps_mistake=0.2)
    rater, resumed = ScriptedRater(cfg, seed=1), ScriptedRater(cfg, seed=2)
    rater(Queries.of(example_segments(50, 2, seed=1)))
    resumed.load_state_dict(rater.state_dict())
    later = Queries.of(example_segments(50, 2, seed=2))
    assert choices(rater(later)) == choices(resumed(later))


def test_answers_say_who_gave_them() -> None:
    """The rater's name and settings are filed in plain JSON, which has no infinity."""
    (info,) = ScriptedRater(raters.cfg("mistake"))(asking(QUERIES)).raters
    assert info.name == "mistake"
    settings = json.loads(json.dumps(info.settings, allow_nan=False))
    assert (settings["beta"], settings["eps_mistake"]) == ("inf", 0.1)


def test_queries_without_task_reward_cannot_be_judged() -> None:
    """One clear sentence that names the rater."""
    with pytest.raises(ValueError, match="'oracle' judges by the task reward, and these queries carry none"):
        ScriptedRater(raters.cfg("oracle"))(asking(QUERIES).without_truth())


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_reward_that_is_not_finite_is_an_error(bad: float) -> None:
    """A NaN among the valid steps, or in the average step, stops the run and names the rater; padding may hold one."""
    with pytest.raises(ValueError, match="the task reward shown to rater 'oracle' is not finite"):
        ScriptedRater(raters.cfg("oracle"))(asking([[[0.0, bad], [1.0, 1.0]]]))
    with pytest.raises(ValueError, match="the average step's return given to rater 'skip' is not finite"):
        ScriptedRater(raters.cfg("skip"), step_return=average(bad))(asking(QUERIES))
    padded = asking([[[0.0, bad], [1.0, 1.0]]], lengths=[[1, 2]])
    assert choices(ScriptedRater(raters.cfg("oracle"))(padded)) == ["2"]


@pytest.mark.parametrize(
    "bad", [{"beta": -1.0}, {"gamma": 1.5}, {"eps_mistake": 2.0}, {"eps_skip": -0.1}, {"eps_equal": math.nan}]
)
def test_settings_have_ranges(bad: dict[str, float]) -> None:
    """A setting out of range is an error that names it."""
    with pytest.raises(ValueError, match=f"{next(iter(bad))}.* must"):
        ScriptedRaterCfg(**bad)  # pyright: ignore[reportArgumentType]
