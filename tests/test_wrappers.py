"""The wrappers: what they hide, what they record, and what they pay."""

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
from prefgym.buffers.recorder import Recorder
from prefgym.preferences import Preferences
from prefgym.segments import Segments

LIMIT = 12
STEPS = 40
MODES = [AutoresetMode.SAME_STEP, AutoresetMode.NEXT_STEP, AutoresetMode.DISABLED]


def hopper() -> gym.Env[Any, Any]:
    """Make Hopper, which often terminates, without a time limit of its own."""
    return gym.make("prefgym/Hopper-v0", reward="task", max_episode_steps=-1)


def actions(world: int) -> np.ndarray:
    """Draw the actions of one world, step by step."""
    return np.random.default_rng(world).uniform(-1, 1, (4 * STEPS, 3)).astype(np.float32)


def there(array: torch.Tensor | None) -> torch.Tensor:
    """Return an array that segments need not have."""
    assert array is not None
    return array


def recorded(recorder: Recorder, world: int) -> list[tuple[Any, ...]]:
    """List the finished episodes of one world: observations, actions, rewards, and how they ended."""
    starts = recorder.starts(1)
    starts = starts[starts // recorder.num_rows == world]
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


def play_single(env: gym.Env[Any, Any], world: int) -> Recorder:
    """Act in a single environment until STEPS steps are taken."""
    env.reset(seed=world)
    for taken, action in enumerate(actions(world), start=1):
        *_, terminated, truncated, _ = env.step(action)
        if taken == STEPS:
            break
        if terminated or truncated:
            env.reset()
    return env.get_wrapper_attr("recorder")


def play_vector(mode: AutoresetMode, num_worlds: int) -> Recorder:
    """Act in a vector of worlds until each has taken STEPS steps; autoreset steps use up no action."""
    venv = gym.make_vec("prefgym/Hopper-v0", num_worlds, autoreset_mode=mode, seeding="parity", max_episode_steps=LIMIT)
    assert isinstance(venv, prefgym.PreferenceVectorEnv)
    venv.reset(seed=0)
    told = [actions(world) for world in range(num_worlds)]
    taken = np.zeros(num_worlds, int)
    done = np.zeros(num_worlds, bool)
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
    """Each world of a vector records what a single environment records under the same actions, bit for bit."""
    recorder = play_vector(mode, 3)
    for world in range(3):
        alone = recorded(play_single(prefgym.PreferenceEnv(TimeLimit(hopper(), LIMIT)), world), 0)
        together = recorded(recorder, world)
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
    _, paid, *_, info = env.step(env.action_space.sample())
    assert paid == 0.0 and info == {}


class Learner:
    """Pay every step its first action plus the first coordinate it led to."""

    is_fitted = True

    def weights(self) -> dict[str, torch.Tensor]:
        """Return nothing, since nothing is learned."""
        return {}

    def load_weights(self, weights: Mapping[str, torch.Tensor]) -> None:
        """Take nothing over."""

    def fit(self, preferences: Preferences) -> None:
        """Learn nothing."""

    def reward(self, segments: Segments) -> torch.Tensor:
        """Pay two members alike. Shape: (2, ..., T)."""
        assert segments.reward is None and not segments.factors and segments.state is None
        return (segments.action[..., 0] + segments.obs[..., 1:, 0]).expand(2, *segments.action.shape[:-1])


@pytest.mark.parametrize("mode", MODES[:2])
def test_an_installed_reward_is_paid_for_what_the_step_led_to(mode: AutoresetMode) -> None:
    """At the end of an episode that is the last observation, not the first of the next; autoreset steps pay 0."""
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
        _, paid, terminated, truncated, _ = venv.step(np.stack([action, plan[-1 - step]]))
        if done and mode == AutoresetMode.NEXT_STEP:
            assert paid[0] == 0.0
            skip += 1
            done = False
            continue
        _, alone, ended, cut, _ = single.step(action)
        assert paid[0] == pytest.approx(alone)
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
