"""Residual learning as files: it is saved with its base, and a run folder holds both."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch
from residual import SMALL, MakeEnv, biased, of_other_worlds, recorded
from stable_baselines3.common.callbacks import CheckpointCallback

import prefgym
from prefgym import agents
from prefgym.agents.residual import Residual, ResidualCfg
from prefgym.buffers.recorder import Recorder
from prefgym.common.errors import DamageError, UserError
from prefgym.common.finite import NotFiniteError
from prefgym.core.preferences import Preferences
from prefgym.demos.collect import DemosCfg, write_demos
from prefgym.evaluation.envs import make_evaluation_env
from prefgym.evaluation.evaluate import evaluate
from prefgym.nn.actor import ActorCfg
from prefgym.rl.offline import OfflineData
from prefgym.training.config import EvalCfg, OfflineEvalCfg
from prefgym.training.load import load_policy


def test_it_is_saved_with_its_base(make_env: MakeEnv, preferences: Preferences, tmp_path: Path) -> None:
    data = OfflineData(preferences=preferences)
    base: Any = agents.make("bc", env=make_env(), data=data, chunk=3, actor=ActorCfg(hidden=(8,)))
    base.learn(20)
    agent = Residual(SMALL, make_env(), base_policy=base).learn(120)
    agent.save(tmp_path / "policy")
    loaded = Residual.load(tmp_path / "policy", make_env())
    obs = np.array([[0.3], [-0.8]], np.float32)
    state = other_state = None
    assert loaded.num_updates == agent.num_updates > 0
    for _ in range(4):
        action, state = agent.predict(obs, state, np.zeros(2, np.bool_), deterministic=True)
        other, other_state = loaded.predict(obs, other_state, np.zeros(2, np.bool_), deterministic=True)
        assert np.array_equal(action, other)
    before = loaded.obs_norm.mean.clone()
    loaded.learn(80)
    assert torch.equal(loaded.obs_norm.mean, before)  # what networks were fitted to stays
    agent.save(tmp_path / "v0.1.zip")
    assert {path.name for path in tmp_path.glob("v0*")} == {f"v0.1{part}" for part in (".json", ".safetensors")} | {
        f"v0.1-base{part}" for part in (".json", ".safetensors")
    }
    assert Residual.load(tmp_path / "v0.1.zip").num_updates == agent.num_updates
    Residual(SMALL, make_env(), base_policy=biased).save(tmp_path / "policy")  # over one that had a base to save
    assert not list(tmp_path.glob("policy-base*"))


def test_a_base_of_sb3_needs_envs(make_env: MakeEnv, tmp_path: Path) -> None:
    """It is saved beside the correction, and made for environments where it is loaded."""
    env = make_env()
    agent = Residual(SMALL, env, base_policy=cast(Any, agents.make("sb3-ppo", env=env)))
    agent.save(tmp_path / "policy")
    obs = np.array([[0.3], [-0.8]], np.float32)
    loaded = Residual.load(tmp_path / "policy", env)
    assert np.array_equal(agent.predict(obs, deterministic=True)[0], loaded.predict(obs, deterministic=True)[0])
    with pytest.raises(ValueError, match=r"a base policy of Stable-Baselines3, which needs environments: pass env="):
        Residual.load(tmp_path / "policy")


def test_callbacks_save_it_with_its_base(make_env: MakeEnv, preferences: Preferences, tmp_path: Path) -> None:
    data = OfflineData(preferences=preferences)
    base: Any = agents.make("bc", env=make_env(), data=data, actor=ActorCfg(hidden=(8,)))
    agent = Residual(SMALL, make_env(), base_policy=base)
    agent.learn(32, callback=CheckpointCallback(4, str(tmp_path)))
    (saved, *_) = sorted(tmp_path.glob("*_steps.json"))
    assert Residual.load(saved).predict(np.zeros((2, 1)))[0].shape == (2, 1)


@pytest.mark.parametrize("other", ["base", "demonstrations"])
def test_another_base_or_other_demonstrations_end_a_resume(other: str, make_env: MakeEnv) -> None:
    first = Residual(SMALL, make_env(), base_policy=biased, demonstrations=recorded())
    second = Residual(
        SMALL, make_env(), base_policy=biased, demonstrations=recorded(5 if other == "demonstrations" else 6)
    )
    if other == "base":
        second.base_seal = "of another one"
    with pytest.raises(DamageError, match="have changed since the run began"):
        second.load_state_dict(first.state_dict())


def test_a_function_is_not_saved_and_has_to_be_given_again(make_env: MakeEnv, tmp_path: Path) -> None:
    agent = Residual(SMALL, make_env(), base_policy=biased).learn(120)
    agent.save(tmp_path / "policy")
    obs = np.array([[0.3], [-0.8]], np.float32)
    loaded = Residual.load(tmp_path / "policy", base_policy=biased)
    assert np.array_equal(agent.predict(obs, deterministic=True)[0], loaded.predict(obs, deterministic=True)[0])
    with pytest.raises(ValueError, match="no base policy saved beside it: pass base_policy="):
        Residual.load(tmp_path / "policy")


def test_without_a_base_the_correction_is_all_there_is(make_env: MakeEnv, tmp_path: Path) -> None:
    agent = Residual(replace(SMALL, base="zero", scale=1.0), make_env())
    assert agent.predict(np.ones((2, 1)), deterministic=True)[0].tolist() == [[0.0], [0.0]]
    agent.learn(1500).save(tmp_path / "policy")
    target = np.linspace(-0.9, 0.9, 7, dtype=np.float32)[:, None]
    assert np.abs(agent.predict(target, deterministic=True)[0] - target).max() < 0.3
    loaded = Residual.load(tmp_path / "policy")
    assert np.array_equal(agent.predict(target, deterministic=True)[0], loaded.predict(target, deterministic=True)[0])


def test_no_base_and_other_demonstrations_are_refused(make_env: MakeEnv) -> None:
    with pytest.raises(ValueError, match=r"it needs a base policy: pass --agent\.base RUN or base_policy="):
        Residual(SMALL, make_env())
    with pytest.raises(ValueError, match=r"the demonstrations have \(2, 1\) numbers an observation and an action"):
        Residual(SMALL, make_env(), base_policy=biased, demonstrations=of_other_worlds())
    with pytest.raises(ValueError, match="there is no episode of which the beginning is recorded"):
        Residual(SMALL, make_env(), base_policy=biased, demonstrations=Recorder(2, 1, 1))
    with pytest.raises(ValueError, match="base_policy= and base 'zero' exclude each other"):
        Residual(replace(SMALL, base="zero"), make_env(), base_policy=biased)
    with pytest.raises(NotFiniteError, match="the action of the base policy is not finite"):
        Residual(SMALL, make_env(), base_policy=lambda obs: obs + np.nan).learn(16)
    with pytest.raises(ValueError, match="num_target_critics is 3, and there are 2 critics"):
        ResidualCfg(num_critics=2, num_target_critics=3)


def test_a_run_folder_holds_its_base(tmp_path: Path) -> None:
    """From demonstrations to a corrected policy; the base is gone when it is looked at."""
    pytest.importorskip("minari")

    env, base, corrected = "prefgym/Reacher-v0", tmp_path / "base", tmp_path / "corrected"
    random = DemosCfg(env=env, dataset="reacher/some-v0", policy=("random",), episodes=3, out=tmp_path)
    write_demos(random)
    prefgym.train_offline(
        agent=agents.cfg("bc", chunk=4),
        dataset=random.dataset,
        datasets=tmp_path,
        updates=2,
        threads=1,
        out=base,
        eval=OfflineEvalCfg(final_episodes=2),
    )
    small: dict[str, Any] = {"random_steps": 40, "critic_updates": 1, "hidden": (8,)}
    given = {"base": str(base), "demos": random.dataset, "datasets": str(tmp_path)}
    short: dict[str, Any] = {"rater": "none", "steps": 160, "threads": 1, "report": False}
    often = EvalCfg(every=80, keep=True, episodes=2, final_episodes=2)
    prefgym.train(env, agent=agents.cfg("residual", **given, **small), **short, eval=often, out=corrected)
    shutil.rmtree(base)
    assert len(evaluate(load_policy(corrected), make_evaluation_env(env, 2, 1)).returns) == 2
    write_demos(DemosCfg(env=env, dataset="reacher/more-v0", policy=(str(corrected),), out=tmp_path))
    early: Any = load_policy(corrected, steps=80)
    assert (early.name, early.base.name, early.base.cfg.chunk) == ("residual", "bc", 4)
    on_top = agents.cfg("residual", base=str(corrected), **small)
    prefgym.train(env, agent=on_top, **short, eval=EvalCfg(final_episodes=2), out=tmp_path / "again")
    file = corrected / "checkpoints" / "final" / "policy-base.safetensors"
    file.write_bytes(file.read_bytes()[:-1] + b"\0\0")
    for use in (lambda: load_policy(corrected), lambda: prefgym.train(env, agent=on_top, **short, out=tmp_path / "3")):
        with pytest.raises(UserError, match=r"policy-base.safetensors is damaged"):
            use()
    # demonstrations of another task have another reward
    other = agents.cfg("residual", **given)
    with pytest.raises(UserError, match="have the reward of prefgym/Reacher-v0, and not of prefgym/Pusher-v0"):
        prefgym.train("prefgym/Pusher-v0", rater="none", agent=other)
