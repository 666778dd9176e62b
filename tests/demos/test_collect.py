"""Demonstrations as Minari datasets: what was played is what is read back."""

import resource
from dataclasses import replace
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from commands import run
from gymnasium.envs.registration import EnvSpec
from gymnasium.vector import AutoresetMode
from pages import DOCS, run_examples
from tiny import tiny_ppo, tiny_run

import prefgym
from prefgym.common.errors import UserError
from prefgym.data.minari import STATE, record_demos
from prefgym.demos.collect import DemosCfg, Episode, collect, dataset_path, summary, write_demos
from prefgym.demos.policies import noisy
from prefgym.envs import TASKS
from prefgym.evaluation.envs import make_evaluation_env
from prefgym.sim.worlds import Worlds
from prefgym.training.config import EvalCfg

POLE, REACH, HOPPER = "prefgym/InvertedPendulum-v0", "prefgym/FetchReach-v0", "prefgym/Hopper-v0"
ACTIONS = gym.spaces.Box(-3.0, 3.0, (1,), np.float32)


@pytest.fixture
def minari(monkeypatch: pytest.MonkeyPatch) -> Any:  # noqa: ANN401
    """Let Minari keep its datasets in the test's own folder."""
    monkeypatch.setenv("MINARI_DATASETS_PATH", "datasets")  # relative, as people may have it
    return pytest.importorskip("minari")


def lean(obs: Any, begins: Any) -> Any:  # noqa: ANN401
    """Push the cart to where its pole falls: obs holds cart, angle, and their velocities."""
    return np.clip(10 * obs[:, 1:2] + obs[:, 3:4], -3, 3)


def replay(episode: Any, env: gym.Env[Any, Any], seed: int) -> None:  # noqa: ANN401
    """Play the actions of an episode in an environment alone, and compare all that comes."""
    obs, _ = env.reset(seed=seed)
    assert np.array_equal(episode.observations[0], obs)
    for step, action in enumerate(episode.actions):
        obs, reward, terminated, truncated, _ = env.step(action)
        assert np.array_equal(episode.observations[step + 1], obs)
        assert episode.rewards[step] == reward
        assert (episode.terminations[step], episode.truncations[step]) == (terminated, truncated)


def test_episodes_are_whole_and_end_where_they_ended() -> None:
    """Seven episodes from four envs: each begins with its seed, ends once, and is what its actions make of it."""
    env = make_evaluation_env(POLE, 4, 1, dtype=np.float64)
    episodes = collect(noisy(lean, 3.0, ACTIONS, 0), env, 7, seed=20)
    assert [episode.seed for episode in episodes] == [20, 21, 22, 23, 24, 25, 26]
    assert len({len(episode.reward) for episode in episodes}) > 1
    single = gym.make(POLE, reward="task")
    for episode in episodes:
        length = len(episode.reward)
        assert (episode.obs.shape, episode.action.shape) == ((length + 1, 4), (length, 1))
        assert np.flatnonzero(episode.terminated | episode.truncated).tolist() == [length - 1]
        assert episode.infos["reward_survive"].shape == (length + 1,)
        obs, _ = single.reset(seed=episode.seed)
        for step in range(length):
            assert np.array_equal(episode.obs[step], obs)
            obs = single.step(episode.action[step])[0]
        assert np.array_equal(episode.obs[length], obs)


def test_a_time_limit_ends_episodes_as_well() -> None:
    envs = gym.make_vec(POLE, 2, reward="task", autoreset_mode=AutoresetMode.SAME_STEP, max_episode_steps=3)
    episodes = collect(lean, envs, 2, seed=0)
    assert [episode.truncated.tolist() for episode in episodes] == [[False, False, True]] * 2
    assert not any(episode.terminated.any() for episode in episodes)


def test_a_summary_by_hand() -> None:
    """Returns 2 and 4: mean 3, deviation 1; one of two ends in success."""
    ends = np.array([False, True])
    episodes = [
        Episode(
            seed=0,
            obs=np.zeros((3, 1)),
            action=np.zeros((2, 1)),
            reward=np.array(reward),
            terminated=ends,
            truncated=ends,
            infos={"success": np.array(success)},
        )
        for reward, success in (([1.0, 1.0], [0.0, 1.0, 0.0]), ([3.0, 1.0], [0.0, 0.0, 1.0]))
    ]
    assert summary(episodes) == {"mean_return": 3.0, "std_return": 1.0, "success_rate": 0.5}


@pytest.mark.filterwarnings("ignore")  # of packages that are not ours
def test_a_dataset_holds_what_was_played(minari: Any, capsys: pytest.CaptureFixture[str]) -> None:  # noqa: ANN401
    """Three episodes of a demonstrator from two environments; the environment comes back, and gives the same."""
    cfg = DemosCfg(env=REACH, dataset="fetch/reach/medium-v0", quality=0.5, noise=0.1, episodes=3, num_envs=2, seed=4)
    write_demos(cfg, ("prefgym", "demos", "--env", REACH))
    output = capsys.readouterr().out
    assert "fetch/reach/medium-v0: 3 episodes, 150 steps of prefgym/FetchReach-v0: true return" in output
    dataset = minari.load_dataset("fetch/reach/medium-v0")
    assert minari.list_local_datasets().keys() == {"fetch/reach/medium-v0"}
    assert minari.namespace.list_local_namespaces() == ["fetch", "fetch/reach"]
    assert (dataset.total_episodes, dataset.total_steps) == (3, 150)
    env = dataset.recover_environment()
    assert env.observation_space == dataset.observation_space
    returns, successes = [], []
    for index, episode in enumerate(dataset):
        replay(episode, env, seed=4 + index)
        assert np.array_equal(episode.infos["success"][1:], episode.rewards)
        assert np.allclose(
            episode.infos["distance_penalty"][1:],
            -np.linalg.norm(episode.observations[1:, :3] - episode.observations[1:, 3:6], axis=-1),
        )
        returns.append(episode.rewards.sum())
        successes.append(episode.rewards[-1])
    told = dataset.storage.metadata["prefgym"]
    assert told["command"] == f"prefgym demos --env {REACH}"
    known = {"env": REACH, "policy": ["demonstrator"], "quality": 0.5, "noise": 0.1, "seed": 4, "episodes": 3}
    assert {name: told[name] for name in known} == known
    assert told["version"] == prefgym.__version__
    assert (told["mean_return"], told["success_rate"]) == (np.mean(returns), np.mean(successes))


@pytest.mark.filterwarnings("ignore")  # of packages that are not ours
@pytest.mark.parametrize("env_id", [HOPPER, REACH])
def test_states_are_those_of_the_simulation(minari: Any, env_id: str) -> None:  # noqa: ANN401
    """Bit for bit those of an environment alone; four episodes in three environments, which start anew meanwhile."""
    write_demos(DemosCfg(env=env_id, policy=("random",), episodes=4, num_envs=3, dataset="states-v0"))
    single: Any = gym.make(env_id, reward="task").unwrapped
    for seed, episode in enumerate(minari.load_dataset("states-v0")):
        single.reset(seed=seed)
        states = [single.physics_state()]
        for action in episode.actions:
            single.step(action)
            states.append(single.physics_state())
        assert episode.infos[STATE].dtype == np.float64
        assert np.array_equal(episode.infos[STATE], np.concatenate(states))


@pytest.mark.filterwarnings("ignore")  # of packages that are not ours
def test_a_restored_state_continues_to_the_same_observation(minari: Any) -> None:  # noqa: ANN401
    """Each state of an episode in a world of its own, by the action that followed; bit for bit."""
    write_demos(DemosCfg(env=HOPPER, policy=("random",), episodes=1, dataset="hop-v0"))
    episode = minari.load_dataset("hop-v0")[0]
    num_steps = len(episode.actions)
    worlds = Worlds(TASKS["Hopper"], num_steps, 1)
    worlds.put(np.ones(num_steps, np.bool_), episode.infos[STATE][:-1])
    worlds.step(episode.actions)
    worlds.observe()
    assert np.array_equal(worlds.observation, episode.observations[1:])


@pytest.mark.filterwarnings("ignore")  # of packages that are not ours
def test_states_can_be_left_out(minari: Any) -> None:  # noqa: ANN401
    write_demos(DemosCfg(env=POLE, policy=("random",), episodes=1, dataset="pole-v0", state=False))
    dataset = minari.load_dataset("pole-v0")
    assert STATE not in dataset[0].infos
    assert not record_demos(dataset).has_states


@pytest.mark.filterwarnings("ignore")  # of packages that are not ours
def test_the_same_seed_gives_the_same_data(minari: Any) -> None:  # noqa: ANN401
    """In another folder, too; another seed gives others."""
    for seed, name, out in ((1, "a-v0", None), (1, "a-v1", Path("elsewhere")), (2, "a-v2", None)):
        write_demos(DemosCfg(env=POLE, policy=("random",), episodes=3, seed=seed, dataset=name, out=out))
    one, again, other = (
        list(minari.MinariDataset(Path(root, name, "data")))
        for root, name in (("datasets", "a-v0"), ("elsewhere", "a-v1"), ("datasets", "a-v2"))
    )
    for left, right in zip(one, again, strict=True):
        assert np.array_equal(left.observations, right.observations)
        assert np.array_equal(left.actions, right.actions)
        assert np.array_equal(left.rewards, right.rewards)
    assert not np.array_equal(one[0].actions[:5], other[0].actions[:5])


def test_a_run_demonstrates(minari: Any) -> None:  # noqa: ANN401
    """Its last policy plays as it is evaluated: with the actions it thinks best."""
    few = EvalCfg(episodes=1, final_episodes=1)
    tiny_run(rater="none", steps=200, agent=tiny_ppo(num_envs=2), eval=few, report=False, out="run")
    write_demos(DemosCfg(env=POLE, policy=("run",), episodes=2, dataset="pole-v0"))
    policy = prefgym.load_policy("run")
    for episode in minari.load_dataset("pole-v0"):
        expected = policy.predict(episode.observations[:-1], deterministic=True)[0]
        assert np.allclose(episode.actions, expected, atol=1e-6)
    with pytest.raises(UserError, match=f"^run was trained in {POLE}, not in prefgym/Hopper-v0\\.$"):
        write_demos(DemosCfg(env="prefgym/Hopper-v0", policy=("run",), dataset="hop-v0"))


@pytest.mark.usefixtures("minari")
def test_what_exists_is_left_alone() -> None:
    cfg = DemosCfg(env=POLE, policy=("random",), episodes=2, dataset="pole/a-v0")
    write_demos(cfg)
    files = {path: path.read_bytes() for path in Path("datasets").rglob("*") if path.is_file()}
    folder = Path("datasets", "pole", "a-v0").absolute()
    with pytest.raises(UserError, match=f"^the dataset pole/a-v0 exists at {folder}: choose another name or version"):
        write_demos(replace(cfg, seed=1))
    assert files == {path: path.read_bytes() for path in Path("datasets").rglob("*") if path.is_file()}


@pytest.mark.usefixtures("minari")
def test_nothing_half_written_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk is full when the episodes are written: neither the dataset nor what was begun of it is there."""

    def fail(self: object, episodes: Any) -> None:  # noqa: ANN401
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("minari.dataset._storages.hdf5_storage.HDF5Storage.update_episodes", fail)
    with pytest.raises(UserError, match=r"datasets/pole/a-v0 cannot be written: \[Errno 28\]"):
        write_demos(DemosCfg(env=POLE, policy=("random",), episodes=1, dataset="pole/a-v0"))
    assert [path.name for path in Path("datasets").rglob("*")] == ["pole"]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"dataset": "pole"}, "'pole' is no id of a dataset: write it as namespace/name-v0, "),
        ({"dataset": "../a-v0"}, "is no id of a dataset"),
        ({"policy": ("demonstrator",)}, f"there is no demonstrator for {POLE}: there is one for prefgym/FetchReach-v0"),
        ({"env": "prefgym/HumanoidKneel-v0"}, "has no task reward, and only evaluation may see its metric"),
        (
            {"policy": ("nowhere",)},
            "unknown policy 'nowhere': pass demonstrator, expert, medium, random, or a run folder.",
        ),
        ({"policy": ("random",) * 17}, "17 policies cannot share 16 environments"),
        ({"quality": 0.5}, "--quality belongs to --policy demonstrator, not to random."),
        ({"episodes": 0}, "episodes must be 1 or more, not 0"),
        ({"noise": -1.0}, "noise must be 0 or more, not -1"),
        ({"env": "CartPole-v1"}, "needs a one-dimensional Box action space"),
    ],
)
@pytest.mark.usefixtures("minari")
def test_bad_input_ends_in_one_sentence(changes: dict[str, Any], sentence: str) -> None:
    given: dict[str, Any] = {"env": POLE, "policy": ("random",), "dataset": "pole-v0"}
    with pytest.raises(ValueError, match=sentence):
        write_demos(DemosCfg(**{**given, **changes}))
    assert not Path("datasets", "pole-v0").exists()


def test_an_unknown_environment_ends_the_command_in_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    """On the command line, which looks it up before anything else."""
    code, _, error = run(capsys, "demos", "--env", "prefgym/Hoper-v0", "--dataset", "pole-v0")
    assert (code, "did you mean 'prefgym/Hopper-v0'?" in error) == (2, True)


@pytest.mark.filterwarnings("ignore")  # of packages that are not ours
def test_what_the_page_shows_works(minari: Any, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:  # noqa: ANN401
    """docs/datasets.md, command line and all: on two episodes of the dataset that its first command writes."""
    page = (DOCS / "datasets.md").read_text()
    written = next(line for line in page.splitlines() if line.startswith("prefgym demos"))
    assert run(capsys, "demos", *written.replace("--episodes 100", "--episodes 2").split()[2:])[0] == 0
    names = run_examples("datasets.md", tmp_path)
    assert (names["env"].spec.id, len(names["preferences"])) == ("prefgym/FetchPickAndPlace-v0", 100)


def test_without_minari_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("prefgym.data.minari.find_spec", lambda name: None)  # pyright: ignore[reportUnknownArgumentType, reportUnknownLambdaType]
    with pytest.raises(UserError) as told:
        dataset_path("pole-v0", None)
    assert str(told.value) == 'demonstrations need Minari: pip install "prefgym[demos]"'


class Line(gym.Env[Any, Any]):
    """Episodes of two steps."""

    observation_space = action_space = gym.spaces.Box(-1, 1, (1,), np.float32)

    def __init__(self, scale: object = 1.0) -> None:
        self.scale = scale

    def reset(self, **given: Any) -> tuple[Any, dict[str, Any]]:  # noqa: ANN401
        super().reset(**given)
        return np.zeros(1, np.float32), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:  # noqa: ANN401
        return np.zeros(1, np.float32), 1.0, False, False, {}


@pytest.mark.filterwarnings("ignore:.*is not within the observation space")
@pytest.mark.parametrize(
    ("entry", "kwargs", "kept"),
    [
        (Line, {}, f"{Line.__module__}:Line"),
        (lambda: Line(), {}, None),
        (Line, {"scale": np.float64(2.0).real * 1j}, None),
    ],
)
def test_the_entry_point_of_an_environment_may_be_a_class(
    minari: Any,  # noqa: ANN401
    monkeypatch: pytest.MonkeyPatch,
    entry: Any,  # noqa: ANN401
    kwargs: dict[str, Any],
    kept: str | None,
) -> None:
    """It is named in the dataset; without a name, the dataset does without the environment."""
    spec = EnvSpec("tests/Line-v0", entry_point=entry, max_episode_steps=2, kwargs=kwargs)
    monkeypatch.setitem(gym.registry, "tests/Line-v0", spec)
    write_demos(DemosCfg(env="tests/Line-v0", dataset="li/ne-v0", policy=("random",), episodes=2, out=Path.cwd()))
    found = minari.MinariDataset(Path.cwd() / "li" / "ne-v0" / "data").env_spec
    assert (found and found.entry_point) == kept


def test_an_environment_that_is_unknown_is_told_from_python_too(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"unknown environment 'prefgym/Hoper-v0': did you mean 'prefgym/Hopper-v0'\?"):
        write_demos(DemosCfg(env="prefgym/Hoper-v0", dataset="hopper/random-v0", policy=("random",), out=tmp_path))


def test_a_full_disk_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    """Before HDF5 begins to write, which ends the process if there is no room."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    cfg = DemosCfg(env="prefgym/Hopper-v0", policy=("random",), episodes=3, dataset="hop/a-v0", out=tmp_path)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limits[1]))
    try:
        with pytest.raises(UserError, match=r"hop/a-v0 cannot be written: \[Errno 27\] File too large"):
            write_demos(cfg)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert [*(tmp_path / "hop").iterdir()] == []
    assert write_demos(cfg).is_dir()
