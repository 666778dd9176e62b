"""Preference tables on disk, and demonstrations in a recorder."""

from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch

from prefgym import samplers
from prefgym.core.preferences import Preferences
from prefgym.core.segments import Segments
from prefgym.data.feedback import Card, read_feedback, write_feedback
from prefgym.data.minari import STATE, record_demos
from prefgym.data.tables import load_preferences, save_preferences
from prefgym.nn.weights import load_weights, save_weights
from prefgym.testing import example_preferences
from prefgym.wrappers.preference import PreferenceEnv


def test_everything_comes_back(tmp_path: Path) -> None:
    """Two raters' preferences, to the last bit and in the same types."""
    told = Preferences.cat([example_preferences("one", 0), example_preferences("two", 4)])
    save_preferences(tmp_path / "table", told)
    back = load_preferences(tmp_path / "table")
    assert back.raters == told.raters
    assert back.rater.tolist() == [0] * 4 + [1] * 4
    for ours, theirs in ((told.answers, back.answers), (told.queries.options, back.queries.options)):
        for f in fields(ours):
            one, other = getattr(ours, f.name), getattr(theirs, f.name)
            if isinstance(one, torch.Tensor):
                assert one.dtype == other.dtype and torch.equal(one, other), f.name
    assert torch.equal(back.queries.options.factors["speed"], told.queries.options.factors["speed"])
    assert back.queries.asked_at.tolist() == [77] * 8
    assert back.query_id.tolist() == list(range(8))


def test_what_learners_see_can_be_kept_alone(tmp_path: Path) -> None:
    """Without the truth there is no reward, factor or state in the file."""
    save_preferences(tmp_path / "table", example_preferences("one", 0).without_truth())
    options = load_preferences(tmp_path / "table").queries.options
    assert isinstance(options, Segments)
    assert options.reward is None and options.state is None and not options.factors


@dataclass
class Demo:
    """An episode as Minari hands it out."""

    observations: Any
    actions: Any
    rewards: Any
    terminations: Any
    infos: Any


class Demos:
    """A dataset of two episodes of one number: three steps to a termination, and two that were cut off."""

    observation_space: gym.Space[Any] = gym.spaces.Box(-9, 9, (1,))
    action_space: gym.Space[Any] = gym.spaces.Box(-9, 9, (1,))

    def iterate_episodes(self) -> list[Demo]:
        return [
            Demo(
                observations=np.array([[0.0], [1.0], [2.0], [3.0]]),
                actions=np.array([[4.0], [5.0], [6.0]]),
                rewards=np.array([1.0, 2.0, 3.0]),
                terminations=np.array([False, False, True]),
                infos={"speed": np.array([0.0, 7.0, 8.0, 9.0]), "place": np.zeros((4, 2))},
            ),
            Demo(
                observations=np.array([[10.0], [11.0], [12.0]]),
                actions=np.array([[14.0], [15.0]]),
                rewards=np.array([10.0, 20.0]),
                terminations=np.array([False, False]),
                infos={"speed": np.array([0.0, 17.0, 18.0]), "place": np.zeros((3, 2))},
            ),
        ]


def test_windows_of_demonstrations_lie_inside_an_episode() -> None:
    """Of two steps: from steps 0 and 1 of the first, from step 2 cut by its end, and the second from its step 0.

    From its step 1 nothing says what would have come.
    """
    recorder = record_demos(Demos())
    assert (recorder.num_rows, recorder.num_steps, recorder.factor_names) == (4 + 3, 5, ("speed",))
    windows = recorder.segments(recorder.starts(2), 2)
    assert windows.length.tolist() == [2, 2, 1, 2]
    assert windows.terminated.tolist() == [False, True, True, False]
    assert windows.truncated.tolist() == [False, False, False, True]
    assert windows.obs[..., 0].tolist() == [[0, 1, 2], [1, 2, 3], [2, 3, 0], [10, 11, 12]]
    assert windows.action[..., 0].tolist() == [[4, 5], [5, 6], [6, 0], [14, 15]]
    assert windows.reward is not None and windows.origin is not None
    assert windows.reward.tolist() == [[1, 2], [2, 3], [3, 0], [10, 20]]
    assert windows.factors["speed"].tolist() == [[7, 8], [8, 9], [9, 0], [17, 18]]
    assert windows.origin.tolist() == [[0, 0], [0, 1], [0, 2], [1, 0]]
    options = samplers.make("uniform", segment_length=2)(recorder, None, 3, torch.Generator().manual_seed(0))
    assert options.batch_shape == (3, 2)


def with_states(*states: Any) -> Demos:  # noqa: ANN401
    """Add states to both episodes; None adds none."""
    demos, episodes = Demos(), Demos().iterate_episodes()
    for episode, state in zip(episodes, states, strict=True):
        episode.infos |= {} if state is None else {STATE: state}
    demos.iterate_episodes = lambda: episodes
    return demos


FOUR, THREE = np.arange(8.0).reshape(4, 2), np.arange(100.0, 106.0).reshape(3, 2)


def test_segments_of_demonstrations_have_their_states() -> None:
    """Of two numbers, before and after each step; see the observations above for the same windows."""
    recorder = record_demos(with_states(FOUR, THREE))
    assert recorder.state_size == 2
    state = recorder.segments(recorder.starts(2), 2).state
    assert state is not None and state.dtype == torch.float64
    assert state[..., 0].tolist() == [[0, 2, 4], [2, 4, 6], [4, 6, 0], [100, 102, 104]]
    assert state[..., 1].tolist() == [[1, 3, 5], [3, 5, 7], [5, 7, 0], [101, 103, 105]]
    assert recorder.segments(recorder.starts(2), 2, truth=False).state is None
    assert recorder.without_states().segments(recorder.starts(2), 2).state is None
    assert not record_demos(with_states(FOUR, THREE), with_state=False).has_states


def test_demonstrations_without_states_or_with_some_have_none() -> None:
    for demos in (Demos(), with_states(FOUR, None)):
        recorder = record_demos(demos)
        assert recorder.segments(recorder.starts(2), 2).state is None
        assert recorder.state_size == 0


@pytest.mark.parametrize(
    ("state", "sentence"),
    [
        (THREE[:2], r"states of episode 1 have shape \(2, 2\) and type float64, expected \(3, 2\)"),
        (THREE[:, :1], r"states of episode 1 have shape \(3, 1\)"),
        (THREE.astype(str), "states of episode 1 have shape"),
        (np.full((3, 2), np.nan), "the physics state at step 0 of episode 1 is not finite"),
    ],
)
def test_states_that_fit_no_episode_are_refused(state: Any, sentence: str) -> None:  # noqa: ANN401
    with pytest.raises(ValueError, match=sentence):
        record_demos(with_states(FOUR, state))
    with pytest.raises(ValueError, match=r"states of episode 0 have shape \(4,\)"):
        record_demos(with_states(np.zeros(4), np.zeros(3)))


def test_an_average_step_is_one_of_all_episodes() -> None:
    """Twelve episodes, six of 1 + 2 + 3 and six of 10 + 20, in three and two steps: (6 + 30) / 5."""
    demos = Demos()
    episodes = Demos().iterate_episodes() * 6
    demos.iterate_episodes = lambda: episodes
    assert record_demos(demos).step_return() == pytest.approx(36 / 5)


def test_demonstrations_that_are_no_vectors_are_refused() -> None:
    """Pictures; dicts of vectors are put together in the order of the space."""
    demos = Demos()
    demos.observation_space = gym.spaces.Box(0, 255, (8, 8, 3), np.uint8)
    with pytest.raises(ValueError, match="segments are made of vectors"):
        record_demos(demos)
    demos.observation_space = gym.spaces.Dict(b=Demos.observation_space, a=gym.spaces.Box(-9, 9, (2,)))
    episodes = Demos().iterate_episodes()
    for episode in episodes:
        episode.observations = {"b": episode.observations, "a": np.ones((len(episode.observations), 2))}
    demos.iterate_episodes = lambda: episodes
    assert record_demos(demos).segments(torch.tensor([0]), 1).obs[0].tolist() == [[0, 1, 1], [1, 1, 1]]
    demos.iterate_episodes = list
    with pytest.raises(ValueError, match="no episodes"):
        record_demos(demos)


class Unsorted(gym.Env[Any, Any]):
    """An environment whose names are not in the order of the alphabet."""

    observation_space = gym.spaces.Dict([("z", gym.spaces.Box(0, 9, (2,))), ("a", gym.spaces.Box(0, 9, ()))])
    action_space = gym.spaces.Dict([("y", gym.spaces.Box(0, 9, (1, 2))), ("b", gym.spaces.Box(0, 9, (1,)))])

    def reset(self, **_: Any) -> tuple[Any, dict[str, Any]]:  # noqa: ANN401
        return {"a": np.float32(3.0), "z": np.array([1.0, 2.0], np.float32)}, {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:  # noqa: ANN401
        return self.reset()[0], 0.0, False, True, {}


@pytest.mark.filterwarnings("ignore")  # of Minari, about an environment without a specification
def test_a_dataset_is_flattened_in_the_order_of_its_environment(tmp_path: Path) -> None:
    """Minari sorts the names when it reads a dataset; the environment's order is z, a, and of actions y, b."""
    minari: Any = pytest.importorskip("minari")
    storage: Any = pytest.importorskip("minari.dataset.minari_storage").MinariStorage
    buffer: Any = pytest.importorskip("minari.data_collector.episode_buffer").EpisodeBuffer
    played, env = Unsorted(), PreferenceEnv(Unsorted())
    written = storage.new(tmp_path / "data", played.observation_space, played.action_space)
    written.update_metadata({"dataset_id": "un/sorted-v0", "minari_version": minari.__version__})
    ends: Any = {"rewards": [0.0], "terminations": [False], "truncations": [True]}
    actions = {"b": np.array([[6.0]], np.float32), "y": np.array([[[4.0, 5.0]]], np.float32)}
    seen = {"z": np.array([[1.0, 2.0]] * 2, np.float32), "a": np.array([3.0] * 2, np.float32)}
    written.update_episodes([buffer(observations=seen, actions=actions, **ends)])
    env.reset()
    env.step(np.array([4.0, 5.0, 6.0], np.float32))
    for recorder in (record_demos(minari.MinariDataset(tmp_path / "data")), env.recorder):
        step = recorder.segments(recorder.starts(1), 1)
        assert (step.obs[0].tolist(), step.action[0].tolist()) == ([[1, 2, 3], [1, 2, 3]], [[4, 5, 6]])


class Long(Demos):
    """A long episode among short ones."""

    def iterate_episodes(self) -> list[Demo]:
        def episode(number: int, length: int) -> Demo:
            steps = np.arange(length + 1.0)[:, None] + number
            ended = np.zeros(length, np.bool_)
            return Demo(steps, steps[:-1], np.ones(length), ended, {})

        return [episode(0, 20_000), *(episode(k, 10) for k in range(1, 1501))]


def test_a_long_episode_among_short_ones_takes_no_more_room_than_it_has_steps() -> None:
    """Side by side with padding it would be 1501 times 20,001 rows: 30 million instead of 36,501."""
    recorder = record_demos(Long())
    assert recorder.num_rows == 20_001 + 1500 * 11
    assert len(recorder.starts(1)) == 20_000 + 1500 * 10
    groups = list(recorder.episode_groups(room=100_000))
    assert [len(group) for group in groups] == [5, 1496]  # 5 times 20,000 steps, and 1496 times 10
    assert [int(length) for group in groups for length in group.length] == [20_000, *[10] * 1500]
    assert groups[1].obs[-1, :, 0].tolist() == [1500.0 + step for step in range(11)]


def test_tensors_that_share_memory_are_written(tmp_path: Path) -> None:
    """One tensor as two fields, and views of one; safetensors refuses both."""
    told = example_preferences()
    options = told.queries.options
    both = torch.zeros_like(options.terminated)
    assert options.reward is not None
    shared = replace(options, terminated=both, truncated=both, factors={"speed": options.reward})
    wide = torch.cat([shared.obs, shared.obs], -1)
    preferences = replace(told, queries=replace(told.queries, options=replace(shared, obs=wide[..., :3], state=wide)))
    save_preferences(tmp_path / "table", preferences)
    back = load_preferences(tmp_path / "table").queries.options
    assert torch.equal(back.truncated, both) and torch.equal(back.factors["speed"], options.reward)
    write_feedback(tmp_path / "feedback", preferences, Card(env="Hopper-v5"))
    assert torch.equal(read_feedback(tmp_path / "feedback").queries.options.obs, options.obs)
    save_weights(tmp_path / "weights", {"one": wide, "tied": wide}, {})
    assert torch.equal(load_weights(tmp_path / "weights")[0]["tied"], wide)
