"""The builder of environments: ids, modules, functions and specifications, with keyword arguments and wrappers."""

import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import yaml
from commands import run
from gymnasium.envs.registration import EnvSpec
from tiny import tiny_run

import prefgym
from prefgym import agents, samplers
from prefgym.common.errors import UserError
from prefgym.common.files import read_sealed_text, write_sealed_text
from prefgym.common.modules import trust
from prefgym.evaluation.envs import make_evaluation_env, source_of_run
from prefgym.evaluation.evaluate import evaluate, record_episode
from prefgym.rl.base import config_from_json
from prefgym.runs.folder import plain
from prefgym.sim.source import EnvCfg, EnvSource
from prefgym.sim.third_party import PhysicsVectorEnv
from prefgym.training.api import train, train_cfg
from prefgym.training.config import EvalCfg, TrainCfg

POLE = "prefgym/InvertedPendulum-v0"
MODULE = '''
"""Environments of a user."""
import gymnasium as gym
import numpy as np


class Line(gym.Env):
    observation_space = gym.spaces.Box(-9, 9, (1,), np.float32)
    action_space = gym.spaces.Box(-1, 1, (1,), np.float32)

    def __init__(self, start=0.0, per_step=1.0):
        self.start, self.per_step, self.now = start, per_step, start

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.now = self.start
        return np.array([self.now], np.float32), {}

    def step(self, action):
        self.now += 0.1
        return np.array([self.now], np.float32), self.per_step, False, False, {}


def make_line(length=7, **kwargs):
    return gym.wrappers.TimeLimit(Line(**kwargs), length)


class Twice(gym.RewardWrapper):
    def reward(self, reward):
        return 2 * reward


def not_a_wrapper(env, scale):
    return env


def returns_nothing(env):
    return None


gym.register("theirs/Line-v0", entry_point=Line, max_episode_steps=5)
'''


@pytest.fixture
def theirs(tmp_path: Path) -> str:
    """Write a module into the present folder; return its name."""
    (tmp_path / "theirs_of_test.py").write_text(MODULE)
    return "theirs_of_test"


class Still:
    """A policy that never moves."""

    def __init__(self, size: int = 1) -> None:
        self.size = size

    def predict(self, observation: Any, *_: Any, **__: Any) -> tuple[Any, None]:  # noqa: ANN401
        """Choose zeros."""
        return np.zeros((len(observation), self.size), np.float32), None


def rewards_of(source: EnvSource | str) -> list[float]:
    """Return the rewards of an episode without movement."""
    return record_episode(Still(), make_evaluation_env(source, 1, 1))["reward"].tolist()


def test_a_module_of_the_present_folder_is_named_by_an_id_or_a_function(theirs: str) -> None:
    by_id = EnvSource.of(f"{theirs}:theirs/Line-v0")
    assert (rewards_of(by_id), by_id.max_episode_steps, by_id.is_ours) == ([1.0] * 5, 5, False)
    by_function = EnvSource.of(f"{theirs}:make_line", EnvCfg(kwargs={"length": 3, "per_step": 4.0}))
    assert (rewards_of(by_function), by_function.max_episode_steps) == ([4.0] * 3, 3)
    by_class = EnvSource.of(f"{theirs}:Line", EnvCfg(kwargs={"max_episode_steps": 2}))
    assert (rewards_of(by_class), by_class.max_episode_steps) == ([1.0] * 2, 2)


def test_python_gives_a_function_or_a_specification(theirs: str) -> None:
    rewards_of(f"{theirs}:make_line")
    make: Callable[..., gym.Env[Any, Any]] = sys.modules[theirs].make_line
    source = EnvSource.of(make)
    assert (source.name, source.max_episode_steps, rewards_of(source)) == (f"{theirs}:make_line", 7, [1.0] * 7)
    assert EnvSource.of(source) is source
    local = EnvSource.of(lambda: make(length=2))
    assert local.name.endswith(".<lambda>") and rewards_of(local) == [1.0] * 2
    spec = gym.spec("theirs/Line-v0")
    changed = EnvSpec(spec.id, entry_point=spec.entry_point, max_episode_steps=3, kwargs={"per_step": 0.5})
    told = EnvSource.of(changed)
    assert rewards_of(told) == [0.5] * 3
    # a file keeps the id and what differs, which is enough
    assert told.cfg.kwargs == {"per_step": 0.5, "max_episode_steps": 3}
    assert rewards_of(EnvSource.of(told.name, told.cfg)) == [0.5] * 3


def test_wrappers_go_around_each_environment(theirs: str) -> None:
    cfg = EnvCfg(wrappers=(f"{theirs}:Twice", f"{theirs}:Twice"), kwargs={"max_episode_steps": 3})
    assert rewards_of(EnvSource.of(f"{theirs}:Line", cfg)) == [4.0] * 3
    pole = EnvSource.of(POLE, EnvCfg(wrappers=(f"{theirs}:Twice",)))
    env = make_evaluation_env(pole, 2, 1)
    assert (pole.is_ours, pole.is_batched, type(env)) == (True, False, PhysicsVectorEnv)


def test_a_task_of_ours_in_a_wrapper_is_the_task(theirs: str) -> None:
    """Observations, states, and twice the rewards are equal to the bit; states before a reset are kept."""
    env_id = "prefgym/Hopper-v0"
    batch = record_episode(Still(3), make_evaluation_env(env_id, 1, 1))
    one = record_episode(
        Still(3), make_evaluation_env(EnvSource.of(env_id, EnvCfg(wrappers=(f"{theirs}:Twice",))), 1, 1)
    )
    assert np.array_equal(one["obs"], batch["obs"]) and one["obs"].dtype == batch["obs"].dtype
    assert np.array_equal(one["state"], batch["state"])
    assert np.array_equal(one["reward"], 2 * batch["reward"])


def test_keyword_arguments_of_ours() -> None:
    source = EnvSource.of(POLE, EnvCfg(kwargs={"max_episode_steps": 4}))
    assert source.max_episode_steps == 4 and source.is_batched
    assert len(rewards_of(source)) == 4


@pytest.mark.parametrize(
    ("env", "cfg", "sentence"),
    [
        (POLE, {"kwargs": {"widht": 3}}, f"{POLE} takes no keyword argument 'widht': did you mean 'width'?"),
        (POLE, {"kwargs": {"reward": "task"}}, f"--env.kwargs cannot set reward of {POLE}: prefgym sets it itself."),
        ("MODULE:Line", {"kwargs": {"pre_step": 3}}, "MODULE:Line takes no keyword argument 'pre_step': did you mean "),
        ("Pendulum-v1", {"kwargs": {"gg": 3}}, "Pendulum-v1 takes no keyword argument 'gg': did you mean 'g'?"),
        ("MODULE:Lime", {}, "the module MODULE has no Lime: did you mean 'Line'?"),
        ("MODULE:np", {}, "np of the module MODULE is neither an environment id nor a function."),
        ("no_such_module:Line", {}, "no_such_module:Line cannot be imported: No module named 'no_such_module'."),
        (":Line", {}, "':Line' does not have the form module:Name."),
        ("MODULE:Twice", {}, "MODULE:Twice cannot be made without 'env': pass --env.kwargs NAME=VALUE."),
        (POLE, {"wrappers": ("MODULE:Thrice",)}, "the module MODULE has no Thrice: did you mean 'Twice'?"),
        (POLE, {"wrappers": ("MODULE:not_a_wrapper",)}, "the wrapper MODULE:not_a_wrapper cannot be put around an env"),
        (POLE, {"wrappers": ("MODULE:returns_nothing",)}, "the wrapper MODULE:returns_nothing returns no Gymnasium"),
    ],
)
def test_what_cannot_be_made_is_refused_in_one_sentence(
    env: str, cfg: dict[str, Any], sentence: str, theirs: str
) -> None:
    cfg = json.loads(json.dumps(cfg).replace("MODULE", theirs))
    with pytest.raises(UserError) as told:
        make_evaluation_env(EnvSource.of(env.replace("MODULE", theirs), EnvCfg(**cfg)), 2, 1)
    assert str(told.value).startswith(sentence.replace("MODULE", theirs))


def test_settings_that_no_file_can_keep_are_refused() -> None:
    with pytest.raises(ValueError, match="keyword arguments must be numbers, text"):
        EnvCfg(kwargs={"body": np.zeros(2)})
    with pytest.raises(ValueError, match="write wrappers as module:Wrapper, not 'Twice'"):
        EnvCfg(wrappers=("Twice",))
    with pytest.raises(ValueError, match="env_cfg must have kwargs and wrappers"):
        EnvCfg.from_json({"kwargs": 3})
    assert EnvCfg.from_json(None) == EnvCfg()


def test_a_misspelt_keyword_argument_ends_a_run_in_one_sentence(theirs: str) -> None:
    sentence = rf"^{theirs}:make_line takes no keyword argument 'lengths': did you mean 'length'\?$"
    with pytest.raises(UserError, match=sentence):
        tiny_run(f"{theirs}:make_line", env_cfg=EnvCfg(kwargs={"lengths": 9}), out="run")
    assert not Path("run").exists()


def test_how_keyword_arguments_are_written_is_said(theirs: str, capsys: pytest.CaptureFixture[str]) -> None:
    """On the command line, where they are text."""
    code, _, error = run(capsys, "train", "--env", f"{theirs}:make_line", "--out", "run", "--env.kwargs", "length")
    assert code == 2 and "write keyword arguments as" in error


def test_a_run_is_trained_evaluated_and_reported_with_the_same_keyword_arguments(theirs: str) -> None:
    """Two a step for six steps, doubled by the wrapper: a return of 24, in training, evaluation and afterwards."""
    env_cfg = EnvCfg(kwargs={"length": 6, "per_step": 2}, wrappers=(f"{theirs}:Twice",))
    often = EvalCfg(every=400, episodes=1, final_episodes=2)
    ran = tiny_run(f"{theirs}:make_line", env_cfg=env_cfg, steps=800, eval=often, out="run")
    assert json.loads(Path("run/result.json").read_text())["returns"] == [24.0, 24.0]
    assert yaml.safe_load(Path("run/config.yaml").read_text())["env_cfg"] == {
        "kwargs": {"length": 6, "per_step": 2},
        "wrappers": [f"{theirs}:Twice"],
    }
    again = evaluate(prefgym.load_policy("run"), make_evaluation_env(source_of_run(Path("run")), 2, 1))
    assert again.returns == (24.0, 24.0)
    assert source_of_run(Path("run")).cfg.kwargs == {"length": 6, "per_step": 2}
    assert ran.report().is_file()
    assert prefgym.load_policy("run").predict(np.zeros((1, 1), np.float32))[0].shape == (1, 1)


def test_python_trains_in_what_a_function_makes(theirs: str) -> None:
    """A function with a name is kept by its name; another one is kept in memory alone."""
    rewards_of(f"{theirs}:make_line")
    make: Callable[..., gym.Env[Any, Any]] = sys.modules[theirs].make_line
    few: dict[str, Any] = {
        **{"agent": agents.cfg("ppo", num_envs=2, num_steps=50), "sampler": samplers.cfg("uniform", segment_length=3)},
        **{"budget": 2, "steps": 200, "threads": 1, "report": False},
        **{"eval": EvalCfg(episodes=1, final_episodes=2), "env_cfg": EnvCfg(kwargs={"per_step": 3})},
    }
    ran = train(make, out="named", **few)
    assert (ran.config["env"], ran.result.returns) == (f"{theirs}:make_line", (21.0, 21.0))
    assert source_of_run(ran.path).cfg.kwargs == {"per_step": 3}
    ran = train(lambda per_step: make(4, per_step=per_step), out="unnamed", **few)
    assert ran.config["env"].endswith("<lambda>") and ran.result.returns == (12.0, 12.0)
    with pytest.raises(UserError, match="a configuration cannot hold objects: pass env as a name"):
        train_cfg(lambda: make(), **few)


def test_a_configuration_is_read_from_a_file_as_it_was_written() -> None:
    cfg = TrainCfg(env_cfg=EnvCfg(kwargs={"size": [3, 4], "fast": True}, wrappers=("a:B", "c:D")))
    assert config_from_json(TrainCfg(), {"env_cfg": plain(asdict(cfg))["env_cfg"]}) == cfg


@pytest.mark.parametrize(
    ("config", "module"),
    [
        ({"env": "not_imported:Env"}, "not_imported"),
        ({"env": "os:system"}, "os"),
        ({"env": POLE, "env_cfg": {"kwargs": {}, "wrappers": ["shutil:rmtree"]}}, "shutil"),
        ({"env": POLE, "env_cfg": {"kwargs": {}, "wrappers": ["not_imported:Wrapper"]}}, "not_imported"),
    ],
)
def test_a_file_imports_no_module_and_calls_no_function(config: dict[str, Any], module: str, tmp_path: Path) -> None:
    write_sealed_text(tmp_path / "config.yaml", yaml.safe_dump(config))
    with pytest.raises(UserError, match=f"asks for the module {module}; if you trust it, run prefgym --import"):
        source_of_run(tmp_path)


def test_a_file_may_name_ids_and_classes_of_imported_modules_and_all_of_trusted_ones(
    theirs: str, tmp_path: Path
) -> None:
    def named(name: str) -> EnvSource:
        write_sealed_text(tmp_path / "config.yaml", yaml.safe_dump({"env": name}))
        return source_of_run(tmp_path)

    rewards_of(f"{theirs}:make_line")  # imports the module, as a user's program does
    assert rewards_of(named(f"{theirs}:theirs/Line-v0")) == [1.0] * 5
    assert named(f"{theirs}:Line").name == f"{theirs}:Line"
    with pytest.raises(UserError, match="if you trust it"):
        named(f"{theirs}:make_line")
    trust(theirs)
    assert rewards_of(named(f"{theirs}:make_line")) == [1.0] * 7
    assert yaml.safe_load(read_sealed_text(tmp_path / "config.yaml")) == {"env": f"{theirs}:make_line"}


def test_an_object_brings_the_settings_that_a_run_reads(theirs: str) -> None:
    """Agents and samplers have them as `cfg`; without, one sentence says which is missing."""
    rewards_of(f"{theirs}:make_line")
    make: Callable[..., gym.Env[Any, Any]] = sys.modules[theirs].make_line
    few: dict[str, Any] = {"budget": 2, "steps": 200, "threads": 1, "report": False, "out": "run"}
    few |= {"agent": agents.cfg("ppo", num_envs=2, num_steps=50), "eval": EvalCfg(episodes=1, final_episodes=2)}
    ran = train(make, sampler=samplers.make("uniform", segment_length=3), **few)
    assert ran.config["sampler"] == "UniformSampler()" and ran.config["sampler_cfg"]["segment_length"] == 3
    with pytest.raises(UserError, match=r"sampler 'object\(\)' has no cfg.segment_length, which every sampler needs"):
        train(make, sampler=object(), **few)


def test_ids_with_a_module_are_those_of_gymnasium(tmp_path: Path) -> None:
    """In packages of the present folder, with a namespace or without, and without a version, which is the latest."""
    package = tmp_path / "lab_of_test" / "tasks"
    package.mkdir(parents=True)
    lines = MODULE.replace('"theirs/Line-v0"', '"their-lab/Line-v0"')
    more = "".join(f'gym.register("Plain-v{k}", entry_point=Line, max_episode_steps={k})\n' for k in (2, 10))
    (package / "__init__.py").write_text(lines + more)
    for name, limit in (("their-lab/Line-v0", 5), ("Plain-v2", 2), ("Plain", 10)):
        source = EnvSource.of(f"lab_of_test.tasks:{name}")
        assert source.max_episode_steps == limit and source.make_vec(1).reset()[0].tolist() == [[0.0]]
    ran = tiny_run(
        "lab_of_test.tasks:their-lab/Line-v0", sampler=samplers.cfg("uniform", segment_length=3), report=False
    )
    assert source_of_run(ran.path).max_episode_steps == 5
    with pytest.raises(UserError, match=r"^the module lab_of_test\.tasks has no Plane: "):
        _ = EnvSource.of("lab_of_test.tasks:Plane").spec
