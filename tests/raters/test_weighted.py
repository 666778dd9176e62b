"""Weighted factors: sums worked out by hand, and users with opposite tastes."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import gymnasium as gym
import pytest
import torch
from commands import TINY, run

from prefgym import raters
from prefgym.core.preferences import Preferences
from prefgym.core.queries import Queries
from prefgym.raters.weighted import WeightedRater, WeightedRaterCfg
from prefgym.runs.config_file import read_config
from prefgym.testing import check_rater
from prefgym.wrappers.preference import PreferenceVectorEnv

Asking = Callable[[Sequence[Any]], Queries]
NAMES = ("reward_forward", "reward_ctrl")
# Two queries of two options, (forward, ctrl) each:
SUMS = [[[3.0, -1.0], [2.0, 0.0]], [[1.0, -1.0], [4.0, -3.0]]]


def weighted(**settings: Any) -> WeightedRater:  # noqa: ANN401
    """Make the rater of a task with two factors."""
    return WeightedRater(WeightedRaterCfg(**settings), factor_names=NAMES)


def test_scores_are_the_weighted_sums(asking: Asking) -> None:
    """1 forward - 2 ctrl: 3 + 2 = 5 over 2 + 0 = 2, and 1 + 2 = 3 below 4 + 6 = 10; unnamed factors do not count."""
    options = asking(SUMS).options
    assert weighted(weights={"forward": 1.0, "ctrl": -2.0}).score(options).tolist() == [[5.0, 2.0], [3.0, 10.0]]
    assert weighted(weights={"reward_ctrl": 0.5}).score(options).tolist() == [[-0.5, 0.0], [-0.5, -1.5]]
    assert weighted().score(options).tolist() == [[2.0, 2.0], [0.0, 1.0]]


def test_opposite_users_answer_oppositely(asking: Asking) -> None:
    """The first option goes further (3 and 2), the second one in the other query (1 and 4)."""
    queries = asking(SUMS)
    ahead, back = (weighted(weights={"forward": sign})(queries).answers.choice for sign in (1.0, -1.0))
    assert ahead.tolist() == back.flip(-1).tolist() == [[1.0, 0.0], [0.0, 1.0]]


def test_the_choice_is_a_softmax(asking: Asking) -> None:
    """Scores 5 and 2 at beta 0.5: P(first) = 1 / (1 + exp(-1.5))."""
    choice = weighted(weights={"forward": 1.0, "ctrl": -2.0}, beta=0.5, soft=True)(asking(SUMS)).answers.choice
    assert choice[0].tolist() == pytest.approx([1 / (1 + math.exp(-1.5)), 1 / (1 + math.exp(1.5))])


@pytest.mark.parametrize("env_id", ["prefgym/HalfCheetah-v0", "prefgym/Hopper-v0"])
def test_the_weights_of_the_task_are_the_oracle(env_id: str) -> None:
    """Factors are the weighted terms of the reward, so weights of 1 answer like the oracle, and those of -1 never."""
    env = PreferenceVectorEnv(gym.make_vec(env_id, 4, reward="task"))
    env.reset(seed=0)
    env.action_space.seed(0)
    for _ in range(100):
        env.step(env.action_space.sample())
    queries = env.sample_queries(200, length=20)
    names = env.recorder.factor_names
    oracle = raters.make("oracle")(queries).answers  # pyright: ignore[reportCallIssue]
    assert not oracle.tie.any()
    own = raters.make("weighted", factor_names=names)
    assert isinstance(own, WeightedRater)
    assert torch.equal(own(queries).answers.choice, oracle.choice)
    contrary = raters.make("weighted", weights=dict.fromkeys(names, -1.0), factor_names=names)
    assert isinstance(contrary, WeightedRater)
    assert torch.equal(contrary(queries).answers.choice, oracle.choice.flip(-1))


def test_it_complies_and_goes_on_where_it_was_stopped(asking: Asking) -> None:
    queries = asking(SUMS)
    check_rater(lambda: weighted(beta=0.1), queries=queries)
    one, other = weighted(beta=0.1), WeightedRater(WeightedRaterCfg(beta=0.1), seed=9, factor_names=NAMES)
    one(queries)
    other.load_state_dict(one.state_dict())
    for _ in range(5):
        assert torch.equal(one(queries).answers.choice, other(queries).answers.choice)


def test_answers_say_the_weights(asking: Asking) -> None:
    """By the full names of the factors, also those that nobody named."""
    (info,) = weighted(weights={"ctrl": -2.0})(asking(SUMS)).raters
    assert (info.name, info.settings["weights"]) == ("weighted", {"reward_ctrl": -2.0})
    assert weighted()(asking(SUMS)).raters[0].settings["weights"] == {"reward_forward": 1.0, "reward_ctrl": 1.0}


@pytest.mark.parametrize(
    ("weights", "sentence"),
    [
        ({"forwrad": 1.0}, "there is no factor 'forwrad': the task has forward, ctrl"),
        ({"forward": 1.0, "reward_forward": 2.0}, "forward,reward_forward names a factor twice"),
        ({"forward": math.nan}, "weights must be between -1e\\+30 and 1e\\+30, not nan"),
    ],
)
def test_weights_that_make_no_sense_are_one_sentence(weights: dict[str, float], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        weighted(weights=weights)


def test_a_task_without_factors_is_one_sentence() -> None:
    with pytest.raises(ValueError, match="it looks at factors of the task reward, and this environment has none"):
        WeightedRater()


USERS = ("--rater", "mixture", "--rater.users", "ann=weighted,bob=weighted")


def test_opposite_users_are_a_flag(capsys: pytest.CaptureFixture[str]) -> None:
    """Flags, config.yaml and answers say the same; the run goes on from its folder."""
    words = ("ann.weights.forward=1", "bob.weights.forward=-1", "bob.beta=0.5")
    task = ("--env", "prefgym/HalfCheetah-v0", "--threads", "1")
    code, _, error = run(capsys, "train", *TINY, *task, *USERS, "--out", "run", "--rater.settings", *words)
    assert code == 0, error
    cfg = read_config(Path("run"))["rater_cfg"]
    assert cfg["settings"] == {"ann": {"weights": {"forward": 1}}, "bob": {"weights": {"forward": -1}, "beta": 0.5}}
    filed = {info.name: info.settings for info in Preferences.load("run").raters}
    assert filed["ann"]["weights"] == {"reward_forward": 1.0}
    assert (filed["bob"]["weights"], filed["bob"]["beta"]) == ({"reward_forward": -1.0}, 0.5)
    code, _, error = run(capsys, "train", "--resume", "run", "--steps", "800", "--budget", "14")
    assert code == 0, error


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (("--rater", "weighted", "--rater.weights", "forward"), "write NAME=NUMBER, not 'forward'"),
        (("--rater", "weighted", "--rater.weights", "speed=1"), "there is no factor 'speed': the task has forward"),
        ((*USERS, "--rater.settings", "carl.beta=1"), "there is no user 'carl' to set"),
        ((*USERS, "--rater.settings", "ann.weight.forward=1"), "no setting 'weight': did you mean 'weights'?"),
        ((*USERS, "--rater.settings", "ann.weights=1"), "user ann: weights"),
    ],
)
def test_bad_flags_are_one_sentence(flags: tuple[str, ...], sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, error = run(capsys, "train", *TINY, "--env", "prefgym/HalfCheetah-v0", *flags)
    assert code == 2
    assert sentence in error
    assert len(error.strip().splitlines()) == 1
