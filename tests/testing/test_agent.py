"""Agents of ours pass their check, and what is broken is found."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from torch import Tensor

from prefgym import agents
from prefgym.agents.ppo import PPO, PPOCfg
from prefgym.common.states import State
from prefgym.core.rollout import Rollout
from prefgym.testing import check_agent, example_env

CFG = PPOCfg(num_envs=2, num_steps=8, epochs=1, minibatch_size=8, hidden=(4,))
SMALL: Mapping[str, dict[str, Any]] = {
    "ppo": {"num_steps": 8, "epochs": 1, "minibatch_size": 8, "hidden": (4,)},
    "sac": {"num_steps": 8, "hidden": (4,), "batch_size": 4, "updates_per_step": 0.25},
    "pebble": {"num_steps": 8, "hidden": (4,), "batch_size": 4, "updates_per_step": 0.25},
}


@pytest.mark.parametrize("name", SMALL)
def test_our_agents_pass(name: str) -> None:
    check_agent(lambda env: agents.make(name, num_envs=2, env=env, **SMALL[name]))


class Small(PPO):
    """An agent for others to break."""

    def __init__(self, cfg: PPOCfg = CFG, env: Any = None, *, seed: int = 0, device: str = "cpu") -> None:  # noqa: ANN401
        super().__init__(cfg, env, seed=seed, device=device)


class Unbounded(Small):
    """Actions are not clipped."""

    def predict(self, observation: Any, *args: Any, **kwargs: Any) -> tuple[np.ndarray, Any]:  # noqa: ANN401
        return 100 + super().predict(observation, *args, **kwargs)[0], None


class FlatActions(Small):
    """An axis is lost."""

    def predict(self, observation: Any, *args: Any, **kwargs: Any) -> tuple[np.ndarray, Any]:  # noqa: ANN401
        return super().predict(observation, *args, **kwargs)[0].ravel(), None


class ActionsOnly(Small):
    """There is no state beside them."""

    def predict(self, observation: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        return super().predict(observation, *args, **kwargs)[0]


class AlwaysDraws(Small):
    """Deterministic or not is all the same."""

    def act(self, obs: Tensor, deterministic: bool = False) -> tuple[Tensor, Tensor]:
        return super().act(obs, deterministic=False)


class ClaimsMore(Small):
    """What was drawn is taken for what was executed."""

    def collect(self, env: Any, callback: Any = None) -> Rollout:  # noqa: ANN401
        rollout = super().collect(env, callback)
        return replace(rollout, executed=rollout.action * 100)


class NextAfterReset(Small):
    """The observation after a step is that of some other step."""

    def collect(self, env: Any, callback: Any = None) -> Rollout:  # noqa: ANN401
        rollout = super().collect(env, callback)
        return replace(rollout, next_obs=rollout.next_obs.roll(1, 0))


class NanMetric(Small):
    """A loss is no number."""

    def update(self, rollout: Rollout, progress: float) -> dict[str, float]:
        return {**super().update(rollout, progress), "train/loss": float("nan")}


class SavesHalf(Small):
    """The actor's deviation is saved, and its last bias is not."""

    def save(self, path: Path | str) -> None:
        bias = [*self.actor.parameters()][-1]
        kept = bias.data.clone()
        bias.data.zero_().sub_(1)
        super().save(path)
        bias.data.copy_(kept)


class ForgetsGenerator(Small):
    """Actions are drawn anew."""

    def load_state_dict(self, state: State) -> None:
        super().load_state_dict({**state, "generator": self.generator.get_state()})


class ForgetsOptimiser(Small):
    """Moments begin at zero."""

    def load_state_dict(self, state: State) -> None:
        super().load_state_dict(state)
        self.optimizer.state.clear()


class EachItsOwn(Small):
    """No two of them are alike."""

    made = 0

    def __init__(self, cfg: PPOCfg = CFG, env: Any = None, *, seed: int = 0, device: str = "cpu") -> None:  # noqa: ANN401
        EachItsOwn.made += 1
        super().__init__(cfg, env, seed=EachItsOwn.made, device=device)


class GlobalNoise(Small):
    """A number is drawn that belongs to nobody."""

    def update(self, rollout: Rollout, progress: float) -> dict[str, float]:
        np.random.rand()
        return super().update(rollout, progress)


@pytest.mark.parametrize(
    ("broken", "sentence"),
    [
        (Unbounded, "actions must lie within the bounds"),
        (FlatActions, r"actions must have shape \(7, 2\) for these observations: \(14,\)"),
        (ActionsOnly, "must return actions and the state"),
        (AlwaysDraws, "must return the same actions each time"),
        (ClaimsMore, "rollout.executed must lie within the bounds"),
        (NextAfterReset, "each observation must be the next_obs of the step before"),
        (NanMetric, "metrics of update.. must be finite, and train/loss is nan"),
        (SavesHalf, r"load\(path\) must restore the policy"),
        (ForgetsGenerator, "must act in the same way: the generator is part of it"),
        (ForgetsOptimiser, "must learn the same: the optimiser is part of it"),
        (EachItsOwn, "must act in the same way in the same environments"),
    ],
)
def test_what_is_broken_is_found(broken: type[Small], sentence: str) -> None:
    with pytest.raises(AssertionError, match=sentence):
        check_agent(lambda env: broken(env=env))


def test_draws_from_the_generator_of_nobody_are_found() -> None:
    before = np.random.get_state()
    try:
        with pytest.raises(AssertionError, match="its own, and not from that of numpy"):
            check_agent(lambda env: GlobalNoise(env=env))
    finally:
        np.random.set_state(before)


def test_environments_of_other_sizes_can_be_brought() -> None:
    check_agent(lambda env: Small(env=env), lambda: example_env(obs_dim=5, action_dim=1))


def test_the_example_can_be_learned_from() -> None:
    """Episodes end both ways: far away by a termination, near by the limit."""
    env = example_env(1)
    ends: set[tuple[bool, bool]] = set()
    for push in (0.5, 0.0):
        for _ in range(12):
            _, reward, terminated, truncated, _ = env.step(np.full((1, 2), push, np.float32))
            assert reward[0] <= 0
            ends.add((bool(terminated[0]), bool(truncated[0])))
    assert ends == {(False, False), (True, False), (False, True)}
