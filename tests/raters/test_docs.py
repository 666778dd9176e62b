"""What docs/raters.md and docs/samplers.md show works."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from prefgym import raters

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("page", ["raters", "samplers"])
def test_examples_run(page: str) -> None:
    """The Python examples of a page run one after the other."""
    examples = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / f"{page}.md").read_text(), flags=re.DOTALL)
    assert examples
    done = subprocess.run([sys.executable, "-c", "\n".join(examples)], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_table_of_raters_is_true() -> None:
    """The table of docs/raters.md has every rater with its settings."""
    text = (ROOT / "docs" / "raters.md").read_text()
    rows = {row[0]: row[1:] for row in re.findall(r"^\| `([a-z-]+)` \|(.*?)\|(.*?)\|(.*?)\|(.*?)\|(.*?)\|", text, re.M)}
    assert set(rows) == set(raters.names())
    for name in rows.keys() - {"none"}:
        cfg = raters.cfg(name)
        shown = [float(value) for value in rows[name]]
        assert shown == [cfg.beta, cfg.gamma, cfg.eps_mistake, cfg.eps_skip, cfg.eps_equal], name
