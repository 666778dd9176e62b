"""From the link to the end: consent, practice, watching, undo, withdrawal, a code; and a page under a path."""

from pathlib import Path

import pytest
from label_page import Sat, put_clips, put_questions, seated, served, window
from playwright.sync_api import Browser

from prefgym.labeling.config import ServerCfg
from prefgym.store.study import Criterion

pytestmark = pytest.mark.slow


def test_consent_practice_and_completion_code(browser: Browser, tmp_path: Path) -> None:
    study_of = {"consent": "I may stop at any time.", "practice": 1, "completion_code": "C-77", "completion_answers": 2}
    with served(tmp_path, num=4, **study_of) as study, window(browser) as context:  # pyright: ignore[reportArgumentType]
        told = {"choice": 0, "text": "The other one hardly moves."}
        put_questions(study.store, study.study, 1, 6, practice=True, gold=told)
        sat = Sat(context.new_page())
        sat.page.goto(study.link("Kim"))
        sat.wait("document.querySelector('dialog[open]')")
        assert "I may stop at any time." in sat.text("dialog")
        assert "#" not in sat.page.url, "the token is not left in the address"
        sat.press("Escape")
        assert sat.page.evaluate("Boolean(document.querySelector('dialog[open]'))"), "nobody gets by without agreeing"
        sat.open_work()
        sat.fast()
        sat.watched()
        assert "Practice" in sat.text(".count")
        sat.press("a")
        sat.wait("document.querySelector('.feedback.right, .feedback.wrong')")
        assert "The other one hardly moves." in sat.text(".feedback")
        sat.press("a", "d")  # answer nothing: what was meant is on the screen
        sat.press("Enter")
        sat.wait("prefgym.app.query && !prefgym.app.query.practice")
        sat.answer("a")
        sat.watched()
        sat.press("d")
        sat.wait("document.querySelector('.code')")
        assert sat.text(".code") == "C-77"
        assert len(study.answers()) - sum(one.practice for one in study.answers()) == 2
        sat.press("z")  # an end can be taken back as well
        sat.ready()
        sat.saved()
        assert study.events().count("retract") == 1


def test_answers_open_when_enough_was_seen_and_not_behind_a_dialog(browser: Browser, tmp_path: Path) -> None:
    with served(tmp_path, num=2, num_steps=20) as study, seated(browser, study.link()) as sat:
        sat.ready()
        sat.press("?")
        sat.wait("document.querySelector('dialog[open]')")
        seen = "prefgym.app.theatre.clock.seen.map((frames) => frames.reduce((sum, one) => sum + one, 0)).join()"
        before = sat.page.evaluate(seen)
        sat.page.evaluate("prefgym.app.theatre.clock.seek(15); prefgym.app.theatre.viewer.draw()")
        sat.page.wait_for_timeout(500)
        assert sat.page.evaluate(seen) == before
        sat.press("Escape")
        sat.wait("!document.querySelector('dialog')")
        sat.page.evaluate("prefgym.app.theatre.clock.seek(19)")  # a jump to the end is not watching
        sat.wait("prefgym.app.theatre.onScreen === 19")
        sat.press("a")
        sat.wait("document.querySelector('.toast')")
        assert study.events() == []
        sat.fast()
        sat.watched()
        sat.press("a")
        sat.saved()
        [answer] = study.answers()
        assert min(answer.provenance["watched"]) >= 0.95


def test_strength_amends_and_undo_takes_both_back(browser: Browser, tmp_path: Path) -> None:
    with served(tmp_path, num=3) as study, seated(browser, study.link()) as sat:
        sat.fast()
        sat.answer("a")
        sat.press("3")
        sat.saved()
        assert study.answers()[0].statement["strength"] == 1
        assert study.store.log(study.study)[-1].statement == {"choice": 0, "strength": 1}
        sat.answer("d")
        sat.press("z", "z")
        sat.saved()
        assert study.events() == ["answer", "amend", "answer", "retract", "retract"]
        assert study.answers() == []
        sat.answer("s")
        sat.answer("s")
        sat.page.locator(".strip .chip").first.click()  # look at the first one again, and change it
        sat.wait("prefgym.app.standing")
        sat.watched()
        sat.press("a")
        sat.saved()
        assert study.events()[-3:] == ["answer", "answer", "amend"]
        assert len(study.answers()) == 2


def test_withdrawal_and_pause(browser: Browser, tmp_path: Path) -> None:
    with served(tmp_path, num=3) as study, seated(browser, study.link("Kim")) as sat:
        sat.fast()
        sat.answer("a")
        sat.saved()
        study.store.pause(study.study, True)
        sat.page.reload()
        sat.wait("document.querySelector('.card h1')?.innerText.includes('paused')")
        study.store.pause(study.study, False)
        sat.ready()
        sat.press("i")
        sat.page.get_by_role("button", name="Withdraw my answers").click()
        sat.page.get_by_role("button", name="Erase them").click()
        sat.wait("document.querySelector('.card h1')?.innerText.includes('erased')")
        assert study.answers() == []
        assert sat.page.evaluate("indexedDB.databases().then((all) => all.length)") == 1


def test_a_used_link_says_so_to_somebody_else(browser: Browser, tmp_path: Path) -> None:
    refused = ("status of 40",)
    with served(tmp_path) as study:
        link = study.link("Kim")
        with seated(browser, link) as sat:
            sat.page.goto("about:blank")
            sat.page.goto(link)  # the same browser is known
            sat.wait("window.prefgym?.app.query")
        with window(browser, allowed=refused) as context:
            sat = Sat(context.new_page())
            sat.page.goto(link)
            sat.wait("document.querySelector('.card h1')?.innerText.includes('does not open')")
        with window(browser, allowed=refused) as context:
            sat = Sat(context.new_page())
            sat.page.goto(link.partition("#")[0])
            sat.wait("document.querySelector('.card h1')?.innerText.includes('needs an invitation')")


def test_letter_keys_can_be_switched_off(browser: Browser, tmp_path: Path) -> None:
    with served(tmp_path) as study, seated(browser, study.link()) as sat:
        sat.watched()
        sat.press("?")
        sat.page.get_by_role("checkbox", name="Letter keys on").click()
        sat.press("Escape")
        sat.press("a", "x", "z")
        assert study.events() == []
        sat.page.locator(".answers .answer").first.focus()
        sat.press("Enter")
        sat.wait("prefgym.app.log.standing.size === 1")
        sat.saved()
        assert study.events() == ["answer"]


def test_a_fixed_camera_is_the_same_for_everybody(browser: Browser, tmp_path: Path) -> None:
    with served(tmp_path, camera="fixed") as study, seated(browser, study.link()) as sat:
        sat.watched()
        before = sat.page.evaluate("prefgym.app.theatre.camera.state()")
        box = sat.page.locator(".stage").bounding_box()
        assert box is not None
        sat.page.mouse.move(box["x"] + 90, box["y"] + 90)
        sat.page.mouse.down()
        sat.page.mouse.move(box["x"] + 190, box["y"] + 120)
        sat.page.mouse.up()
        sat.page.mouse.wheel(0, 300)
        sat.press("f", "r", "+")
        assert sat.page.evaluate("prefgym.app.theatre.camera.state()") == before
        sat.press("a")
        sat.saved()
        assert study.answers()[0].provenance["camera"]["fixed"] is True


def test_a_phone_answers_with_one_finger(browser: Browser, tmp_path: Path) -> None:
    with served(tmp_path) as study, seated(browser, study.link(), "phone") as sat:
        sat.fast()
        finger = sat.page.context.new_cdp_session(sat.page)
        for x, y in ((0, -120), (0, 120), (120, 0)):
            sat.watched()
            query = sat.query()
            for kind, share in (("touchStart", 0.0), ("touchMove", 0.5), ("touchMove", 1.0), ("touchEnd", None)):
                points = [] if share is None else [{"x": 195 + x * share, "y": 330 + y * share}]
                finger.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
            sat.wait(f"prefgym.app.query?.id !== {query!r}")
        sat.saved()
        shown = [one.statement["choice"] for one in study.store.log(study.study)]
        assert shown == [0, 1, "tie"], "towards the better one, across for equal"
        small = sat.page.evaluate(
            """() => [...document.querySelectorAll("button")].filter((one) => one.getClientRects().length)
              .map((one) => [one.innerText || one.ariaLabel, one.getBoundingClientRect()])
              .filter(([, { width, height }]) => width < 44 || height < 44).map(([name]) => name)"""
        )
        assert small == []


def test_criteria_of_one_segment_are_asked_without_watching_again(browser: Browser, tmp_path: Path) -> None:
    criteria = (Criterion(), Criterion(name="safe", text="Which one is safer?"))
    with served(tmp_path, num=1, criteria=criteria) as study:
        put_questions(study.store, study.study, 1, criterion="safe")
        with seated(browser, study.link()) as sat:
            sat.watched()
            assert "1 of 2" in sat.text(".hint")
            sat.press("a")
            sat.wait("document.querySelector('h1').innerText.includes('safer')")
            assert sat.page.evaluate("prefgym.app.unlocked()"), "the same segments were seen"
            sat.watched()
            sat.press("d")
            sat.saved()
            assert [one.criterion for one in study.answers()] == ["better", "safe"]


def test_segments_that_are_clips_play_on_the_same_clock(browser: Browser, tmp_path: Path) -> None:
    with served(tmp_path, num=0) as study:
        put_clips(study.store, study.study)
        with seated(browser, study.link()) as sat:
            sat.watched()
            assert (
                sat.page.evaluate("prefgym.app.segments.map(({ kind, frames }) => kind + frames).join()")
                == "clip6,clip6"
            )
            sat.press("g")  # a ghost of a clip is drawn over the other one
            sat.press("d")
            sat.saved()
            [answer] = study.answers()
            assert answer.provenance["drawing"] == "clip"


def test_words_of_a_study_never_become_markup(browser: Browser, tmp_path: Path) -> None:
    hostile = "<img src=x onerror='window.hacked = 1'><script>window.hacked = 1</script>\"'>&lt;b&gt;"
    criteria = (Criterion(text=f"Which? {hostile}"),)
    with (
        served(tmp_path, criteria=criteria, instructions=hostile, consent=hostile) as study,
        seated(browser, study.link("<b>Kim</b>")) as sat,
    ):
        sat.watched()
        assert hostile in sat.text("h1")
        assert "<b>Kim</b>" in sat.page.evaluate("document.querySelector('.who').textContent")
        sat.press("n")
        sat.wait("document.activeElement.tagName === 'TEXTAREA'")
        sat.page.keyboard.insert_text(hostile)
        sat.press("Control+Enter")
        sat.wait("!document.querySelector('dialog')")
        sat.press("h")
        sat.wait("document.querySelector('dialog[open]')")
        assert hostile in sat.text("dialog")
        assert sat.page.evaluate("document.querySelectorAll('img, b:not(:empty) b, script:not([src])').length") == 0
        assert sat.page.evaluate("window.hacked === undefined")


def test_a_page_under_a_path(browser: Browser, tmp_path: Path) -> None:
    with served(tmp_path, server=ServerCfg(root_path="/lab/one")) as study, seated(browser, study.link()) as sat:
        assert "/lab/one/" in sat.page.url
        sat.watched()
        sat.press("a")
        sat.saved()
        assert study.events() == ["answer"]
