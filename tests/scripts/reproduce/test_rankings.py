"""Fits to rankings: the three arms say the same about the same segments, as much as each can."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from rankings import ARMS, Cell, Rankings, RankingsCfg, best_of_four, ranking, six_pairs

from prefgym.bench.cells import Line
from prefgym.core.kinds import Comparison, Ranking
from prefgym.core.preferences import RaterInfo
from prefgym.core.queries import Queries
from prefgym.testing import example_segments

INFO = RaterInfo(name="oracle")


def queries() -> Queries:
    """Make one query of four segments of two steps, with returns of 6, 2, 8 and 4."""
    segments = example_segments(1, 4, num_steps=2, equal_lengths=True)
    return Queries.of(
        replace(segments, reward=torch.tensor([[[3.0, 3.0], [1.0, 1.0], [4.0, 4.0], [2.0, 2.0]]])), first_id=7
    )


def test_a_ranking_is_ordered_by_return() -> None:
    answers = ranking(queries(), INFO).answers
    assert isinstance(answers, Ranking)
    assert answers.rank.tolist() == [[1, 3, 0, 2]]


def test_six_pairs_are_all_pairs_of_the_ranking() -> None:
    """Of the pairs 01 02 03 12 13 23, the better ones are 0, 2, 0, 2, 3, 2; all keep the number of the query."""
    preferences = six_pairs(queries(), INFO)
    assert isinstance(preferences.answers, Comparison)
    assert preferences.answers.choice.argmax(-1).tolist() == [0, 1, 0, 1, 1, 0]
    assert preferences.query_id.tolist() == [7] * 6
    reward = preferences.queries.options.reward
    assert reward is not None
    assert reward.sum(-1).tolist() == [[6, 2], [6, 8], [6, 4], [2, 8], [2, 4], [8, 4]]


def test_the_best_of_four_is_one_choice() -> None:
    answers = best_of_four(queries(), INFO).answers
    assert isinstance(answers, Comparison)
    assert answers.choice.tolist() == [[0.0, 0.0, 1.0, 0.0]]


def test_differences_are_paired_by_seed() -> None:
    """Accuracies of 0.9 and 0.8 in both seeds differ by 0.1; a seed without the other arm is left out."""
    grid = Rankings(RankingsCfg(queries=(25,), seeds=3))
    done: dict[Cell, Line] = {
        Cell(arm=arm, queries=25, seed=seed): {"accuracy": value}
        for arm, value in (("six pairs", 0.9), ("ranking", 0.9), ("best of four", 0.8))
        for seed in range(2 if arm == "best of four" else 3)
    }
    table = grid.table(done)
    assert [*table.columns[1].cells] == [*ARMS, "ranking, minus six pairs", "ranking, minus best of four"]
    assert [*table.columns[2].cells] == ["0.900", "0.900", "0.800", "0.000", "0.100"]


@pytest.mark.slow  # plays 32,000 steps
def test_a_cell_predicts_fresh_pairs() -> None:
    cfg = RankingsCfg(queries=(25,), seeds=1, pairs=200, results=Path("results.jsonl"))
    grid = Rankings(cfg)
    assert grid.make() == 0
    assert all(0.7 < line["accuracy"] <= 1.0 for line in grid.read().values())
    assert len(grid.read()) == len(ARMS)
