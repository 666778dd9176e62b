"""The Fetch tasks: the same envs as Gymnasium-Robotics', rewarded by success, with factors computed from positions."""

import json
from pathlib import Path
from typing import Any, cast

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode
from tiny import tiny_reward, tiny_run, tiny_sampler

import prefgym
from prefgym import agents
from prefgym.common.states import Stateful, flatten, unflatten
from prefgym.data.tables import load_preferences
from prefgym.envs.fetch import FETCH, FetchEnv
from prefgym.sim.gl import mujoco
from prefgym.sim.render import StateRenderer
from prefgym.sim.third_party import PhysicsVectorEnv, find, make_vector
from prefgym.training.config import EvalCfg

pytestmark = pytest.mark.filterwarnings("ignore")  # of packages that are not ours

NAMES = pytest.mark.parametrize("name", FETCH)


def make(name: str, **settings: Any) -> gym.Env[Any, Any]:  # noqa: ANN401
    return gym.make(f"prefgym/{name}-v0", **settings)


@NAMES
@pytest.mark.parametrize("reward", ["learned", "task"])
def test_gymnasiums_check_passes(name: str, reward: str) -> None:
    check_env(make(name, reward=reward), skip_render_check=True)


@NAMES
def test_envs_are_those_of_gymnasium_robotics(name: str) -> None:
    """Same seed and actions: what was achieved, what is desired, what is sensed, to the last bit; its reward plus 1."""
    ours, theirs = make(name, reward="task"), find(FETCH[name].source).make(disable_env_checker=True)
    obs, _ = ours.reset(seed=5)
    told, _ = theirs.reset(seed=5)
    ours.action_space.seed(5)
    for _ in range(10):
        assert np.array_equal(obs, np.concatenate([told["achieved_goal"], told["desired_goal"], told["observation"]]))
        action = ours.action_space.sample()
        obs, reward, terminated, truncated, info = ours.step(action)
        told, minus_one_or_zero, *_ = theirs.step(action)
        assert reward == float(minus_one_or_zero) + 1.0 == info["success"]
        assert not terminated and not truncated
    assert ours.spec is not None and theirs.spec is not None
    assert ours.spec.max_episode_steps == theirs.spec.max_episode_steps


@NAMES
def test_factors_are_what_they_say(name: str) -> None:
    """Worked out from where MuJoCo has the gripper's and the object's sites; more is better."""
    env = make(name, reward="task")
    env.reset(seed=1)
    env.step(np.zeros(4, np.float32))
    base: Any = env.unwrapped
    data = base._robot.data
    action = np.array([3.0, -0.5, 0.5, 1.0], np.float32)  # the first is clipped to 1
    info = env.step(action)[-1]
    gripper, goal = data.site("robot0:grip").xpos, base._robot.goal
    thing = data.site("object0").xpos if FETCH[name].has_object else gripper
    assert info["distance_penalty"] == pytest.approx(-np.linalg.norm(thing - goal))
    assert info["control_penalty"] == pytest.approx(-(1 + 0.25 + 0.25 + 1))
    assert info["success"] == float(np.linalg.norm(thing - goal) < 0.05) == float(info["is_success"])
    if FETCH[name].has_object:
        assert info["approach_penalty"] == pytest.approx(-np.linalg.norm(thing - gripper))
    jacobian = np.zeros((3, base.model.nv))
    mujoco.mj_jacSite(base.model, data, jacobian, None, base.model.site("robot0:grip").id)
    assert info["speed_penalty"] == pytest.approx(-np.linalg.norm(jacobian @ data.qvel))
    assert {name: value.item() for name, value in base.factors().items()} == {
        name: info[name] for name in FETCH[name].ranking
    }
    assert set(FETCH[name].ranking) == {factor.name for factor in FETCH[name].factors}


def test_the_goal_reached_gives_one() -> None:
    """A gripper that moves to the goal is within 0.05 m of it after 20 steps, and its episode goes on."""
    env = make("FetchReach", reward="task")
    obs, _ = env.reset(seed=0)
    reward, terminated, info = 0.0, True, {}
    for _ in range(20):
        action = np.zeros(4, np.float32)
        action[:3] = np.clip(10 * (obs[3:6] - obs[:3]), -1, 1)
        obs, reward, terminated, _, info = env.step(action)
    assert (reward, terminated, info["is_success"]) == (1.0, False, True)


def test_the_learned_reward_hides_them() -> None:
    env = make("FetchPush")
    env.reset(seed=0)
    _, reward, _, _, info = env.step(np.ones(4, np.float32))
    assert (reward, info) == (0.0, {})
    recorder = env.get_wrapper_attr("recorder")
    assert recorder.factor_names == FETCH["FetchPush"].ranking
    envs = gym.make_vec("prefgym/FetchPush-v0", 2)
    envs.reset(seed=0)
    _, rewards, _, _, infos = envs.step(np.ones((2, 4), np.float32))
    assert isinstance(envs, prefgym.PreferenceVectorEnv)
    assert (rewards.tolist(), infos) == ([0.0, 0.0], {})


@pytest.mark.parametrize("mode", ["NextStep", "SameStep"])
def test_several_envs_are_several_single_ones(mode: str) -> None:
    """World i has the seed plus i; factors and states at the end of an episode are those before the reset."""
    envs = gym.make_vec("prefgym/FetchReach-v0", 2, reward="task", autoreset_mode=mode, max_episode_steps=3)
    assert isinstance(envs, PhysicsVectorEnv)
    assert envs.metadata["autoreset_mode"] is AutoresetMode(mode)
    single = [make("FetchReach", reward="task") for _ in range(2)]
    obs, _ = envs.reset(seed=7)
    assert np.array_equal(obs, [env.reset(seed=7 + i)[0] for i, env in enumerate(single)])
    envs.action_space.seed(0)
    truncated = np.zeros(2, np.bool_)
    for _ in range(3):
        actions = envs.action_space.sample()
        _, _, _, truncated, _ = envs.step(actions)
        steps = [env.step(action) for env, action in zip(single, actions)]
        for name, values in envs.factors().items():
            assert values.tolist() == [info[name] for *_, info in steps]
        bases: list[Any] = [env.unwrapped for env in single]
        assert np.array_equal(envs.physics_state(final=True), np.concatenate([b.physics_state() for b in bases]))
    assert truncated.all()


@NAMES
@pytest.mark.parametrize("mode", list(AutoresetMode)[:2])
def test_envs_go_on_where_others_were_stopped(name: str, mode: AutoresetMode) -> None:
    """In the middle of an episode, through files, to the last bit, and through the resets that follow."""
    never, stopped, other = (make_vector(f"prefgym/{name}-v0", 2, mode, max_episode_steps=20) for _ in range(3))
    actions = np.random.default_rng(0).uniform(-1, 1, (75, 2, 4)).astype(np.float32)
    for env in (never, stopped):
        env.reset(seed=7)
        for action in actions[:31]:
            env.step(action)
    arrays, plain = flatten(cast(Stateful, stopped).state_dict())
    other.reset(seed=99)
    told = unflatten({key: array.clone() for key, array in arrays.items()}, json.loads(json.dumps(plain)))
    cast(Stateful, other).load_state_dict(told)
    for action in actions[31:]:
        steps = [env.step(action)[:4] for env in (never, other)]
        assert all(np.array_equal(x, y) for x, y in zip(*steps))
        states = [cast(PhysicsVectorEnv, env).physics_state() for env in (never, other)]
        assert np.array_equal(states[0], states[1])
        factors = [cast(PhysicsVectorEnv, env).factors() for env in (never, other)]
        assert all(np.array_equal(factors[0][n], factors[1][n]) for n in FETCH[name].ranking)


def test_gymnasium_vectorises_them_as_well() -> None:
    env = gym.make_vec("prefgym/FetchReach-v0", 2, vectorization_mode="sync", reward="task")
    ours = make_vector("prefgym/FetchReach-v0", 2, AutoresetMode.NEXT_STEP)
    assert np.array_equal(env.reset(seed=3)[0], ours.reset(seed=3)[0])


def test_pictures_show_states_with_their_goals() -> None:
    """What `render` draws is what is drawn from the recorded state; another goal gives another picture."""
    env = make("FetchReach", reward="task", render_mode="rgb_array", width=64, height=64)
    env.reset(seed=0)
    picture: Any = env.render()
    base: Any = env.unwrapped
    with StateRenderer(base.model, width=64, height=64, camera=base.camera) as draw:
        assert np.array_equal(picture, draw(base.physics_state())[0])
    env.reset(seed=1)
    other: Any = env.render()
    assert not np.array_equal(picture, other)
    env.close()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"reward": "taks"}, "unknown reward 'taks': did you mean 'task'?"),
        ({"render_mode": "humn", "reward": "task"}, "unknown render mode 'humn'"),
    ],
)
def test_unknown_values_are_answered_in_one_sentence(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message.replace("?", r"\?")):
        make("FetchReach", **settings)


def test_without_gymnasium_robotics_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where an environment is made, and where a run begins."""
    monkeypatch.setattr("prefgym.envs.fetch.find_spec", lambda name: None)  # pyright: ignore[reportUnknownArgumentType, reportUnknownLambdaType]
    sentence = 'prefgym/FetchPush-v0 needs Gymnasium-Robotics: pip install "prefgym[robotics]"'
    for begin in (lambda: FetchEnv(FETCH["FetchPush"]), lambda: prefgym.train("prefgym/FetchPush-v0", out="run")):
        with pytest.raises(gym.error.DependencyNotInstalled) as told:
            begin()
        assert str(told.value) == sentence


def test_they_can_be_trained_in(capsys: pytest.CaptureFixture[str]) -> None:
    """Ten queries; factors and states come along, and HERON ranks them as the task does."""
    parts = {"rater": "heron", "agent": agents.cfg("ppo", num_envs=2, num_steps=50), "sampler": tiny_sampler(10)}
    settings = {"steps": 400, "report": False, "eval": EvalCfg(episodes=1, final_episodes=1), "out": "run"}
    tiny_run("prefgym/FetchReach-v0", **parts, reward=tiny_reward(hidden=(8,)), **settings)
    assert "10 queries" in capsys.readouterr().out
    told = load_preferences(Path("run", "preferences", "preferences"))
    assert set(told.queries.options.factors) == set(FETCH["FetchReach"].ranking)
    assert told.queries.options.state is not None
    assert told.raters[0].settings["ranking"] == list(FETCH["FetchReach"].ranking)
