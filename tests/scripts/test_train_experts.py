"""Experts are made from end to end, and their values are those of a policy that is known."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import train_experts
from train_experts import Steps, TrainExpertsCfg, Training, envs_of, fit_values, half_way, make, take_turns

from prefgym.evaluation.experts import LEVELS, Expert, ExpertCard, Measured

TINY = Training(steps=3000, every=1000, episodes=2, ppo={"num_envs": 4, "num_steps": 100, "hidden": (8,)})


def test_both_levels_are_made_and_what_is_there_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Cards tell what was measured; a second call finds nothing to do."""
    monkeypatch.setitem(train_experts.TRAININGS, "InvertedPendulum", TINY)
    sizes: dict[str, Any] = {"steps": 2000, "rounds": 2, "fits": 5, "states": 4, "episodes": 3}
    cfg = TrainExpertsCfg(runs=tmp_path / "runs", out=tmp_path / "out", value_hidden=(8,), **sizes)
    make("InvertedPendulum", cfg)
    assert len(capsys.readouterr().out.splitlines()) == 2
    told = [Expert.load(tmp_path / "out" / f"InvertedPendulum-v0-{level}").card for level in LEVELS]
    assert [card.level for card in told] == list(LEVELS)
    assert told[0].steps == 3200 > told[1].steps >= 1200
    result = json.loads((tmp_path / "runs" / "InvertedPendulum" / "result.json").read_text())
    assert told[0].returns.mean == pytest.approx(np.mean(result["returns"][:3]))
    assert told[0].returns.few_low < told[0].returns.mean < told[0].returns.few_high
    make("InvertedPendulum", cfg)
    assert not capsys.readouterr().out


def test_half_way_is_half_of_the_return_or_of_the_way(tmp_path: Path) -> None:
    """Of 10, 40, 90 and 100 in the end: 40. Of costs of 20, 13, 6 and 4 in the end: 13."""
    for returns, steps in (((10, 40, 90, 100), 2), ((-20, -13, -6, -4), 2), ((60, 80, 90, 100), 1)):
        lines = [{"time/total_timesteps": at + 1, "eval/mean_reward": value} for at, value in enumerate(returns)]
        (tmp_path / "metrics.jsonl").write_text("\n".join(map(json.dumps, [*lines, {"time/total_timesteps": 9}])))
        measured = {at + 1: float(value) for at, value in enumerate(returns)}
        assert half_way(tmp_path, measured.__getitem__) == steps
    again = {1: 11.0, 2: 70.0, 3: 52.0}  # the last ones above, over more episodes
    assert half_way(tmp_path, again.__getitem__) == 3


def a_policy(gamma: float = 0.5) -> Expert:
    """Make a policy for a hopper that does nothing but what its bias says."""
    card = ExpertCard(
        env="prefgym/Hopper-v0", level="expert", agent="ppo", steps=1, command="", date="2026-01-01",
        action_low=(-1.0,) * 3, action_high=(1.0,) * 3, obs_dim=11, activation="tanh", hidden=(4,), value_hidden=(64,),
        gamma=gamma, value_rmse=0.0, value_std=0.0,
        returns=Measured(episodes=1, mean=0.0, std=0.0, few=1, few_low=0.0, few_high=0.0),
    )  # fmt: skip
    return Expert(card)


class Noise:
    """A policy that pushes."""

    def predict(
        self,
        observation: np.ndarray,
        /,
        state: Any = None,  # noqa: ANN401
        episode_start: Any = None,  # noqa: ANN401
        deterministic: bool = False,
    ) -> tuple[np.ndarray, None]:
        """Push with all joints."""
        return np.ones((len(observation), 3), np.float32), None


def test_turns_are_taken() -> None:
    """In its own turns the policy acts without noise; turns are of 1 to 300 steps, the others' of 1 to 20."""
    own, env = a_policy(), envs_of("Hopper", 6)
    steps = take_turns(env, own, [Noise()], 600, seed=0)
    env.close()
    chosen = torch.as_tensor(own.predict(steps.obs)[0])
    torch.testing.assert_close(steps.action[steps.is_own], chosen[steps.is_own])
    assert (steps.action[~steps.is_own] != chosen[~steps.is_own]).any(-1).all()
    for column in steps.is_own.T:
        change = (column[1:] != column[:-1]).nonzero().squeeze(-1) + 1
        lengths, own_turn = change.diff(), column[change[:-1]]
        assert 20 < lengths[own_turn].max() <= 300
        assert lengths[~own_turn].max() <= 20
    same = (steps.next_obs[:-1] == steps.obs[1:]).all(-1)
    assert torch.equal(same, ~(steps.terminated | steps.truncated)[:-1])


def test_values_of_an_env_that_is_known_are_found() -> None:
    """Observation x is rewarded x and stays; own turns end it with V = x / (1 - gamma). Theirs get 1 more at once."""
    draws = torch.Generator().manual_seed(0)
    num_steps, num_envs = 200, 50
    x = torch.rand(num_envs, generator=draws).expand(num_steps, -1) + 0.5
    obs = torch.zeros(num_steps, num_envs, 11)
    obs[..., 0] = x
    is_own = (torch.arange(num_steps) // 20 % 2 == 0)[:, None].expand(-1, num_envs)
    action = torch.zeros(num_steps, num_envs, 3)
    action[..., 0] = 1.0 - is_own.float()
    flag = torch.zeros(num_steps, num_envs, dtype=torch.bool)
    reward = x + ~is_own
    steps = Steps(
        obs=obs, action=action, reward=reward, next_obs=obs, terminated=flag, truncated=flag, is_own=is_own
    )  # fmt: skip
    policy = a_policy()
    fit_values(policy, steps, rounds=8, fits=150)
    told = obs[0]
    torch.testing.assert_close(policy.value(told), 2 * x[0], rtol=0.03, atol=0.03)
    advantage = policy.action_value(told, action[20]) - policy.value(told)
    torch.testing.assert_close(advantage, torch.ones(num_envs), rtol=0.1, atol=0.1)
    assert (policy.action_value(told, action[0]) - policy.value(told)).abs().max() < 0.1
