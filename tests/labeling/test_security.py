"""The outermost layer: what comes from elsewhere is refused, and every answer carries strict headers."""

import json
from pathlib import Path

import httpx
import pytest
from labelled import API, Served, ask, given, running

from prefgym.labeling.config import ServerCfg
from prefgym.store.store import Store

FOREIGN_HOSTS = (
    "evil.example",
    "127.0.0.1.evil.example",
    "localhost.evil.example",
    "",
    "127.0.0.1@evil.example",
    "x y",
)
FOREIGN_ORIGINS = (
    "http://evil.example",
    "null",
    "http://127.0.0.1",  # another port of this machine
    "https://127.0.0.1:8440",
    "http://127.0.0.1:8440.evil.example",
    "",
)


@pytest.mark.parametrize("host", FOREIGN_HOSTS)
def test_a_foreign_host_is_refused(host: str, served: Served) -> None:
    """A page that makes its own name point to this machine gets nothing, neither the page nor the API."""
    for path in ("/", "/admin", f"{API}/me", f"{API}/openapi.json"):
        refused = served.person().get(path, headers={"Host": host})
        assert refused.status_code in (400, 403), (path, refused.text)
        assert refused.status_code == 400 or refused.json()["code"] == "host"


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:1", "[::1]:9000", "LOCALHOST:8440"])
def test_a_tunnel_may_end_on_another_port(host: str, served: Served) -> None:
    assert served.person().get(f"{API}/openapi.json", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("origin", FOREIGN_ORIGINS)
def test_a_foreign_origin_is_refused(origin: str, served: Served) -> None:
    token = served.store.invite(ask(served.store))
    plain = httpx.Headers({"Origin": origin})
    with httpx.Client(base_url=served.base, headers=plain) as client:
        told = client.post(f"{API}/session", json={"invitation": token})
    assert told.status_code == 403 and told.json()["code"] == "origin"
    assert not told.cookies
    assert served.store.join(token).name  # it was not used up


@pytest.mark.parametrize("site", ["cross-site", "same-site", "none", "anything"])
def test_another_site_is_refused(site: str, served: Served) -> None:
    """Browsers say so themselves; that the origin looks right does not help."""
    for origin in ({}, {"Origin": served.base}):
        headers = {"Sec-Fetch-Site": site, **origin}
        told = served.person(**headers).post(f"{API}/session", json={"admin_token": "x" * 43})
        assert told.status_code == 403 and told.json()["code"] == "origin"


def test_a_change_without_any_proof_is_refused(served: Served) -> None:
    """Also to somebody who is logged in: the cookie alone changes nothing."""
    client = served.rater(study := ask(served.store))
    del client.headers["Sec-Fetch-Site"]
    for method, path in (("POST", "withdraw"), ("DELETE", "session"), ("POST", "events")):
        told = client.request(method, f"{API}/{path}", json={})
        assert told.status_code == 403 and told.json()["code"] == "origin"
    client.headers["Origin"] = served.base
    assert client.get(f"{API}/me").status_code == 200
    assert client.post(f"{API}/withdraw", json={}).status_code == 204
    assert served.store.progress(study).raters[0].withdrawn


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""]
)
def test_forms_change_nothing(kind: str, served: Served) -> None:
    client = served.rater(ask(served.store))
    content = json.dumps({"num": 1})
    told = client.post(f"{API}/assignments", content=content, headers={"Content-Type": kind})
    assert told.status_code == 415 and told.json()["code"] == "not-json"


def test_every_answer_has_strict_headers(served: Served) -> None:
    """Pages, the API, refusals of any layer."""
    client, foreign = served.person(), {"Host": "evil.example"}
    told = [client.get(path) for path in ("/", "/nothing", "/static/nothing.js", f"{API}/me", f"{API}/openapi.json")]
    told += [client.get("/", headers=foreign), client.post(f"{API}/session", json={"invitation": 5}), client.put("/")]
    for one in told:
        policy = dict(part.split(" ", 1) for part in one.headers["content-security-policy"].split("; "))
        assert policy["default-src"] == "'self'" and policy["frame-ancestors"] == policy["object-src"] == "'none'"
        assert "unsafe" not in one.headers["content-security-policy"] and "script-src" not in policy
        assert one.headers["x-content-type-options"] == "nosniff"
        assert one.headers["referrer-policy"] == "no-referrer"
        assert "access-control-allow-origin" not in one.headers and "server" not in one.headers
    assert all(one.headers["cache-control"] == "no-store" for one in told if one.status_code >= 400)


def test_a_page_may_be_framed_by_the_origin_that_is_named(store: Store) -> None:
    with running(store, embed_in=("http://localhost:8888",)) as served:
        policy = served.person().get("/").headers["content-security-policy"]
    assert policy.endswith("frame-ancestors http://localhost:8888")


TRAVERSALS = (
    "../pyproject.toml",
    "..%2f..%2fapp.py",
    "%2e%2e/%2e%2e/app.py",
    "....//....//app.py",
    "..\\..\\app.py",
    "%5c..%5capp.py",
    "/etc/passwd",
    "//etc/passwd",
    "..;/app.py",
    "viewer/../../app.py",
    "viewer/%00.js",
    "index.html%00.js",
    "file:///etc/passwd",
    "C:/Windows/win.ini",
    "%c0%ae%c0%ae/app.py",
    "../" * 20 + "etc/passwd",
    "labels.sqlite",
    "labels.sqlite.admin-token",
)


@pytest.mark.parametrize("name", TRAVERSALS)
def test_no_name_leads_out_of_the_page(name: str, served: Served) -> None:
    """Nor out of what a store holds; names are looked up, and never opened."""
    for where in ("static", "static/viewer", f"{API.strip('/')}/segments", f"{API.strip('/')}/geometries"):
        told = served.admin().send(
            httpx.Request("GET", f"{served.base}/{where}/{name}", headers={"Sec-Fetch-Site": "none"})
        )
        assert told.status_code in (400, 401, 404, 405, 422), (where, name)
        assert "root:" not in told.text and "import" not in told.text


def _cookie(client: httpx.Client) -> str:
    return "; ".join(f"{name}={value}" for name, value in client.cookies.items())


def test_a_long_body_is_refused_announced_or_not(store: Store) -> None:
    with running(store, max_body_bytes=2000) as served:
        client = served.rater(ask(store))
        long = json.dumps({"num": 1, "more": "x" * 3000}).encode()
        headers = {"Content-Type": "application/json"}
        announced = client.post(f"{API}/assignments", content=long, headers=headers)
        chunked = client.post(f"{API}/assignments", content=iter([long[:1000], long[1000:]]), headers=headers)
        assert [announced.status_code, chunked.status_code] == [413, 413]
        assert announced.json()["code"] == chunked.json()["code"] == "too-large"
        nested = client.post(f"{API}/assignments", content=b"[" * 1500, headers=headers)
        assert nested.status_code in (400, 422)
        assert len(given(client)) == 1


def test_too_many_requests_wait(store: Store) -> None:
    """Those of a session, and refused tokens of an address, which count ten times; nobody else has to wait."""
    with running(store, session_rate=0.001, session_burst=5, address_rate=0.001, address_burst=30) as served:
        client, other = served.rater(study := ask(store)), served.rater(study)
        told = [client.get(f"{API}/me") for _ in range(7)]
        assert [one.status_code for one in told] == [200] * 5 + [429] * 2
        assert int(told[-1].headers["retry-after"]) > 100 and told[-1].json()["code"] == "slow-down"
        assert other.get(f"{API}/me").status_code == 200
        guesses = [served.person().post(f"{API}/session", json={"admin_token": "x" * 43}) for _ in range(5)]
        assert [one.status_code for one in guesses][-1] == 429 and guesses[0].status_code == 403


def test_forwarded_headers_are_those_of_the_named_proxy(store: Store) -> None:
    """From anybody else they are ignored; over TLS the cookie is secure."""
    told = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https"}
    token = store.invite(ask(store), max_raters=None)
    for proxy, is_secure in (("", False), ("10.1.2.3", False), ("127.0.0.0/8", True)):
        with running(store, trust_proxy=proxy, address_rate=0.001, address_burst=1) as served:
            client = served.person(**told)
            cookie = client.post(f"{API}/session", json={"invitation": token}).headers["set-cookie"]
            assert ("secure" in cookie.lower()) == is_secure
            assert "httponly" in cookie.lower() and "samesite=strict" in cookie.lower()
            elsewhere = served.person(**{"X-Forwarded-For": "198.51.100.7"}).get(f"{API}/openapi.json")
            assert elsewhere.status_code == (200 if is_secure else 429)  # it counts as another address


def test_a_proxy_serves_it_below_a_path(store: Store) -> None:
    """Whether the proxy takes the path away or leaves it there; the name it goes by is one of the server's then."""
    origin = "https://lab.example.org"
    with running(store, root_path="/label", origins=(origin,), trust_proxy="127.0.0.1") as served:
        token = store.invite(ask(store))
        client = served.person(Host="lab.example.org", Origin=origin)
        told = client.post(f"/label{API}/session", json={"invitation": token})
        assert told.status_code == 200
        assert "Path=/label" in told.headers["set-cookie"] and "Secure" in told.headers["set-cookie"]
        assert told.headers["set-cookie"].startswith("prefgym-443=")
        assert client.get(f"{API}/openapi.json").json()["servers"] == [{"url": "/label"}]
        assert client.get(f"/label{API}/openapi.json").status_code == 200
        assert client.get("/labelled").status_code == 404


def test_nothing_of_a_token_is_logged_or_repeated(
    served: Served, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    token = served.store.invite(ask(served.store))
    client = served.person()
    assert client.post(f"{API}/session", json={"invitation": token}).status_code == 200
    cookie = next(iter(client.cookies.values()))
    wrong = client.post(f"{API}/session", json={"invitation": f"{token}!"})
    assert wrong.status_code == 422 and token not in wrong.text
    written = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    for secret in (token, cookie, served.app.state.desk.sessions.admin_token):
        assert secret.encode() not in written  # the store has hashes
        assert secret not in "".join(capfd.readouterr())


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"host": "0.0.0.0"}, "0.0.0.0 can be reached from other machines: allow that with --allow-remote"),
        ({"root_path": "label/"}, "the root path 'label/' is none"),
        ({"origins": ("lab.example.org",)}, "'lab.example.org' is no origin"),
        ({"embed_in": ("https://x/y",)}, "'https://x/y' is no origin"),
        ({"trust_proxy": "nginx"}, "the proxy 'nginx' is no address"),
        ({"port": 70000}, "port must be between 0 and 65535"),
    ],
)
def test_settings_that_do_not_fit_are_refused(settings: dict[str, object], sentence: str) -> None:
    with pytest.raises(ValueError) as told:
        ServerCfg(**settings)  # pyright: ignore[reportArgumentType]
    assert sentence in str(told.value)
