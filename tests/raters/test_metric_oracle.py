"""The metric oracle sees the hidden metric, says so, and passes it on to nobody."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from commands import TINY, run

from prefgym.core.preferences import Preferences
from prefgym.core.queries import Queries
from prefgym.envs import HALF_CHEETAH_BACKFLIP
from prefgym.raters.metric_oracle import MetricOracleRater, MetricOracleRaterCfg
from prefgym.sim.metric_counter import MetricCounter
from prefgym.sim.worlds import Worlds
from prefgym.testing import check_rater, example_segments

TURN = 2 * np.pi
KNEEL = "prefgym/HumanoidKneel-v0"


def turning(turns: Sequence[Sequence[float]], lengths: Sequence[Sequence[int]] | None = None) -> Queries:
    """Ask about cheetahs that are turned backwards in the air, each by a number of turns in 12 steps. Shape: (B, K)."""
    angles = TURN * np.array(turns)
    worlds = Worlds(HALF_CHEETAH_BACKFLIP, angles.size, 1)
    qpos, states = np.repeat(worlds.pool.qpos0[None], angles.size, 0), list[Any]()
    qpos[:, 1] = 3.0
    for share in np.linspace(0.0, 1.0, 13):
        qpos[:, 2] = -share * angles.flatten()
        worlds.pool.reset(np.full(angles.size, True), qpos, np.zeros_like(qpos))
        states.append(worlds.pool.physics_state())
    state = torch.as_tensor(np.stack(states, 1)).view(*angles.shape, 13, -1)
    segments = example_segments(*angles.shape, num_steps=12, equal_lengths=True)
    length = segments.length if lengths is None else torch.tensor(lengths)
    return Queries.of(replace(segments, reward=None, factors={}, state=state, length=length))


def rater(**settings: Any) -> MetricOracleRater:  # noqa: ANN401
    """Make the rater of backflips."""
    counter = MetricCounter(HALF_CHEETAH_BACKFLIP, num_worlds=4, num_threads=1)
    return MetricOracleRater(MetricOracleRaterCfg(**settings), seed=1, metric=counter)


def test_the_segment_with_more_of_it_is_better() -> None:
    """Backflips of turns: half a turn 0, one 1, two 2, one forwards -1; the last one is cut before it counts."""
    queries = turning([[0.5, 1.0], [2.0, 1.0], [-1.0, 0.5], [0.5, 0.0], [1.0, 0.5]], [[12, 12]] * 4 + [[8, 12]])
    made = rater()
    assert made.score(queries.options).tolist() == [[0, 1], [2, 1], [-1, 0], [0, 0], [0, 0]]
    answers = made(queries).answers
    assert answers.choice.tolist() == [[0, 1], [1, 0], [0, 1], [0.5, 0.5], [0.5, 0.5]]
    assert answers.tie.tolist() == [False, False, False, True, True]


def test_it_complies_and_goes_on_where_it_was_stopped() -> None:
    queries = turning([[0.5, 1.0], [2.0, 1.0]] * 8)
    check_rater(lambda: rater(beta=0.1), queries=queries)
    one, other = rater(beta=0.1), rater(beta=0.1)
    one(queries)
    other.load_state_dict(one.state_dict())
    assert torch.equal(one(queries).answers.choice, other(queries).answers.choice)


def test_it_says_what_it_sees(capsys: pytest.CaptureFixture[str]) -> None:
    """On stderr, once, and in its answers."""
    made = rater()
    queries = turning([[0.5, 1.0]])
    made(queries)
    (info,) = made(queries).raters
    assert info.settings["sees_hidden_metric"] == "backflips"
    assert capsys.readouterr().err.count("sees the hidden metric 'backflips'") == 1


def test_what_it_cannot_judge_is_one_sentence() -> None:
    with pytest.raises(ValueError, match=r"judges by the hidden metric .* and there is none"):
        MetricOracleRater()
    with pytest.raises(ValueError, match="these segments carry none"):
        rater()(turning([[0.5, 1.0]]).without_truth())


def test_a_run_learns_from_it_and_writes_no_metric(capsys: pytest.CaptureFixture[str]) -> None:
    """Its answers are those of the metric along the states that the run keeps; no reward or factor is in them."""
    code, _, error = run(capsys, "train", *TINY, "--env", KNEEL, "--rater", "metric-oracle", "--out", "run")
    assert code == 0, error
    assert error.count("metric-oracle sees the hidden metric 'steps on its knees'") == 1
    kept = Preferences.load("run")
    assert kept.queries.options.reward is None
    assert kept.queries.options.factors == {}
    (info,) = kept.raters
    assert info.settings["sees_hidden_metric"] == "steps on its knees"
    code, _, error = run(capsys, "train", *TINY, "--rater", "metric-oracle")
    assert code == 2
    assert "rater 'metric-oracle' cannot judge prefgym/InvertedPendulum-v0: it judges by the hidden metric" in error
