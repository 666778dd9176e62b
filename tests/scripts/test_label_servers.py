"""A labelling server that is killed, loaded and fuzzed loses nothing, and does what its document says."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from fuzz_label_api import FuzzCfg, fuzz
from kill_server import KillCfg
from kill_server import main as kill
from label_server import databases
from load_server import LoadCfg
from load_server import main as load
from postgres import needs_postgres


def apart(script: Callable[[], int]) -> int:
    """Run a script in a thread of its own: a browser of other tests keeps an event loop running in this one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(script).result()


@pytest.mark.slow  # starts a server six times
@pytest.mark.parametrize("postgres", [False, True], ids=["SQLite", "PostgreSQL"])
def test_a_server_that_is_killed_loses_nothing(postgres: bool, capsys: pytest.CaptureFixture[str]) -> None:
    """Every answer with a receipt is there, none twice, and each question has distinct raters."""
    if postgres:
        needs_postgres()
    with databases("", postgres) as found:
        url = list(found.values())[-1]
        assert apart(lambda: kill(KillCfg(kills=5, raters=32, most_s=1.0, store=url))) == 0
    told = capsys.readouterr().out
    assert "nothing lost, nothing doubled" in told
    assert "5 kills under 32 raters" in told


@pytest.mark.slow  # a minute of answers
def test_many_raters_answer_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    """None is refused, and the memory of the server does not grow; how fast it is depends on what else runs here."""
    assert apart(lambda: load(LoadCfg(raters=200, minutes=1.0, most_ms=1e6))) == 0
    assert " 0 failed" in capsys.readouterr().out


@pytest.mark.slow  # some hundred requests
def test_requests_by_the_document_find_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    """A drawn sample; `make soak` sends a hundred to each operation."""
    assert fuzz(FuzzCfg(examples=5)) == 0, capfd.readouterr().out[-3000:]
