"""All that prefgym loads is loaded without running code: every unpickler there is raises meanwhile."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from commands import command
from d4rl_arrays import write_dataset
from pickled import pickled
from tiny import tiny_ppo, tiny_run

import prefgym
from prefgym import agents
from prefgym.data.tables import load_preferences
from prefgym.evaluation.envs import make_evaluation_env, source_of_run
from prefgym.evaluation.evaluate import evaluate
from prefgym.runs.folder import RunFolder
from prefgym.training.run import Run

_SB3 = '{"learning_starts": 100, "gradient_steps": 1, "policy_kwargs": {"net_arch": [8]}}'
AGENTS: dict[str, Any] = {
    "ppo": tiny_ppo(),
    "pebble": agents.cfg("pebble", updates_per_step=0.1, hidden=(8,), num_envs=4),
    "sb3-sac": agents.cfg("sb3-sac", settings=_SB3, num_envs=4),
}
UNPICKLERS = (
    *("pickle:load", "pickle:loads", "pickle:Unpickler", "pickle:_loads", "pickle:_Unpickler", "cloudpickle:loads"),
    *("cloudpickle:load", "torch:load", "yaml:unsafe_load", "yaml:full_load", "yaml:load_all"),
)


@pytest.fixture
def without_unpicklers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every unpickler raise; NumPy's and YAML's loaders work where they are told to be safe."""

    def refuse(*_: Any, **__: Any) -> Any:  # noqa: ANN401
        raise AssertionError("a file was loaded in a way that can run code")

    for place in UNPICKLERS:
        module, _, name = place.partition(":")
        monkeypatch.setattr(import_module(module), name, refuse)
    numpy, yaml = import_module("numpy"), import_module("yaml")
    load, parse = numpy.load, yaml.load
    monkeypatch.setattr(numpy, "load", lambda *a, **k: refuse() if k.get("allow_pickle") else load(*a, **k))
    safe = yaml.SafeLoader
    monkeypatch.setattr(yaml, "load", lambda text, kind: parse(text, kind) if kind is safe else refuse())


@pytest.mark.parametrize("agent", AGENTS)
def test_runs_are_resumed_and_used_without_unpicklers(
    agent: str, tmp_path: Path, stopped_at: Callable[..., AbstractContextManager[None]], request: pytest.FixtureRequest
) -> None:
    """A run that was stopped when it was about to finish goes on; then everything that reads it is called."""
    out = tmp_path / "run"
    with stopped_at(RunFolder, "write_json"):
        tiny_run(agent=AGENTS[agent], out=out)
    assert list(out.glob("checkpoints/step-*"))
    request.getfixturevalue("without_unpicklers")
    Run(out).resume()
    evaluate(prefgym.load_policy(out), make_evaluation_env(source_of_run(out), 1, 1))
    Run(out).report()
    assert prefgym.load_reward(out).is_fitted
    assert len(load_preferences(out / "preferences" / "preferences")) == 10


def test_pickles_of_others_are_imported_without_unpicklers(request: pytest.FixtureRequest) -> None:
    """They are parsed, and not run."""
    write_dataset()
    for name, numbers in (("indices_num2", [0, 3]), ("indices_2_num2", [1, 7])):
        Path(name).write_bytes(pickled(np.array(numbers)))
    Path("label_human").write_bytes(pickled([0, -1]))
    request.getfixturevalue("without_unpicklers")
    flags = ("--dataset", "hopper.npz", "--segment-length", "2", "--out", "new")
    assert command("feedback", "import", "preference-transformer", ".", *flags) == 0
    assert prefgym.read_feedback("new").answers.tie.tolist() == [False, True]


@pytest.mark.usefixtures("without_unpicklers")
@pytest.mark.parametrize("place", ["pickle:loads", "torch:load", "yaml:unsafe_load"])
def test_the_unpicklers_do_raise(place: str) -> None:
    module, _, name = place.partition(":")
    with pytest.raises(AssertionError, match="can run code"):
        getattr(import_module(module), name)(b"")
