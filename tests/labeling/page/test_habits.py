"""What people report of other pages does not happen here: one test each."""

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from label_page import Sat, put_questions, seated, served, window
from playwright.sync_api import Browser, CDPSession

pytestmark = pytest.mark.slow


def key_at(session: CDPSession, code: str, key: str, modifiers: int = 0) -> None:
    """Press the key at a place, whatever a layout prints on it."""
    event = {"code": code, "key": key, "modifiers": modifiers}
    session.send("Input.dispatchKeyEvent", {"type": "keyDown", **event})
    session.send("Input.dispatchKeyEvent", {"type": "keyUp", **event})


def test_a_held_key_gives_one_answer(browser: Browser, tmp_path: Path) -> None:
    with served(tmp_path, min_watched=0.0) as study, seated(browser, study.link()) as sat:
        sat.watched()
        for _ in range(20):
            sat.page.keyboard.down("a")  # repeats, as a held key does
        sat.page.keyboard.up("a")
        sat.saved()
        assert study.events() == ["answer"]


def test_a_button_clicked_twenty_times_in_a_second_gives_one_answer(browser: Browser, tmp_path: Path) -> None:
    with served(tmp_path, min_watched=0.0) as study, seated(browser, study.link()) as sat:
        sat.watched()
        sat.page.evaluate(
            """() => new Promise((resolve) => {
              let clicks = 0;
              const timer = setInterval(() => {
                document.querySelector(".answer").click();
                if (++clicks === 20) resolve(clearInterval(timer));
              }, 50);
            })"""
        )
        sat.saved()
        assert study.events() == ["answer"]


def test_a_key_before_the_next_pair_has_come_answers_nothing(browser: Browser, tmp_path: Path) -> None:
    with served(tmp_path, num=3, num_steps=6) as study, window(browser) as context:
        sat = Sat(context.new_page())
        # The segments of all questions but the first are held back, as on a slow line.
        sat.page.add_init_script(
            """window.held = []; window.isHolding = false;
            const own = window.fetch;
            window.fetch = (...args) => {
              if (!window.isHolding || !String(args[0]).includes("segments/")) return own(...args);
              return new Promise((resolve) => window.held.push(() => resolve(own(...args))));
            };"""
        )
        sat.page.goto(study.link())
        sat.open_work()
        sat.watched()
        sat.page.evaluate(
            "isHolding = true; const { feed } = prefgym.app; for (const { id } of feed.queue.slice(1)) "
            "{ feed.ready.delete(id); feed.loading.delete(id); }"
        )
        sat.press("a")
        sat.wait("prefgym.app.isWaiting")
        sat.page.wait_for_timeout(500)
        sat.press("d", "s", "a")
        sat.page.evaluate("isHolding = false; held.forEach((go) => go())")
        sat.ready()
        sat.saved()
        assert study.events() == ["answer"]
        assert sat.page.evaluate("prefgym.app.standing === undefined")


def test_two_tabs_never_answer_one_question_twice(browser: Browser, tmp_path: Path) -> None:
    with served(tmp_path, num=3) as study, window(browser) as context:
        first, second = Sat(context.new_page()), Sat(context.new_page())
        first.page.goto(study.link())
        first.open_work()
        first.watched()
        asked = first.query()
        second.page.goto(first.page.url)
        second.wait("document.querySelector('.card h1')?.innerText.includes('another tab')")
        second.press("a", "d")
        second.page.get_by_role("button", name="Work here").click()
        second.open_work()
        first.wait("document.querySelector('.card h1')?.innerText.includes('another tab')")
        assert second.query() == asked
        second.watched()
        first.press("a", "d")
        first.page.evaluate("prefgym.app.commit({ status: 'answered', statement: { choice: 1 } })")
        second.answer("a")
        second.saved()
        assert study.events() == ["answer"]
        second.page.close()
        first.wait("window.prefgym?.app.query && !prefgym.app.isStopped", "the tab that is left goes on by itself")


def test_letters_typed_into_the_note_are_no_answers(browser: Browser, tmp_path: Path) -> None:
    with served(tmp_path) as study, seated(browser, study.link()) as sat:
        sat.watched()
        sat.press("n")
        sat.wait("document.activeElement.tagName === 'TEXTAREA'")
        sat.page.keyboard.type("a sad dxz <b>&")
        sat.press("Control+Enter")
        sat.wait("!document.querySelector('dialog')")
        sat.saved()
        [event] = study.store.log(study.study)
        assert (event.type, event.statement) == ("note", {"text": "a sad dxz <b>&"})


def test_the_browsers_own_keys_stay_its_own(browser: Browser, tmp_path: Path) -> None:
    with served(tmp_path) as study, seated(browser, study.link()) as sat:
        sat.watched()
        query = sat.query()
        sat.page.evaluate(
            "window.kept = []; addEventListener('keydown', (event) => kept.push(event.defaultPrevented && event.key))"
        )
        for keys in ("Alt+ArrowLeft", "Control+a", "Alt+d", "Meta+s", "Control+z", "Alt+x"):
            sat.press(keys)
        assert not any(sat.page.evaluate("kept"))
        sat.press("Control+r")
        sat.page.wait_for_timeout(100)
        sat.saved()
        assert study.events() == []
        assert sat.query() == query


@pytest.mark.parametrize("layout", ["QWERTZ", "AZERTY"])
def test_keys_lie_in_the_same_place(browser: Browser, tmp_path: Path, layout: str) -> None:
    typed = {"QWERTZ": {"KeyA": "a", "KeyZ": "y"}, "AZERTY": {"KeyA": "q", "KeyZ": "w"}}[layout]
    with served(tmp_path) as study, window(browser) as context:
        sat = Sat(context.new_page())
        sat.page.add_init_script(
            f"""const printed = new Map(Object.entries({json.dumps(typed)}));
            Object.defineProperty(navigator, "keyboard", {{ value: {{ getLayoutMap: async () => printed }} }});"""
        )
        sat.page.goto(study.link())
        sat.open_work()
        sat.watched()
        assert sat.text(".answers .answer kbd") == typed["KeyA"].upper()
        session = sat.page.context.new_cdp_session(sat.page)
        key_at(session, "KeyA", typed["KeyA"])
        sat.wait("prefgym.app.log.standing.size === 1")
        assert sat.page.evaluate("prefgym.app.log.newest().statement.choice") == 0
        assert typed["KeyZ"].upper() in sat.text(".last")
        key_at(session, "KeyZ", typed["KeyZ"])
        sat.saved()
        assert study.events() == ["answer", "retract"]


@pytest.mark.parametrize("rate", [10, 60])
def test_a_mark_covers_the_frames_that_were_on_the_screen(browser: Browser, tmp_path: Path, rate: int) -> None:
    """The browser draws at a rate; frames drawn while the key was held are noted beside the page's own account."""
    slowed = f"""
      const own = window.requestAnimationFrame.bind(window);
      window.requestAnimationFrame = (run) => setTimeout(() => own(run), {1000 / rate - 1000 / 60});"""
    with served(tmp_path, "mark", num=1, num_steps=40) as study, window(browser, "phone") as context:
        sat = Sat(context.new_page())
        sat.page.add_init_script(slowed)
        sat.page.goto(study.link())
        sat.open_work()
        sat.watched()
        frames: list[int] = sat.page.evaluate(
            """async () => {
              const { app } = prefgym, { theatre } = app, { clock, viewer } = theatre;
              const frames = [], drawn = viewer.onDraw;
              const key = (type) => document.body.dispatchEvent(
                new KeyboardEvent(type, { code: "KeyD", key: "d", bubbles: true }));
              clock.loop = false; clock.seek(5); clock.speed = 0.5; viewer.draw();
              clock.play(true);
              await new Promise((resolve) => { viewer.onDraw = () => { drawn(); if (clock.frame > 9) resolve(); }; });
              frames.push(Math.floor(clock.frame));  // on the screen when the key goes down
              viewer.onDraw = () => { drawn(); frames.push(Math.floor(clock.frame)); };
              key("keydown");
              while (clock.frame < 20) await new Promise((resolve) => requestAnimationFrame(resolve));
              key("keyup");
              viewer.onDraw = drawn;
              return frames;
            }"""
        )
        assert len(frames) > 1, frames
        sat.press("Enter")
        sat.saved()
        [answer] = study.answers()
        assert answer.statement == {"stretches": [{"start": min(frames), "end": max(frames) + 1, "good": False}]}


def test_a_reload_goes_on_at_the_first_unanswered_question(browser: Browser, tmp_path: Path) -> None:
    with served(tmp_path, num=5) as study, seated(browser, study.link()) as sat:
        sat.fast()
        sat.answer("a")
        sat.answer("d")
        third = sat.query()
        sat.saved()
        sat.page.reload()
        sat.ready()
        assert sat.query() == third
        assert "2" in sat.text(".count")


def test_who_comes_back_under_another_invitation_is_told(browser: Browser, tmp_path: Path) -> None:
    with served(tmp_path, num=12) as study, seated(browser, study.link("Kim")) as sat:
        sat.fast()
        sat.answer("a")
        sat.saved()
        link = study.link("Robin")
        sat.page.goto("about:blank")
        sat.page.goto(link)
        sat.wait("document.querySelector('.told')")
        assert "You are Kim here already" in sat.text(".told")
        sat.open_work()
        sat.answer("d")
        sat.saved()
        sat.page.goto("about:blank")
        sat.page.goto(link)
        sat.wait("document.querySelector('.told')")
        sat.page.get_by_role("button", name="I am not Kim").click()
        sat.wait("document.querySelector('.told')?.innerText.includes('Robin')")
        sat.open_work()
        sat.answer("s")
        sat.saved()
        assert [one.rater for one in study.answers()] == ["Kim", "Kim", "Robin"]


def test_a_clock_that_is_set_back_breaks_no_order(browser: Browser, tmp_path: Path) -> None:
    with served(tmp_path, num=5) as study, seated(browser, study.link()) as sat:
        sat.fast()
        sat.answer("a")
        sat.page.evaluate("() => { const day = 86_400_000, own = Date.now; Date.now = () => own() - day; }")
        sat.answer("d")
        sat.press("z")
        sat.answer("s")
        sat.saved()
        statements: list[Any] = [one.statement for one in study.store.log(study.study)]
        assert [one.type for one in study.store.log(study.study)] == ["answer", "answer", "retract", "answer"]
        assert [one.get("choice") for one in statements] == [0, 1, None, "tie"]
        numbers = [one.event for one in study.store.log(study.study)]
        assert all(before < after for before, after in pairwise(numbers))
        assert all(one.seconds > 0 for one in study.answers())


def test_questions_that_come_later_appear_by_themselves(browser: Browser, tmp_path: Path) -> None:
    with served(tmp_path, num=1) as study, seated(browser, study.link()) as sat:
        sat.watched()
        sat.press("a")
        sat.wait("document.querySelector('.card')")
        put_questions(study.store, study.study, 3, 6)
        sat.ready()


@pytest.mark.parametrize(("status", "body"), [(200, "<html>Log in to this network</html>"), (404, "{}")])
def test_an_answer_stays_until_the_server_itself_has_it(
    browser: Browser, tmp_path: Path, status: int, body: str
) -> None:
    allowed = ("Failed to load resource",)
    with served(tmp_path, min_watched=0.0) as study, seated(browser, study.link(), allowed=allowed) as sat:
        sat.page.route("**/api/v1/events", lambda route: route.fulfill(status=status, body=body))
        sat.answer("a")
        sat.wait("prefgym.app.outbox.state === 'offline'")
        assert not study.events()
        sat.page.unroute("**/api/v1/events")
        sat.saved()
        assert study.events() == ["answer"]
