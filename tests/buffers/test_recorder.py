"""The recorder, and the defects of other implementations that it must not have."""

from collections.abc import Callable
from itertools import count
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from prefgym.buffers.recorder import Recorder, RecorderCfg
from prefgym.common.states import State, flatten, unflatten

End = tuple[int, str]


def pictures(numbers: np.ndarray) -> np.ndarray:
    """Show numbers (N, 1) as shades: red is thousands, green hundreds, blue the rest. Shape: (N, 2, 4, 3)."""
    shades = np.concatenate([numbers // 1000, numbers % 1000 // 100, numbers % 100], axis=1).astype(np.uint8)
    return np.broadcast_to(shades[:, None, None], (len(numbers), 2, 4, 3)).copy()


def play(
    episodes: list[list[End]], capacity: int = 10_000, after_step: Callable[[Recorder], None] = lambda recorder: None
) -> Recorder:
    """Record episodes in environments side by side; observation and action are 1000 environment + 100 episode + step.

    Pictures (2, 4, 3) tell the same number; where an episode ends, another one is handed over, as after a reset.
    """
    num_envs = len(episodes)
    recorder = Recorder(num_envs, 1, 1, factor_names=("speed",), state_dim=2, cfg=RecorderCfg(capacity_steps=capacity))
    position = [(0, 0)] * num_envs  # episode and step of each environment

    def number(index: int) -> float:
        episode, step = position[index]
        return 1000 * index + 100 * episode + step

    def column() -> np.ndarray:
        return np.array([[number(index)] for index in range(num_envs)])

    recorder.begin(column(), state=np.repeat(column(), 2, 1), frames=pictures(column()))
    while any(position[index][0] < len(episodes[index]) for index in range(num_envs)):
        playing = np.array([position[index][0] < len(episodes[index]) for index in range(num_envs)])
        action = column()
        position = [(e, s + 1) if playing[w] else (e, s) for w, (e, s) in enumerate(position)]
        ends = [episodes[w][e][1] if playing[w] and s == episodes[w][e][0] else "" for w, (e, s) in enumerate(position)]
        terminated, truncated = (np.array([end == kind for end in ends]) for kind in ("terminated", "truncated"))
        state = np.repeat(column(), 2, 1)
        speed = {"speed": action[:, 0] / 2}
        over = np.array([bool(end) for end in ends])
        frames = pictures(column())
        frames[over] = 99
        recorder.add(
            *(action, action[:, 0], column(), terminated, truncated),
            mask=playing,
            factors=speed,
            state=state,
            frames=frames,
        )
        position = [(e + 1, 0) if over[w] else (e, s) for w, (e, s) in enumerate(position)]
        more = over & np.array([position[w][0] < len(episodes[w]) for w in range(num_envs)])
        if more.any():
            recorder.begin(column(), more, np.repeat(column(), 2, 1), pictures(column()))
        after_step(recorder)
    return recorder


LIVES = st.lists(
    st.lists(
        st.tuples(st.integers(1, 12), st.sampled_from(["terminated", "truncated", "reset"])), min_size=1, max_size=4
    ),
    min_size=1,
    max_size=3,
)


@settings(max_examples=60, deadline=None)
@given(lives=LIVES, length=st.integers(1, 8), keep_short=st.booleans(), capacity=st.sampled_from([9, 15, 24, 10_000]))
def test_windows_lie_in_one_episode_and_none_is_missing(
    lives: list[list[End]], length: int, keep_short: bool, capacity: int
) -> None:
    """Every start that is listed gives one window of one episode; every start that should be there is listed."""
    recorder = play(lives, capacity * len(lives))
    starts = recorder.starts(length, keep_short=keep_short)
    wanted: set[tuple[int, int, int]] = set()
    for index, episodes in enumerate(lives):
        rows = [(index, e, s, n, end) for e, (n, end) in enumerate(episodes) for s in range(n + 1)]
        for _, e, s, n, end in rows[-recorder.num_rows :]:
            if s < n and (s + length <= n or (keep_short and end == "terminated")):
                wanted.add((index, e, s))
    if not len(starts):
        assert not wanted
        return
    segments = recorder.segments(starts, length)
    found: set[tuple[int, int, int]] = set()
    for i in range(len(starts)):
        num = int(segments.length[i])
        first = int(segments.obs[i, 0, 0])
        index, episode, step = first // 1000, first % 1000 // 100, first % 100
        found.add((index, episode, step))
        n, end = lives[index][episode]
        assert num == min(length, n - step)
        assert segments.obs[i, : num + 1, 0].tolist() == [first + k for k in range(num + 1)]
        assert segments.action[i, :num, 0].tolist() == [first + k for k in range(num)]  # the same window as obs
        assert not segments.obs[i, num + 1 :].any() and not segments.action[i, num:].any()
        assert bool(segments.terminated[i]) == (end == "terminated" and step + num == n)
        assert bool(segments.truncated[i]) == (end == "truncated" and step + num == n) or end == "reset"
        assert segments.reward is not None and segments.state is not None and segments.origin is not None
        assert torch.equal(segments.reward[i], segments.action[i, :, 0])
        assert torch.equal(segments.factors["speed"][i] * 2, segments.action[i, :, 0])
        assert torch.equal(segments.state[i, :, 1].float(), segments.obs[i, :, 0])
        assert segments.frames is not None and segments.frames.shape[1:] == (length, 2, 4, 3)
        assert np.array_equal(segments.frames[i, :num].numpy(), pictures(segments.obs[i, :num].numpy()))
        assert not segments.frames[i, num:].any()
        assert int(segments.origin[i, 1]) == step
    assert found == wanted
    assert len(starts) == len(found)


def test_a_segment_as_long_as_the_episode_can_be_drawn() -> None:
    """An episode of 5 steps holds one window of 5, and two of 4: the last one included."""
    recorder = play([[(5, "truncated")]])
    assert len(recorder.starts(5)) == 1
    assert len(recorder.starts(4)) == 2
    assert len(recorder.starts(6)) == 0


def test_episodes_are_copied_out_whole() -> None:
    """In two environments: 2 and 3 steps in the first, 4 in the second."""
    recorder = play([[(2, "terminated"), (3, "truncated")], [(4, "truncated")]])
    episodes = recorder.episodes(truth=False)
    assert episodes.obs[:, 0, 0].tolist() == [0, 100, 1000]
    assert episodes.length.tolist() == [2, 3, 4]
    assert episodes.terminated.tolist() == [True, False, False]
    assert episodes.truncated.tolist() == [False, True, True]
    assert episodes.reward is None


def test_an_episode_left_by_a_reset_counts_as_truncated() -> None:
    """A time limit outside of the wrapper shows only as a reset."""
    segments = (recorder := play([[(3, "reset"), (2, "terminated")]])).segments(recorder.starts(3, keep_short=False), 3)
    assert segments.truncated.tolist() == [True]
    assert segments.terminated.tolist() == [False]


def test_recent_steps_are_counted_over_all_envs() -> None:
    """The last 4 steps of 2 environments are the last 2 of each."""
    recorder = play([[(9, "reset")], [(9, "reset")]])
    steps = recorder.segments(recorder.starts(1, last_steps=4), 1).action.flatten().tolist()
    assert sorted(steps) == [7, 8, 1007, 1008]


def test_the_average_step_return_is_that_of_the_last_ten_episodes() -> None:
    """Rewards are the step numbers plus 100 per episode: the last of two episodes returns (100 + 101) / 2 a step."""
    recorder = play([[(2, "terminated"), (2, "truncated")]])
    assert recorder.step_return() == (0 + 1 + 100 + 101) / 4


@settings(max_examples=60, deadline=None)
@given(lives=LIVES, capacity=st.sampled_from([9, 15, 10_000]), every=st.integers(1, 9))
def test_shards_hold_all_that_is_recorded(lives: list[list[End]], capacity: int, every: int) -> None:
    """However often they are taken, and though those beyond the horizon are dropped, the same can be drawn."""
    kept: list[tuple[State, int]] = []
    calls = count(1)

    def take(recorder: Recorder) -> None:
        if next(calls) % every == 0:
            kept.append(recorder.shard())
            kept[:] = [shard for shard in kept if shard[1] > recorder.horizon]

    played = play(lives, capacity * len(lives), take)
    kept.append(played.shard())
    state = unflatten(*flatten({"recorder": played.state_dict(), **{str(i): s for i, (s, _) in enumerate(kept)}}))
    other = Recorder(len(lives), 1, 1, factor_names=("speed",), state_dim=2, cfg=played.cfg)
    other.load_state_dict(state["recorder"])
    other.load_shards([state[str(i)] for i in range(len(kept))])
    assert other.step_return() == played.step_return()
    for recorder in (played, other):  # both go on alike
        blank = np.zeros((len(lives), 1))
        recorder.begin(blank, state=np.repeat(blank, 2, 1), frames=pictures(blank))
    assert torch.equal(other.starts(1), played.starts(1))
    if len(starts := played.starts(1)):
        ours, theirs = (recorder.segments(starts, 5) for recorder in (other, played))
        for name in ("obs", "action", "length", "terminated", "truncated", "reward", "state", "frames", "origin"):
            assert torch.equal(getattr(ours, name), getattr(theirs, name)), name
        assert torch.equal(ours.factors["speed"], theirs.factors["speed"])


def test_a_capacity_without_room_is_refused() -> None:
    """One row an environment cannot hold a step."""
    with pytest.raises(ValueError, match="leaves 1 rows"):
        Recorder(8, 1, 1, cfg=RecorderCfg(capacity_steps=8))


def test_pictures_count_as_memory() -> None:
    """A row takes 4 (1 + 1) + 8 + 4 + 4 + 1 = 25 bytes, with a picture 2 * 4 * 3 = 24 more: 490 bytes are 10 rows."""
    recorder = Recorder(2, 1, 1, cfg=RecorderCfg(capacity_bytes=490, frame_height=2))
    assert recorder.num_rows == 490 // 25 // 2
    recorder.begin(np.zeros((2, 1)), frames=np.zeros((2, 2, 4, 3), np.uint8))
    assert recorder.num_rows == 5
    recorder = Recorder(2, 1, 1, cfg=RecorderCfg(capacity_bytes=195, frame_height=2))
    with pytest.raises(ValueError, match="leaves 1 rows of 49 bytes for each of 2 environments"):
        recorder.begin(np.zeros((2, 1)), frames=np.zeros((2, 2, 4, 3), np.uint8))


def test_without_pictures_nothing_is_kept_of_them() -> None:
    recorder = Recorder(1, 1, 1)
    recorder.begin(np.zeros((1, 1)))
    recorder.add(np.zeros((1, 1)), np.zeros(1), np.zeros((1, 1)), np.ones(1, np.bool_), np.zeros(1, np.bool_))
    assert recorder.segments(recorder.starts(1), 1).frames is None
    assert recorder.shard()[0]["frames"].nbytes == 0


def test_pictures_are_truth() -> None:
    """Candidates are copied without them."""
    recorder = play([[(3, "terminated")]])
    assert recorder.segments(recorder.starts(1), 1, truth=False).frames is None


def test_fragments_begin_where_those_of_a_rollout_do() -> None:
    """Two environments, episodes of one step among them, and a ring that wraps."""
    recorder = Recorder(2, 1, 1, cfg=RecorderCfg(capacity_steps=40))
    generator = np.random.default_rng(0)
    recorder.begin(np.zeros((2, 1)))
    number = 0
    for _ in range(12):
        obs, ended = list[Any](), list[Any]()
        for _ in range(5):
            action, done = np.array([[number], [number + 1]], float), generator.random(2) < 0.4
            number += 2
            recorder.add(action, np.zeros(2), np.zeros((2, 1)), done, np.zeros(2, bool))
            recorder.begin(np.zeros((2, 1)), done)
            obs.append(action)
            ended.append(done)
        expected = list[float]()
        for index in range(2):
            begins = True
            for action, done in zip(obs, ended):
                expected += [float(action[index, 0])] if begins else []
                begins = bool(done[index])
        starts = recorder.fragments(5)
        assert recorder.segments(starts, 5).action[:, 0, 0].tolist() == expected
    with pytest.raises(ValueError, match="does not keep 30 steps"):
        recorder.fragments(30)
