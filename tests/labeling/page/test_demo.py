"""`prefgym label --demo`: one command, one address, and a person labels."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from label_page import Sat, window
from playwright.sync_api import Browser


@pytest.mark.slow
def test_the_demo_is_labelled_at_once(browser: Browser, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "prefgym", "label", "--demo", "--no-browser", "--port", "0"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as demo:
        assert demo.stdout is not None
        said = ""
        try:
            while not (link := re.search(r"http://\S+#i=\S+", said)):
                line = demo.stdout.readline()
                assert line, said
                said += line
            with window(browser, "phone") as context:
                sat = Sat(context.new_page())
                sat.page.goto(link[0])
                sat.open_work()
                sat.fast()
                sat.watched()
                sat.press("a")
                sat.wait("prefgym.app.log.standing.size === 1")
                sat.saved()
        finally:
            demo.terminate()
            demo.wait()
