"""The labelling page in a notebook: `prefgym.label(queries, env)`.

A server in a thread of the kernel, and a frame. The page is the same as that of `prefgym label`, with its queue, its
keys and its address of its own, so that nothing of the notebook's page can reach it. It needs no extension of Jupyter.
What it needs is that the browser reaches the port: see `address`.
"""

import json
import tempfile
import uuid
import weakref
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from prefgym.common.errors import UserError
from prefgym.core.feedback import Feedback
from prefgym.core.queries import Queries

if TYPE_CHECKING:
    from prefgym.labeling.config import ServerCfg
    from prefgym.sim.source import EnvSource
    from prefgym.store.store import Store
    from prefgym.store.study import Kind

LOCAL = ("http://localhost:*", "http://127.0.0.1:*", "https://localhost:*")
"""Where notebooks on this machine come from."""

_FRAME = """<div id="%(id)s"></div>
<p><a target="_blank" rel="noopener" href="%(link)s">Open in a window of its own</a></p>
<script>(() => {
  const address = new URL(%(address)s);
  // cookies are of a host: the frame must have the one that this page was opened by
  if (%(is_local)s && ["localhost", "127.0.0.1"].includes(location.hostname)) address.hostname = location.hostname;
  const frame = document.createElement("iframe");
  frame.title = "Label segments";
  frame.style.cssText = "width: 100%%; height: %(height)dpx; border: 1px solid #c9ced5; border-radius: 10px";
  frame.src = address.href;
  document.getElementById(%(quoted)s).replaceChildren(frame);
})();</script>"""


class Labelling:
    """Questions that a person answers in the notebook; it is shown where it is the value of a cell."""

    def __init__(self, store: "Store", study: str, cfg: "ServerCfg", link: str, height: int, stack: ExitStack) -> None:
        """Take what is open; `label` opens it."""
        self.link, self.height = link, height
        self._store, self._study, self._is_local = store, study, not cfg.origins
        self._end = weakref.finalize(self, stack.close)

    @property
    def feedback(self) -> Feedback | None:
        """Return the answers so far; None if there are none."""
        from prefgym.data.labels import feedback_of_store

        return feedback_of_store(self._store, self._study)

    @property
    def num_waiting(self) -> int:
        """Return how many questions wait for an answer."""
        return self._store.num_waiting(self._study)

    def stop(self) -> None:
        """End the server; the page can answer nothing more, and `feedback` is gone unless the store is a file."""
        self._end()

    def __repr__(self) -> str:
        state = f"{self.num_waiting} questions wait" if self._end.alive else "stopped"
        return f"Labelling({state}, {self.link})"

    def _repr_html_(self) -> str:
        name = f"prefgym-{uuid.uuid4().hex}"
        return _FRAME % {
            "id": name,
            "quoted": json.dumps(name),
            "link": self.link,
            "address": json.dumps(self.link),
            "is_local": json.dumps(self._is_local),
            "height": self.height,
        }


def label(
    queries: Queries | Sequence[Queries],
    env: "EnvSource | str",
    *,
    question: str = "Which one is better?",
    kind: "Kind" = "comparison",
    rater: str = "me",
    store: str | Path | None = None,
    height: int = 720,
    address: str = "",
) -> Labelling:
    """Show queries in a notebook, and let whoever sits there answer them.

    Args:
        queries: What is asked about. Kinds of one segment ask about every option of a query on its own.
        env: Environment of the segments: it draws their physics states; recorded pictures are shown as they are.
        question: The question, as it is read.
        kind: Form of the answers: comparison, ranking, rating, thumbs, mark or live.
        rater: Name of the rater, a pseudonym.
        store: File or address of the question store; None for one that ends with `stop` or the kernel.
        height: Height of the frame, in pixels.
        address: Address by which the browser reaches the port, where the kernel is on another machine, with `{port}` in
            it: `https://hub.example.org/user/ada/proxy/{port}`. The notebook must come from the same host.

    Returns:
        What shows the page as the value of a cell, and has the answers so far in `feedback`.

    Raises:
        UserError: If something is missing, or no query can be drawn.
    """
    from prefgym.labeling.label import check_installed

    check_installed()
    from prefgym.labeling.app import make_app
    from prefgym.labeling.drawn import Drawing
    from prefgym.labeling.serve import listen, rater_link, serving
    from prefgym.labeling.sources import add_queries
    from prefgym.store.store import Store
    from prefgym.store.study import Criterion, StudyCfg

    cfg = StudyCfg(name="notebook", kind=kind, criteria=(Criterion(text=question),))
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="prefgym-label-")) if store is None else None
        url = str(store) if folder is None else str(Path(folder) / "labels.sqlite")
        opened_store = stack.enter_context(Store.open(url))
        same = [one.id for one in opened_store.studies() if one.cfg == cfg]
        study = same[-1] if same else opened_store.add_study(cfg)
        parts = [queries] if isinstance(queries, Queries) else queries
        added = add_queries(opened_store, study, cfg, Drawing.of(opened_store, env), parts)
        if not added.num_asked:
            raise UserError(f"there is nothing to label: {added.why or 'there are no queries'}")
        opened, server = listen(_local(), any_port=True)
        stack.callback(opened.close)
        server = _reached_by(server, address) if address else server
        stack.enter_context(serving(make_app(opened_store, server), opened))
        link = rater_link(server, opened_store.invite(study, name=rater))
        return Labelling(opened_store, study, server, link, height, stack.pop_all())


def _local() -> "ServerCfg":
    from prefgym.labeling.config import ServerCfg

    return ServerCfg(embed_in=LOCAL)


def _reached_by(server: "ServerCfg", address: str) -> "ServerCfg":
    """Return settings for a port that browsers reach by another address.

    Raises:
        UserError: If it is none.
    """
    parts = urlsplit(address.replace("{port}", str(server.port)))
    origin = f"{parts.scheme}://{parts.netloc}"
    try:
        return replace(server, origins=(origin,), root_path=parts.path.rstrip("/"), embed_in=(origin,))
    except ValueError as error:
        raise UserError(f"{error}.") from None
