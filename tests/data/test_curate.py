"""What gold contradicts is dropped or flipped, and so are the answers of people who are wrong about it."""

from pathlib import Path

import pytest
import torch
from commands import run

from prefgym.core.feedback import Feedback
from prefgym.core.kinds import Comparison
from prefgym.core.preferences import Preferences, RaterInfo
from prefgym.core.queries import Queries
from prefgym.data.curate import CurateCfg, curated
from prefgym.data.feedback import Card, read_feedback, write_feedback
from prefgym.testing import example_segments

QUERIES = Queries.of(example_segments(20, 2))
RIGHT = torch.arange(20) % 2
"""The right choice of each query."""


def by(name: str, chosen: torch.Tensor, **settings: int) -> Preferences:
    """Return the choices of one person."""
    info = RaterInfo(name=name, kind="human", settings=settings)
    return Preferences.of(QUERIES, Comparison.of(chosen, 2), info)


def wrong_in(*rows: int) -> torch.Tensor:
    """Return choices that are wrong in some rows."""
    chosen = RIGHT.clone()
    chosen[torch.tensor(rows, dtype=torch.long)] ^= 1
    return chosen


ANSWERS = Feedback.cat([by("ann", wrong_in(3)), by("bo", 1 - RIGHT), by("cy", wrong_in(0, 2, 4, 6, 8))])
"""ann is wrong about one of ten gold questions, bo about all of them, cy about five."""
GOLD = Feedback.of(by("truth", RIGHT)[:10])


def kept_by(feedback: Feedback, name: str) -> Preferences:
    """Return what is left of somebody's answers."""
    part = feedback.only
    return part[torch.tensor([part.raters[int(index)].name == name for index in part.rater])]


def test_drop() -> None:
    """Ann's wrong answer, and all of bo's and cy's."""
    kept, people = curated(ANSWERS, GOLD, CurateCfg())
    assert len(kept) == len(kept_by(kept, "ann")) == 19
    assert [info.name for info in kept.only.raters] == ["ann"]
    assert [person.in_words() for person in people] == [
        "ann: 9 of 10 gold questions right; answers: 19 kept, 1 dropped",
        "bo: 0 of 10 gold questions right; answers: 20 dropped",
        "cy: 5 of 10 gold questions right; answers: 20 dropped",
    ]


def test_flip() -> None:
    """Ann's wrong answer is turned, and all of bo's; half of cy's are right, so that nothing can be made of them."""
    kept, _ = curated(ANSWERS, GOLD, CurateCfg(contradicted="flip"))
    for name in ("ann", "bo"):
        assert torch.equal(kept_by(kept, name).answers.choice.argmax(-1), RIGHT)
    assert not len(kept_by(kept, "cy"))
    part = kept_by(kept, "bo")
    assert {part.raters[int(index)].settings["curated"] for index in part.rater} == {"flipped"}


def test_keep_and_thresholds() -> None:
    kept, _ = curated(ANSWERS, GOLD, CurateCfg(contradicted="keep", min_accuracy=0.5, min_gold=11))
    assert len(kept) == 60


def test_records_of_the_study() -> None:
    """Answers carry how their rater did on the gold questions of the store, which are not among them."""
    answers = Feedback.cat([by("ann", RIGHT, gold_right=5, gold_asked=5), by("bo", RIGHT, gold_right=1, gold_asked=6)])
    kept, _ = curated(answers, None, CurateCfg())
    assert len(kept) == len(kept_by(kept, "ann")) == 20


def test_command(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    write_feedback(tmp_path / "answers", ANSWERS, Card(env="prefgym/Hopper-v0"))
    write_feedback(tmp_path / "gold", GOLD, Card(env="prefgym/Hopper-v0"))
    source, other = str(tmp_path / "answers"), str(tmp_path / "other")
    code, output, _ = run(capsys, "curate", source, other, "--gold", str(tmp_path / "gold"))
    assert code == 0 and "bo: 0 of 10 gold questions right; answers: 20 dropped" in output
    assert len(read_feedback(tmp_path / "other")) == 19
    code, _, error = run(capsys, "curate", source, str(tmp_path / "third"))
    assert code == 2 and "nobody in" in error and len(error.splitlines()) == 1
    code, _, error = run(capsys, "curate", source, other)
    assert code == 2 and "exists" in error
