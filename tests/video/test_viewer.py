"""The viewer in a real browser: what it draws against MuJoCo, what it decodes, and what happens on trouble."""

import json
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from playwright.sync_api import Browser, Page
from recorded import FloatArray, record_states, segment_of
from silhouettes import View, silhouettes
from viewed import bytes_of, pixels_of, read_segment, viewer_page

from prefgym.sim.capabilities import HasPhysics
from prefgym.sim.gl import RenderingUnavailable, open_gl
from prefgym.video.drawing import Drawer, Drawing, drawer_of
from prefgym.video.poses import decode

OVERLAP = 0.95
"""Least share of a silhouette's pixels that are in both pictures, of those that are in either."""
WIDTH, HEIGHT = 640, 480
LOOKS = ((3, 90.0, -12.0, 1.0), (8, 55.0, -25.0, 1.3), (14, 140.0, -40.0, 0.9), (19, 90.0, -80.0, 1.1))
"""Index of a state, azimuth, elevation, and the distance as a multiple of the usual one."""


@pytest.fixture(scope="module")
def gl() -> None:
    """Skip the test where MuJoCo cannot draw."""
    try:
        open_gl(16, 16).free()
    except RenderingUnavailable as error:
        pytest.skip(str(error))


def show(page: Page, env_id: str, num_steps: int = 20, seeds: tuple[int, ...] = (0,)) -> Drawer:
    """Load random segments of a task as `s0`, `s1`, ..."""
    drawer = drawer_of(env_id)
    for place, seed in enumerate(seeds):
        _, states = record_states(env_id, num_steps, seed)
        read_segment(page, f"s{place}", drawer.draw(segment_of(states)), drawer.geometry(), drawer.dt)
    return drawer


def make_viewer(page: Page, segments: str = "[s0]", options: str = "{}") -> None:
    """Show segments in columns of equal width, paused at the first frame."""
    page.evaluate(
        f"""() => {{ window.viewer = new v.Viewer(document.querySelector("canvas"), {options});
          const segments = {segments}, width = innerWidth / segments.length;
          viewer.load(segments);
          viewer.layout(segments.map((_, k) => ({{ x: k * width, y: 0, width, height: innerHeight }}))); }}"""
    )


def overlaps(browser: Browser, env_id: str) -> list[float]:
    """Compare silhouettes of a task from several sides: intersection over union."""
    physics, states = record_states(env_id)
    views = views_of(physics, states, env_id)
    theirs = silhouettes(physics, states, views, WIDTH, HEIGHT)
    with viewer_page(browser, WIDTH, HEIGHT) as page:
        show(page, env_id)
        make_viewer(page)
        shares: list[float] = []
        for (frame, azimuth, elevation, distance, lookat), their in zip(views, theirs, strict=True):
            mask = bytes_of(
                page,
                """([frame, azimuth, elevation, distance, lookat, width, height]) => {
                     const camera = Object.assign(new v.OrbitCamera(), { azimuth, elevation, distance, fovy: 45 });
                     const target = lookat.map((part, axis) => part - s0.origin[axis]);
                     return viewer.scene.mask(s0, frame, camera, target, width, height); }""",
                [frame, azimuth, elevation, distance, lookat, WIDTH, HEIGHT],
            )
            ours = (np.frombuffer(mask, np.uint8).reshape(HEIGHT, WIDTH) > 127)[::-1]
            assert their.mean() > 0.003, "a silhouette of a few pixels says nothing"
            shares.append(float((ours & their).sum() / (ours | their).sum()))
    return shares


def views_of(physics: HasPhysics, states: FloatArray, env_id: str) -> list[View]:
    """Look at the middle of all moving shapes, from where they fill a good part of the picture."""
    drawer = drawer_of(env_id)
    poses, geometry = drawer.poses(segment_of(states)), drawer.shapes
    assert geometry is not None
    size = max(float(np.ptp(poses.places.reshape(-1, 3), axis=0).max()), 0.3)
    views: list[View] = []
    for frame, azimuth, elevation, share in LOOKS:
        middle = poses.places[frame].mean(0) + poses.origin
        views.append((frame, azimuth, elevation, share * 1.8 * size, (middle[0], middle[1], middle[2])))
    return views


def test_a_walker_has_the_shape_that_mujoco_draws(browser: Browser, gl: None) -> None:
    assert min(overlaps(browser, "prefgym/Walker2d-v0")) >= OVERLAP


@pytest.mark.slow
@pytest.mark.parametrize(
    "task", ["HalfCheetah", "Ant", "Humanoid", "Swimmer", "Pusher", "Reacher", "InvertedDoublePendulum", "FetchSlide"]
)
def test_a_task_has_the_shape_that_mujoco_draws(browser: Browser, gl: None, task: str) -> None:
    if task.startswith("Fetch"):
        pytest.importorskip("gymnasium_robotics")
    assert min(overlaps(browser, f"prefgym/{task}-v0")) >= OVERLAP


@pytest.mark.parametrize("task", ["Humanoid", "Pusher"])
def test_the_page_decodes_what_python_decodes(browser: Browser, task: str) -> None:
    env_id = f"prefgym/{task}-v0"
    _, states = record_states(env_id)
    with viewer_page(browser) as page:
        drawer = show(page, env_id)
        places = np.frombuffer(bytes_of(page, "() => s0.place"), np.float32)
        turns = np.frombuffer(bytes_of(page, "() => s0.turn"), np.float32)
    poses = decode(drawer.draw(segment_of(states)).content)
    assert np.abs(places.reshape(poses.places.shape) - poses.places).max() < 1e-6
    agreeing = np.abs((turns.reshape(poses.turns.shape) * poses.turns).sum(-1))
    assert agreeing.min() > 1 - 1e-7


def test_two_segments_are_drawn_side_by_side_and_what_is_dark_is_dark(browser: Browser) -> None:
    means: list[float] = []
    for scheme in ("light", "dark"):
        with viewer_page(browser, 640, 300, scheme) as page:
            show(page, "prefgym/HalfCheetah-v0", seeds=(0, 1))
            make_viewer(page, "[s0, s1]")
            page.evaluate("viewer.frame(15); viewer.draw()")
            shot = pixels_of(page)
        means.append(float(shot.mean()))
        for half in (shot[:, :320], shot[:, 320:]):
            orange = (half[..., 0] > 1.5 * half[..., 2]) & (half[..., 0] > 60)  # a cheetah is orange and red
            assert 0.01 < orange.mean() < 0.3
            assert orange[:, :40].sum() == orange[:, -40:].sum() == 0, "the robot is in the middle of its view"
    assert means[0] > 180
    assert means[1] < 80


def test_a_ghost_shows_the_other_segment(browser: Browser) -> None:
    with viewer_page(browser, 640, 300) as page:
        show(page, "prefgym/HalfCheetah-v0", seeds=(0, 1))
        make_viewer(page, "[s0, s1]")
        page.evaluate("viewer.trail = false; viewer.frame(20); viewer.draw()")
        without = pixels_of(page).astype(int)
        page.evaluate("viewer.ghost = true; viewer.draw()")
        changed = pixels_of(page).astype(int) - without
    for half, bluer in ((changed[:, :320], False), (changed[:, 320:], True)):
        where = np.abs(half).max(-1) > 12
        assert 0.003 < where.mean() < 0.3
        tint = half[where].mean(0)
        assert (tint[2] > tint[0]) == bluer, "the left one is blue, the right one is orange"


def test_a_clip_runs_on_the_same_clock(browser: Browser) -> None:
    """Picture k of the clip is grey of brightness 20 + 8 k."""
    frames = np.repeat(20 + 8 * np.arange(24, dtype=np.uint8), 32 * 48 * 3).reshape(24, 32, 48, 3)
    for options in ("{}", "{ clips: true }"):  # by WebGL2, and without it
        with viewer_page(browser, 480, 320) as page:
            read_segment(page, "s0", clip_of(frames), None, 0.02)
            assert page.evaluate("[s0.kind, s0.frames, s0.width, s0.height]") == ["clip", 24, 48, 32]
            make_viewer(page, "[s0]", options)
            for frame in (0, 7, 13, 23):
                page.evaluate(f"viewer.frame({frame}); viewer.draw()")
                assert abs(float(pixels_of(page)[160, 240].mean()) - (20 + 8 * frame)) < 5
            assert page.evaluate("viewer.clock.coverage(0)") == 4 / 24


def clip_of(frames: np.ndarray[Any, np.dtype[np.uint8]]) -> Drawing:
    """Draw recorded pictures as a drawer does."""
    from dataclasses import replace

    segment = replace(segment_of(np.zeros((len(frames) + 1, 4)), frames), state=None)
    return drawer_of("CartPole-v1").draw(segment)


def test_what_was_drawn_was_seen(browser: Browser) -> None:
    with viewer_page(browser) as page:
        show(page, "prefgym/HalfCheetah-v0", 40)
        make_viewer(page)
        page.evaluate("viewer.clock.loop = false; viewer.clock.counting = false; viewer.clock.play(); viewer.draw()")
        advance = "(seconds) => { viewer.clock.tick(seconds); viewer.draw(); return viewer.clock.coverage(0); }"
        assert [page.evaluate(advance, 0.25) for _ in range(4)] == [0, 0, 0, 0], "behind a dialog nothing is seen"
        page.evaluate("viewer.clock.counting = true; viewer.clock.seek(0); viewer.clock.play(true); viewer.draw()")
        shares = [page.evaluate(advance, 0.25) for _ in range(8)]
        assert shares == pytest.approx([(5 * k + 6) / 41 for k in range(8)], abs=0.013)  # 20 frames a second
        assert page.evaluate("viewer.clock.unlocked()")
        page.evaluate("viewer.clock.load([s0], 0.05); viewer.frame(30); viewer.draw()")
        assert page.evaluate("viewer.clock.coverage(0)") == 1 / 41, "a jump sees the frame it lands on"


def test_the_clock_chooses_a_speed_at_which_one_sees_something(browser: Browser) -> None:
    with viewer_page(browser) as page:
        speed = "([frames, dt]) => { const c = new v.Clock(); c.load([{ frames }], dt); return c.naturalSpeed(); }"
        assert page.evaluate(speed, [101, 0.05]) == 1  # HalfCheetah, 5 s
        assert page.evaluate(speed, [101, 0.008]) == 0.25  # Walker2d, 0.8 s
        assert page.evaluate(speed, [51, 0.04]) == 0.5  # 2 s


def test_a_camera_that_a_study_fixes_stays(browser: Browser) -> None:
    with viewer_page(browser) as page:
        show(page, "prefgym/Hopper-v0")
        make_viewer(page)
        home = page.evaluate("viewer.camera.state()")
        move = "viewer.camera.turn(30, 10); viewer.camera.zoom(1.5); viewer.setFollow(false); viewer.camera.state()"
        page.evaluate("viewer.camera.fixed = true")
        assert page.evaluate(move) == home
        page.evaluate("viewer.camera.fixed = false")
        moved = page.evaluate(move)
        assert (moved["azimuth"], moved["follow"]) == (home["azimuth"] - 30, False)
        assert moved["travel"] > 30
        page.evaluate("viewer.camera.reset()")
        assert page.evaluate("viewer.camera.state()") == home


def test_the_mouse_turns_and_the_wheel_zooms(browser: Browser) -> None:
    with viewer_page(browser) as page:
        show(page, "prefgym/Hopper-v0")
        make_viewer(page)
        page.evaluate("v.watchPointers(document.querySelector('canvas'), viewer.camera); 0")
        before = page.evaluate("viewer.camera.state()")
        page.mouse.move(300, 200)
        page.mouse.down()
        page.mouse.move(400, 230, steps=4)
        page.mouse.up()
        page.mouse.wheel(0, 200)
        page.evaluate("new Promise(requestAnimationFrame)")
        after = page.evaluate("viewer.camera.state()")
    assert (before["azimuth"] - after["azimuth"]) % 360 == pytest.approx(35, abs=0.5)
    assert before["elevation"] - after["elevation"] == pytest.approx(10.5, abs=0.5)
    assert after["distance"] > before["distance"]


def test_a_lost_context_comes_back(browser: Browser) -> None:
    with viewer_page(browser) as page:
        show(page, "prefgym/Ant-v0")
        make_viewer(page)
        page.evaluate("viewer.frame(10); viewer.draw()")
        before = pixels_of(page)
        page.evaluate(
            """async () => { const canvas = document.querySelector("canvas");
                 const happened = (name) => new Promise((done) => canvas.addEventListener(name, done, { once: true }));
                 const lose = viewer.scene.gl.getExtension("WEBGL_lose_context");
                 const lost = happened("webglcontextlost"), back = happened("webglcontextrestored");
                 lose.loseContext(); await lost;
                 viewer.draw();  // does nothing, and throws nothing
                 await new Promise((done) => setTimeout(done));  // it may come back once the event is over
                 lose.restoreContext(); await back; viewer.draw(); }"""
        )
        assert np.abs(pixels_of(page).astype(int) - before).mean() < 1


def test_never_two_pictures_are_in_the_making(browser: Browser) -> None:
    with viewer_page(browser) as page:
        show(page, "prefgym/Humanoid-v0")
        make_viewer(page)
        drew = page.evaluate(
            """async () => { viewer.clock.play(); const drew = [], busy = [];
                 for (let k = 0; k < 30; k += 1) { busy.push(viewer.scene.busy()); drew.push(viewer.advance(0.02)); }
                 return drew.filter((did, k) => did && busy[k]).length; }"""
        )
    assert drew == 0


def test_geometry_of_a_later_version_is_refused(browser: Browser) -> None:
    with viewer_page(browser) as page:
        said = page.evaluate(
            "(json) => { try { v.readGeometry(json); } catch (error) { return error.message; } }",
            json.dumps({"version": 2, "meshes": {}}),
        )
    assert said == "geometry of version 2: reload the page"


def test_every_task_can_be_shown(browser: Browser) -> None:
    """Each has a segment in the page whose box is finite, and a camera that looks at it."""
    with viewer_page(browser, 320, 240) as page:
        for task in ("Swimmer", "InvertedPendulum", "HumanoidStandup", "Reacher"):
            show(page, f"prefgym/{task}-v0", 3)
            make_viewer(page)
            page.evaluate("viewer.draw()")
            x, y = page.evaluate("viewer.camera.project(s0.middle, viewer.camera.target(s0, 0), 4 / 3)")
            assert 0.2 < x < 0.8
            assert 0.1 < y < 0.9
            assert float(pixels_of(page).std()) > 2
    assert "prefgym/Swimmer-v0" in gym.registry
