"""A page in a real browser: what it shows, and what went wrong with it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page
from screenshots import open_page


@contextmanager
def opened(browser: Browser, file: Path, device: str = "desktop", scheme: str = "light") -> Iterator[Page]:
    """Open a page; fail the test if the browser reported an error, or loaded anything but the file."""
    page = open_page(browser, Path("/dev/null"), device, scheme)
    problems: list[str] = []
    page.on("console", lambda message: problems.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: problems.append(str(error)))
    address = file.resolve().as_uri()
    page.on("request", lambda one: None if one.url.startswith((address, "data:")) else problems.append(one.url))
    page.goto(address)
    yield page
    page.close()
    assert not problems, problems


def overflow(page: Page) -> list[str]:
    """List the elements that stick out of the window at the right, unless something around them scrolls."""
    return page.evaluate(
        """() => [...document.querySelectorAll("main *, header *")].filter((one) => !one.closest(".scroll") &&
             one.getClientRects().length && one.getBoundingClientRect().right > innerWidth + 1)
           .map((one) => `${one.tagName}.${one.className.baseVal ?? one.className}: ${one.textContent.slice(0, 40)}`)"""
    )
