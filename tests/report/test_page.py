"""The whole page: complete, self-contained, safe, and honest about what is missing."""

import base64
import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from parsed import Page
from PIL import Image
from videos import decode

from prefgym.core.preferences import Preferences, RaterInfo
from prefgym.report import write_report
from prefgym.sim.gl import MjModel
from prefgym.video.inline import script_hash, viewer_script

Write = Callable[..., Page]


@pytest.fixture
def write(model: MjModel, preferences: Preferences, run_dir: Path) -> Write:
    """Write the report of the example run, with or without some of it, and read it."""

    def write_and_read(**changed: Any) -> Page:  # noqa: ANN401
        given: dict[str, Any] = {"model": model, "camera": {"distance": 4.0}, "fps": 20.0, "preferences": preferences}
        path = write_report(run_dir, **(given | changed))
        assert path == run_dir / "report.html"
        return Page(path)

    return write_and_read


@pytest.fixture(scope="module")
def full(
    gl: None,
    model: MjModel,
    preferences: Preferences,
    make_run: Callable[[Path], Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> Page:
    """Write and read the report of the example run, videos included."""
    run = make_run(tmp_path_factory.mktemp("full"))
    return Page(write_report(run, model=model, camera={"distance": 4.0}, fps=20.0, preferences=preferences))


def headings(page: Page) -> list[str]:
    return re.findall(r"<h2>(.*?)</h2>", page.source)


def test_the_page_says_what_one_wants_to_know_in_this_order(full: Page) -> None:
    for fact in (
        "True return 4,123 from 8 labels.", "± 56.7 between 2 episodes", "of 9 asked in 3 sessions, budget 10",
        "1 min 02 s", "prefgym train --steps 10_000", "demo", "shipped expert", "500 labels of the oracle to 5,491",
    ):  # fmt: skip
        assert fact in full.text, fact
    first = ["Questions waiting", "Warnings"]
    main = ["Learning", "Reward", "Questions", "Final policy", "Configuration"]
    assert headings(full) == [*first, *main, "Go on", "The command of this run"]
    assert len(full.source) < 8_000_000


def test_the_page_needs_nothing_but_itself(full: Page) -> None:
    assert "http:" not in full.source and "https:" not in full.source and "//" not in _without_data(full.source)
    policy = next(meta["content"] for meta in full.all("meta") if meta.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    assert policy.startswith("default-src 'none';")
    data, viewer = full.all("script")
    assert (data["type"], viewer["type"]) == ("application/json", "module")
    assert f"script-src {script_hash(viewer_script())};" in policy, "no script runs but the viewer"
    for _, attributes in full.elements:
        assert not [name for name in attributes if name.startswith("on")]
        for name in ("src", "href", "poster", "srcset", "action", "data", "xlink:href"):
            value = attributes.get(name)
            assert value is None or value.startswith(("data:", "#")), value
    assert "@import" not in full.source and not re.search(r"url\((?!#)", full.source)


def test_every_data_uri_is_what_it_says(full: Page) -> None:
    videos = full.all("video")
    assert len(videos) == 6 + 1
    for video in videos:
        mp4, poster = (_decode(video[name]) for name in ("src", "poster"))
        frames = decode(mp4)
        assert frames.shape[1:] == (int(video["height"] or 0), int(video["width"] or 0), 3)
        assert len(frames) == (41 if frames.shape[2] == 512 else 9)
        assert poster.startswith(b"\xff\xd8")
        assert np.asarray(Image.open(io.BytesIO(poster))).shape == frames.shape[1:]


def test_answers_stand_beside_their_clips(full: Page, preferences: Preferences) -> None:
    text = full.text
    for verdict in ("A is better", "B is better", "Tie", "Skipped"):
        assert verdict in text
    for count in ("shown first 5", "shown later 2", "tie 1", "skipped 1"):
        assert count in text
    reward, mask = preferences.queries.options.reward, preferences.queries.options.mask
    assert reward is not None
    expected = (reward * mask).sum(-1)[0].tolist()
    shown = re.search(r"question 100, asked after 0 steps True return A (\S+), B ([^\s,]+)", text)
    assert shown is not None
    assert [float(value.replace("\N{MINUS SIGN}", "-")) for value in shown.groups()] == pytest.approx(
        expected, abs=0.05
    )


def test_who_answered_is_named_where_several_did(write: Write, preferences: Preferences) -> None:
    options = replace(preferences.queries.options, frames=torch.zeros(9, 2, 8, 64, 64, 3, dtype=torch.uint8))
    several = replace(
        preferences,
        queries=replace(preferences.queries, options=options),
        raters=(RaterInfo(name="ann"), RaterInfo(name="<b>bob</b>")),
        rater=preferences.rater + 1,
    )
    page = write(model=None, preferences=several)
    assert len(page.all("video")) == 6
    assert page.text.count("by <b>bob</b>") == 6


def test_what_people_wrote_is_shown_and_never_run(write: Write, run_dir: Path) -> None:
    hostile = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>&amp;$style ${cards}"
    facts = json.loads((run_dir / "result.json").read_text())
    facts |= {"env": hostile, "rater": hostile, "agent": hostile, "version": hostile}
    (run_dir / "result.json").write_text(json.dumps(facts))
    (run_dir / "manifest.json").write_text(json.dumps({"command": hostile}))
    (run_dir / "config.yaml").write_text(yaml.safe_dump({"env": hostile, hostile: hostile}))
    page = write(model=None)
    assert not page.all("script") and not page.all("img")
    assert page.text.count("<script>alert(1)</script>") >= 4
    assert "$style ${cards}" in page.text


def test_an_empty_run_has_a_page_too(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    page = Page(write_report(tmp_path / "empty", model=None, camera={}, fps=20.0, preferences=None))
    assert "No learning curve: this run has not been evaluated." in page.text
    assert "No accuracy" in page.text
    assert "No video: the physics model of this environment is not known." in page.text
    assert "No configuration: config.yaml is missing." in page.text
    assert "Questions" not in headings(page)


@pytest.mark.parametrize(
    ("file", "sentence"),
    [
        ("result.json", "last evaluation"),
        ("metrics.jsonl", "No learning curve"),
        ("report/held_out.json", "No reliability diagram"),
        ("report/reward_scatter.json", "No comparison with the true reward"),
        ("report/final_episode.safetensors", "No video"),
        ("config.yaml", "No configuration"),
        ("manifest.json", "prefgym/HalfCheetah-v0"),
    ],
)
def test_each_file_may_be_missing(write: Write, run_dir: Path, file: str, sentence: str) -> None:
    (run_dir / file).unlink()
    assert sentence in write(model=None).text


def test_without_physics_states_the_clips_say_so(write: Write, preferences: Preferences, run_dir: Path) -> None:
    blind = replace(
        preferences, queries=replace(preferences.queries, options=replace(preferences.queries.options, state=None))
    )
    (run_dir / "report" / "final_episode.safetensors").unlink()
    assert "No clips: this run recorded no physics states." in write(preferences=blind).text


def test_without_opengl_the_page_says_what_to_install(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MUJOCO_GL", "disabled")
    page = write()
    assert page.text.count("on Debian or Ubuntu install libegl1 and libgl1-mesa-dri") == 2
    assert not page.all("video")
    assert "4,123" in page.text


def test_training_on_the_task_reward_has_no_labels_to_speak_of(write: Write, run_dir: Path) -> None:
    facts = json.loads((run_dir / "result.json").read_text()) | {"rater": "none"}
    (run_dir / "result.json").write_text(json.dumps(facts))
    page = write(model=None, preferences=None)
    assert headings(page)[:4] == ["Warnings", "Learning", "Final policy", "Configuration"]
    assert "True return 4,123 on the task reward." in page.text
    assert "Labels none trained on the task reward" in page.text
    assert "task return while training: with exploration noise" in page.text


def test_writing_again_replaces_the_page_whole(write: Write, run_dir: Path) -> None:
    write(model=None)
    (run_dir / "result.json").unlink()
    before = sorted(path.name for path in run_dir.iterdir())
    assert "4,123" not in write(model=None).text
    assert sorted(path.name for path in run_dir.iterdir()) == before
    assert (run_dir / "report.html").stat().st_mode & 0o777 == 0o666 & ~_umask()


def test_a_run_folder_that_cannot_be_read_leaves_the_old_page(write: Write, run_dir: Path) -> None:
    page = write(model=None)
    (run_dir / "result.json").write_text("{")
    with pytest.raises(ValueError, match="is damaged: it cannot be read"):
        write(model=None)
    assert (run_dir / "report.html").read_text() == page.source


def test_training_does_not_import_the_report() -> None:
    code = "import sys, prefgym.training.loop; print({'matplotlib', 'av', 'PIL'} & set(sys.modules))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "set()"


def _decode(uri: str | None) -> bytes:
    assert uri is not None
    return base64.b64decode(uri.split(",", 1)[1], validate=True)


def _without_data(source: str) -> str:
    """Take out what is packed as base64, in which anything may stand."""
    source = re.sub(r'"data:[^"]*"|data-poses="[^"]*"', '""', source)
    return re.sub(r'(id="shapes">)[^<]*', r"\1", source)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
