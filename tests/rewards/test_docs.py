"""What docs/rewards.md shows is so."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_examples_run(tmp_path: Path) -> None:
    """The Python examples of the page run one after the other, the worked example's numbers included."""
    examples = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "rewards.md").read_text(), flags=re.DOTALL)
    assert len(examples) == 2
    done = subprocess.run([sys.executable, "-c", "\n".join(examples)], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
