"""Scripted raters state every kind of feedback that their score makes sense of: numbers are worked out by hand."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch

from prefgym import raters
from prefgym.core.feedback import Feedback
from prefgym.core.kinds import Comparison, Mark, Ranking, Rating, Status, Thumbs
from prefgym.core.queries import Queries
from prefgym.core.segments import Segments
from prefgym.raters import statements
from prefgym.raters.scoring import ScoringRater, ScoringRaterCfg
from prefgym.testing import check_rater, example_segments

NOBODY = torch.Generator()
"""Without error, nothing is sampled where scores differ."""


def asked(rewards: Sequence[Any]) -> Queries:
    """Make queries of options with these rewards of their steps. Shape: (B, K, T)."""
    reward = torch.tensor(rewards, dtype=torch.float32)
    *batch, num_steps = reward.shape
    return Queries.of(replace(example_segments(*batch, num_steps=num_steps, equal_lengths=True), reward=reward))


def stated(name: str, queries: Queries, **settings: Any) -> Any:  # noqa: ANN401 - of any kind
    rater = raters.make(name, seed=0, **settings)
    rater.submit(queries)
    found = rater.collect()
    assert isinstance(found, Feedback)
    return found.parts[0].answers


@pytest.mark.parametrize("gives", ["comparison", "ranking", "rating", "thumbs", "mark"])
@pytest.mark.parametrize("beta", [0.5, math.inf])
def test_each_kind_complies(gives: str, beta: float) -> None:
    settings: dict[str, Any] = {"mark_length": 2} if gives == "mark" else {}
    check_rater(lambda: raters.make("partial-return", gives=gives, beta=beta, seed=3, **settings))


def test_options_of_equal_score_share_their_rank() -> None:
    """Scores 1, 3, 3, 2: none is better than the second and third, two than the fourth, and three than the first."""
    ranking = statements.ranking(torch.tensor([[1.0, 3.0, 3.0, 2.0]]), math.inf, NOBODY)
    assert ranking.rank.tolist() == [[3, 0, 0, 2]]


@pytest.mark.parametrize(("beta", "expected"), [(math.inf, [[1, 0, -1, -1]]), (1000.0, [[1, 0, -1, -1]])])
def test_a_ranking_may_name_the_best_alone(beta: float, expected: list[list[int]]) -> None:
    """Two of four, without error and nearly so."""
    generator = torch.Generator().manual_seed(0)
    ranking = statements.ranking(torch.tensor([[3.0, 4.0, 1.0, 2.0]]), beta, generator, num_ranked=2)
    assert ranking.rank.tolist() == expected


def test_marks_need_scores_of_steps() -> None:
    """A rater that names marks, and scores whole segments."""

    class WholeRater(ScoringRater):
        gives = (Mark,)

        def score(self, segments: Segments) -> torch.Tensor:
            return segments.obs.sum((-1, -2))

    rater = WholeRater("whole", ScoringRaterCfg(gives="mark"), seed=0)
    with pytest.raises(ValueError, match=r"WholeRater scores no single steps, so it can give no marks: write score_st"):
        rater(Queries.of(example_segments(2, 1)))


def test_rankings_follow_plackett_and_luce() -> None:
    """Scores 0, log 2 and log 3 with beta 1: the last one is first in 3 of 6, and then the second in 2 of 3."""
    scores = torch.tensor([0.0, math.log(2), math.log(3)]).expand(6000, 3)
    rank = statements.ranking(scores, 1.0, torch.Generator().manual_seed(0)).rank
    # 4.5 deviations: sqrt(p (1 - p) / n) is 0.0065 and 0.0061
    assert abs(float((rank[:, 2] == 0).float().mean()) - 1 / 2) < 0.029
    assert abs(float(((rank[:, 2] == 0) & (rank[:, 1] == 1)).float().mean()) - 1 / 3) < 0.028


def test_levels_are_equally_frequent_by_default() -> None:
    """Ten segments that return 0 to 9 on three levels: quantiles at 3 and 6, where a coin is tossed."""
    levels = stated("oracle", asked([[[float(n), 0.0]] for n in range(10)]), gives="rating", num_levels=3).level
    assert levels[:3].tolist() == [0, 0, 0]
    assert levels[4:6].tolist() == [1, 1]
    assert levels[7:].tolist() == [2, 2, 2]


def test_thresholds_are_scores() -> None:
    """Returns -1, 2, 5 with thresholds 0 and 4."""
    rating = stated("oracle", asked([[[-1.0]], [[2.0]], [[5.0]]]), gives="rating", num_levels=3, thresholds=(0.0, 4.0))
    assert (rating.level.tolist(), rating.num_levels) == ([0, 1, 2], 3)


def test_thumbs_are_up_above_the_median_of_what_was_shown() -> None:
    """Returns 1, 2, 4, 8 have the median 3; those shown before count, as well: with 5, 6, 7, 9 it is 5.5."""
    rater = raters.make("oracle", gives="thumbs", seed=0)
    first = rater(asked([[[1.0]], [[2.0]], [[4.0]], [[8.0]]])).answers  # pyright: ignore[reportCallIssue]
    assert first.reaction.tolist() == [-1, -1, 1, 1]
    second = rater(asked([[[5.0]], [[6.0]], [[7.0]], [[9.0]]])).answers  # pyright: ignore[reportCallIssue]
    assert second.reaction.tolist() == [-1, 1, 1, 1]


def test_a_hostile_rater_says_the_opposite_and_a_rare_one_nothing() -> None:
    queries = asked([[[-1.0]], [[1.0]]] * 1000)
    assert stated("oracle", queries[:2], gives="thumbs", reference=0.0, hostile=1.0).reaction.tolist() == [1, -1]
    answers = stated("thumbs", queries, reference=0.0, beta=math.inf)
    said = answers.reaction != 0
    right = answers.reaction[said] == torch.tensor([-1, 1]).repeat(1000)[said]
    assert bool(answers.answered.all())  # silence is an answer
    # 2000 * 0.05 = 100 +- 9.7 reactions, of which 0.9 +- 0.03 are meant: 4.5 deviations
    assert 56 < int(said.sum()) < 144
    assert abs(float(right.float().mean()) - 0.9) < 0.135


def test_a_mark_is_on_the_stretch_that_differs_most() -> None:
    """Two steps of six: their sum against twice the mean of the other four.

    0 0 3 3 0 0: the third and fourth have 6 - 2 * 0. 1 1 1 -4 -5 1: the fourth and fifth have -9 - 2 * 1 = -11.
    """
    mark = stated("oracle", asked([[[0.0, 0, 3, 3, 0, 0]], [[1.0, 1, 1, -4, -5, 1]]]), gives="mark", mark_length=2)
    assert mark.share.tolist() == [[0, 0, 1, 1, 0, 0], [0, 0, 0, 1, 1, 0]]
    assert mark.good.tolist() == [True, False]


def test_a_short_segment_is_marked_as_a_whole() -> None:
    """Its reward is compared with 0; steps beyond its length are not marked."""
    queries = asked([[[1.0, 2.0, 9.0]], [[-1.0, -2.0, 9.0]]])
    queries = replace(queries, options=replace(queries.options, length=torch.tensor([[2], [2]])))
    mark = stated("oracle", queries, gives="mark", mark_length=3)
    assert mark.share.tolist() == [[1, 1, 0], [1, 1, 0]]
    assert mark.good.tolist() == [True, False]


@pytest.mark.parametrize("gives", ["ranking", "rating", "thumbs", "mark"])
def test_skips_are_of_every_kind(gives: str) -> None:
    """The average step returns 1; a query whose best option returns at most 0.5 of it is skipped."""
    options = [[[0.5], [0.25]], [[2.0], [1.0]]] if gives == "ranking" else [[[0.5]], [[2.0]]]
    rater = raters.make("skip", gives=gives, eps_skip=0.5, seed=0, step_return=lambda: 1.0)
    answers = rater(asked(options)).answers  # pyright: ignore[reportCallIssue]
    assert answers.status.tolist() == [int(Status.SKIPPED), int(Status.ANSWERED)]


def test_a_myopic_rater_marks_what_is_late() -> None:
    """With gamma 0.5 the rewards 4 0 0 2 weigh 0.5 0 0 2: the last step differs more than the first."""
    mark = stated("myopic", asked([[[4.0, 0, 0, 2.0]]]), gives="mark", mark_length=1, gamma=0.5)
    assert mark.share.tolist() == [[0, 0, 0, 1]]


@pytest.mark.parametrize(
    ("name", "settings", "sentence"),
    [
        ("mistake", {"gives": "ranking"}, "eps_mistake 0.1 is of comparison, and this rater gives ranking"),
        ("equal", {"gives": "thumbs"}, "eps_equal 0.1 is of comparison"),
        ("soft", {"gives": "rating"}, "soft True is of comparison"),
        ("regret", {"gives": "ranking", "eps_mistake": 0.1}, "pass --rater.gives comparison"),
        ("oracle", {"hostile": 0.1}, "hostile 0.1 is of thumbs, and this rater gives comparison"),
        ("oracle", {"gives": "rating", "thresholds": (0.0, 1.0)}, "pass --rater.num-levels 3"),
        ("oracle", {"gives": "rating", "num_levels": 3, "thresholds": (1.0, 0.0)}, "must increase"),
        ("oracle", {"gives": "demonstration"}, "gives must be one of comparison, ranking, rating, thumbs, mark"),
        ("peak-end", {"gives": "mark"}, "it gives no mark, since its score is none of single steps"),
    ],
)
def test_what_a_kind_has_no_use_for_is_refused(name: str, settings: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence.replace("(", r"\(")):
        raters.make(name, **settings)


@pytest.mark.parametrize("gives", ["rating", "thumbs"])
def test_what_was_seen_is_part_of_the_state(gives: str) -> None:
    """A rater that goes on from a state says what it would have said."""
    queries = asked([[[float(n % 7)]] for n in range(40)])
    whole = raters.make("partial-return", gives=gives, seed=1)
    whole.submit(queries[:30])
    whole.collect()
    resumed = raters.make("partial-return", gives=gives, seed=2)
    resumed.load_state_dict(whole.state_dict())  # pyright: ignore[reportAttributeAccessIssue]
    said = [rater(queries[30:]).answers.rows() for rater in (whole, resumed)]  # pyright: ignore[reportCallIssue]
    assert said[0] == said[1]


def test_a_mixture_gives_what_its_raters_give() -> None:
    """Each answer is of the kind of its rater, and names it."""
    settings = {"ann": {"gives": "rating"}, "bob": {"gives": "thumbs"}}
    rater = raters.make("mixture", users="ann=oracle,bob=oracle", settings=settings, seed=0)
    check_rater(lambda: raters.make("mixture", users="ann=oracle,bob=oracle", settings=settings, seed=0))
    found = rater(asked([[[float(n)]] for n in range(20)]))  # pyright: ignore[reportCallIssue]
    names = {type(part.answers): [one.name for one in part.raters] for part in found.parts}
    assert names == {Rating: ["ann"], Thumbs: ["bob"]}


def test_other_choices_need_choices() -> None:
    with pytest.raises(ValueError, match=r"it would judge by thumbs: pass --rater\.judges oracle"):
        raters.make("fallible", judges="thumbs")


def test_the_kinds_of_a_class_and_of_a_rater() -> None:
    assert raters.get("oracle").gives == (Comparison, Ranking, Rating, Thumbs, Mark)  # pyright: ignore[reportAttributeAccessIssue]
    assert raters.make("oracle", gives="ranking").gives == (Ranking,)  # pyright: ignore[reportAttributeAccessIssue]
