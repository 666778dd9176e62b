"""What an admin sees: figures from answers in a real store."""

from collections.abc import Iterator
from pathlib import Path

import krippendorff
import numpy as np
import pytest
from studies import NOON, Small, first_place, in_turn, option, small

from prefgym.core.intervals import share_interval
from prefgym.labeling.overview import Board
from prefgym.store.study import StudyCfg

NUM = 12
MARKED = {"stretches": [{"start": 2, "end": 6, "good": True}]}, {"stretches": [{"start": 7, "end": 9, "good": False}]}


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Small]:
    """Yield a study in which three mostly say the same, one the contrary, and one always chooses the first place."""
    with small(tmp_path_factory.mktemp("study"), StudyCfg(name="gait", overlap=5)) as made:
        made.ask(NUM)
        made.answer("ada", option(1), seconds=2.0)
        made.note("ada", made.store.history(made.rater("ada").id)[1].assignment, "<b>Left</b> drags its leg")
        made.answer("bob", option(1), seconds=4.0)
        made.answer("chen", in_turn([option(1)] * 4 + [lambda given: {"choice": "tie"}]), seconds=3.0)
        made.answer("devi", option(0))
        made.answer("emre", in_turn([first_place] * 9 + [lambda given: None]))
        yield made


def test_overview_counts(study: Small) -> None:
    found = Board(study.store, study.study).overview(study.clock())
    assert (found.answers, found.goal, found.waiting) == (5 * NUM, 5 * NUM, 0)
    assert [(one.raters, one.questions) for one in found.by_raters] == [
        (5, NUM),
        (4, 0),
        (3, 0),
        (2, 0),
        (1, 0),
        (0, 0),
    ]
    assert found.timeline is not None and sum(found.timeline.counts) == 5 * NUM
    assert found.timeline.start <= NOON and found.timeline.every_s == 60
    assert found.active == 4  # ada was last seen more than two minutes ago
    assert found.per_minute == pytest.approx(60 * 5 * NUM / (study.clock() - NOON - 2), rel=0.01)
    assert [one.rater for one in found.recent] == ["emre"] * 8
    assert {one.said for one in found.recent} == {"skipped", "place 0"}
    assert found.gold is None
    assert found.studies == [(study.study, "gait")]


def test_agreement_is_that_of_the_answers(study: Small) -> None:
    board = Board(study.store, study.study)
    rows = {(row.rater, row.question): row for row in study.store.answers(study.study)}
    names = ["ada", "bob", "chen", "devi", "emre"]
    questions = sorted({number for _, number in rows})
    table = np.full((len(names), len(questions)), np.nan)
    for (name, number), row in rows.items():
        if row.status == "answered":
            said = row.statement["choice"]
            table[names.index(name), questions.index(number)] = 2 if said == "tie" else said
    expected = krippendorff.alpha(reliability_data=table, level_of_measurement="nominal")
    found = board.agreement()
    assert found.alpha.value == pytest.approx(expected)
    assert found.alpha.low is not None and found.alpha.high is not None
    assert found.alpha.low < expected < found.alpha.high
    assert found.raters == names
    assert found.kappa[0][1] is None  # both always said the same thing: chance would agree as well
    assert found.shared[0] == [NUM, NUM, NUM, NUM, NUM - 1]


def test_raters_are_judged_by_intervals(study: Small) -> None:
    found = {one.name: one for one in Board(study.store, study.study).raters(study.clock())}
    assert [one.median_seconds for one in found.values()] == [2.0, 4.0, 3.0, 2.0, 2.0]
    ada, devi, emre = (found[name].with_others for name in ("ada", "devi", "emre"))
    assert ada is not None and devi is not None and emre is not None
    assert not ada.off and devi.off and devi.num == NUM and ada.value > 0.5
    assert (ada.low, ada.high) == share_interval(ada.hits, ada.num)
    bias = {name: one.first_place for name, one in found.items()}
    assert bias["emre"] is not None and bias["emre"].value == 1.0 and bias["emre"].off
    assert bias["ada"] is not None and not bias["ada"].off and bias["ada"].chance == 0.5
    assert bias["chen"] is not None and bias["chen"].num == NUM - 2
    assert found["emre"].skipped == 1
    assert len(found["ada"].pace) == NUM and set(found["bob"].pace) == {4.0}


def test_gold_and_repeats_have_intervals(tmp_path: Path) -> None:
    with small(tmp_path, StudyCfg(name="g", overlap=9, gold_share=0.4, repeat_share=0.4)) as study:
        study.ask(10)
        study.ask(10, gold={"choice": 1})
        study.answer("ada", option(1))
        study.answer("bob", option(1))
        study.answer("emre", option(0))
        found = {one.name: one for one in Board(study.store, study.study).raters(study.clock())}
        overview = Board(study.store, study.study).overview(study.clock())
    ada, emre = found["ada"].gold, found["emre"].gold
    assert ada is not None and emre is not None
    assert (ada.value, ada.off, emre.value, emre.off) == (1.0, False, 0.0, True)
    assert overview.gold is not None and overview.gold.hits == ada.hits + emre.hits + ada.num
    repeats = found["ada"].repeats
    assert repeats is not None and repeats.value == 1.0 and repeats.num > 1


def test_disputed_questions_come_first_with_votes_and_notes(study: Small) -> None:
    found = Board(study.store, study.study).disputed(study.clock(), NUM)
    values = [one.disagreement for one in found]
    assert values == sorted(values, reverse=True) and values[-1] > 0
    assert all(len(one.segments) == 2 and one.segments[0].num_steps == 10 for one in found)
    worst = {vote.said: len(vote.raters) for vote in found[0].votes}
    assert sum(worst.values()) == 5 and len(worst) > 1
    noted = [one for one in found if one.notes]
    assert [(note.rater, note.text) for one in noted for note in one.notes] == [("ada", "<b>Left</b> drags its leg")]


def test_the_board_follows_the_study(tmp_path: Path) -> None:
    with small(tmp_path, StudyCfg(name="s", overlap=3)) as study:
        study.ask(5)
        study.answer("ada", in_turn([option(1), option(0)]))
        study.answer("bob", in_turn([option(1), option(0)]))
        board = Board(study.store, study.study)
        assert board.agreement().alpha.value == 1.0
        study.answer("emre", option(1))
        before = board.agreement().alpha.value
        assert before is not None and before < 1
        emre = study.rater("emre").id
        for assignment in {one.assignment for one in study.store.history(emre)}:
            study.note("emre", assignment, "mine")
        assert [note.text for one in board.disputed(study.clock()) for note in one.notes] == ["mine", "mine"]
        study.store.exclude(emre, True, by="admin")
        assert board.agreement().alpha.value == 1.0 and board.agreement().raters == ["ada", "bob"]
        study.store.exclude(emre, False, by="admin")
        assert board.agreement().alpha.value == before
        study.store.withdraw(emre)
        assert board.agreement().raters == ["ada", "bob"]
        (row,) = [one for one in board.raters(study.clock()) if one.name == "emre"]
        assert row.withdrawn and row.with_others is None and row.answers == 5
        assert board.ledger.notes(1, {"emre"}) == []


@pytest.mark.parametrize(
    ("kind", "num_options", "same", "other"),
    [
        ("ranking", 3, {"rank": [0, 1, 2]}, {"rank": [2, -1, 0]}),
        ("rating", 1, {"level": 4}, {"level": 0}),
        ("thumbs", 1, {"reaction": "good"}, {"reaction": "bad"}),
        ("mark", 1, *MARKED),
        ("live", 1, {"presses": [{"step": 3.5, "good": True}]}, {"presses": [{"step": 3.5, "good": False}]}),
    ],
)  # fmt: skip
def test_every_kind_has_figures(kind: str, num_options: int, same: dict, other: dict, tmp_path: Path) -> None:
    """Two of three always agree, and they change their minds together, so that agreement is better than chance."""

    def ranked(stated: dict):  # noqa: ANN202
        def by_place(given):  # noqa: ANN001, ANN202
            rank = stated.get("rank")
            return stated if rank is None else {"rank": [rank[k] for k in given.shown_order]}

        return by_place

    with small(tmp_path, StudyCfg.of_dict({"name": "s", "kind": kind, "overlap": 3})) as study:
        study.ask(8, num_options=num_options)
        for name in ("ada", "bob"):
            study.answer(name, in_turn([ranked(same), ranked(other)]))
        study.answer("chen", ranked(same))
        board = Board(study.store, study.study)
        found = board.agreement()
        assert found.alpha.value is not None and found.alpha.low is not None
        assert -0.2 < found.alpha.value < 0.9 and found.alpha.num_questions == 8
        assert found.kappa[0][1] == pytest.approx(1.0)
        assert len(board.disputed(study.clock(), 8)) == 4
        overview = board.overview(study.clock())
        assert overview.answers == 24 and all(one.said for one in overview.recent)
        assert len(board.raters(study.clock())) == 3


def test_a_study_without_answers_has_empty_figures(tmp_path: Path) -> None:
    with small(tmp_path, StudyCfg(name="empty")) as study:
        board = Board(study.store, study.study)
        overview = board.overview(study.clock())
        assert (overview.timeline, overview.alpha.value, overview.per_minute, overview.recent) == (None, None, 0, [])
        assert board.raters(study.clock()) == [] and board.disputed(study.clock()) == []
        assert board.agreement().kappa == []
