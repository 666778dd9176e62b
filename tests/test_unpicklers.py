"""All that prefgym loads is loaded without running code: every unpickler there is raises meanwhile."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from commands import TINY_PPO, TINY_REWARD, TINY_RUN, command

import prefgym
from prefgym.cli.main import main
from prefgym.data.tables import load_preferences
from prefgym.runs.folder import RunFolder

_SB3 = '{"learning_starts": 100, "gradient_steps": 1, "policy_kwargs": {"net_arch": [8]}}'
AGENTS = {
    "ppo": TINY_PPO,
    "pebble": ("--agent.updates-per-step", "0.1", "--agent.hidden", "8", "--agent.num-envs", "4"),
    "sb3-sac": ("--agent.settings", _SB3, "--agent.num-envs", "4"),
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
        main(["train", *TINY_RUN, *TINY_REWARD, "--agent", agent, *AGENTS[agent], "--out", str(out)])
    assert list(out.glob("checkpoints/step-*"))
    request.getfixturevalue("without_unpicklers")
    assert command("train", "--resume", str(out)) == 0
    assert command("evaluate", str(out), "--episodes", "1") == 0
    assert command("report", str(out)) == 0
    assert prefgym.load_policy(out) is not None
    assert prefgym.load_reward(out).is_fitted
    assert len(load_preferences(out / "preferences" / "preferences")) == 10


@pytest.mark.usefixtures("without_unpicklers")
@pytest.mark.parametrize("place", ["pickle:loads", "torch:load", "yaml:unsafe_load"])
def test_the_unpicklers_do_raise(place: str) -> None:
    module, _, name = place.partition(":")
    with pytest.raises(AssertionError, match="can run code"):
        getattr(import_module(module), name)(b"")
