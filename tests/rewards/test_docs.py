"""What docs/rewards.md shows is so."""

from pathlib import Path

import pytest
from pages import examples, run_examples


@pytest.mark.filterwarnings("ignore")  # of packages that are not ours
def test_examples_run(tmp_path: Path) -> None:
    """The worked example's numbers included."""
    assert len(examples("rewards.md")) == 2
    run_examples("rewards.md", tmp_path)
