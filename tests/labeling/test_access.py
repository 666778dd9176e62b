"""Every route says who may call it, and lets in nobody else."""

import itertools
from pathlib import Path

import httpx
import pytest
from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute
from labelled import Served, add_questions, answer, ask, given, running, store_in

from prefgym.labeling.access import Access, StatedRoute, access_of
from prefgym.store.study import StudyCfg

ANYONE, RATER, ADMIN, MEMBER = "anyone", "rater", "admin", "member"
DECISIONS: dict[tuple[str, str], Access] = {
    ("GET", "/"): ANYONE,
    ("GET", "/admin"): ANYONE,
    ("GET", "/service-worker.js"): ANYONE,
    ("GET", "/static/{name:path}"): ANYONE,
    ("GET", "/api/v1/openapi.json"): ANYONE,
    ("POST", "/api/v1/session"): ANYONE,
    ("DELETE", "/api/v1/session"): ANYONE,
    ("GET", "/api/v1/me"): RATER,
    ("POST", "/api/v1/consent"): RATER,
    ("POST", "/api/v1/withdraw"): RATER,
    ("GET", "/api/v1/completion"): RATER,
    ("POST", "/api/v1/assignments"): RATER,
    ("POST", "/api/v1/leases"): RATER,
    ("POST", "/api/v1/events"): RATER,
    ("GET", "/api/v1/events"): RATER,
    ("GET", "/api/v1/segments/{segment_id}"): MEMBER,
    ("GET", "/api/v1/geometries/{geometry_id}"): MEMBER,
    ("GET", "/api/v1/admin/invitations"): ADMIN,
    ("POST", "/api/v1/admin/invitations"): ADMIN,
    ("POST", "/api/v1/admin/pause"): ADMIN,
    ("POST", "/api/v1/admin/raters/{rater_id}/exclude"): ADMIN,
    ("DELETE", "/api/v1/admin/raters/{rater_id}"): ADMIN,
}
"""Who may call what: a new route is refused by the first test until it stands here."""

_PLACES = {"{name:path}": "main.js", "{segment_id}": "0" * 64, "{geometry_id}": "0" * 64, "{rater_id}": "nobody"}
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")


def routes(app: FastAPI) -> dict[tuple[str, str], Access | None]:
    """Map each method and path of an application to who may call it; None where that is not said."""
    found: dict[tuple[str, str], Access | None] = {}
    for route in app.routes:
        assert isinstance(route, APIRoute), f"{route} is no route that can say who may call it"
        assert isinstance(route, StatedRoute), f"{route.path} does not check who calls"
        for method in route.methods or ():
            found[method, route.path] = access_of(route.endpoint)
    return found


def test_every_route_has_a_stated_decision(served: Served) -> None:
    found = routes(served.app)
    assert None not in found.values()
    figures = {key: who for key, who in found.items() if key not in DECISIONS}
    assert all(who == ADMIN and path.startswith("/api/v1/admin/") for (_, path), who in figures.items()), figures
    assert {key: found[key] for key in DECISIONS} == DECISIONS


def test_a_route_without_a_decision_cannot_be_added() -> None:
    router = APIRouter(route_class=StatedRoute)
    with pytest.raises(TypeError, match="/open does not state who may call it"):
        router.get("/open")(lambda: None)


@pytest.mark.parametrize("role", ["nobody", "rater", "admin"])
def test_each_role_may_do_what_is_stated_and_nothing_else(role: str, served: Served) -> None:
    """All methods of all routes: a role that is let in gets anything but a refusal to let it in."""
    study = ask(served.store)
    people = {"nobody": served.person, "rater": lambda: served.rater(study), "admin": served.admin}
    may = {"nobody": {ANYONE}, "rater": {ANYONE, RATER, MEMBER}, "admin": {ANYONE, ADMIN, MEMBER}}[role]
    decisions = routes(served.app)
    client = people[role]()
    for path, method in itertools.product(sorted({path for _, path in decisions}), METHODS):
        if not client.cookies:  # the route before has ended the login
            client = people[role]()
        for place, name in _PLACES.items():
            path = path.replace(place, name)
        key = next((key for key in decisions if key[0] == method and _filled(key[1]) == path), None)
        status = client.request(
            method, path, json={} if method not in ("GET", "OPTIONS", "TRACE") else None
        ).status_code
        if key is None:
            assert status == 405, (method, path, status)
        elif decisions[key] in may:
            assert status not in (401, 403, 405), (method, path, status)
        else:
            assert status == 401, (method, path, status)


def _filled(path: str) -> str:
    for place, name in _PLACES.items():
        path = path.replace(place, name)
    return path


def test_a_rater_sees_own_questions_alone(served: Served) -> None:
    """Neither segments nor geometries of another study, nor answers to somebody else's assignment."""
    mine, other = ask(served.store, 1), served.store.add_study(StudyCfg(name="another"))
    add_questions(served.store, other, None, 1, first=100)
    client, stranger = served.rater(mine), served.rater(other)
    (own,), (foreign,) = given(client), given(stranger)
    segment = foreign["segments"][0]["id"]
    assert stranger.get(f"/api/v1/segments/{segment}").status_code == 200
    assert client.get(f"/api/v1/segments/{segment}").status_code == 404
    assert client.get(f"/api/v1/segments/{own['segments'][0]['id']}").status_code == 200
    assert served.admin().get(f"/api/v1/segments/{segment}").status_code == 200
    (receipt,) = client.post("/api/v1/events", json=[answer(foreign["id"])]).json()
    assert receipt["event"] is None and receipt["refused"]["code"] == "unknown-assignment"
    assert served.store.answers(other) == []


def test_identity_comes_from_the_cookie_alone(served: Served) -> None:
    client = served.rater(ask(served.store), name="ada")
    claimed = {"rater": "somebody", "X-Forwarded-User": "somebody", "Authorization": "Bearer somebody"}
    assert client.get("/api/v1/me", headers=claimed, params={"rater": "somebody"}).json()["name"] == "ada"
    assert served.person().get("/api/v1/me", headers=claimed).status_code == 401


def test_two_servers_of_one_host_keep_their_logins(tmp_path: Path, served: Served) -> None:
    """Browsers give a cookie to every port of a host: each server has its own name for it."""
    (tmp_path / "other").mkdir()
    with store_in(tmp_path / "other") as second, running(second) as other:
        jar = httpx.Cookies()
        for name, one in (("ada", served), ("bob", other)):
            client = one.person()
            client.cookies = jar
            token = one.store.invite(ask(one.store), name=name)
            assert client.post("/api/v1/session", json={"invitation": token}).status_code == 200
            jar = client.cookies
        for name, one in (("ada", served), ("bob", other)):
            client = one.person()
            client.cookies = jar
            assert client.get("/api/v1/me").json()["name"] == name
