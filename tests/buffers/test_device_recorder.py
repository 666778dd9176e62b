"""The recorder of environments on a device says what the one of arrays says."""

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from prefgym.buffers.device_recorder import DeviceRecorder
from prefgym.buffers.recorder import Recorder, RecorderCfg
from prefgym.common.states import flatten, unflatten
from prefgym.core.segments import Segments

NUM_ENVS = 3
MADE: dict[str, Any] = {"factor_names": ("speed", "effort"), "state_dim": 4}


def recorders(capacity: int) -> tuple[Recorder, DeviceRecorder]:
    """Make one of each kind."""
    cfg = RecorderCfg(capacity_steps=capacity)
    return (
        Recorder(NUM_ENVS, 2, 1, cfg=cfg, **MADE),
        DeviceRecorder(NUM_ENVS, 2, 1, device=torch.device("cpu"), cfg=cfg, **MADE),
    )


def play(both: tuple[Recorder, DeviceRecorder], ends: list[list[int]], seed: int) -> None:
    """Record the same random steps with both, with resets where an episode ends.

    Args:
        both: The recorders.
        ends: Of each step and environment: 0 where the episode goes on, 1 where it terminates, 2 where time is up.
        seed: Of all numbers.
    """
    draws = np.random.default_rng(seed)

    def numbers(*shape: int) -> np.ndarray:
        return draws.integers(0, 1000, (NUM_ENVS, *shape)).astype(np.float32)

    def tell(verb: str, *arrays: Any, **named: Any) -> None:  # noqa: ANN401
        arrays_only, device = both
        getattr(arrays_only, verb)(*arrays, **named)
        tensors = {k: {n: torch.as_tensor(x) for n, x in v.items()} if k == "factors" else torch.as_tensor(v)
                   for k, v in named.items()}  # fmt: skip
        getattr(device, verb)(*(torch.as_tensor(x) for x in arrays), **tensors)

    tell("begin", numbers(2), state=numbers(4))
    for kinds in ends:
        terminated, truncated = np.array(kinds) == 1, np.array(kinds) == 2
        factors = {"speed": numbers(), "effort": numbers()}
        told = (numbers(1), numbers(), numbers(2), terminated, truncated)
        tell("add", *told, factors=factors, state=numbers(4))
        if (ended := terminated | truncated).any():
            tell("begin", numbers(2), ended, state=numbers(4))


def assert_equal(one: Segments, other: Segments) -> None:
    """Compare all that segments hold; float32 numbers are exact here."""
    for name in ("obs", "action", "length", "terminated", "truncated", "reward", "state", "origin"):
        a, b = getattr(one, name), getattr(other, name)
        assert isinstance(a, Tensor)
        assert torch.equal(a, b), name
    assert one.factors.keys() == other.factors.keys()
    assert all(torch.equal(one.factors[name], other.factors[name]) for name in one.factors)


STEPS = st.lists(st.lists(st.sampled_from([0, 0, 0, 1, 2]), min_size=NUM_ENVS, max_size=NUM_ENVS), max_size=40)


@given(STEPS, st.integers(2, 20), st.integers(1, 6), st.booleans(), st.none() | st.integers(1, 40))
def test_both_offer_the_same_segments(
    ends: list[list[int]], rows: int, length: int, keep_short: bool, last_steps: int | None
) -> None:
    """Whatever happened, wrapped or not: the same starts, the same segments, the same fragments, the same episodes."""
    both = recorders(rows * NUM_ENVS)
    play(both, ends, seed=0)
    arrays, device = both
    starts = arrays.starts(length, keep_short=keep_short, last_steps=last_steps)
    assert torch.equal(starts, device.starts(length, keep_short=keep_short, last_steps=last_steps))
    assert_equal(arrays.segments(starts, length), device.segments(starts, length))
    assert (arrays.num_steps, arrays.horizon) == (device.num_steps, device.horizon)
    for num_steps in (1, 3):
        told: list[Any] = []
        for recorder in both:
            try:
                told.append(recorder.fragments(num_steps))
            except ValueError as error:
                told.append(str(error))
        assert told[0] == told[1] if isinstance(told[0], str) else torch.equal(told[0], told[1])
    if arrays.starts(1).numel() and (arrays.segments(arrays.starts(1), 1).origin[:, 1] == 0).any():  # pyright: ignore[reportOptionalSubscript]
        assert_equal(arrays.episodes(), device.episodes())


@given(STEPS, STEPS, st.integers(2, 12))
def test_shards_bring_everything_back(before: list[list[int]], after: list[list[int]], rows: int) -> None:
    """Two shards, written to files and read, and the counters make an equal recorder, which goes on alike."""
    both = recorders(rows * NUM_ENVS)
    play(both, before, seed=0)
    both[0].shard()
    shards = [both[1].shard()[0]]
    play(both, after, seed=1)
    last, reach = both[1].shard()
    assert reach == both[0].shard()[1]
    fresh = recorders(rows * NUM_ENVS)[1]
    kept = [unflatten(*flatten(state)) for state in (*shards, last, both[1].state_dict())]
    fresh.load_shards(kept[:-1])
    fresh.load_state_dict(kept[-1])
    starts = both[1].starts(2)
    assert torch.equal(starts, fresh.starts(2))
    assert_equal(both[1].segments(starts, 2), fresh.segments(starts, 2))
    assert fresh.step_return() == both[1].step_return()


def test_the_return_per_step_is_that_of_last_episodes() -> None:
    """Environments earn 2, 4 and 6 a step; the first two finished episodes of two steps, the third goes on."""
    device = recorders(60)[1]
    none = torch.zeros(3, dtype=torch.bool)
    device.begin(torch.zeros(3, 2))
    reward = torch.tensor([2.0, 4.0, 6.0])
    step = (torch.zeros(3, 1), reward, torch.zeros(3, 2))
    device.add(*step, none, none)
    assert device.step_return() == 4.0  # nobody has finished: all steps count
    device.add(*step, torch.tensor([True, False, False]), torch.tensor([False, True, False]))
    assert device.step_return() == 3.0  # (2 + 2 + 4 + 4) / 4


def test_room_is_counted_in_bytes() -> None:
    """A row of 2 + 1 + 2 + 4 + 1 floats and 13 bytes takes 53; 3 environments of 4 rows need 636 bytes."""
    sizes: dict[str, Any] = {"device": torch.device("cpu"), **MADE}
    assert DeviceRecorder(3, 2, 1, cfg=RecorderCfg(capacity_bytes=636), **sizes).num_rows == 4
    with pytest.raises(ValueError, match="1 rows of 53 bytes for each of 3 environments"):
        DeviceRecorder(3, 2, 1, cfg=RecorderCfg(capacity_bytes=317), **sizes)
