"""The admin page in a real browser: what it shows, what it does, and that words never become markup."""

import csv
import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import pytest
from browser import overflow
from label_page import Sat, put_questions, window
from playwright.sync_api import Browser
from studies import Clock, Small, option

from prefgym.labeling.app import make_app
from prefgym.labeling.config import ServerCfg
from prefgym.labeling.serve import admin_link, listen, serving
from prefgym.store.store import Store
from prefgym.store.study import Criterion, StudyCfg

XSS = (
    "<img src=x onerror=alert(1)>",
    "<script>alert(1)</script>",
    "\"'><svg onload=alert(1)>",
    "javascript:alert(1)",
    "{{constructor.constructor('alert(1)')()}}",
    "</title><script>alert(1)</script>",
    "&lt;b&gt;bold&lt;/b&gt;",
)
FORMULAS = ('=HYPERLINK("http://x","y")', "+1+1", "-2+3", "@SUM(A1)")


@dataclass(frozen=True)
class Managed:
    """A study that is served, and the link of its admin page."""

    small: Small
    link: str
    rater_link: str


@contextmanager
def managed(folder: Path, *names: str, num: int = 3, **study: object) -> Iterator[Managed]:
    """Serve a study of recorded segments which some people answered; the last one always disagrees."""
    with Store.open(str(folder / "labels.sqlite")) as store:
        cfg = StudyCfg.of_dict({"name": "Gait study", "overlap": 3, **study})
        made = Small(store, store.add_study(cfg), Clock())
        put_questions(store, made.study, num)
        for number, name in enumerate(names, start=1):
            made.answer(name, option(1 if 1 < number == len(names) else 0))
        opened, server = listen(ServerCfg(port=0), any_port=False)
        app = make_app(store, server)
        with serving(app, opened):
            link = admin_link(server, app.state.desk.sessions.admin_token)
            yield Managed(made, link, link.partition("/admin")[0])


@contextmanager
def at_work(browser: Browser, link: str, device: str = "desktop", scheme: str = "light") -> Iterator[Sat]:
    """Open the admin page, and wait until it has something to show."""
    with window(browser, device, scheme) as context:
        sat = Sat(context.new_page())
        sat.page.on("dialog", lambda dialog: pytest.fail(f"a dialog: {dialog.message}"))
        sat.page.emulate_media(reduced_motion="reduce")
        sat.page.goto(link)
        sat.wait("document.querySelector('.figures b')")
        yield sat


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Managed]:
    with managed(tmp_path_factory.mktemp("admin"), "ada", "bob", "emre") as made:
        yield made


def test_shows_the_study_and_cleans_its_address(browser: Browser, study: Managed) -> None:
    with at_work(browser, study.link) as sat:
        assert sat.page.url.endswith("/admin")
        assert sat.page.title() == "Gait study, admin"
        sat.wait("document.querySelectorAll('.raters tbody tr').length === 3")
        figures = sat.text(".figures")
        assert "9\nof 9" in figures.replace(" of", "\nof") and "Krippendorff" in figures
        assert sat.page.evaluate("document.querySelectorAll('.interval').length") > 5
        assert sat.page.evaluate("document.querySelectorAll('.kappas tbody tr').length") == 3


def test_disputed_pairs_are_drawn_and_open(browser: Browser, study: Managed) -> None:
    with at_work(browser, study.link) as sat:
        sat.wait("document.querySelectorAll('.dispute').length === 3")
        pixels = "[...document.querySelector('.picture').getContext('2d').getImageData(0, 0, 600, 190).data]"
        sat.wait(f"new Set({pixels}).size > 20", "a picture of robots")
        assert sat.text(".dispute .votes").split() == ["2", "1"]
        sat.page.locator(".dispute").first.press("Enter")
        sat.wait("document.querySelector('dialog.look .theatre')")
        assert "first: ada, bob; second: emre" in sat.text("dialog")
        before = int(sat.page.evaluate("document.querySelector('dialog input').value"))
        sat.page.locator("dialog input").focus()
        sat.page.keyboard.press("ArrowLeft")
        assert int(sat.page.evaluate("document.querySelector('dialog input').value")) == before - 1
        sat.page.keyboard.press("Escape")
        sat.wait("!document.querySelector('dialog')")
        assert sat.page.evaluate("document.activeElement.className") == "dispute"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("device", ["desktop", "phone"])
def test_axe_finds_nothing_serious(browser: Browser, study: Managed, device: str, scheme: str) -> None:
    source = (files("axe_playwright_python") / "axe.min.js").read_text()
    with at_work(browser, study.link, device, scheme) as sat:
        sat.wait("document.querySelectorAll('.dispute').length === 3")
        assert overflow(sat.page) == []
        assert sat.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        sat.page.evaluate(source)
        for opened in (None, ".raters .actions button", "#invitations .full"):
            if opened is not None:
                sat.page.locator(opened).first.click()
                sat.wait("document.querySelector('dialog[open]')")
            found = sat.page.evaluate("axe.run().then(({ violations }) => violations)")
            serious = [
                f"{one['id']}: {one['nodes'][0]['html'][:100]}"
                for one in found
                if one["impact"] in ("serious", "critical")
            ]
            assert serious == []
            sat.page.keyboard.press("Escape")
            sat.wait("!document.querySelector('dialog')")


def test_a_study_is_run_from_the_page(browser: Browser, tmp_path: Path) -> None:
    """Pause, invite, revoke, leave out, count again, withdraw."""
    with managed(tmp_path, "ada", "emre") as made, at_work(browser, made.link) as sat:
        store, number = made.small.store, made.small.study
        sat.page.get_by_role("button", name="Pause").click()
        sat.wait("document.querySelector('.status').innerText === 'Paused'")
        assert store.study(number).paused
        sat.page.get_by_role("button", name="Resume").click()
        sat.wait("document.querySelector('.status').innerText === 'Collecting'")

        sat.page.get_by_role("button", name="Invite", exact=True).click()
        sat.page.get_by_label("Pseudonym").fill("hana")
        sat.page.get_by_role("button", name="Make link").click()
        sat.wait("document.querySelector('dialog .link input')")
        link = sat.page.evaluate("document.querySelector('dialog .link input').value")
        assert store.peek(link.partition("#i=")[2]) == number and link.startswith(made.rater_link)
        sat.page.keyboard.press("Escape")
        sat.page.get_by_role("button", name="Revoke hana").click()
        sat.wait("[...document.querySelectorAll('.invitations li')].some((li) => li.innerText.includes('ended'))")
        (hana,) = [one for one in store.invitations(number) if one.name == "hana"]
        assert hana.expires_at is not None

        alpha = sat.text(".figures")
        sat.page.get_by_role("button", name="Manage emre").click()
        sat.page.get_by_role("button", name="Leave out").click()
        sat.wait("document.querySelector('.raters .past')?.innerText.includes('emre')")
        assert store.rater(made.small.rater("emre").id).excluded
        sat.wait(f"document.querySelector('.figures').innerText !== {json.dumps(alpha)}")
        sat.page.get_by_role("button", name="Manage emre").click()
        sat.page.get_by_role("button", name="Count again").click()
        sat.wait("!document.querySelector('.raters .past')")

        sat.page.get_by_role("button", name="Manage emre").click()
        sat.page.get_by_role("button", name="Withdraw", exact=True).click()
        assert "cannot be undone" in sat.text("dialog")
        sat.page.get_by_role("button", name="Erase everything").click()
        sat.wait("document.querySelector('.raters .past')?.innerText.includes('withdrawn')")
        assert store.rater(made.small.rater("emre").id).withdrawn
        assert {row.rater for row in store.answers(number) if row.status != "failed"} == {"ada"}


def test_new_answers_appear_by_themselves(browser: Browser, tmp_path: Path) -> None:
    with managed(tmp_path, "ada") as made, at_work(browser, made.link) as sat:
        sat.wait("document.querySelector('.figures b').innerText === '3'")
        made.small.answer("bob", option(1), num=2)
        sat.wait("document.querySelector('.figures b').innerText === '5'")
        sat.wait("document.querySelectorAll('.raters tbody tr').length === 2")
        assert "bob" in sat.text(".feed")


def test_a_token_is_asked_for(browser: Browser, study: Managed) -> None:
    with window(browser, allowed=("401", "403")) as context:
        sat = Sat(context.new_page())
        sat.page.goto(study.link.partition("#")[0])
        sat.wait("document.querySelector('.login input')")
        sat.page.get_by_label("Admin token").fill("wrong-token-of-nobody")
        sat.page.keyboard.press("Enter")
        sat.wait("document.querySelector('.problem:not([hidden])')")
        assert "not the admin token" in sat.text(".problem")
        sat.page.get_by_label("Admin token").fill(study.link.partition("#t=")[2])
        sat.page.keyboard.press("Enter")
        sat.wait("document.querySelector('.figures b')")


def test_words_never_become_markup(browser: Browser, tmp_path: Path) -> None:
    """Names, notes, instructions and names of studies are text, whatever they look like."""
    texts = {"name": XSS[0], "instructions": XSS[1], "consent": XSS[2]}
    criteria = [{"name": "better", "text": XSS[5]}]
    with managed(tmp_path, *XSS, num=1, overlap=9, criteria=criteria, **texts) as made:
        for name in XSS:
            made.small.note(name, made.small.store.history(made.small.rater(name).id)[0].assignment, f"{name} {XSS[1]}")
        made.small.store.add_study(StudyCfg(name=XSS[5], criteria=(Criterion(text=XSS[1]),)))
        with at_work(browser, f"{made.link}") as sat:
            sat.wait("document.querySelector('header select')")
            sat.page.evaluate(f"document.querySelector('header select').value = {json.dumps(made.small.study)}")
            sat.page.evaluate("document.querySelector('header select').dispatchEvent(new Event('change'))")
            sat.wait(f"document.querySelectorAll('.raters tbody tr').length === {len(XSS)}")
            sat.wait(f"document.querySelectorAll('.dispute .quote').length === {len(XSS)}")
            sat.page.locator(".dispute").first.click()
            sat.wait("document.querySelector('dialog.look')")
            text = sat.page.evaluate("document.body.innerText")
            assert all(one in text for one in XSS)
            assert (
                sat.page.evaluate("document.querySelectorAll('img, script:not([type=module]), svg[onload]').length")
                == 0
            )
            assert sat.page.evaluate("document.querySelectorAll('script').length") == 1


def test_export_has_no_formulas_and_the_answers_that_stand(browser: Browser, tmp_path: Path) -> None:
    with managed(tmp_path, *FORMULAS, overlap=9) as made, at_work(browser, made.link) as sat:
        fetched = "fetch(`api/v1/admin/export?format=${}`).then((answer) => answer.text())"
        table = list(csv.DictReader(io.StringIO(sat.page.evaluate(fetched.replace("${}", "csv")))))
        assert {row["rater"] for row in table} == {f"'{name}" for name in FORMULAS}
        assert not any(cell.startswith(("=", "+", "@")) for row in table for cell in row.values())
        assert len(table) == 3 * len(FORMULAS)
        lines = [json.loads(line) for line in sat.page.evaluate(fetched.replace("${}", "jsonl")).splitlines()]
        assert {row["rater"] for row in lines} == set(FORMULAS)
        assert [row["event"] for row in lines] == [int(row["event"]) for row in table]
        assert all(row["statement"] == json.loads(cells["statement"]) for row, cells in zip(lines, table, strict=True))
        sat.page.get_by_label("CSV").check()
        with sat.page.expect_download() as waiting:
            sat.page.get_by_role("link", name="Export").last.click()
        assert waiting.value.suggested_filename == "prefgym-answers.csv"
