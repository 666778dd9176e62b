"""The Python examples of a page, as tests run them."""

import re
import runpy
from pathlib import Path
from typing import Any

DOCS = Path(__file__).resolve().parents[2] / "docs"


def examples(page: str) -> list[str]:
    """Return the Python blocks of a page of docs/ in order; there is at least one."""
    blocks = re.findall(r"```python\n(.*?)```", (DOCS / page).read_text(), flags=re.DOTALL)
    assert blocks, f"{page} has no examples"
    return blocks


def run_examples(page: str, folder: Path) -> dict[str, Any]:
    """Run the examples of a page one after the other in this process; return what they defined.

    An interpreter of their own would import torch anew, which takes longer than most of them.
    """
    script = folder / "examples_of_a_page.py"
    script.write_text("\n".join(examples(page)))
    try:
        return runpy.run_path(str(script))
    finally:
        script.unlink()
