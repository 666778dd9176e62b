"""What raters and admins do through the API, from the link to the completion code."""

import json
import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from labelled import API, Served, answer, ask, given, running, token_in
from sqlalchemy import event

from prefgym.store.records import NewQuestion
from prefgym.store.store import Store
from prefgym.store.study import Criterion, StudyCfg


def test_an_invitation_becomes_a_login_once(served: Served) -> None:
    """Whoever opens it later is told; the browser that did stays who it was, and so under another invitation."""
    study = ask(served.store)
    token = served.store.invite(study, name="ada")
    client, other = served.person(), served.person()
    assert client.post(f"{API}/session", json={"invitation": token}).json() == {
        "role": "rater",
        "name": "ada",
        "returning": False,
    }
    again = other.post(f"{API}/session", json={"invitation": token})
    assert again.status_code == 409 and again.json()["code"] == "used-invitation" and not other.cookies
    for invitation in (token, served.store.invite(study, name="bob")):
        told = client.post(f"{API}/session", json={"invitation": invitation})
        assert told.json() == {"role": "rater", "name": "ada", "returning": True}
    assert [one.num_raters for one in served.store.invitations(study)] == [1, 0]


def test_an_invitation_to_another_study_is_taken(served: Served) -> None:
    first, second = ask(served.store), ask(served.store, name="another")
    client = served.rater(first, name="ada")
    told = client.post(f"{API}/session", json={"invitation": served.store.invite(second, name="bob")})
    assert told.json() == {"role": "rater", "name": "bob", "returning": False}
    assert client.get(f"{API}/me").json()["study"]["id"] == second


def test_another_participant_in_the_same_browser_is_another_rater(served: Served) -> None:
    study = ask(served.store)
    token, browser = served.store.invite(study, max_raters=None), served.person()
    names = [
        browser.post(f"{API}/session", json={"invitation": token, **who}).json()["name"]
        for who in ({"participant": "P1"}, {"participant": "P2"}, {}, {"participant": "P2"}, {"participant": "P1"})
    ]
    assert names == ["rater-1", "rater-2", "rater-2", "rater-2", "rater-1"]


def test_a_name_that_the_store_cannot_hold_is_refused_in_words(served: Served) -> None:
    study = ask(served.store)
    blank = served.admin().post(f"{API}/admin/invitations", json={"name": "   "})
    assert (blank.status_code, blank.json()["detail"]) == (422, "The name of a rater must not be empty.")
    token = served.store.invite(study)
    control = served.person().post(f"{API}/session", json={"invitation": token, "participant": "P\x85"})
    assert (control.status_code, control.json()["code"]) == (422, "invalid")


def test_a_participant_comes_back_as_the_same_rater(served: Served) -> None:
    study = ask(served.store)
    token = served.store.invite(study, max_raters=None)
    told = [
        served.person().post(f"{API}/session", json={"invitation": token, "participant": name}).json()
        for name in ("P1", "P2", "P1")
    ]
    assert [one["returning"] for one in told] == [False, False, True]
    assert told[0]["name"] == told[2]["name"] != told[1]["name"]
    assert [one.participant for one in served.store.progress(study).raters] == ["P1", "P2"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"invitation": "x" * 43}, 403),
        ({"admin_token": "x" * 43}, 403),
        ({}, 422),
        ({"invitation": "x" * 43, "admin_token": "x" * 43}, 422),
        ({"invitation": "../../x"}, 422),
        ({"invitation": "x" * 43, "rater": "ada"}, 422),
        ({"invitation": None}, 422),
    ],
)
def test_nobody_comes_in_without_a_token(body: dict[str, Any], status: int, served: Served) -> None:
    told = served.person().post(f"{API}/session", json=body)
    assert told.status_code == status and set(told.json()) == {"detail", "code"}
    assert not told.cookies


def test_a_login_ends(served: Served) -> None:
    """That of a rater and that of an admin one by one; what was stolen before is worth nothing then."""
    client = served.rater(ask(served.store))
    token = served.app.state.desk.sessions.admin_token
    assert client.post(f"{API}/session", json={"admin_token": token}).status_code == 200
    before = dict(client.cookies)
    assert client.delete(f"{API}/session", params={"role": "admin"}).status_code == 204
    assert client.get(f"{API}/me").status_code == 200
    assert client.get(f"{API}/admin/invitations").status_code == 401
    assert client.delete(f"{API}/session").status_code == 204
    for name, value in before.items():
        client.cookies.set(name, value)
    assert client.get(f"{API}/me").status_code == 401


def test_nothing_is_shown_before_consent(served: Served) -> None:
    client = served.rater(ask(served.store, consent="I agree."))
    assert not client.get(f"{API}/me").json()["consented"]
    refused = client.post(f"{API}/assignments", json={"num": 1})
    assert refused.status_code == 409 and refused.json()["code"] == "no-consent"
    assert client.post(f"{API}/consent", json={}).status_code == 204
    assert client.get(f"{API}/me").json()["consented"]
    assert len(given(client, 3)) == 3


def test_an_event_sent_twice_is_taken_once(served: Served) -> None:
    """One that cannot be taken says why, and keeps none of the others of a queue from being taken."""
    client = served.rater(study := ask(served.store))
    first, second = given(client, 2)
    events = [
        answer(first["id"], statement={"choice": 1}, provenance={"camera": [1.5, float(2**60)], "name": "a\0b"}),
        answer("no-such-assignment"),
        answer(second["id"], statement={"choice": 7}),
        answer(second["id"], status="skipped", statement={}),
        answer(first["id"], type="amend", statement={"strength": 0.5}),
    ]
    told = client.post(f"{API}/events", json=events).json()
    assert [one["is_new"] for one in told] == [True, False, False, True, True]
    assert [(one["refused"] or {}).get("code") for one in told] == [
        None,
        "unknown-assignment",
        "bad-statement",
        None,
        None,
    ]
    again = client.post(f"{API}/events", json=events).json()
    assert [one["event"] for one in again] == [one["event"] for one in told]
    assert not any(one["is_new"] for one in again)
    rows = served.store.answers(study)
    assert sorted(row.status for row in rows) == ["answered", "skipped"]
    history = client.get(f"{API}/events").json()
    assert [one["type"] for one in history] == ["answer", "answer", "amend"]
    assert [one["statement"] for one in history] == [{"choice": 1}, {}, {"choice": 1, "strength": 0.5}]


def test_an_answer_is_taken_back_and_given_anew(served: Served) -> None:
    client = served.rater(study := ask(served.store, 1))
    (one,) = given(client)
    for new in (answer(one["id"]), answer(one["id"], type="retract", statement={})):
        assert client.post(f"{API}/events", json=[new]).json()[0]["is_new"]
    assert [row.status for row in served.store.answers(study)] == ["failed"]
    assert [again["id"] for again in given(client)] == [one["id"]]
    assert client.post(f"{API}/events", json=[answer(one["id"])]).json()[0]["is_new"]
    assert [row.status for row in served.store.answers(study)] == ["answered"]


@pytest.mark.parametrize(
    "changes",
    [
        {"type": "exclude"},
        {"status": "perfect"},
        {"seconds": -1},
        {"client_id": "1"},
        {"statement": {"choice": -1}},
        {"statement": {"winner": 0}},
        {"statement": {"strength": 2}},
        {"statement": {"text": "x" * 2001}},
        {"provenance": {"frames": ["x" * 1000] * 20}},
        {"rater": "somebody"},
    ],
)
def test_an_event_out_of_bounds_is_refused(changes: dict[str, Any], served: Served) -> None:
    client = served.rater(ask(served.store))
    (one,) = given(client)
    told = client.post(f"{API}/events", json=[{**answer(one["id"]), **changes}])
    assert told.status_code == 422 and told.json()["code"] == "invalid"
    assert client.get(f"{API}/events").json() == []


def test_numbers_that_are_none_are_refused(served: Served) -> None:
    client = served.rater(ask(served.store))
    (one,) = given(client)
    for number in ("NaN", "Infinity", "1e999", "9" * 400):
        text = json.dumps([answer(one["id"], seconds=0.25)]).replace("0.25", number)
        told = client.post(f"{API}/events", content=text, headers={"Content-Type": "application/json"})
        assert told.status_code == 422, number


def test_practice_is_told_what_was_right(served: Served) -> None:
    study = ask(served.store, 2, practice=1)
    shown = tuple(served.store.questions(study)[0].segments)
    known = {"choice": 0, "text": "The first one runs."}
    served.store.ask(study, [NewQuestion(query_id=99, segments=shown, gold=known, practice=True)])
    client = served.rater(study)
    assert client.get(f"{API}/me").json()["progress"]["practice_left"] == 1
    one = given(client)[0]
    assert one["practice"]
    place = [part["id"] for part in one["segments"]].index(shown[0])
    (told,) = client.post(f"{API}/events", json=[answer(one["id"], statement={"choice": 1 - place})]).json()
    assert told["practice"] == {"right": False, "text": "The first one runs."}
    assert "practice" not in json.dumps(given(client)[0]["text"])


def test_several_criteria_are_asked_about(served: Served) -> None:
    criteria = (Criterion(name="safe", text="Which one is safer?"), Criterion(name="fast", text="Which one is faster?"))
    study = served.store.add_study(StudyCfg(name="two", criteria=criteria))
    other = ask(served.store, 1)
    shown = tuple(served.store.questions(other)[0].segments)
    served.store.ask(study, [NewQuestion(query_id=1, segments=shown, criterion=one.name) for one in criteria])
    client = served.rater(study)
    assert client.get(f"{API}/me").json()["study"]["criteria"][1] == {"name": "fast", "text": "Which one is faster?"}
    assert {one["text"] for one in given(client, 4)} == {"Which one is safer?", "Which one is faster?"}


def test_a_study_ends_with_its_code(served: Served) -> None:
    client = served.rater(ask(served.store, 3, completion_code="C1X2", completion_answers=2))
    assert client.get(f"{API}/completion").status_code == 409
    for _ in range(2):
        (one,) = given(client)
        client.post(f"{API}/events", json=[answer(one["id"])])
    told = client.post(f"{API}/assignments", json={"num": 3}).json()
    assert told == {"assignments": [], "done": True, "waiting": False}
    assert client.get(f"{API}/completion").json() == {"code": "C1X2"}


def test_a_pause_gives_out_nothing_and_takes_answers(served: Served) -> None:
    client, admin = served.rater(study := ask(served.store)), served.admin()
    (one,) = given(client)
    assert admin.post(f"{API}/admin/pause", json={"paused": True}).status_code == 204
    assert client.get(f"{API}/me").json()["paused"]
    told = client.post(f"{API}/assignments", json={"num": 1}).json()
    assert told == {"assignments": [], "done": False, "waiting": True}
    assert client.post(f"{API}/events", json=[answer(one["id"])]).json()[0]["is_new"]
    admin.post(f"{API}/admin/pause", json={"paused": False})
    assert given(client) and served.store.answers(study)


def test_an_admin_invites_excludes_and_withdraws(served: Served) -> None:
    study, admin = ask(served.store), served.admin()
    link = admin.post(f"{API}/admin/invitations", json={"name": "ada", "hours": 1}).json()["link"]
    assert link.startswith(served.base)
    client = served.person()
    client.post(f"{API}/session", json={"invitation": token_in(link)})
    client.post(f"{API}/events", json=[answer(given(client)[0]["id"])])
    (told,) = admin.get(f"{API}/admin/invitations").json()
    assert (told["name"], told["num_raters"], told["max_raters"]) == ("ada", 1, 1)
    (someone,) = served.store.progress(study).raters
    for excluded, status in ((True, "failed"), (False, "answered")):
        path = f"{API}/admin/raters/{someone.id}/exclude"
        assert admin.post(path, json={"excluded": excluded}).status_code == 204
        assert [row.status for row in served.store.answers(study)] == [status]
    assert admin.request("DELETE", f"{API}/admin/raters/{someone.id}", json={}).status_code == 204
    assert served.store.progress(study).raters[0].withdrawn
    assert client.get(f"{API}/me").status_code == 401
    assert admin.post(f"{API}/admin/raters/nobody/exclude", json={"excluded": True}).status_code == 404


def test_what_is_drawn_is_kept_by_the_browser(served: Served) -> None:
    """A segment never changes under its name; geometries travel packed."""
    client = served.rater(ask(served.store))
    part = given(client)[0]["segments"][0]
    told = client.get(f"{API}/segments/{part['id']}")
    assert told.content.startswith(b"poses") and told.headers["content-type"] == "application/x-prefgym-poses"
    assert told.headers["cache-control"] == "private, max-age=31536000, immutable"
    again = client.get(f"{API}/segments/{part['id']}", headers={"If-None-Match": told.headers["etag"]})
    assert again.status_code == 304 and not again.content
    assert client.get(f"{API}/geometries/{part['geometry']}").json() == {"version": 1}


HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "javascript:alert(1)//",
    "</title><svg/onload=alert(1)>",
    "{{7*7}}${7*7}<%= 7*7 %>",
    "\u202egnp.exe",
    "' OR 1=1; DROP TABLE raters; --",
    '{"__proto__": {"x": 1}}',
)


@pytest.mark.parametrize("text", HOSTILE)
def test_what_people_write_is_data(text: str, served: Served) -> None:
    """In names, instructions, questions and notes: it comes back as it was, as JSON that no browser runs."""
    criteria = (Criterion(text=text),)
    study = ask(served.store, name=text, instructions=text, criteria=criteria)
    client = served.rater(study, name=text)
    told = client.get(f"{API}/me")
    assert told.headers["content-type"] == "application/json"
    assert (told.json()["name"], told.json()["study"]["instructions"]) == (text, text)
    (one,) = given(client)
    assert one["text"] == text
    client.post(f"{API}/events", json=[answer(one["id"], type="note", statement={"text": text})])
    assert client.get(f"{API}/events").json()[0]["statement"] == {"text": text}
    assert served.admin().get(f"{API}/admin/invitations").json()[0]["name"] == text


def test_a_full_disk_loses_nothing(store: Store) -> None:
    """It is told, and the same event is taken when there is room again."""
    study = ask(store, 2)
    with running(store) as served:
        client = served.rater(study)
        one, other = given(client, 2)
        assert client.post(f"{API}/events", json=[answer(one["id"])]).status_code == 200
        large = answer(other["id"], provenance={"path": ["x" * 2000] * 7})
        with _no_room(store):
            told = client.post(f"{API}/events", json=[large])
            assert told.status_code == 507 and told.json()["code"] == "disk-full"
            assert len(store.answers(study)) == 1
            assert client.get(f"{API}/me").status_code == 200
        assert client.post(f"{API}/events", json=[large]).json()[0]["is_new"]
    assert len(store.answers(study)) == 2


@contextmanager
def _no_room(store: Store) -> Iterator[None]:
    """Keep SQLite from making its file larger, as a full disk does."""
    engine = store.database.engine

    def limit(connection: sqlite3.Connection, record: object) -> None:
        del record
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages}").close()

    engine.dispose()
    event.listen(engine, "connect", limit)
    try:
        yield
    finally:
        event.remove(engine, "connect", limit)
        engine.dispose()


def test_a_database_that_is_gone_is_told(store: Store, tmp_path: Path) -> None:
    """In one sentence, without what the database said; the server goes on."""
    study = ask(store)
    with running(store) as served:
        client = served.rater(study)
        (one,) = given(client)
        file = tmp_path / "labels.sqlite"
        store.close()
        kept = file.rename(tmp_path / "kept.sqlite")
        file.mkdir()
        told = client.post(f"{API}/events", json=[answer(one["id"], client_id=str(uuid.UUID(int=7)))])
        assert told.status_code == 503 and told.json()["code"] == "store-down"
        assert "sqlite" not in told.text.lower()
        file.rmdir()
        kept.rename(file)
        assert client.post(f"{API}/events", json=[answer(one["id"])]).json()[0]["is_new"]
