"""`prefgym.label` in a real notebook: a kernel runs its cells, and a browser answers in what a cell shows."""

import http.server
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import nbformat
import pytest
from jupyter_core.utils import ensure_event_loop
from label_page import Sat
from nbclient import NotebookClient
from playwright.sync_api import Browser

import prefgym
from prefgym.common.errors import UserError
from prefgym.core.queries import Queries
from prefgym.core.segments import Segments
from prefgym.labeling.demo import record
from prefgym.labeling.notebook import label

ENV = "prefgym/HalfCheetah-v0"
CELLS = (
    """
import prefgym
from prefgym.labeling.demo import record

segments = record("prefgym/HalfCheetah-v0", 5, 0)
pairs = prefgym.Segments.stack([prefgym.Segments.stack(segments[k : k + 2]) for k in (0, 2)])
work = prefgym.label(prefgym.Queries.of(pairs, first_id=7), "prefgym/HalfCheetah-v0", question="Which one is faster?")
work
""",
    """
answers = work.feedback.only
print(work.num_waiting, len(work.feedback), answers.queries.query_id.tolist(), answers.raters[0].name)
""",
    "work.stop(); print(work)",
)


@contextmanager
def shown(folder: Path, html: str) -> Iterator[str]:
    """Serve a page with the output of a cell, as a notebook does; give its address."""
    (folder / "notebook.html").write_text(
        f"<!doctype html><link rel=icon href=data:,><title>Notebook</title><body>{html}"
    )
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://localhost:{server.server_port}/notebook.html"
        server.shutdown()
        thread.join()


@pytest.mark.slow  # a kernel and a browser
def test_a_person_answers_in_a_notebook(browser: Browser, tmp_path: Path) -> None:
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in CELLS])
    client = NotebookClient(notebook, timeout=300, kernel_name="python3")
    # the kernel's client has an event loop of its own, and so has the browser's
    with ThreadPoolExecutor(1) as thread:
        kernel = client.setup_kernel()
        thread.submit(kernel.__enter__).result()
        try:
            cell = thread.submit(client.execute_cell, notebook.cells[0], 0).result()
            (output,) = cell["outputs"]
            with shown(tmp_path, output["data"]["text/html"]) as address:
                page = browser.new_page(viewport={"width": 1100, "height": 900})
                problems: list[str] = []
                page.on("console", lambda one: problems.append(one.text) if one.type == "error" else None)
                page.goto(address)
                frame = page.frame_locator("iframe")
                frame.locator("dialog[open]").wait_for(timeout=120_000)
                inside = next(one for one in page.frames if "localhost" in one.url and one != page.main_frame)
                sat = Sat(inside)  # pyright: ignore[reportArgumentType] - a frame evaluates as a page does
                page.keyboard.press("Tab")
                frame.locator("dialog[open] button").last.click()
                sat.ready()
                assert "Which one is faster?" in sat.text()
                frame.locator("h1").click()
                sat.watched()
                page.keyboard.press("a")
                sat.wait("prefgym.app.outbox.state === 'saved' && prefgym.app.log.events.length > 0")
                page.close()
            # a frame of another origin may not take the focus of the notebook
            assert [one for one in problems if "Blocked autofocusing" not in one] == []
            told = thread.submit(client.execute_cell, notebook.cells[1], 1).result()["outputs"][0]["text"]
            ended = thread.submit(client.execute_cell, notebook.cells[2], 2).result()["outputs"][0]["text"]
        finally:
            thread.submit(kernel.__exit__, None, None, None).result()
            thread.submit(lambda: ensure_event_loop().close()).result()
    assert told.split() == ["1", "1", "[7]", "me"]
    assert ended.startswith("Labelling(stopped, ")


def pairs() -> Queries:
    """Return a pair of recorded segments."""
    return Queries.of(Segments.stack([Segments.stack(record(ENV, 5, 0)[:2])]))


def test_a_store_that_is_named_keeps_answers_and_questions(tmp_path: Path) -> None:
    queries = pairs()
    for _ in range(2):
        work = label(queries, ENV, store=tmp_path / "labels.sqlite")
        assert (work.num_waiting, work.feedback) == (1, None)
        work.stop()


def test_behind_a_proxy_the_frame_has_its_address() -> None:
    work = label(pairs(), ENV, address="https://hub.example.org/user/ada/proxy/{port}")
    assert work.link.startswith("https://hub.example.org/user/ada/proxy/8")
    assert "https://hub.example.org/user/ada/proxy/8" in work._repr_html_()
    work.stop()


def test_what_cannot_be_labelled_is_refused() -> None:
    with pytest.raises(UserError, match="there is nothing to label"):
        label(pairs().without_truth(), ENV)
    with pytest.raises(UserError, match=r"the root path 'hub\.example\.org' is none"):
        label(pairs(), ENV, address="hub.example.org")
    assert prefgym.label is label
