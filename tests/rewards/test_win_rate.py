"""Win rates by hand, and who meets whom."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from prefgym.core.preferences import Comparison
from prefgym.rewards.win_rate import WinRate, WinRateCfg

ALL = torch.ones(6, dtype=torch.bool)


def test_win_rates_by_hand() -> None:
    """Fragment 0 wins one of two, fragment 1 ties its only one, fragment 2 was skipped; nobody judged fragment 3."""
    learner = WinRate(WinRateCfg())
    learner.propose_comparisons(torch.arange(4), ALL[:4], 4)
    learner._players, learner._opponents = torch.tensor([0, 1, 0, 2]), torch.full((4,), -1)
    answers = Comparison.of(
        torch.tensor([0, 0, 1, 0]),
        2,
        torch.tensor([False, True, False, False]),
        torch.tensor([False, False, False, True]),
    )
    learner.record_outcomes(answers)
    assert learner.rates.tolist() == [0.5, 0.5, 0.5, 0.5]
    learner._players = torch.tensor([0, 1, 3, 3])
    learner.record_outcomes(Comparison.of(torch.tensor([0, 1, 0, 1]), 2))
    assert learner.rates.tolist() == [1.0, 0.0, 0.5, 0.5]
    learner._players = torch.tensor([0, 0, 0, 3])
    learner.record_outcomes(Comparison.of(torch.tensor([0, 1, 0, 0]), 2))
    assert learner.rates.tolist() == pytest.approx([2 / 3, 0.5, 0.5, 1.0])
    learner._opponents = torch.tensor([1, 1, 3, -1])  # who is new tells by both
    learner.record_outcomes(Comparison.of(torch.tensor([0, 1, 0, 0]), 2))
    assert learner.rates.tolist() == pytest.approx([2 / 3, 0.5, 0.5, 0.5])


def test_opponents_are_known_by_where_they_begin() -> None:
    """Of 4 new fragments the second is cut short; those of the rollout before are not among the new ones."""
    learner, whole = WinRate(WinRateCfg()), torch.tensor([True, False, True, True])
    learner.propose_comparisons(torch.arange(4), ALL[:4], 1)
    starts = torch.arange(10, 14)
    second = learner.propose_comparisons(starts, whole, 200)[:, 1]
    new = learner._opponents >= 0
    assert torch.equal(starts[learner._opponents[new]], second[new])
    assert torch.equal(new, second >= 10) and new.any() and not new.all()


@given(st.lists(st.tuples(st.integers(1, 6), st.integers(0, 30)), min_size=1, max_size=5), st.integers(1, 12))
def test_new_fragments_meet_others_of_the_queue_alike_often(rollouts: list[tuple[int, int]], queue: int) -> None:
    learner, begun = WinRate(WinRateCfg(queue=queue)), 0
    for num_new, num_comparisons in rollouts:
        starts = torch.arange(begun, begun + num_new)
        begun += num_new
        known = set(range(max(0, begun - queue), begun))
        pairs = learner.propose_comparisons(starts, ALL[:num_new], num_comparisons).tolist()
        assert len(pairs) == num_comparisons
        counts = [sum(first == start for first, _ in pairs) for start in starts.tolist()]
        assert max(counts) - min(counts) <= 1
        for first, second in pairs:
            assert second in known
            assert first != second or len(known) == 1


def test_all_of_the_queue_are_met_alike() -> None:
    """The last of 5 fragments meets the 4 others, each in a quarter of 4000 matches."""
    learner = WinRate(WinRateCfg())
    learner.propose_comparisons(torch.arange(4), ALL[:4], 1)
    met = learner.propose_comparisons(torch.tensor([4]), ALL[:1], 4000)[:, 1].bincount(minlength=5)
    assert met[4] == 0
    assert (met[:4] - 1000).abs().max() < 120


def test_all_are_met_alike_where_more_are_new_than_the_queue_holds() -> None:
    """Of 8 fragments the last 5 are the queue: the first 3 meet each of them alike, the others all but themselves."""
    learner = WinRate(WinRateCfg(queue=5))
    pairs = learner.propose_comparisons(torch.arange(8), torch.ones(8, dtype=torch.bool), 8000)
    met = torch.zeros(8, 8).index_put_((pairs[:, 0], pairs[:, 1]), torch.ones(8000), accumulate=True)
    assert not met[:, :3].any() and not met.diagonal().any()
    assert (met[:3, 3:] - 200).abs().max() < 70  # five deviations
    assert (met[3:, 3:][~torch.eye(5, dtype=torch.bool)] - 250).abs().max() < 75


def test_what_the_recorder_may_forget_is_met_no_more() -> None:
    """A queue of 4 reaches back two rollouts of two fragments each; where they are cut short it is not filled up."""
    learner = WinRate(WinRateCfg(queue=4))
    cut = torch.zeros(2, dtype=torch.bool)
    learner.propose_comparisons(torch.tensor([0, 1]), ALL[:2], 1)
    for first in (2, 4):
        learner.propose_comparisons(torch.tensor([first, first + 1]), cut, 1)
        assert learner.queue.tolist() == [0, 1]
    other = WinRate(WinRateCfg(queue=4))
    other.load_state_dict(learner.state_dict())
    for one in (learner, other):
        one.propose_comparisons(torch.tensor([6, 7]), ALL[:2], 1)
        assert one.queue.tolist() == [6, 7]


def test_only_fragments_that_met_others_can_be_rewarded() -> None:
    learner = WinRate(WinRateCfg())
    for refuse in (learner.reward, learner.fit):
        with pytest.raises(ValueError, match="win rate"):
            refuse(None)  # pyright: ignore[reportArgumentType]


def test_fragments_that_were_cut_short_meet_nobody() -> None:
    """Of four fragments the second and the last are whole: only these play, and only these are met later."""
    learner = WinRate(WinRateCfg())
    whole = torch.tensor([False, True, False, True])
    pairs = learner.propose_comparisons(torch.arange(4), whole, 3)
    assert sorted({first for first, _ in pairs.tolist()}) == [1, 3]
    learner.record_outcomes(Comparison.of(torch.zeros(3, dtype=torch.long), 2))
    assert learner.rates.tolist() == pytest.approx([0.5, 2 / 3, 0.5, 1 / 3])  # two matches of the one, one of the other
    assert len(learner.propose_comparisons(torch.tensor([7, 8]), whole[:1].expand(2), 5)) == 0
    learner.record_outcomes(Comparison.of(torch.zeros(0, dtype=torch.long), 2))
    assert learner.rates.tolist() == [0.5, 0.5]
    met = learner.propose_comparisons(torch.tensor([9]), ALL[:1], 50)[:, 1]
    assert set(met.tolist()) == {1, 3}
