"""The number of segments of a query follows from what the rater gives, and what it gives has to be fitted."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from tiny import tiny_reward, tiny_run

from prefgym import raters, rewards, samplers
from prefgym.common.errors import UserError
from prefgym.core.kinds import Comparison, Ranking, Rating, Statement, Thumbs
from prefgym.core.preferences import Preferences
from prefgym.core.queries import Queries
from prefgym.testing import check_rater
from prefgym.training.kinds import check_kinds, num_options_of, shown_options, with_num_options


@pytest.mark.parametrize(
    ("kinds", "asked", "expected"),
    [
        ((Comparison,), None, 2),
        ((Comparison,), 3, 3),
        ((Ranking,), None, 4),
        ((Ranking,), 2, 2),
        ((Comparison, Ranking), None, 4),
        ((Thumbs, Rating), None, 1),
        ((Thumbs,), 1, 1),
    ],
)
def test_a_kind_has_a_usual_number_of_segments(
    kinds: Sequence[type[Statement]], asked: int | None, expected: int
) -> None:
    assert num_options_of(kinds, asked) == expected


@pytest.mark.parametrize(
    ("kinds", "asked", "sentence"),
    [
        ((Comparison,), 1, "--sampler.num-options 1: the rater gives comparison, about 2 or more segments; "
         "pass --sampler.num-options 2."),
        ((Thumbs,), 2, "the rater gives thumbs, about one segment; pass --sampler.num-options 1."),
        ((Thumbs, Comparison), None, "the rater gives thumbs, comparison, and no query can be answered by all"),
    ],
)  # fmt: skip
def test_other_numbers_are_refused(kinds: Sequence[type[Statement]], asked: int | None, sentence: str) -> None:
    with pytest.raises(UserError) as told:
        num_options_of(kinds, asked)
    assert sentence in str(told.value)


def test_the_sampler_takes_the_number_of_the_kind() -> None:
    """One that was made already keeps its own: two, if it was given none."""
    cfg, rater = samplers.cfg("uniform"), raters.make("oracle", gives="thumbs")
    assert (cfg.num_options, shown_options(cfg)) == (None, 2)
    assert with_num_options(cfg, rater).num_options == 1
    assert with_num_options(replace(cfg, num_options=3), raters.make("oracle")).num_options == 3
    assert with_num_options(cfg, raters.make("oracle"), is_made=True).num_options == 2
    with pytest.raises(UserError, match=r"pass --sampler\.num-options 1"):
        with_num_options(cfg, rater, is_made=True)
    with pytest.raises(UserError, match="a query of thumbs shows one segment: the entropy is that of a choice"):
        with_num_options(samplers.cfg("entropy"), rater)


def test_what_is_given_has_to_be_fitted() -> None:
    """The sentence has a call that works: another kind, if the rater has more."""
    learner = rewards.build("win-rate", rewards.cfg("win-rate"), None)
    check_kinds("oracle", raters.make("oracle"), "win-rate", learner)
    with pytest.raises(UserError) as told:
        check_kinds("oracle", raters.make("oracle", gives="rating"), "win-rate", learner)
    assert str(told.value) == (
        "rater 'oracle' gives rating, and reward learner 'win-rate' fits comparison: pass --rater.gives comparison."
    )


@pytest.mark.parametrize("declared", ["ranking", Ranking, (), ("ranking",), [Ranking]])
def test_what_is_declared_are_kinds(declared: object) -> None:
    def odd(queries: Queries) -> Preferences:
        raise AssertionError(queries)

    odd.gives = declared  # pyright: ignore[reportFunctionMemberAccess]
    with pytest.raises(UserError, match=r"the rater odd declares gives = .*such as gives = \(prefgym\.Ranking,\)"):
        tiny_run(rater=odd, out="none")
    with pytest.raises(AssertionError, match="the rater odd declares"):
        check_rater(lambda: odd)


def test_a_run_does_not_begin_with_what_cannot_be_fitted() -> None:
    with pytest.raises(UserError, match="reward learner 'preference-model' fits comparison"):
        tiny_run(rater=raters.cfg("oracle", gives="ranking"), reward=tiny_reward("preference-model"), out="none")


def test_the_folder_says_how_many_segments_were_shown() -> None:
    run = tiny_run(report=False, out="run")
    assert run.config["sampler_cfg"]["num_options"] == 2
