"""The client of the HTTP API against the server as a process of its own."""

import subprocess
import sys
from pathlib import Path

from prefgym.store.records import NewQuestion, NewSegment
from prefgym.store.store import Store
from prefgym.store.study import StudyCfg

PROGRAM = Path(__file__).resolve().parents[2] / "examples" / "label_client.py"
LENGTHS = ((8, 3), (4, 4), (2, 9))


def test_the_client_answers_by_its_rule(tmp_path: Path) -> None:
    url = str(tmp_path / "labels.sqlite")
    with Store.open(url) as store:
        study = store.add_study(StudyCfg(name="s", instructions="Longer is better."))
        for query, lengths in enumerate(LENGTHS):
            segments = [
                NewSegment(env="none", num_steps=steps, dt_s=0.1, drawing=b"%d %d" % (query, k), media_type="video/mp4")
                for k, steps in enumerate(lengths)
            ]
            names = tuple(store.add_segment(segment) for segment in segments)
            store.ask(study, [NewQuestion(query_id=query, segments=names)])
    command = [sys.executable, "-m", "prefgym", "label", "--store", url, "--invite", "rule"]
    server = subprocess.Popen([*command, "--port", "0", "--no-browser"], stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    try:
        name, link = server.stdout.readline().split()
        client = subprocess.run(
            [sys.executable, PROGRAM, link], capture_output=True, text=True, timeout=120, check=True
        )
    finally:
        server.terminate()
        server.communicate(timeout=60)
    assert (name, client.stdout) == ("rule", "Longer is better.\n3 answers\n")
    with Store.open(url) as store:
        assert [row.statement["choice"] for row in store.answers(study)] == [0, "tie", 1]
        assert {row.rater for row in store.answers(study)} == {"rule"}
