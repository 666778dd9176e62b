"""axe-core finds nothing serious: desktop and phone, light and dark, every kind and every dialog."""

from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from label_page import seated, served
from playwright.sync_api import Browser

AXE = (files("axe_playwright_python") / "axe.min.js").read_text()
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
DIALOGS = {"?": "keys", "i": "guide", "n": "note", "h": "answers"}


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("device", ["wide", "phone"])
def test_nothing_serious(browser: Browser, tmp_path: Path, device: str, scheme: str) -> None:
    found: dict[str, list[str]] = {}

    def look(where: str) -> None:
        sat.wait("document.getAnimations().every((one) => one.playState !== 'running')")
        result: dict[str, Any] = sat.page.evaluate("(rules) => axe.run(document, { runOnly: rules })", RULES)
        for violation in result["violations"]:
            places = [f"{where}: {node['html'][:120]}" for node in violation["nodes"]]
            found.setdefault(f"{violation['impact']} {violation['id']}", []).extend(places)

    kinds = ["comparison", "ranking", "mark"] if scheme == "light" else ["comparison", "rating", "live"]
    for kind in kinds:
        folder = tmp_path / kind
        folder.mkdir()
        with served(folder, kind, 2) as study, seated(browser, study.link(), device, scheme) as sat:
            sat.page.evaluate(AXE)
            sat.watched()
            sat.press("Space")
            look(kind)
            if kind != "comparison":
                continue
            sat.press("Space", "a")
            sat.wait("prefgym.app.log.standing.size === 1 && !prefgym.app.isWaiting")
            look("locked")
            for key, name in DIALOGS.items():
                sat.press(key)
                sat.wait("document.querySelector('dialog[open]')")
                look(name)
                sat.press("Escape")
                sat.wait("!document.querySelector('dialog')")
            sat.watched()
            sat.press("d")
            sat.wait("document.querySelector('.card')")
            look("nothing to do")
    assert found == {}
