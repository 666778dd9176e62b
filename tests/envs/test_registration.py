"""Ids, what `make` and `make_vec` take, and what environment checkers say."""

import subprocess
import sys
from functools import partial
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from stable_baselines3.common.env_checker import check_env as sb3_check_env

import prefgym
from prefgym.envs import LANGUAGE_TASKS, TASKS, VARIANTS
from prefgym.envs.registration import make_env, make_vector_env, register
from prefgym.sim.single_env import PoolEnv
from prefgym.sim.vector_env import PoolVectorEnv

REWARDS = pytest.mark.parametrize("reward", ["learned", "task"])


def test_ids_are_registered_once() -> None:
    """Importing registers all eleven, and the seven without a reward; registering again changes nothing."""
    assert prefgym.__version__
    ours = [env_id for env_id in gym.registry if env_id.startswith("prefgym/")]
    assert (len(TASKS), len(VARIANTS), len(LANGUAGE_TASKS)) == (11, 2, 7)
    assert {f"prefgym/{name}-v0" for name in TASKS | VARIANTS | LANGUAGE_TASKS} <= set(ours)
    register()
    assert ours == [env_id for env_id in gym.registry if env_id.startswith("prefgym/")]


def test_registering_is_light() -> None:
    """Ids and tasks can be looked at without MuJoCo and without torch."""
    code = "import sys, prefgym.envs; print([name for name in ('mujoco', 'torch') if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


@pytest.mark.filterwarnings("ignore:.*A Box observation space m..imum value is:UserWarning")
@pytest.mark.filterwarnings("ignore:.*we recommend using a symmetric and normalized space:UserWarning")
@pytest.mark.filterwarnings("ignore:.*We recommend you to use a symmetric and normalized Box:UserWarning")
@pytest.mark.filterwarnings("ignore:.*is different from the unwrapped version:UserWarning")
@REWARDS
@pytest.mark.parametrize("name", [*TASKS, *VARIANTS])
def test_checkers_pass(name: str, reward: str) -> None:
    """Gymnasium's and Stable-Baselines3's check_env find nothing wrong."""
    env = gym.make(f"prefgym/{name}-v0", reward=reward)
    check_env(env, skip_render_check=True)
    sb3_check_env(gym.make(f"prefgym/{name}-v0", reward=reward))


@pytest.mark.parametrize("name", TASKS)
def test_time_limits_and_spaces(name: str) -> None:
    """Single and vector environments have Gymnasium's time limits and spaces."""
    theirs = gym.make(f"{name}-v5")
    ours = gym.make(f"prefgym/{name}-v0", reward="task")
    many = gym.make_vec(f"prefgym/{name}-v0", num_envs=3, reward="task")
    assert ours.spec is not None
    assert theirs.spec is not None
    assert ours.spec.max_episode_steps == theirs.spec.max_episode_steps
    assert many.unwrapped.max_episode_steps == theirs.spec.max_episode_steps  # pyright: ignore[reportAttributeAccessIssue]
    assert ours.observation_space == theirs.observation_space == many.single_observation_space
    assert ours.action_space == theirs.action_space == many.single_action_space
    assert ours.metadata["render_fps"] == theirs.metadata["render_fps"]
    for env in (theirs, ours, many):
        env.close()


@REWARDS
def test_the_reward_switch(reward: str) -> None:
    """The learned reward is 0 until there is one, and hides the terms; the task reward is given and told."""
    env = gym.make_vec("prefgym/HalfCheetah-v0", num_envs=2, reward=reward)
    env.reset(seed=0)
    _, rewards, *_, infos = env.step(np.ones((2, 6), np.float32))
    assert isinstance(env.unwrapped, PoolVectorEnv)
    assert bool(rewards.any()) is (reward == "task")
    assert ("reward_ctrl" in infos) is (reward == "task")
    one = gym.make("prefgym/HalfCheetah-v0", reward=reward)
    one.reset(seed=0)
    _, single_reward, *_, info = one.step(np.ones(6, np.float32))
    assert isinstance(one.unwrapped, PoolEnv)
    assert bool(single_reward) is (reward == "task")
    assert ("reward_ctrl" in info) is (reward == "task")


def test_settings_arrive() -> None:
    """What make_vec is given reaches the environment."""
    env = gym.make_vec(
        "prefgym/Hopper-v0",
        num_envs=3,
        backend="cpu",
        reward="task",
        num_threads=1,
        seeding="parity",
        autoreset_mode="SameStep",
        max_episode_steps=7,
        dtype=np.float32,
    )
    assert env.metadata["autoreset_mode"] is gym.vector.AutoresetMode.SAME_STEP
    obs, _ = env.reset(seed=[1, 2, 3])  # pyright: ignore[reportArgumentType]
    assert obs.dtype == np.float32
    assert gym.make("prefgym/Hopper-v0", max_episode_steps=7).spec.max_episode_steps == 7  # pyright: ignore[reportOptionalMemberAccess]


def test_envs_can_be_single_environments() -> None:
    """Gymnasium's own vectorisation works, too."""
    env = gym.make_vec("prefgym/Hopper-v0", num_envs=2, vectorization_mode="sync", reward="task")
    ours = gym.make_vec("prefgym/Hopper-v0", num_envs=2, reward="task", seeding="parity")
    assert np.array_equal(env.reset(seed=3)[0], ours.reset(seed=3)[0])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"reward": "taks"}, "unknown reward 'taks': did you mean 'task'?"),
        ({"backend": "gpu"}, "unknown backend 'gpu': did you mean 'cpu'?"),
        ({"task": "Hoper"}, "unknown task 'Hoper': did you mean 'Hopper'?"),
    ],
)
def test_unknown_values_are_answered_in_one_sentence(settings: dict[str, Any], message: str) -> None:
    """A typo is answered by what was probably meant."""
    settings = {"task": "Hopper"} | settings
    for make in (partial(make_env, **settings), partial(make_vector_env, **settings)):
        with pytest.raises(ValueError) as caught:
            make()
        assert str(caught.value) == message


def test_unknown_ids_are_answered_by_gymnasium() -> None:
    """A typo in the id is answered by Gymnasium, which knows ours."""
    with pytest.raises(gym.error.NameNotFound, match="Did you mean: `HalfCheetah`"):
        gym.make("prefgym/HalfCheeta-v0")


def test_the_folder_is_not_a_package_of_its_own() -> None:
    """`import envs` says what to import instead."""
    code = "import sys; sys.path.insert(0, sys.argv[1]); import envs"
    root = prefgym.__path__[0] + "/.."
    done = subprocess.run([sys.executable, "-c", code, root], capture_output=True, text=True)
    assert "import prefgym.envs; envs/ is only its folder" in done.stderr
