"""Questions from runs and folders: drawn, asked once, and with the answers that are known."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from prefgym.common.errors import UserError
from prefgym.data.asked import asked_queries, write_asked
from prefgym.data.recorded import recorded
from prefgym.labeling.demo import add_demo
from prefgym.labeling.filling import Job, fill
from prefgym.labeling.sources import Source, add_queries, drawing_of
from prefgym.labeling.studies import DEMO
from prefgym.labeling.study_file import GoldPart
from prefgym.runs.answers import shown_sum
from prefgym.store.store import Store
from prefgym.store.study import StudyCfg


def study_of(store: Store, **settings: object) -> str:
    """Begin a study."""
    return store.add_study(StudyCfg(**{"name": "run", **settings}))  # pyright: ignore[reportArgumentType]


def add(store: Store, run: Path, study: str, gold: tuple[GoldPart, ...] = (), most: int | None = None) -> int:
    """Ask about the queries of a run; return how many."""
    source = Source(run)
    cfg = store.study(study).cfg
    return add_queries(store, study, cfg, drawing_of(store, source), source.new_queries(), gold, most).num_asked


def test_the_queries_of_a_run_are_asked_once(finished_run: Path, store: Store) -> None:
    """Each shows what the run has shown, under the run's own number; asking again changes nothing."""
    answered = recorded(finished_run)
    study = study_of(store)
    assert add(store, finished_run, study) == len(answered) == add(store, finished_run, study)
    asked = store.questions(study)
    options = answered.parts[0].queries.options
    assert [one.query_id for one in asked] == answered.query_id.tolist()
    assert [one.shown_sha256 for one in asked] == [shown_sum(options[row]) for row in range(len(options))]
    assert [one.asked_at for one in asked] == answered.parts[0].queries.asked_at.tolist()
    segment = store.segment(asked[0].segments[1])
    assert segment.media_type == "application/x-prefgym-poses" and segment.geometry is not None
    assert segment.num_steps == int(options.length[0, 1]) and segment.dt_s == pytest.approx(0.04)
    assert len(segment.drawing) > 50 and len(segment.content) > 50


def test_only_some_are_asked_and_some_are_known(finished_run: Path, store: Store) -> None:
    ids = recorded(finished_run).query_id.tolist()
    gold = (GoldPart(query=ids[0], choice=1, text="It falls."), GoldPart(query=ids[1], choice=0, practice=True))
    study = study_of(store)
    assert add(store, finished_run, study, gold, most=3) == 3
    asked = store.questions(study)
    assert [one.gold for one in asked] == [{"choice": 1, "text": "It falls."}, {"choice": 0, "text": ""}, None]
    assert [one.practice for one in asked] == [False, True, False]


def test_segments_are_rated_one_by_one(finished_run: Path, store: Store) -> None:
    study = study_of(store, kind="rating")
    num = add(store, finished_run, study)
    assert num == 2 * len(recorded(finished_run))
    assert {len(one.segments) for one in store.questions(study)} == {1}
    assert len({one.query_id for one in store.questions(study)}) == num


def test_what_a_run_asks_later_is_read_later(finished_run: Path, tmp_path: Path) -> None:
    """Files that have been read are not read again."""
    run = Path(shutil.copytree(finished_run, tmp_path / "run"))
    source = Source(run)
    first = source.new_queries()
    assert first and source.new_queries() == []
    later = first[0][:2]
    write_asked(run, later)
    (found,) = source.new_queries()
    assert torch.equal(found.query_id, later.query_id) and torch.equal(found.options.obs, later.options.obs)
    assert len(asked_queries(run)) == 2


def test_segments_that_cannot_be_drawn_are_left_out_by_name(finished_run: Path, store: Store) -> None:
    source, study = Source(finished_run), study_of(store)
    (queries,) = source.new_queries()
    bare = replace(queries, options=replace(queries.options, state=None))
    added = add_queries(store, study, store.study(study).cfg, drawing_of(store, source), [bare, queries])
    assert (added.num_left_out, added.num_asked) == (len(queries), len(queries))
    assert "a segment of prefgym/InvertedPendulum-v0 cannot be drawn" in added.why


def test_a_process_fills_the_store(finished_run: Path, store: Store) -> None:
    study = study_of(store)
    fill(Job(url=store.url_shown, study=study, source=finished_run))
    assert store.progress(study).num_asked == len(recorded(finished_run))


def test_a_folder_that_is_no_run_is_told(tmp_path: Path, store: Store) -> None:
    with pytest.raises(UserError, match="is neither a run folder nor a folder of feedback"):
        fill(Job(url=store.url_shown, study=study_of(store), source=tmp_path / "nowhere"))


def test_the_demonstration_asks_about_robots_that_move(store: Store) -> None:
    """Two tasks, a practice question and a known answer each; a trained policy gets further than random actions."""
    study = store.add_study(DEMO)
    add_demo(store, study)
    asked = store.questions(study)
    assert sum(one.practice for one in asked) == 2
    assert sum(one.gold is not None and not one.practice for one in asked) == 2
    assert len(asked) == 34 and len({name for one in asked for name in one.segments}) >= 20
    envs = {store.segment(one.segments[0]).env for one in asked}
    assert envs == {"prefgym/HalfCheetah-v0", "prefgym/Walker2d-v0"}
    for one in asked:
        assert max(len(store.segment(name).drawing) for name in one.segments) < 10_000
