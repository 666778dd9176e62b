"""`prefgym list`: names, what they do, and their papers."""

import json
import subprocess
import sys

import pytest
from commands import run

from prefgym.cli.listing import LISTS
from prefgym.common.descriptions import describe


@pytest.mark.parametrize("kind", LISTS)
def test_each_name_has_a_line(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    """In 80 columns; what programs read is the same."""
    code, text, _ = run(capsys, "list", kind)
    assert code == 0
    assert max(map(len, text.splitlines())) <= 80
    entries = json.loads(run(capsys, "list", kind, "--json")[1])
    assert all(entry["line"] for entry in entries)
    assert [line.split()[0] for line in text.splitlines() if not line.startswith(" ")] == [e["name"] for e in entries]


def test_lines_and_papers_come_from_docstrings(capsys: pytest.CaptureFixture[str]) -> None:
    """Of the module, of the class where a module has several, of the preset where a class has several."""
    found = {}
    for kind in ("raters", "samplers", "agents"):
        found |= {entry["name"]: entry for entry in json.loads(run(capsys, "list", kind, "--json")[1])}
    assert found["pebble"]["paper"] == "Lee, Smith, Abbeel, arXiv:2106.05091"
    assert found["pebble"]["line"] == "PEBBLE: SAC with unsupervised exploration and relabelling"
    assert found["oracle"]["line"] == "Choose the higher return, without error"
    assert found["oracle"]["paper"] == "Lee et al., arXiv:2111.03026"
    assert found["entropy"]["line"].startswith("Choose the candidates whose predicted choices have the highest entropy")
    assert found["bc"]["paper"] == "Pomerleau, 1989"


def test_listing_imports_neither_torch_nor_parts() -> None:
    code = (
        "import sys; from prefgym.cli.listing import descriptions, LISTS; [list(descriptions(one)) for one in LISTS];"
        "print([x for x in ('torch', 'mujoco', 'stable_baselines3', 'prefgym.raters.heron') if x in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.stdout.strip(), done.returncode) == ("[]", 0), done.stderr


def test_what_has_no_source_has_no_line() -> None:
    assert describe("no_such_module:Foo", of_module=True) == ("", "")
    assert describe("itertools:chain", of_module=True) == ("", "")


def test_the_matrix_of_a_plain_install_says_what_to_install(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "prefgym.agents.sb3", raising=False)
    for name in [name for name in sys.modules if name.startswith("stable_baselines3")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "stable_baselines3", None)
    code, text, _ = run(capsys, "list", "agents", "--matrix")
    assert code == 0
    rows = {line.split()[1]: line for line in text.splitlines() if line.startswith("│")}
    assert "'prefgym[sb3]'" in text
    assert "yes" not in rows["sb3-ppo"]
    assert "yes" in rows["ppo"]


def test_the_matrix_is_what_the_parts_declare(capsys: pytest.CaptureFixture[str]) -> None:
    """In 80 columns; a rater with mistakes gives comparisons alone, since mistakes are of these."""
    code, text, _ = run(capsys, "list", "--matrix")
    assert code == 0
    assert max(map(len, text.splitlines())) <= 80
    assert {"compa-", "rison", "ranking", "rating", "thumbs", "mark"} <= set(text.split())
    found = json.loads(run(capsys, "list", "--matrix", "--json")[1])
    given = {name: found["raters"][name] for name in ("oracle", "mistake", "peak-end", "heron", "thumbs")}
    assert given == {
        "oracle": ["comparison", "ranking", "rating", "thumbs", "mark"],
        "mistake": ["comparison"],
        "peak-end": ["comparison", "ranking", "rating", "thumbs"],
        "heron": ["comparison"],
        "thumbs": ["thumbs"],
    }
    assert found["rewards"]["win-rate"] == ["comparison"]
    assert {"rater": "oracle", "reward": "win-rate", "kinds": ["comparison"]} in found["combinations"]
    assert not [one for one in found["combinations"] if (one["rater"], one["reward"]) == ("thumbs", "win-rate")]
    assert "cpl" in found["agents"] and "ppo" in found["agents_with_reward"]
