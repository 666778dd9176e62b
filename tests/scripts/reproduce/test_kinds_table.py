"""The table of kinds of feedback: each arm is a run that fits together, and ratios are to the oracle's choices."""

import pytest
from kinds_table import ARMS, REFERENCE, Cell, KindsTable, KindsTableCfg

from prefgym.bench.cells import Line
from prefgym.core.kinds import Comparison, Mark, Ranking, Rating, Statement, Thumbs
from prefgym.raters.scoring import ScoringRaterCfg

KINDS: dict[str, type[Statement]] = {
    "ranking": Ranking, "rating": Rating, "thumbs": Thumbs, "mark": Mark,
    "rare thumbs": Thumbs, "rare thumbs, 10,000 shown": Thumbs, "silent": Thumbs,
}  # fmt: skip


@pytest.mark.parametrize("arm", [arm for arm in ARMS if arm != "task reward"])
def test_an_arm_gives_its_kind(arm: str) -> None:
    config = KindsTable(KindsTableCfg()).config(Cell(arm=arm, seed=3))
    assert isinstance(config.rater_cfg, ScoringRaterCfg)
    assert config.rater_cfg.gives == KINDS.get(arm, Comparison).kind
    assert config.seed == 3


def test_ratios_are_to_the_reference() -> None:
    """Mean returns of 2000 and 1500 have a ratio of 0.75; unfinished arms have no row."""
    returns = {REFERENCE: (1500.0, 2500.0), "ranking": (1000.0, 2000.0)}
    done: dict[Cell, Line] = {
        Cell(arm=arm, seed=seed): {"final_return_mean": value}
        for arm, values in returns.items()
        for seed, value in enumerate(values)
    }
    table = KindsTable(KindsTableCfg()).table(done)
    assert [[*column.cells] for column in table.columns] == [
        [REFERENCE, "ranking"], ["500", "500"], ["2000", "1500"], ["1500 2500", "1000 2000"], ["", "0.75"],
    ]  # fmt: skip
