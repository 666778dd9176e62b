"""All words of the page are in texts.js, and all of them are used."""

import re
from pathlib import Path

PAGE = Path(__file__).resolve().parents[3] / "prefgym" / "labeling" / "page"
MODULES = {path.name: path.read_text() for path in PAGE.glob("*.js") if not path.name.startswith("admin")}
TEXTS = MODULES["texts.js"]


def test_every_word_that_is_named_is_there() -> None:
    known = {*re.findall(r"^\s*([A-Za-z]+):", TEXTS, re.MULTILINE), *re.findall(r"[{,] ([A-Za-z]+):", TEXTS)}
    for name, content in MODULES.items():
        for used in re.findall(r"\btext\.((?:[A-Za-z]+\.)?[A-Za-z]+)", content):
            parts = [part for part in used.split(".") if part not in ("split", "length", "map")]
            assert {*parts} <= known, f"{name}: text.{used}"


def test_every_word_is_used() -> None:
    body = TEXTS.partition("export const text = {")[2].partition("\n};")[0]
    names = re.findall(r"^  ([A-Za-z]+):", body, re.MULTILINE)
    others = "".join(content for name, content in MODULES.items() if name != "texts.js")
    unused = [name for name in names if not re.search(rf"\btext\.{name}\b", others)]
    assert [name for name in unused if name not in ("pause", "play")] == []


def test_no_other_module_speaks() -> None:
    """Sentences and labels of other modules would be left out of a translation."""
    for name, content in MODULES.items():
        if name in ("texts.js", "service-worker.js"):
            continue
        code = re.sub(r"//.*|/\*.*?\*/", "", content, flags=re.DOTALL if "/*" in content else 0)
        spoken = re.findall(r'(?:text|"aria-label"|title|placeholder): "([^"]*[a-z]{3}[^"]*)"', code)
        assert spoken == [], name
