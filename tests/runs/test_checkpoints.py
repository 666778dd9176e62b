"""Checkpoints: whole or not at all, and never silently wrong."""

import resource
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

import prefgym
from prefgym import agents
from prefgym.common.errors import UserError
from prefgym.common.files import write_bytes
from prefgym.runs.checkpoints import Checkpoints, Shard
from prefgym.runs.folder import RunFolder
from prefgym.training.config import CheckpointCfg, EvalCfg

FOLDER = Path("checkpoints")


def save(checkpoints: Checkpoints, step: int, horizon: int = 0) -> None:
    """Write checkpoint number `step`, whose shard holds that number and ends there."""
    state = {"step": step, "part": {"weight": torch.full((3,), float(step)), "nothing": None}}
    checkpoints.save(step, state, Shard({"rows": np.array([step])}, step), horizon)


def names(pattern: str) -> list[str]:
    """List what is there."""
    return sorted(path.name for path in FOLDER.glob(pattern))


def save_policy(checkpoints: Checkpoints, step: int) -> None:
    """Write the policy of number `step`, a file with that number."""
    checkpoints.save_policy(step, lambda path: write_bytes(path.with_suffix(".json"), bytes([step])), ["env"])


def test_the_last_two_policies_are_kept() -> None:
    """Of a run that cannot be resumed, without what an interrupted write has left; none after its end."""
    checkpoints = Checkpoints(FOLDER)
    assert (checkpoints.latest_policy(), checkpoints.policy_steps()) == (None, None)
    Path(FOLDER, ".policy-000000000003").mkdir(parents=True)
    for step in (1, 2, 3):
        save_policy(checkpoints, step)
    assert names("*") == ["policy-000000000002", "policy-000000000003"]
    read = Checkpoints(FOLDER)
    manifest = read.latest_policy()
    assert manifest is not None and (manifest.steps, manifest.stateless) == (3, ["env"])
    assert (read.steps(), read.policy_steps()) == (None, 3)
    assert read.policy(3).with_suffix(".json").read_bytes() == b"\3"
    read.policy(2).with_suffix(".json").write_bytes(b"\3")
    with pytest.raises(UserError, match=r"policy-000000000002/policy\.json is damaged"):
        read.policy(2)
    checkpoints.finish(keep=True)
    assert names("*") == []


def test_a_policy_without_room_leaves_the_one_before() -> None:
    checkpoints = Checkpoints(FOLDER)
    save_policy(checkpoints, 1)
    with no_room(20), pytest.raises(UserError, match="cannot be written"):  # its manifest takes more
        save_policy(checkpoints, 2)
    assert names("*") == ["policy-000000000001"]
    assert checkpoints.policy_steps() == 1


@contextmanager
def no_room(num_bytes: int) -> Iterator[None]:
    """Let no file grow beyond a size within the context."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (num_bytes, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@pytest.mark.parametrize("num_bytes", [20, 100])
def test_what_has_no_room_leaves_none_behind(num_bytes: int) -> None:
    """Neither the shard (some 80 bytes) nor the state that could not be written; the checkpoint before is whole."""
    checkpoints = Checkpoints(FOLDER)
    save(checkpoints, 1)
    with no_room(num_bytes), pytest.raises(UserError, match="cannot be written"):
        save(checkpoints, 2)
    assert names("*") == ["shards", "step-000000000001"]
    assert names("shards/*") == ["000000.safetensors", "000001.safetensors"][: 1 if num_bytes == 20 else 2]
    save(checkpoints, 3)
    loaded = Checkpoints(FOLDER).load()
    assert loaded is not None and loaded[0]["step"] == 3
    with no_room(num_bytes), pytest.raises(UserError, match="cannot be written"):
        write_bytes(Path("text"), bytes(101))
    assert not list(Path().glob("*text*"))


def test_what_was_saved_is_loaded() -> None:
    """The last state, and all shards in the order in which they were written."""
    checkpoints = Checkpoints(FOLDER)
    for step in (1, 2, 3):
        save(checkpoints, step)
    loaded = Checkpoints(FOLDER).load()
    assert loaded is not None
    state, shards = loaded
    assert (state["step"], state["part"]["nothing"]) == (3, None)
    assert state["part"]["weight"].tolist() == [3.0, 3.0, 3.0]
    assert [shard["rows"].tolist() for shard in shards] == [[1], [2], [3]]


def test_the_last_two_are_kept_and_what_they_need() -> None:
    """At the fourth, what ended at 2 or before is overwritten; the third still needs what ended at 2."""
    checkpoints = Checkpoints(FOLDER)
    for step, horizon in ((1, 0), (2, 0), (3, 1), (4, 2)):
        save(checkpoints, step, horizon)
    assert names("step-*") == ["step-000000000003", "step-000000000004"]
    assert names("shards/*") == ["000001.safetensors", "000002.safetensors", "000003.safetensors"]
    loaded = Checkpoints(FOLDER).load()
    assert loaded is not None
    assert [shard["rows"].tolist() for shard in loaded[1]] == [[3], [4]]


def test_the_time_since_the_last_one_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """Made at 0 s, saved at 601 s."""
    clock = SimpleNamespace(now_s=0.0, monotonic=lambda: clock.now_s)
    monkeypatch.setattr("prefgym.runs.checkpoints.time", clock)
    checkpoints = Checkpoints(FOLDER)
    clock.now_s = 599.0
    assert not checkpoints.are_older_than(10.0)
    clock.now_s = 601.0
    assert checkpoints.are_older_than(10.0)
    save(checkpoints, 1)
    clock.now_s = 1200.0
    assert not checkpoints.are_older_than(10.0)
    clock.now_s = 1202.0
    assert checkpoints.are_older_than(10.0)


@pytest.mark.parametrize(("minutes", "is_due"), [(1e-9, True), (60.0, False)])
def test_a_run_that_takes_long_has_one_in_any_case(
    minutes: float, is_due: bool, stopped_at: Callable[..., AbstractContextManager[None]]
) -> None:
    agent = agents.cfg("ppo", num_envs=2, num_steps=50)
    with stopped_at(RunFolder, "write_json"):
        prefgym.train(
            "prefgym/Reacher-v0",
            rater="none",
            agent=agent,
            steps=200,
            threads=1,
            report=False,
            out="run",
            checkpoint=CheckpointCfg(minutes=minutes, keep_final=False),
            eval=EvalCfg(final_episodes=1),
        )
    assert [path.name for path in Path("run/checkpoints").glob("step-*")] == ["step-000000000100"] * is_due


def test_a_save_that_was_cut_off_is_as_if_it_had_not_begun() -> None:
    """Its folder has another name, and its shard is in no manifest; both are written again."""
    save(Checkpoints(FOLDER), 1)
    (FOLDER / ".step-000000000002").mkdir()
    (FOLDER / ".step-000000000002" / "arrays.safetensors").write_bytes(b"half")
    (FOLDER / "shards" / "000001.safetensors").write_bytes(b"half")
    checkpoints = Checkpoints(FOLDER)
    loaded = checkpoints.load()
    assert loaded is not None
    assert loaded[0]["step"] == 1
    save(checkpoints, 2)
    loaded = Checkpoints(FOLDER).load()
    assert loaded is not None
    assert (loaded[0]["step"], len(loaded[1])) == (2, 2)
    assert names(".step-*") == []


def test_before_the_first_there_is_none() -> None:
    assert Checkpoints(FOLDER).load() is None
    with pytest.raises(UserError, match="has no previous checkpoint"):
        Checkpoints(FOLDER).load("previous")


def test_the_previous_one_takes_over() -> None:
    """The damaged one is removed, and what is saved next takes its place."""
    checkpoints = Checkpoints(FOLDER)
    save(checkpoints, 1)
    save(checkpoints, 2)
    (FOLDER / "step-000000000002" / "plain.json").unlink()
    checkpoints = Checkpoints(FOLDER)
    loaded = checkpoints.load("previous")
    assert loaded is not None
    assert loaded[0]["step"] == 1
    save(checkpoints, 2)
    loaded = Checkpoints(FOLDER).load()
    assert loaded is not None
    assert [shard["rows"].tolist() for shard in loaded[1]] == [[1], [2]]


def test_what_has_finished_keeps_its_final_state_or_nothing() -> None:
    """Policies in the same folder stay."""
    checkpoints = Checkpoints(FOLDER)
    for step, horizon in ((1, 0), (2, 0), (3, 1)):
        save(checkpoints, step, horizon)
    (FOLDER / "final").mkdir()
    checkpoints.finish(keep=True)
    assert names("shards/*") == ["000001.safetensors", "000002.safetensors"]
    checkpoints.finish(keep=True, horizon=2)
    assert names("*") == ["final", "shards", "step-000000000003"]
    assert names("shards/*") == ["000002.safetensors"]
    loaded = Checkpoints(FOLDER).load()
    assert loaded is not None and len(loaded[1]) == 1
    checkpoints.finish(keep=False)
    assert names("*") == ["final"]
    assert Checkpoints(FOLDER).steps() is None


@pytest.mark.parametrize("damage", ["flip", "cut"])
def test_no_damage_goes_unseen(damage: str) -> None:
    """Of 200 flipped bits and 200 cuts in all kinds of files, each is told in one sentence that names the file."""
    checkpoints = Checkpoints(FOLDER)
    save(checkpoints, 1)
    save(checkpoints, 2)
    files = [path for path in FOLDER.rglob("*") if path.is_file() and "step-000000000001" not in path.parts]
    assert len(files) == 5  # arrays, plain values, manifest, two shards
    generator = np.random.default_rng(0)
    for _ in range(200):
        file = files[generator.integers(len(files))]
        whole = file.read_bytes()
        at = int(generator.integers(len(whole)))
        flipped = whole[:at] + bytes([whole[at] ^ 1 << int(generator.integers(8))]) + whole[at + 1 :]
        file.write_bytes(flipped if damage == "flip" else whole[:at])
        with pytest.raises(UserError, match=f"{file} is damaged"):
            Checkpoints(FOLDER).load()
        file.write_bytes(whole)
    assert Checkpoints(FOLDER).load() is not None


def test_a_missing_or_exchanged_file_is_named() -> None:
    """Two shards that changed places are both wrong; the first is named."""
    checkpoints = Checkpoints(FOLDER)
    save(checkpoints, 1)
    save(checkpoints, 2)
    one, other = sorted((FOLDER / "shards").iterdir())
    told = one.read_bytes(), other.read_bytes()
    one.write_bytes(told[1])
    other.write_bytes(told[0])
    with pytest.raises(UserError, match=f"{one} is damaged"):
        Checkpoints(FOLDER).load()
    one.unlink()
    with pytest.raises(UserError, match=f"{one} is missing"):
        Checkpoints(FOLDER).load()


def test_parts_may_share_what_they_remember() -> None:
    """Two names of one tensor are written twice."""
    shared = torch.arange(3.0)
    Checkpoints(FOLDER).save(1, {"one": shared, "other": shared.view(3, 1)})
    loaded = Checkpoints(FOLDER).load()
    assert loaded is not None
    assert (loaded[0]["one"].tolist(), loaded[0]["other"].tolist()) == ([0.0, 1.0, 2.0], [[0.0], [1.0], [2.0]])


def test_what_no_file_can_hold_is_told() -> None:
    with pytest.raises(UserError, match="The state of a part cannot be saved"):
        Checkpoints(FOLDER).save(1, {"part": {"thing": object()}})


def test_a_damaged_previous_checkpoint_stops_nothing() -> None:
    """It is dropped in its turn."""
    checkpoints = Checkpoints(FOLDER)
    save(checkpoints, 1)
    (FOLDER / "step-000000000001" / "manifest.json").write_text("[]")
    for step in (2, 3, 4):
        save(checkpoints, step)
    assert names("step-*") == ["step-000000000003", "step-000000000004"]
