"""Learned rewards for models of Stable-Baselines3 in environments of their own: recorded, returned, and relabelled."""

from typing import Any, cast

import numpy as np
import torch
from stable_baselines3.common import buffers, vec_env
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm

from prefgym.buffers.recorder import Recorder, RecorderCfg
from prefgym.common.errors import UserError
from prefgym.common.spaces import single_spaces
from prefgym.core.arrays import Array
from prefgym.core.protocols import Learner
from prefgym.core.relabel import learned_reward
from prefgym.core.rollout import Rollout
from prefgym.core.segments import Segments
from prefgym.wrappers.sb3 import relabel, rollout_of


class LearnedRewardVecEnv(vec_env.VecEnvWrapper):
    """Hides the task reward of SB3's environments, records all steps, and returns the learned reward, or 0 without one.

    Raises:
        UserError: If observations or actions are no Boxes of one axis.
    """

    def __init__(self, venv: vec_env.VecEnv, *, recorder: RecorderCfg | None = None) -> None:
        super().__init__(venv)  # pyright: ignore[reportUnknownMemberType]
        try:
            observation, action = single_spaces(venv)
        except ValueError as error:
            raise UserError(f"{error}: put gymnasium.wrappers.FlattenObservation around each environment.") from None
        sizes = observation.shape[0], action.shape[0]
        self.recorder = Recorder(venv.num_envs, *sizes, cfg=recorder or RecorderCfg())
        self.learner: Learner | None = None
        self._obs = self._actions = np.zeros((0, 0))
        self._steps: list[tuple[Array, ...]] = []

    def begin(self, obs: Array) -> None:
        """Record the first observations, also those of environments that were reset before. Shape: (N, O)."""
        self._obs = np.array(obs)
        self.recorder.begin(self._obs)
        self._steps = []

    def reset(self) -> Array:
        """Start episodes."""
        obs = cast(Array, self.venv.reset())
        self.begin(obs)
        return obs

    def step_async(self, actions: Array) -> None:
        """Store the actions, and begin the step. Shape: (N, A)."""
        self._actions = np.array(actions)
        self.venv.step_async(actions)

    def step_wait(self) -> Any:  # noqa: ANN401 - as SB3 has it
        """Take the step, record it, and return the learned reward in the place of that of the task."""
        obs, reward, done, infos = cast(Any, self.venv).step_wait()
        truncated = done & np.array([bool(info.get("TimeLimit.truncated", False)) for info in infos])
        terminated, next_obs = done & ~truncated, np.array(obs)
        for index in np.flatnonzero(done).tolist():
            next_obs[index] = infos[index]["terminal_observation"]
        self.recorder.add(self._actions, np.asarray(reward, np.float64), next_obs, terminated, truncated)
        if done.any():
            self.recorder.begin(obs, done)
        step = (self._obs, self._actions, self._actions, next_obs)
        learned = np.zeros(self.num_envs, np.float32)
        if self.learner is not None:
            before, action, _, after = (torch.as_tensor(x, dtype=torch.float32) for x in step)
            ended = torch.as_tensor(terminated), torch.as_tensor(truncated)
            learned = learned_reward(self.learner, Segments.of_steps(before, action, after, *ended)).cpu().numpy()
        self._steps.append((*step, learned, terminated, truncated))
        self._obs = np.array(obs)
        return obs, learned.copy(), done, infos  # a copy: SB3 adds to it

    def take(self) -> Rollout:
        """Return the steps since the last call. Shapes: (T, N, ...)."""
        steps, self._steps = self._steps, []
        return rollout_of(steps)


def recorded_env(model: Any, recorder: RecorderCfg | None = None) -> LearnedRewardVecEnv:  # noqa: ANN401
    """Return the wrapper of a model's environments; put it beneath all other wrappers if there is none.

    So statistics of `VecNormalize` are those of the learned reward, and the recorder sees what the environments return.

    Args:
        model: A model of SB3 that has been reset.
        recorder: Capacity of the recorder.

    Raises:
        UserError: If a wrapper changes the observations' shape, the environments hide their task reward already, or a
            replay buffer cannot be relabelled.
    """
    outer, inner = None, model.env
    while isinstance(inner, vec_env.VecEnvWrapper) and not isinstance(inner, LearnedRewardVecEnv):
        outer, inner = inner, inner.venv
    if isinstance(inner, LearnedRewardVecEnv):
        return inner
    environments: Any = inner
    if model.observation_space.shape != environments.observation_space.shape:
        raise UserError("a wrapper changes the shape of the observations: put it around each environment instead.")
    if hides_reward(environments):
        raise UserError("these environments hide their task reward already: make them with reward='task' instead.")
    buffer = getattr(model, "replay_buffer", None)
    plain = isinstance(buffer, buffers.ReplayBuffer) and not isinstance(buffer, buffers.DictReplayBuffer)
    if buffer is not None and (not plain or buffer.optimize_memory_usage):
        name = type(buffer).__name__
        raise UserError(f"a {name} like this one cannot be relabelled: pass optimize_memory_usage=False and no class.")
    wrapper = LearnedRewardVecEnv(environments, recorder=recorder)
    normalizer = model.get_vec_normalize_env()
    # the model was reset before its callbacks began
    wrapper.begin(model._last_obs if normalizer is None else normalizer.get_original_obs())
    if outer is None:
        model.env = wrapper
    else:
        outer.venv = wrapper
    return wrapper


def hides_reward(environments: Any) -> bool:  # noqa: ANN401
    """Return whether there is a `PreferenceEnv` or `PreferenceVectorEnv` within environments of SB3 in this process."""
    layer: Any = next(iter(getattr(environments, "envs", ())), environments)
    while layer is not None:
        if getattr(cast(object, layer), "hides_task_reward", False):
            return True
        layer = getattr(layer, "env", None)
    return False


def relabel_model(model: Any, learner: Learner, rollout: Rollout, *, is_first: bool) -> None:  # noqa: ANN401
    """Relabel the whole replay buffer of a model, or its latest rollout, with the present reward.

    Args:
        model: The model.
        learner: Fitted reward learner.
        rollout: Its latest rollout.
        is_first: Whether the reward was 0 so far.
    """
    rollout = rollout.with_reward(learned_reward(learner, rollout.steps()).cpu())
    normalizer = model.get_vec_normalize_env()
    if normalizer is not None and is_first:
        renew_scale(normalizer, rollout)
    if not isinstance(model, OnPolicyAlgorithm):
        relabel(model.replay_buffer, learner)
        return
    if normalizer is not None:
        rollout = rollout.with_reward(torch.as_tensor(normalizer.normalize_reward(rollout.reward.numpy())))
    reward_on_policy(model, rollout)


def renew_scale(normalizer: vec_env.VecNormalize, rollout: Rollout) -> None:
    """Let `VecNormalize` forget the zeros from before the first fit, which would scale any reward to its limit.

    Args:
        normalizer: Wrapper of a model.
        rollout: The latest rollout with its learned reward, whose returns are the first of the new statistics.
    """
    if not (normalizer.norm_reward and normalizer.training):
        return
    normalizer.ret_rms = type(normalizer.ret_rms)(shape=())
    returns, ended = np.zeros(normalizer.num_envs), (rollout.terminated | rollout.truncated).numpy()
    for reward, done in zip(rollout.reward.cpu().numpy(), ended):
        returns = returns * normalizer.gamma + reward
        normalizer.ret_rms.update(returns)
        returns[done] = 0.0


def reward_on_policy(model: Any, rollout: Rollout) -> None:  # noqa: ANN401
    """Write the reward of a rollout into the rollout buffer of an on-policy model, and estimate advantages anew."""
    normalizer = model.get_vec_normalize_env()
    next_obs = rollout.next_obs.flatten(0, 1)
    if normalizer is not None:
        next_obs = torch.as_tensor(normalizer.normalize_obs(next_obs.numpy()), dtype=torch.float32)
    with torch.no_grad():
        value = model.policy.predict_values(next_obs.to(model.device)).reshape(rollout.reward.shape).cpu()
        last = model.policy.predict_values(torch.as_tensor(model._last_obs, device=model.device).float())
    # time limits bootstrap: r_t + gamma V(s_(t+1))
    rewards = rollout.reward + model.gamma * value * rollout.truncated
    model.rollout_buffer.rewards[:] = rewards.numpy()
    model.rollout_buffer.compute_returns_and_advantage(last_values=last, dones=model._last_episode_starts)
