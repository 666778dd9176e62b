"""What docs/agents/ppo.md shows is so."""

import re
import subprocess
import sys
from ast import literal_eval
from dataclasses import asdict
from pathlib import Path

from prefgym.agents.ppo import PPOCfg
from prefgym.agents.tuned import tuned
from prefgym.envs import TASKS

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "agents" / "ppo.md").read_text()


def test_the_example_runs(tmp_path: Path) -> None:
    """Two updates, a prediction, and the weights on disk and back."""
    examples = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
    assert examples
    done = subprocess.run([sys.executable, "-c", "\n".join(examples)], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert {path.name for path in tmp_path.iterdir()} == {"policy.json", "policy.safetensors"}


def test_the_table_of_settings_is_true() -> None:
    """Every setting with its default, and every task with what differs there."""
    header, *rows = re.findall(r"^\| (?:setting|`\w+`) \|.*$", PAGE, re.M)
    tasks = header.strip("| ").split(" | ")[2:]
    shown: dict[str, dict[str, object]] = {"default": {}, **{task: {} for task in tasks}}
    for row in rows:
        name, *values = (cell.strip(" `") for cell in row.strip("|").split("|"))
        for column, value in zip(shown.values(), values, strict=True):
            if value:
                column[name] = value if value.isalpha() and value.islower() else literal_eval(value)
    assert shown.pop("default") == asdict(PPOCfg())
    settings = {task: tuned(f"prefgym/{task}-v0", "agent", "ppo") for task in TASKS}
    assert shown == {task: different for task, different in settings.items() if different}
