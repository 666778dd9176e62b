"""The wrappers: what they hide, what they record, and what they give."""

from collections.abc import Mapping
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from gymnasium.wrappers import TimeLimit

import prefgym
from prefgym.buffers.base_recorder import BaseRecorder
from prefgym.buffers.recorder import Recorder, RecorderCfg
from prefgym.core.fit_report import FitReport
from prefgym.core.preferences import Preferences
from prefgym.core.segments import Segments

LIMIT = 12
STEPS = 40
MODES = [AutoresetMode.SAME_STEP, AutoresetMode.NEXT_STEP, AutoresetMode.DISABLED]


def hopper() -> gym.Env[Any, Any]:
    """Make Hopper, which often terminates, without a time limit of its own."""
    return gym.make("prefgym/Hopper-v0", reward="task", max_episode_steps=-1)


def actions(index: int) -> np.ndarray:
    """Draw the actions of one environment, step by step."""
    return np.random.default_rng(index).uniform(-1, 1, (4 * STEPS, 3)).astype(np.float32)


def there(array: torch.Tensor | None) -> torch.Tensor:
    """Return an array that segments need not have."""
    assert array is not None
    return array


def recorded(recorder: BaseRecorder, index: int) -> list[tuple[Any, ...]]:
    """List the finished episodes of one environment: observations, actions, rewards, and how they ended."""
    starts = recorder.starts(1)
    starts = starts[starts // recorder.num_rows == index]
    steps = recorder.segments(starts, 1)
    episode = there(steps.origin)[:, 0]
    episodes: list[tuple[Any, ...]] = []
    for number in episode.unique():
        own = steps[episode == number]
        own = own[there(own.origin)[:, 1].argsort()]
        ended = bool(own.terminated[-1]), bool(own.truncated[-1])
        arrays = [
            own.obs[:, 0],
            own.obs[-1:, 1],
            own.action[:, 0],
            there(own.reward)[:, 0],
            there(own.state)[:, 0],
            there(own.state)[-1:, 1],
        ]
        factors = [own.factors[name][:, 0] for name in sorted(own.factors)]
        if any(ended):
            episodes.append((*(x.numpy().tobytes() for x in [*arrays, *factors]), len(own), ended))
    return episodes


def play_single(env: gym.Env[Any, Any], index: int) -> Recorder:
    """Act in a single environment until STEPS steps are taken."""
    env.reset(seed=index)
    for taken, action in enumerate(actions(index), start=1):
        *_, terminated, truncated, _ = env.step(action)
        if taken == STEPS:
            break
        if terminated or truncated:
            env.reset()
    return env.get_wrapper_attr("recorder")


def play_vector(mode: AutoresetMode, num_envs: int) -> BaseRecorder:
    """Act in a vector of environments until each has taken STEPS steps; autoreset steps use up no action."""
    venv = gym.make_vec("prefgym/Hopper-v0", num_envs, autoreset_mode=mode, seeding="parity", max_episode_steps=LIMIT)
    assert isinstance(venv, prefgym.PreferenceVectorEnv)
    venv.reset(seed=0)
    told = [actions(index) for index in range(num_envs)]
    taken = np.zeros(num_envs, int)
    done = np.zeros(num_envs, bool)
    while (taken < STEPS).any():
        if mode == AutoresetMode.DISABLED and done.any():
            venv.reset(options={"reset_mask": done.copy()})
        _, _, terminated, truncated, _ = venv.step(np.stack([a[t] for a, t in zip(told, taken)]))
        taken += ~done if mode == AutoresetMode.NEXT_STEP else 1
        done = terminated | truncated
    return venv.recorder


def test_a_time_limit_may_sit_inside_or_outside() -> None:
    """Both give the same recording; outside, the limit shows only as a reset."""
    inside = prefgym.PreferenceEnv(TimeLimit(hopper(), LIMIT))
    outside = TimeLimit(prefgym.PreferenceEnv(hopper()), LIMIT)
    one, other = (recorded(play_single(env, 3), 0) for env in (inside, outside))
    assert len(one) >= 3
    assert one[: len(other)] == other[: len(one)]
    assert {ended for *_, ended in one} >= {(False, True)}


@pytest.mark.parametrize("mode", MODES)
def test_single_and_vector_paths_give_equal_recordings(mode: AutoresetMode) -> None:
    """Each environment of a vector records what a single environment records under the same actions, bit for bit."""
    recorder = play_vector(mode, 3)
    for index in range(3):
        alone = recorded(play_single(prefgym.PreferenceEnv(TimeLimit(hopper(), LIMIT)), index), 0)
        together = recorded(recorder, index)
        shared = min(len(alone), len(together))
        assert shared >= 3
        assert together[:shared] == alone[:shared]


def test_the_task_reward_and_what_tells_it_are_hidden() -> None:
    """Rewards are 0, and info has no reward term, velocity or position, not even in `final_info`."""
    venv = gym.make_vec("prefgym/Hopper-v0", 4, autoreset_mode=AutoresetMode.SAME_STEP)
    venv.reset(seed=0)
    seen: set[str] = set()
    for _ in range(50):
        _, reward, _, _, info = venv.step(venv.action_space.sample())
        assert not reward.any()
        seen |= set(info)
    assert seen == {"final_obs", "_final_obs"}
    env = gym.make("prefgym/Hopper-v0")
    env.reset(seed=0)
    _, rewards, *_, info = env.step(env.action_space.sample())
    assert rewards == 0.0 and info == {}


class Learner:
    """Give every step its first action plus the first coordinate it led to."""

    is_fitted = True

    def weights(self) -> dict[str, torch.Tensor]:
        """Return nothing, since nothing is learned."""
        return {}

    def load_weights(self, weights: Mapping[str, torch.Tensor]) -> None:
        """Take nothing over."""

    def fit(self, preferences: Preferences) -> FitReport:
        """Learn nothing."""
        return FitReport()

    def reward(self, segments: Segments) -> torch.Tensor:
        """Give two members alike. Shape: (2, ..., T)."""
        assert segments.reward is None and not segments.factors and segments.state is None
        return (segments.action[..., 0] + segments.obs[..., 1:, 0]).expand(2, *segments.action.shape[:-1])


@pytest.mark.parametrize("mode", MODES[:2])
def test_an_installed_reward_is_rewarded_for_what_the_step_led_to(mode: AutoresetMode) -> None:
    """At the end of an episode that is the last observation, not the first of the next; autoreset steps give 0."""
    venv = gym.make_vec("prefgym/Hopper-v0", 2, autoreset_mode=mode, seeding="parity")
    assert isinstance(venv, prefgym.PreferenceVectorEnv)
    venv.install_reward(Learner())
    single = gym.make("prefgym/Hopper-v0")
    single.get_wrapper_attr("install_reward")(Learner())
    venv.reset(seed=5)
    single.reset(seed=5)
    plan, done, skip = actions(5), False, 0
    for step in range(60):
        action = plan[step - skip]
        _, rewards, terminated, truncated, _ = venv.step(np.stack([action, plan[-1 - step]]))
        if done and mode == AutoresetMode.NEXT_STEP:
            assert rewards[0] == 0.0
            skip += 1
            done = False
            continue
        _, alone, ended, cut, _ = single.step(action)
        assert rewards[0] == pytest.approx(alone)
        done = bool(terminated[0] | truncated[0])
        assert done == (ended or cut)
        if done:
            single.reset()


@pytest.mark.filterwarnings("ignore:.*(is different from the unwrapped version|This is probably too)")
def test_gymnasium_accepts_the_wrapped_environment() -> None:
    """Gymnasium's own check passes with the reward hidden."""
    check_env(prefgym.PreferenceEnv(hopper()), skip_render_check=True)


def test_any_box_environment_becomes_preference_based() -> None:
    """A vector of Gymnasium's own, without physics, records and asks."""
    venv = prefgym.PreferenceVectorEnv(SyncVectorEnv([lambda: gym.make("Pendulum-v1")] * 2))
    venv.reset(seed=0)
    for _ in range(30):
        _, reward, *_, info = venv.step(venv.action_space.sample())
        assert not reward.any() and info == {}
    queries = venv.sample_queries(5, length=10)
    assert queries.options.batch_shape == (5, 2)
    assert queries.options.state is None
    assert queries.options.reward is not None and (queries.options.reward < 0).any()
    assert venv.sample_queries(2, length=10).query_id.tolist() == [5, 6]


def test_other_spaces_are_refused_in_one_sentence() -> None:
    """Discrete actions cannot be used."""
    with pytest.raises(ValueError, match="needs a one-dimensional Box action space"):
        prefgym.PreferenceEnv(gym.make("CartPole-v1"))


class Shade(gym.Env[np.ndarray, np.ndarray]):
    """An environment that looks as it is: all pixels are as bright as the observation, 20 episode + step.

    Episode e, from 1 on, terminates after 2 + e % 3 steps.
    """

    metadata = {"render_modes": ["rgb_array"]}  # noqa: RUF012  (as Gymnasium has it)
    observation_space = gym.spaces.Box(0, 255, (1,), np.float32)
    action_space = gym.spaces.Box(-1, 1, (1,), np.float32)

    def __init__(self, render_mode: str | None = "rgb_array") -> None:
        self.render_mode = render_mode
        self.episode = self.steps = 0

    @property
    def obs(self) -> np.ndarray:
        """Return the observation. Shape: (1,)."""
        return np.array([20 * self.episode + self.steps], np.float32)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[np.ndarray, Any]:
        """Start the next episode."""
        self.episode, self.steps = self.episode + 1, 0
        return self.obs, {}

    def step(self, action: np.ndarray) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """Take a step."""
        self.steps += 1
        return self.obs, 0.0, self.steps == 2 + self.episode % 3, False, {}

    def render(self) -> Any:  # noqa: ANN401
        """Draw 6 by 8 pixels."""
        return np.full((6, 8, 3), self.obs, np.uint8)


SHOWN = RecorderCfg(frame_height=4)


def check_pictures(recorder: BaseRecorder, num_envs: int) -> None:
    """Compare each picture with the observation of its step, in two episodes of each environment at least."""
    steps = recorder.segments(recorder.starts(3), 3)
    frames = there(steps.frames)
    assert frames.shape[1:] == (3, 4, 4, 3)  # 8 * 4 / 6 = 5.3 columns, made even
    brightness = frames.float().mean((-3, -2, -1))
    assert torch.equal(brightness, steps.obs[:, :-1, 0] * steps.mask)
    assert len(there(steps.origin)[:, 0].unique()) >= 2 * num_envs
    assert (steps.length < 3).any()  # the picture after the last step is not shown


def test_a_picture_is_that_of_its_observation_in_one_env() -> None:
    env = prefgym.PreferenceEnv(Shade(), recorder=SHOWN)
    env.reset()
    for _ in range(20):
        if env.step(np.zeros(1, np.float32))[2]:
            env.reset()
    check_pictures(env.recorder, 1)


@pytest.mark.parametrize("capacity", [1_000_000, 24])
@pytest.mark.parametrize("mode", MODES)
def test_a_picture_is_that_of_its_observation_in_many_envs(mode: AutoresetMode, capacity: int) -> None:
    """Environments are reset at different times, and the ring of 12 rows an environment wraps around."""
    inner = SyncVectorEnv([Shade, Shade], autoreset_mode=mode)
    inner.envs[1].unwrapped.episode = 1  # pyright: ignore[reportAttributeAccessIssue]
    venv = prefgym.PreferenceVectorEnv(inner, recorder=RecorderCfg(frame_height=4, capacity_steps=capacity))
    venv.reset()
    for _ in range(30):
        _, _, terminated, *_ = venv.step(np.zeros((2, 1), np.float32))
        if mode == AutoresetMode.DISABLED and terminated.any():
            venv.reset(options={"reset_mask": terminated})
    check_pictures(venv.recorder, 2)


def test_pictures_need_an_environment_that_draws() -> None:
    with pytest.raises(ValueError, match="made with render_mode='rgb_array', not render_mode=None"):
        prefgym.PreferenceEnv(Shade(None), recorder=SHOWN)
    with pytest.raises(ValueError, match="made with render_mode='rgb_array', not render_mode=None"):
        prefgym.PreferenceVectorEnv(SyncVectorEnv([lambda: Shade(None)]), recorder=SHOWN)


def test_envs_that_tell_their_states_are_drawn_if_pictures_are_asked_for() -> None:
    """States are recorded in any case; without the wish, nothing is rendered while it acts."""
    for cfg, render_mode in ((None, None), (None, "rgb_array"), (SHOWN, "rgb_array")):
        made = gym.make("prefgym/Hopper-v0", reward="task", render_mode=render_mode, width=16, height=16)
        env = prefgym.PreferenceEnv(made, recorder=cfg)
        env.reset(seed=0)
        env.step(np.zeros(3))
        options = env.recorder.segments(env.recorder.starts(1), 1)
        assert options.state is not None
        assert (None if options.frames is None else options.frames.shape) == ((1, 1, 4, 4, 3) if cfg else None)
    with pytest.raises(ValueError, match="made with render_mode='rgb_array', not render_mode=None"):
        prefgym.PreferenceEnv(hopper(), recorder=SHOWN)


def test_queries_of_any_environment_have_pictures() -> None:
    """Pendulum draws 500 by 500 pixels."""
    env = prefgym.PreferenceEnv(gym.make("Pendulum-v1", render_mode="rgb_array"), recorder=RecorderCfg(frame_height=96))
    env.reset(seed=0)
    for _ in range(20):
        env.step(env.action_space.sample())
    frames = there(env.sample_queries(3, length=10).options.frames)
    assert (frames.shape, frames.dtype) == ((3, 2, 10, 96, 96, 3), torch.uint8)
    assert frames.float().std() > 0
