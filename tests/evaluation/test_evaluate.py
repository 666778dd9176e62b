"""Evaluation: true returns of whole episodes."""

from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch

from prefgym.envs.demonstrators import Demonstrator
from prefgym.evaluation.envs import make_evaluation_env
from prefgym.evaluation.evaluate import Evaluation, evaluate, record_episode, succeeded
from prefgym.evaluation.experts import load_expert


class Push:
    """Push with a fixed action."""

    def __init__(self, size: int, action: float = 0.3) -> None:
        self._action = np.full(size, action, np.float32)

    def predict(
        self,
        obs: Any,  # noqa: ANN401
        /,
        state: Any = None,  # noqa: ANN401
        episode_start: Any = None,  # noqa: ANN401
        deterministic: bool = False,
    ) -> tuple[np.ndarray, None]:
        """Choose the same for every world."""
        assert deterministic
        return np.tile(self._action, (len(obs), 1)), None


@pytest.mark.parametrize("env_id", ["prefgym/Hopper-v0", "Hopper-v5"])
def test_returns_are_those_of_single_environments(env_id: str) -> None:
    """Each env gives the return of Gymnasium's own env with its seed, and only its first episode counts."""
    told = evaluate(Push(3), make_evaluation_env(env_id, 3, 1), seed=50)
    for index in range(3):
        env = gym.make("Hopper-v5")
        env.reset(seed=50 + index)
        total, steps, ended, terminated = 0.0, 0, False, False
        while not ended:
            _, reward, terminated, truncated, _ = env.step(np.full(3, 0.3, np.float32))
            total, steps, ended = total + float(reward), steps + 1, terminated or truncated
        assert told.returns[index] == pytest.approx(total)
        assert told.lengths[index] == steps
        assert told.early[index] == terminated


def test_a_recorded_episode_holds_all_of_it() -> None:
    """An episode of T steps has T + 1 states and observations, and the return that evaluation gives."""
    env = make_evaluation_env("prefgym/Hopper-v0", 1, 1)
    episode = record_episode(Push(3), env, seed=50)
    told = evaluate(Push(3), make_evaluation_env("prefgym/Hopper-v0", 1, 1), seed=50)
    steps = told.lengths[0]
    assert len(episode["reward"]) == len(episode["action"]) == steps
    assert len(episode["state"]) == len(episode["obs"]) == steps + 1
    assert episode["reward"].sum() == pytest.approx(told.mean)
    # columns of the state: time, qpos (6), ...; the observation begins with qpos[1:]
    torch.testing.assert_close(
        torch.as_tensor(episode["state"][:, 2:7], dtype=torch.float32), torch.as_tensor(episode["obs"][:, :5])
    )


def test_a_recorded_episode_is_one_of_those_that_were_evaluated() -> None:
    """The median of three, or the lower one of four: bit for bit, in environments of the same number."""
    assert Evaluation(returns=(5.0, 1.0, 3.0), lengths=(1, 1, 1)).median == 2
    assert Evaluation(returns=(5.0, 1.0, 3.0, 4.0), lengths=(1, 1, 1, 1)).median == 2
    env, policy = make_evaluation_env("prefgym/Hopper-v0", 3, 1), load_expert("prefgym/Hopper-v0", "medium")
    told = evaluate(policy, env, seed=50)
    episode = record_episode(policy, env, 50, told.median)
    assert len(episode["reward"]) == told.lengths[told.median]
    assert float(np.sum(episode["reward"])) == pytest.approx(sorted(told.returns)[1], rel=1e-12)


def test_success_is_that_of_the_last_step() -> None:
    """Two envs that end with this step, and one that goes on: what counts there is what comes after `final_info`."""
    ended = np.array([True, True, False])
    told = succeeded(
        {"is_success": np.array([True, False, True]), "final_info": {"is_success": np.array([False, True, False])}},
        ended,
    )
    assert told is not None and told.tolist() == [False, True, True]
    assert succeeded({"speed": np.zeros(3)}, ended) is None


def test_success_is_told_where_environments_tell_it() -> None:
    """A gripper that goes to the goal, and one that stands still."""
    env = make_evaluation_env("prefgym/FetchReach-v0", 4, 1)
    good = evaluate(Demonstrator("prefgym/FetchReach-v0"), env, seed=0)
    assert good.success_rate == 1.0
    assert good.metrics()["eval/success_rate"] == 1.0
    assert good.in_words(0).endswith(", success in 100%")
    still = evaluate(Push(4, 0.0), env, seed=0)
    assert still.successes == (False,) * 4
    assert evaluate(Push(3), make_evaluation_env("Hopper-v5", 1, 1)).success_rate is None


def test_metrics_by_hand() -> None:
    """Returns 1 and 3: mean 2, deviation 1; lengths 10 and 20: 15."""
    two = Evaluation(returns=(1.0, 3.0), lengths=(10, 20), early=(True, False))
    assert two.metrics() == {
        "eval/mean_reward": 2.0,
        "eval/std_reward": 1.0,
        "eval/mean_ep_length": 15.0,
        "eval/num_episodes": 2.0,
        "eval/num_early": 1.0,
    }
    assert two.in_words(0) == "true return 2 ± 1, 1 of 2 end early"


def test_episodes_that_fall_end_early_and_others_do_not() -> None:
    """A hopper that is pushed falls; a cheetah cannot, and comes to its limit of 1000 steps."""
    assert evaluate(Push(3), make_evaluation_env("prefgym/Hopper-v0", 2, 1)).early == (True, True)
    limited = evaluate(Push(6), make_evaluation_env("HalfCheetah-v5", 1, 1))
    assert (limited.early, limited.lengths) == ((False,), (1000,))
