"""A store with questions, the application that serves it, and people who call it."""

import re
import ssl
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI

from prefgym.labeling.app import make_app
from prefgym.labeling.config import ServerCfg
from prefgym.labeling.serve import listen, serving
from prefgym.store.records import NewQuestion, NewSegment
from prefgym.store.store import Store
from prefgym.store.study import StudyCfg

API = "/api/v1"
_NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Made once: clients would each read all certificates of the machine."""


def ask(store: Store, num_questions: int = 6, **settings: Any) -> str:  # noqa: ANN401
    """Begin a study with questions of two segments each; return its id."""
    study = store.add_study(StudyCfg(**{"name": "running", **settings}))
    geometry = store.add_geometry(b'{"version": 1}')
    add_questions(store, study, geometry, num_questions)
    return study


def add_questions(store: Store, study: str, geometry: str | None, num: int, first: int = 0) -> None:
    """Ask questions of two segments each, numbered from `first` on."""
    env, poses = "prefgym/HalfCheetah-v0", "application/x-prefgym-poses"
    for number in range(first, first + num):
        shown = [
            store.add_segment(
                NewSegment(
                    env=env,
                    num_steps=5,
                    dt_s=0.05,
                    geometry=geometry,
                    drawing=f"poses {number} {place}".encode(),
                    media_type=poses,
                )
            )
            for place in range(2)
        ]
        store.ask(study, [NewQuestion(query_id=number, segments=tuple(shown))])


@dataclass(frozen=True)
class Served:
    """A server on a free port of this machine, in a thread, and the people who call it."""

    store: Store
    app: FastAPI
    base: str
    """Its address."""
    clients: ExitStack
    """Closes the people's connections."""

    def person(self, **headers: str) -> httpx.Client:
        """Return somebody without a login, whose browser says that requests come from the page."""
        headers = {"Sec-Fetch-Site": "same-origin", **headers}
        return self.clients.enter_context(httpx.Client(base_url=self.base, headers=headers, timeout=60, verify=_NO_TLS))

    def rater(self, study: str, **wishes: Any) -> httpx.Client:  # noqa: ANN401
        """Return a rater of a study."""
        client = self.person()
        token = self.store.invite(study, **wishes)
        told = client.post(f"{API}/session", json={"invitation": token})
        assert told.status_code == 200, told.text
        return client

    def admin(self) -> httpx.Client:
        """Return an admin."""
        client = self.person()
        token = self.app.state.desk.sessions.admin_token
        assert client.post(f"{API}/session", json={"admin_token": token}).status_code == 200
        return client


@contextmanager
def running(store: Store, **settings: Any) -> Iterator[Served]:  # noqa: ANN401
    """Serve a store."""
    opened, cfg = listen(ServerCfg(port=0, **settings), any_port=False)
    app = make_app(store, cfg)
    with serving(app, opened), ExitStack() as clients:
        yield Served(store, app, f"http://127.0.0.1:{cfg.port}", clients)


def given(client: httpx.Client, num: int = 1) -> list[dict[str, Any]]:
    """Return assignments."""
    got = client.post(f"{API}/assignments", json={"num": num})
    assert got.status_code == 200, got.text
    return got.json()["assignments"]


def answer(assignment: str, **changes: Any) -> dict[str, Any]:  # noqa: ANN401
    """Make an event."""
    event = {"client_id": str(uuid.uuid4()), "assignment": assignment, "type": "answer", "seconds": 2.0}
    return {**event, "statement": {"choice": 0}, **changes}


def token_in(link: str) -> str:
    """Return the token of a link."""
    found = re.search(r"#[it]=([A-Za-z0-9_-]+)$", link)
    assert found is not None, link
    return found[1]


def store_in(folder: Path) -> Store:
    """Open a store in a folder."""
    return Store.open(str(folder / "labels.sqlite"))
