"""Several people, and people who err: how often is counted, who it was is written down."""

from typing import Any

import pytest
import torch

from prefgym import raters
from prefgym.core.feedback import Feedback
from prefgym.core.preferences import Preferences
from prefgym.core.queries import Queries
from prefgym.raters.composite import FallibleRater, FallibleRaterCfg, MixtureRater, MixtureRaterCfg
from prefgym.testing import check_rater, example_segments

NUM = 10_000
QUERIES = Queries.of(example_segments(NUM, 2, equal_lengths=True))
ORACLE, MYOPIC = raters.make("oracle")(QUERIES), raters.make("myopic")(QUERIES)  # pyright: ignore[reportCallIssue]
DEVIATIONS = 4.5


def near(count: int, share: float, num: int = NUM) -> bool:
    """Tell whether a binomial count is within 4.5 deviations; it is not, by chance, in 7 of a million draws."""
    return abs(count - num * share) <= DEVIATIONS * (num * share * (1 - share)) ** 0.5


def first(preferences: Preferences) -> int:
    """Count how often the first option was chosen."""
    return int((preferences.answers.choice[:, 0] == 1).sum())


def same(one: Feedback | Preferences, other: Feedback | Preferences) -> torch.Tensor:
    """Tell where two answered alike. Shape: (B,), bool."""
    return (one.answers.choice == other.answers.choice).all(-1)


def test_people_answer_in_proportion_and_are_named() -> None:
    """Ann answers three quarters, and what ann says is what an oracle says; the queries are in their order."""
    rater = MixtureRater(MixtureRaterCfg(users="ann=oracle, bob=myopic", shares=(3.0, 1.0)))
    told = rater(QUERIES)
    assert told.query_id.tolist() == list(range(NUM))
    names = {info.name: number for number, info in enumerate(told.raters)}
    assert {info.name: info.settings["judges"] for info in told.raters} == {"ann": "oracle", "bob": "myopic"}
    anns = told.rater == names["ann"]
    assert near(int(anns.sum()), 0.75)
    assert bool(same(told, ORACLE)[anns].all())
    assert bool(same(told, MYOPIC)[~anns].all())
    assert not bool(same(ORACLE, MYOPIC).all())


def test_users_have_settings_of_their_own() -> None:
    """Ann errs in every query; bob chooses softly; carl has the defaults. Names of settings are as in flags."""
    settings = {"ann": {"eps-mistake": 1.0}, "bob": {"soft": True, "beta": 1}}
    told = MixtureRater(MixtureRaterCfg(users="ann=oracle,bob=oracle,carl=oracle", settings=settings))(QUERIES)
    soft = raters.make("soft")(QUERIES)  # pyright: ignore[reportCallIssue]
    mine = {info.name: told.rater == number for number, info in enumerate(told.raters)}
    assert not bool(same(told, ORACLE)[mine["ann"]].any())
    assert bool(same(told, soft)[mine["bob"]].all())
    assert bool(same(told, ORACLE)[mine["carl"]].all())
    filed = {info.name: info.settings for info in told.raters}
    assert (filed["ann"]["eps_mistake"], filed["bob"]["beta"], filed["carl"]["beta"]) == (1.0, 1.0, "inf")


def test_all_are_alike_unless_said() -> None:
    told = MixtureRater(MixtureRaterCfg())(QUERIES)
    assert near(int((told.rater == 0).sum()), 0.5)


def test_lapses_are_answers_at_random() -> None:
    """With a lapse in 20 % of the queries, half of which hit the right option: 10 % are wrong."""
    told = FallibleRater(FallibleRaterCfg(lapse=0.2))(QUERIES)
    assert near(int((~same(told, ORACLE)).sum()), 0.1)
    assert [info.name for info in told.raters] == ["fallible"]


def test_a_preferred_side() -> None:
    """One in five queries to the first whatever it shows, and half of the others: 60 %; the preset comes to 80 %."""
    assert near(first(FallibleRater(FallibleRaterCfg(first=0.2))(QUERIES)), 0.2 + 0.8 * first(ORACLE) / NUM)
    preset = raters.make("one-sided")
    assert isinstance(preset, FallibleRater)
    assert near(first(preset(QUERIES)), 0.6 + 0.4 * first(ORACLE) / NUM)


def test_drift_is_gradual_and_comes_to_an_end() -> None:
    """Of those who tell the two apart, none at first, half half-way, and all in the end judge like the later one."""
    rater = FallibleRater(FallibleRaterCfg(drifts_to="myopic", drift_queries=NUM // 2))
    told = rater(QUERIES)
    differ = ~same(ORACLE, MYOPIC)
    later = same(told, MYOPIC) & differ
    assert bool(later[NUM // 2 :].eq(differ[NUM // 2 :]).all())
    # P(drifted) = number / (NUM / 2): 5 % over the first tenth, and 50 % over all of them, until the end
    early, whole = slice(0, NUM // 20), slice(0, NUM // 2)
    assert near(int(later[early].sum()), 0.05, int(differ[early].sum()))
    assert near(int(later[whole].sum()), 0.5, int(differ[whole].sum()))
    assert rater.num_asked == NUM


def test_three_options() -> None:
    """A random answer is each of them equally often."""
    queries = Queries.of(example_segments(NUM, 3, equal_lengths=True))
    told = FallibleRater(FallibleRaterCfg(lapse=1.0))(queries)
    assert all(near(int(told.answers.choice[:, option].sum()), 1 / 3) for option in range(3))


@pytest.mark.parametrize("name", ["mixture", "fallible", "one-sided", "drifting"])
def test_they_comply_and_go_on_where_they_were_stopped(name: str) -> None:
    """As any rater, with all that their people remember."""
    check_rater(lambda: raters.make(name, seed=5))
    one, other = (raters.make(name, seed=seed) for seed in (5, 6))
    assert isinstance(one, MixtureRater | FallibleRater)
    assert isinstance(other, MixtureRater | FallibleRater)
    one(QUERIES[:100])
    other.load_state_dict(one.state_dict())
    assert torch.equal(one(QUERIES[100:200]).answers.choice, other(QUERIES[100:200]).answers.choice)


@pytest.mark.parametrize(
    ("name", "settings", "told"),
    [
        ("mixture", {"users": "oracle,oracle"}, "two users have one name"),
        ("mixture", {"users": "oracle,nobody"}, "unknown rater 'nobody'"),
        ("mixture", {"users": "oracle,heron"}, "looks at factors of the task reward, and this environment has none"),
        ("mixture", {"users": "oracle,none"}, "rater 'none' does not answer at once"),
        ("mixture", {"shares": (1.0, 1.0, 1.0)}, "do not fit the users"),
        ("mixture", {"shares": (0.0,)}, "do not fit the users"),
        ("mixture", {"shares": (-1.0,)}, "shares must be 0 or more"),
        ("mixture", {"shares": (float("inf"), 1.0)}, "do not fit the users"),
        ("mixture", {"settings": {"oracel": {"beta": 1}}}, "there is no user 'oracel' to set: did you mean 'oracle'?"),
        ("mixture", {"settings": {"oracle": 1}}, r"write the settings of oracle as oracle.SETTING=VALUE, not oracle=1"),
        ("mixture", {"settings": {"oracle": {"bet": 1}}}, "of user oracle has no setting 'bet': did you mean 'beta'?"),
        ("mixture", {"settings": {"oracle": {"beta": "much"}}}, "user oracle: beta: .* valid number"),
        ("mixture", {"settings": {"oracle": {"beta": -1}}}, "user oracle: beta must be 0 or more, not -1"),
        ("mixture", {"users": "regret", "settings": {"regret": {"expert_file": "x"}}}, "has no setting 'expert_file'"),
        ("fallible", {"lapse": 1.1}, "lapse must be between 0 and 1"),
        ("drifting", {"drifts_to": "nobody"}, "unknown rater 'nobody'"),
    ],
)
def test_what_makes_no_sense_is_refused(name: str, settings: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        raters.make(name, **settings)
