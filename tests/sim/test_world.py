"""Single environments of other packages: what they hand out is flat, copied and checked, and drawn as it was."""

from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from tiny import tiny_run, tiny_sampler

from prefgym.common.errors import UserError
from prefgym.common.spaces import flatten
from prefgym.evaluation.envs import make_evaluation_env
from prefgym.evaluation.evaluate import record_episode
from prefgym.rl.policy_runner import FunctionPolicy
from prefgym.sim.capabilities import physics_of
from prefgym.sim.gl import MjModel, mujoco
from prefgym.sim.render import StateRenderer
from prefgym.sim.source import EnvSource
from prefgym.sim.third_party import PhysicsVectorEnv, make_vector, vector_of, with_physics
from prefgym.sim.world import World
from prefgym.training.run import Run
from prefgym.wrappers.preference import PreferenceEnv, PreferenceVectorEnv

SAME_STEP = AutoresetMode.SAME_STEP
VECTOR = gym.spaces.Box(-9, 9, (1,), np.float32)


class Counting(gym.Env[Any, Any]):
    """Episodes of three steps, which are observed as 0, 1, 2, 3: in one array that is returned each time."""

    observation_space: gym.Space[Any] = VECTOR
    action_space: gym.Space[Any] = gym.spaces.Box(-1, 1, (1,), np.float32)
    metadata = {"render_modes": ["rgb_array"]}  # noqa: RUF012 (as Gymnasium has it)

    def __init__(self, render_mode: str | None = None) -> None:
        self.obs, self.picture = np.zeros(1, np.float32), np.zeros((8, 8, 3), np.uint8)
        self.render_mode = render_mode

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.obs[:] = 0.0
        return self.obs, {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:  # noqa: ANN401
        self.obs += 1.0
        if isinstance(action, np.ndarray):
            action *= 100.0  # as an environment does that scales its actions in place
        return self.obs, 1.0, False, bool(self.obs[0] >= 3.0), {}

    def render(self) -> Any:  # noqa: ANN401
        self.picture[:] = int(self.obs[0])
        return self.picture


def ran(make: Any, **settings: Any) -> Run:  # noqa: ANN401
    """Train in environments of others, on segments of three steps."""
    limited: Any = lambda: gym.wrappers.TimeLimit(make(), 50)  # noqa: E731
    return tiny_run(limited, sampler=tiny_sampler(3), **settings)


def act(obs: np.ndarray) -> np.ndarray:
    """Return half of full speed."""
    return np.full((len(obs), 1), 0.5, np.float32)


def recorded(env: Any, num_steps: int) -> tuple[list[Any], list[Any]]:  # noqa: ANN401
    """Take steps, and return the observations and actions of the first recorded episode."""
    env.reset(seed=0)
    for _ in range(num_steps):
        *_, ended, _ = env.step(act(np.zeros((getattr(env, "num_envs", 1), 1))) if hasattr(env, "num_envs") else [0.5])
        if np.ndim(ended) == 0 and ended:
            env.reset()
    first = env.recorder.segments(env.recorder.starts(3)[:1], 3)
    return first.obs[0, :, 0].tolist(), first.action[0, :, 0].tolist()


@pytest.mark.parametrize("mode", list(AutoresetMode)[:2])
def test_an_array_that_is_returned_each_time_is_copied(mode: AutoresetMode) -> None:
    """In our own vectors of environments, in Gymnasium's, and alone; so are actions that are written into."""
    ours = vector_of(lambda: with_physics(Counting()), 2, mode)
    theirs = SyncVectorEnv([Counting] * 2, autoreset_mode=mode)
    for env in (PreferenceVectorEnv(ours), PreferenceVectorEnv(theirs), PreferenceEnv(Counting())):
        assert recorded(env, 8) == ([0.0, 1.0, 2.0, 3.0], [0.5, 0.5, 0.5])


def test_episodes_and_pictures_that_are_recorded_are_copied() -> None:
    episode = record_episode(FunctionPolicy(act), vector_of(lambda: Counting("rgb_array"), 1, SAME_STEP))
    assert episode["obs"][:, 0].tolist() == [0.0, 1.0, 2.0, 3.0]
    assert episode["frames"][:, 0, 0, 0].tolist() == [0, 1, 2]
    assert episode["action"].tolist() == [[0.5]] * 3


def test_what_a_caller_gets_is_not_written_into_later() -> None:
    env = PreferenceEnv(Counting())
    first, _ = env.reset()
    second, *_ = env.step(np.zeros(1, np.float32))
    env.step(np.zeros(1, np.float32))
    assert (first.tolist(), second.tolist()) == ([0.0], [1.0])


@pytest.mark.parametrize("vector", [False, True])
def test_no_step_is_recorded_after_the_end_of_an_episode(vector: bool) -> None:
    """Neither of a caller who forgets to reset, nor where Gymnasium's wrapper begins an episode within a step."""
    several = SyncVectorEnv([Counting] * 2, autoreset_mode=AutoresetMode.DISABLED)
    env: Any = PreferenceVectorEnv(several) if vector else PreferenceEnv(Counting())
    action = np.zeros((2, 1) if vector else 1, np.float32)
    with pytest.raises(gym.error.ResetNeeded):
        env.step(action)
    env.reset()
    for _ in range(3):
        env.step(action)
    with pytest.raises((gym.error.ResetNeeded, AssertionError)):  # Gymnasium asserts it of its vectors
        env.step(action)
    assert len(env.recorder.starts(1)) == (6 if vector else 3)
    within = gym.wrappers.Autoreset(Counting())
    with pytest.raises(ValueError, match="Autoreset cannot be beneath a wrapper that records preferences: it begins"):
        PreferenceVectorEnv(SyncVectorEnv([lambda: within])) if vector else PreferenceEnv(within)


class Shaped(Counting):
    """Values of any space; the observation is always the first number of it."""

    def __init__(self, seen: gym.Space[Any], taken: gym.Space[Any]) -> None:
        super().__init__()
        self.observation_space, self.action_space = seen, taken
        self.given: list[Any] = []

    def shaped(self) -> Any:  # noqa: ANN401
        """Return the number of the step, and further numbers up to 0.5 more."""
        size = gym.spaces.flatdim(self.observation_space)
        return gym.spaces.unflatten(self.observation_space, self.obs[0] + np.linspace(0, 0.5, size))

    def reset(self, **given: Any) -> tuple[Any, dict[str, Any]]:  # noqa: ANN401
        super().reset(**given)
        return self.shaped(), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:  # noqa: ANN401
        assert self.action_space.contains(action), action
        self.given.append(action)
        _, *rest = super().step(None)
        return (self.shaped(), *rest)  # pyright: ignore[reportReturnType]


SCALAR, TABLE = gym.spaces.Box(-9, 9, (), np.float32), gym.spaces.Box(-9, 9, (3, 2), np.float32)
NAMED = gym.spaces.Dict([("z", gym.spaces.Box(-9, 9, (2,))), ("a", SCALAR)])
SHAPES = [SCALAR, TABLE, NAMED, gym.spaces.Tuple([TABLE, NAMED])]


@pytest.mark.filterwarnings(
    "ignore:.*Casting input x"
)  # Gymnasium's vectors hand on numbers, not arrays without an axis
@pytest.mark.parametrize("space", SHAPES)
def test_observations_and_actions_of_any_shape_are_flattened_and_put_back(space: gym.Space[Any]) -> None:
    """Alone, in our vectors and in Gymnasium's, in the order of the space; the environment gets its own shapes."""
    size = gym.spaces.flatdim(space)
    made: list[Shaped] = []

    def make() -> Shaped:
        made.append(Shaped(space, space))
        return made[-1]

    wanted = np.linspace(0, 0.5, size, dtype=np.float32)
    vectors = vector_of(lambda: with_physics(make()), 2, SAME_STEP), SyncVectorEnv([make] * 2, autoreset_mode=SAME_STEP)
    for env in (PreferenceEnv(make()), *map(PreferenceVectorEnv, vectors)):
        obs, _ = env.reset(seed=0)
        action = np.broadcast_to(np.arange(size, dtype=np.float32), (*np.shape(obs)[:-1], size))
        for step in (1, 2, 3):
            obs, _, _, ended, info = env.step(action)
            reached = info["final_obs"][1] if "final_obs" in info else obs
            assert np.array_equal(reached if np.ndim(reached) == 1 else reached[-1], wanted + step)
        assert np.all(ended)
        segment = env.recorder.segments(env.recorder.starts(3)[:1], 3)
        assert np.array_equal(segment.obs[0], wanted + np.arange(4, dtype=np.float32)[:, None])
        assert flatten(space, made[-1].given[0]).tolist() == list(range(size))
    assert flatten(space, made[0].shaped()).shape == (size,)


@pytest.mark.parametrize("space", SHAPES[1:3])
def test_runs_train_on_observations_and_actions_of_any_shape(space: gym.Space[Any]) -> None:
    run = ran(lambda: Shaped(space, space), report=False)
    size = gym.spaces.flatdim(space)
    assert run.policy.predict(np.zeros((1, size), np.float32))[0].shape == (1, size)


def test_pictures_are_no_vectors() -> None:
    with pytest.raises(ValueError, match="needs a one-dimensional Box observation space"):
        PreferenceEnv(Shaped(gym.spaces.Box(0, 255, (8, 8, 3), np.uint8), VECTOR))


def test_actions_lie_within_bounds_of_more_digits() -> None:
    """The largest action of float32, 0.1 rounded up, lies outside of 0.1; others are handed on as they are."""
    tight = Shaped(VECTOR, gym.spaces.Box(-0.1, 0.1, (2,), np.float64))
    world = World(tight)
    world.reset()
    for value in (0.1, -0.1, 0.05):
        world.step(np.full(2, value, np.float32))
    assert [given[0] for given in tight.given] == [0.1, -0.1, np.float32(0.05)]


class Wrong(Counting):
    """An environment that returns something else."""

    def __init__(self, first: Any = None, second: Any = None) -> None:  # noqa: ANN401
        super().__init__()
        self.first, self.second = first, second

    def reset(self, **given: Any) -> Any:  # noqa: ANN401
        obs = super().reset(**given)
        return obs if self.first is None else self.first

    def step(self, action: Any) -> Any:  # noqa: ANN401
        return self.second


OBS = np.zeros(1, np.float32)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ((OBS,), r"^the environment Wrong returned ndarray from reset\(\), and a tuple of 2, as in Gymnasium, was exp"),
        (((OBS, None),), r"returned NoneType as info from reset\(\), and a dict was expected\.$"),
        ((None, (OBS, 0.0, False, {})), r"returned 4 values from step\(\), and a tuple of 5, as in Gymnasium, was exp"),
        ((None, (OBS, None, False, False, {})), r"returned None as a reward from step\(\), and a number was expected"),
        ((None, (OBS, 0.0, "no", False, {})), r"returned 'no' as terminated or truncated from step\(\), and True or"),
        (
            (None, (np.zeros(3), 0.0, False, False, {})),
            r"an observation of float64 and shape \(3,\) from step\(\)",
        ),
        (
            (None, (None, 0.0, False, False, {})),
            r"an observation of object and shape \(\) from step\(\)",
        ),
    ],
)
def test_an_environment_that_returns_something_else_is_named(given: tuple[Any, ...], sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        ran(lambda: Wrong(*given), report=False)


def test_an_error_of_an_environment_says_whose_it_is() -> None:
    class Broken(Counting):
        def step(self, action: Any) -> Any:  # noqa: ANN401
            raise OSError("the robot has gone")

    with pytest.raises(UserError, match=r"^the environment Broken raised OSError: the robot has gone, "):
        ran(Broken, report=False)


class Busy(Counting):
    """An environment whose attributes have names that mean something to us."""

    task = "fetch the milk"
    model = {"layers": 3}  # noqa: RUF012 (somebody else's)
    data = None
    state_size = "large"
    camera = "front"
    physics_state = np.zeros(3)
    _env = "production"

    def factors(self) -> list[int]:
        """Return what 12 consists of."""
        return [2, 2, 3]


def test_attributes_of_other_meanings_are_left_alone(tmp_path: Path) -> None:
    assert physics_of(Busy()) is None
    run = ran(Busy, out=tmp_path / "run")
    assert run.result.num_asked == 10


def compiled(num_balls: int) -> MjModel:
    """Compile a world of some balls."""
    balls = "".join(f'<body pos="0 0 {k}"><freejoint/><geom size="0.1"/></body>' for k in range(num_balls))
    return mujoco.MjModel.from_xml_string(f"<mujoco><worldbody>{balls}</worldbody></mujoco>")


class Anew(Counting):
    """An environment that compiles its model at each reset, of a number of balls."""

    def __init__(self, *num_balls: int) -> None:
        super().__init__()
        self.num_balls, self.num_resets = num_balls, 0
        self._compile()

    def _compile(self) -> None:
        self.model = compiled(self.num_balls[self.num_resets % len(self.num_balls)])
        self.data = mujoco.MjData(self.model)
        self.num_resets += 1

    def reset(self, **given: Any) -> tuple[Any, dict[str, Any]]:  # noqa: ANN401
        self._compile()
        return super().reset(**given)


def test_a_model_that_is_compiled_anew_has_states_if_it_keeps_its_sizes() -> None:
    world = World(Anew(2))
    assert world.has_physics
    world.reset()
    before = world.physics_state()
    world.step(np.zeros(1, np.float32))
    world.reset()
    assert world.physics_state().shape == before.shape == (1, world.state_size)
    assert not World(Anew(1, 2)).has_physics
    late = World(Anew(2, 2, 2, 3))
    with pytest.raises(UserError, match=r"compiled a model of other sizes at a reset .*: pass --recorder.no-state\.$"):
        late.reset()
        late.physics_state()


@pytest.mark.parametrize("balls", [(2,), (1, 2)])
def test_runs_train_where_the_model_is_compiled_anew(balls: tuple[int, ...]) -> None:
    run = ran(lambda: Anew(*balls), report=False)
    assert run.preferences is not None
    assert (run.preferences.queries.options.state is not None) == (balls == (2,))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("env_id", ["dm_control/reacher-easy-v0", "dm_control/finger-turn_easy-v0"])
def test_a_target_that_a_reset_moves_in_the_model_is_drawn_where_it_was(env_id: str) -> None:
    """By a fresh model, which has it elsewhere; also after the environment has been reset again."""
    pytest.importorskip("dm_control")
    env = make_vector(env_id, 1, SAME_STEP)
    assert isinstance(env, PhysicsVectorEnv)
    env.reset(seed=3)
    state, model = env.physics_state(), env.model
    with StateRenderer(model, width=64, height=64, camera=env.camera) as draw:
        wanted = draw(state)
    env.reset(seed=4)
    fresh = make_vector(env_id, 1, SAME_STEP)
    assert isinstance(fresh, PhysicsVectorEnv) and fresh.state_size == state.shape[1]
    with StateRenderer(fresh.model, width=64, height=64, camera=fresh.camera) as draw:
        assert np.array_equal(draw(state), wanted)
        assert not np.array_equal(draw(env.physics_state()), wanted)


@pytest.mark.slow  # composer compiles its models for seconds
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("task", ["place_brick_features", "stack_3_bricks_random_order_features"])
def test_tasks_of_composer_are_played_and_seeded(task: str) -> None:
    pytest.importorskip("dm_control")
    env = make_evaluation_env(f"dm_control/{task}-v0", 1, 1)
    episodes = [np.concatenate([env.reset(seed=5)[0], env.step(np.zeros((1, 9)))[0]]) for _ in range(2)]
    assert np.array_equal(episodes[0], episodes[1])


def test_an_environment_of_its_own_states_is_copied_as_well() -> None:
    """States and factors are its own, and its observations are copied."""

    class Telling(Counting):
        state_size = 1

        def physics_state(self, final: bool = False) -> np.ndarray:
            return self.obs[None].astype(np.float64)

        def factors(self) -> dict[str, np.ndarray]:
            return {"far": self.obs.copy()}

    env = PreferenceVectorEnv(EnvSource.of(lambda: gym.wrappers.TimeLimit(Telling(), 50)).make_vec(2))
    env.reset(seed=0)
    for _ in range(3):
        env.step(np.zeros((2, 1), np.float32))
    segment = env.recorder.segments(env.recorder.starts(3)[:1], 3)
    assert segment.obs[0, :, 0].tolist() == [0.0, 1.0, 2.0, 3.0]
    assert segment.factors["far"][0].tolist()[:2] == [1.0, 2.0] and segment.state is not None
