"""Which queries are shown, and what is said where nothing can be."""

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from prefgym.core.preferences import Preferences
from prefgym.report.data import Episode, load_run
from prefgym.report.footage import film, pick_queries
from prefgym.sim.gl import MjModel

FPS = 20.0


def test_queries_are_picked_from_all_of_the_run_with_a_tie_and_a_skip(preferences: Preferences) -> None:
    """Number 3 is a tie, number 5 a skip; the four others are spread over 0, 1, 2, 4, 6, 7, 8."""
    assert pick_queries(preferences, 6) == [0, 2, 3, 5, 6, 8]
    assert pick_queries(preferences, 2) == [3, 5]
    assert pick_queries(preferences, 100) == list(range(9))
    assert pick_queries(preferences[:0], 6) == []


@pytest.mark.usefixtures("gl")
def test_final_episode_and_queries_are_drawn(model: MjModel, preferences: Preferences, run_dir: Path) -> None:
    episode = load_run(run_dir).final_episode
    footage = film(episode=episode, preferences=preferences[:3], model=model, camera={"distance": 4.0}, fps=FPS)
    assert footage.missing == ""
    assert footage.final is not None
    assert (footage.final.width, footage.final.height, footage.final.speed) == (512, 288, 1.0)
    assert footage.final.seconds == pytest.approx(41 / FPS)
    assert [int(one.query_id) for one, _ in footage.queries] == [100, 101, 102]
    assert {(clip.width, clip.height) for _, clip in footage.queries} == {(2 * 256 + 6, 256)}


def test_options_stand_in_the_order_in_which_the_rater_saw_them(preferences: Preferences) -> None:
    """Pictures of one shade each: the dark first option was shown second, and chosen."""
    options = preferences.queries.options[1:2]
    shades = torch.tensor([40, 200], dtype=torch.uint8).view(1, 2, 1, 1, 1, 1)
    frames = shades.expand(1, 2, 8, 64, 64, 3).clone()
    queries = replace(preferences.queries[1:2], options=replace(options, frames=frames, state=None))
    turned = replace(preferences[1:2], queries=queries, shown_order=torch.tensor([[1, 0]]))
    footage = film(episode=None, preferences=turned, model=None, camera={}, fps=FPS)
    assert footage.missing == ""
    ((one, clip),) = footage.queries
    assert clip.seconds == pytest.approx(8 / 12)  # a picture before each of 8 steps, in slow motion
    poster = np.asarray(Image.open(io.BytesIO(clip.poster))).astype(int)
    left, right, right_edge = poster[40, 32], poster[40, -32], poster[40, -2]
    assert int(one.query_id) == 101
    assert abs(left.mean() - 200) < 12
    assert abs(right.mean() - 40) < 12
    assert right_edge[0] > right_edge[2] + 80  # orange


def test_without_a_model_the_footage_says_so(preferences: Preferences) -> None:
    footage = film(episode=None, preferences=preferences, model=None, camera={}, fps=FPS)
    assert (footage.final, footage.queries) == (None, ())
    assert footage.missing == "the physics model of this environment is not known"


def test_without_states_the_footage_says_so(model: MjModel, preferences: Preferences) -> None:
    no_state = Episode(state=None, reward=np.zeros(3), learned=None)
    footage = film(episode=no_state, preferences=None, model=model, camera={}, fps=FPS)
    assert footage.missing == "this run recorded no physics states"


def test_without_opengl_the_footage_says_what_to_install(
    model: MjModel, preferences: Preferences, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MUJOCO_GL", "disabled")
    footage = film(episode=None, preferences=preferences, model=model, camera={}, fps=FPS)
    assert footage.queries == ()
    assert "install libegl1" in footage.missing
