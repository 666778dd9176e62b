"""Study files: what they hold, and one sentence for what they should not."""

from pathlib import Path

import pytest

from prefgym.common.errors import UserError
from prefgym.labeling.study_file import read_study

WHOLE = """
name: gait
kind: comparison
instructions: |
  Say which one walks better.
consent: I agree.
criteria:
  - {name: better, text: "Which one walks better?"}
  - {name: safer, text: "Which one is safer?"}
overlap: 3
gold_share: 0.1
repeat_share: 0.05
practice: 2
budget: 500
camera: fixed
completion_code: C1X2
completion_answers: 50
questions: {from: runs/walker, most: 200}
gold:
  - {query: 7, choice: 1, text: It falls., practice: true}
  - {query: 9, choice: tie, criterion: safer}
"""


def test_a_file_says_what_is_asked(tmp_path: Path) -> None:
    study = read_study(_file(tmp_path, WHOLE))
    cfg = study.cfg
    assert (cfg.name, cfg.overlap, cfg.budget, cfg.completion_answers, cfg.camera) == ("gait", 3, 500, 50, "fixed")
    assert [one.name for one in cfg.criteria] == ["better", "safer"]
    assert study.questions.source == Path("runs/walker") and study.questions.most == 200
    assert [one.answer() for one in study.gold] == [{"choice": 1, "text": "It falls."}, {"choice": "tie", "text": ""}]
    assert study.gold[0].practice and study.gold[1].criterion == "safer"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("name: a\noverlapp: 3", "study.yaml: unknown key 'overlapp': did you mean 'overlap'?"),
        ("name: a\nqqq: 3", "study.yaml: unknown key 'qqq': choose among name, kind,"),
        (
            "name: a\ncriteria: [{name: b, txt: c}]",
            "study.yaml: unknown key 'txt' in criteria: did you mean 'text'?",
        ),
        ("name: a\nquestions: {form: x}", "study.yaml: unknown key 'form' in questions: did you mean 'from'?"),
        ("name: a\ngold: [{query: 1, choices: 0}]", "unknown key 'choices' in gold: did you mean 'choice'?"),
        ("overlap: 3", "study.yaml: This is no study: name: field required"),
        ("name: a\nkind: dance", "study.yaml: "),
        ("name: a\noverlap: 0", "overlap must lie between 1 and 1000, not 0"),
        ("name: a\ngold: [{query: -1}]", "study.yaml: gold.0.query: input should be greater than or equal to 0."),
        ("name: a\nquestions: 5", "study.yaml: "),
        ("name: !!python/object:os.system x", "aliases and tags are not allowed"),
        ("- a", "it holds no settings"),
        ("name: 'a\x01b'", "study.yaml"),
    ],
)
def test_what_no_study_has_is_told_in_one_sentence(text: str, sentence: str, tmp_path: Path) -> None:
    with pytest.raises(UserError) as told:
        read_study(_file(tmp_path, text))
    assert sentence in str(told.value) and "\n" not in str(told.value)


def test_a_file_that_is_missing_or_no_text_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no study file"):
        read_study(tmp_path / "study.yaml")
    (tmp_path / "study.yaml").write_bytes(b"name: \xff\xfe")
    with pytest.raises(UserError, match=r"study\.yaml is no text in UTF-8"):
        read_study(tmp_path / "study.yaml")


def _file(folder: Path, text: str) -> Path:
    file = folder / "study.yaml"
    file.write_text(text)
    return file
