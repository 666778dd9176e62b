"""Figures of agreement equal those of the packages `krippendorff` and `sklearn` on the same answers."""

import krippendorff
import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from prefgym.store.agreement import (
    Level,
    alpha_with_interval,
    cohen_kappa,
    cohen_kappas,
    disagreement,
    krippendorff_alpha,
    table_of,
)

LEVELS: tuple[Level, ...] = ("nominal", "ordinal", "interval")


def random_table(seed: int) -> np.ndarray:
    """Draw answers that agree more or less, of few or many values, with some missing. Shape: (R, Q)."""
    generator = np.random.default_rng(seed)
    num_raters, num_questions, num_values = generator.integers((3, 20, 2), (7, 60, 8))
    truth = generator.integers(num_values, size=num_questions)
    noise = generator.integers(num_values, size=(num_raters, num_questions))
    table = np.where(generator.random(noise.shape) < 0.9 * generator.random(), truth, noise).astype(np.float64)
    table[generator.random(table.shape) < 0.6 * generator.random()] = np.nan
    return table


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("seed", range(40))
def test_alpha_is_that_of_krippendorff(seed: int, level: Level) -> None:
    table = random_table(seed)
    expected = krippendorff.alpha(reliability_data=table, level_of_measurement=level)
    assert krippendorff_alpha(table, level) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("seed", range(40))
def test_kappa_is_that_of_sklearn(seed: int) -> None:
    table = random_table(seed)
    kappas = cohen_kappas(table)
    for first in range(len(table)):
        for second in range(len(table)):
            both = np.isfinite(table[[first, second]]).all(0)
            if len(np.unique(table[[first, second]][:, both])) < 2:
                assert np.isnan(kappas[first, second])
                continue
            expected = cohen_kappa_score(table[first, both], table[second, both])
            assert kappas[first, second] == pytest.approx(expected, abs=1e-12)
            assert cohen_kappa(table[first], table[second]) == pytest.approx(expected, abs=1e-12)


def test_alpha_of_the_book() -> None:
    """Krippendorff, Computing Krippendorff's alpha-reliability, 2011, example C: 0.743, 0.815 and 0.849."""
    nan = np.nan
    table = np.array(
        [
            [1, 2, 3, 3, 2, 1, 4, 1, 2, nan, nan, nan],
            [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, nan, 3],
            [nan, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, nan],
            [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, nan],
        ]
    )
    found = [krippendorff_alpha(table, level) for level in LEVELS]
    assert found == pytest.approx([0.743, 0.815, 0.849], abs=5e-4)


@pytest.mark.parametrize("level", LEVELS)
def test_interval_is_that_of_a_bootstrap_over_questions(level: Level) -> None:
    table = random_table(4)
    found = alpha_with_interval(table, level, np.random.default_rng(0), 300)
    generator = np.random.default_rng(1)
    columns = np.flatnonzero(np.isfinite(table).sum(0) >= 2)
    draws = [krippendorff_alpha(table[:, generator.choice(columns, len(columns))], level) for _ in range(300)]
    assert found.num_questions == len(columns)
    assert found.value == krippendorff_alpha(table, level)
    assert (found.low, found.high) == pytest.approx(np.quantile(draws, (0.025, 0.975)), abs=0.05)
    again = alpha_with_interval(table, level, np.random.default_rng(0), 300)
    assert (again.low, again.high) == (found.low, found.high)


@pytest.mark.parametrize("level", LEVELS)
def test_columns_of_one_question_are_drawn_together(level: Level) -> None:
    """Each question three times: the same alpha but for the sizes of samples, and the interval of the questions."""
    table = random_table(4)
    once = alpha_with_interval(table, level, np.random.default_rng(0), 500)
    question = np.tile(np.arange(table.shape[1]), 3)
    thrice = alpha_with_interval(np.tile(table, 3), level, np.random.default_rng(0), 500, question)
    apart = alpha_with_interval(np.tile(table, 3), level, np.random.default_rng(0), 500)
    assert thrice.num_questions == once.num_questions < apart.num_questions
    assert (thrice.low, thrice.high) == pytest.approx((once.low, once.high), abs=0.02)
    assert apart.high - apart.low < 0.7 * (thrice.high - thrice.low)


@pytest.mark.parametrize("level", LEVELS)
def test_interval_covers_the_truth(level: Level) -> None:
    """Of 60 studies with the same raters, about 57 intervals hold the alpha of a study without end."""
    generator = np.random.default_rng(5)

    def study(num: int) -> np.ndarray:
        truth = generator.integers(3, size=num)
        return np.where(generator.random((3, num)) < 0.7, truth, generator.integers(3, size=(3, num))).astype(float)

    truth = krippendorff_alpha(study(40_000), level)
    found = [alpha_with_interval(study(80), level, generator, 200) for _ in range(60)]
    assert sum(one.low <= truth <= one.high for one in found) >= 52


def test_what_is_not_defined_is_nan() -> None:
    alone = np.array([[1.0, np.nan], [np.nan, 1.0]])
    same = np.ones((2, 5))
    for table in (alone, same):
        assert np.isnan(krippendorff_alpha(table))
        assert np.isnan(alpha_with_interval(table, "nominal", np.random.default_rng(0)).low)
        assert np.isnan(cohen_kappa(*table))
        assert np.isnan(disagreement(table)).all()


@pytest.mark.parametrize("level", LEVELS)
def test_disagreement_is_alpha_by_question(level: Level) -> None:
    table = random_table(11)
    apart, num = disagreement(table, level), np.isfinite(table).sum(0)
    known = num >= 2
    assert np.isnan(apart[~known]).all()
    assert 1 - np.average(apart[known], weights=num[known]) == pytest.approx(krippendorff_alpha(table, level))


def test_table_has_the_last_answer_of_a_rater() -> None:
    table = table_of(np.array([7, 2, 7, 7]), np.array([5, 5, 9, 5]), np.array([0.0, 1.0, 2.0, 3.0]))
    np.testing.assert_array_equal(table, [[1.0, np.nan], [3.0, 2.0]])
