"""Stable-Baselines3's algorithms in our loop: sb3-ppo, sb3-sac, sb3-td3, and any other of their kind by import path.

Rollouts are collected and learned from by SB3's own `collect_rollouts` and `train`; in between, the steps are rewarded.
"""

import importlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar, Self, cast

import numpy as np
import torch
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import CallbackList
from stable_baselines3.common.logger import Logger
from stable_baselines3.common.noise import NormalActionNoise
from stable_baselines3.common.off_policy_algorithm import OffPolicyAlgorithm
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm
from stable_baselines3.common.type_aliases import TrainFreq, TrainFrequencyUnit

from prefgym.common.errors import UserError
from prefgym.common.limits import Count, NonNegative, check
from prefgym.common.spaces import Spaces, check_arrays, single_spaces
from prefgym.common.states import State
from prefgym.core.arrays import Array, Env, PolicyState
from prefgym.core.capabilities import Capability, DataSource
from prefgym.core.protocols import Learner
from prefgym.core.rollout import Rollout
from prefgym.nn.weights import load_weights, save_weights
from prefgym.rl.files import config_from_json
from prefgym.runs.config_file import check_import
from prefgym.wrappers.sb3 import RecordingVecEnv, ReplayBuffer
from prefgym.wrappers.sb3_state import load_model_state, load_shared_generators, model_state, shared_generators


@dataclass(frozen=True, kw_only=True)
class Sb3Cfg:
    """Which algorithm, and its settings."""

    algorithm: str = "stable_baselines3:PPO"
    """Class, as `module:Class`; it is imported."""
    num_envs: Count = 1
    """Environments stepped at once."""
    num_steps: Count = 64
    """Steps of each env that an off-policy algorithm takes before the updates that are due for them; 1 is as in SB3.
    On-policy algorithms have `n_steps` among their settings."""
    settings: str = "{}"
    """Arguments of the algorithm in JSON, such as '{"gamma": 0.98, "policy_kwargs": {"net_arch": [256, 256]}}'; what is
    not said is as in SB3."""
    action_noise: NonNegative = 0.0
    """Deviation of Gaussian noise on the actions of off-policy algorithms."""

    __post_init__ = check


def ppo() -> Sb3Cfg:
    """SB3's PPO, with its defaults."""
    return Sb3Cfg(algorithm="stable_baselines3:PPO")


def sac() -> Sb3Cfg:
    """SB3's SAC, with its defaults."""
    return Sb3Cfg(algorithm="stable_baselines3:SAC")


def td3() -> Sb3Cfg:
    """SB3's TD3, with its defaults and the noise it is usually given."""
    return Sb3Cfg(algorithm="stable_baselines3:TD3", action_noise=0.1)


class Sb3Agent:
    """An algorithm of SB3's, on- or off-policy."""

    capabilities: frozenset[Capability] = frozenset({Capability.PORTABLE})
    """Those of the class; an off-policy algorithm adds `OFF_POLICY`."""
    learns_from: ClassVar[tuple[DataSource, ...]] = ("reward",)

    def __init__(self, cfg: Sb3Cfg, env: Env, *, seed: int = 0, device: str = "cpu") -> None:
        """Make an untrained one.

        Args:
            cfg: Which, and its settings.
            env: Where it acts, in SAME_STEP mode; its spaces are one-dimensional Boxes.
            seed: Seed of weights and actions; SB3 seeds the generators that are shared by the whole process.
            device: Where the networks are.

        Raises:
            UserError: If there is no such algorithm, or it does not take these settings.
        """
        check_arrays(env, "Stable-Baselines3")
        self.cfg, self.env = cfg, env
        algorithm = find(cfg.algorithm)
        self.recording_env = RecordingVecEnv(env)
        extra: dict[str, Any] = {}
        if issubclass(algorithm, OffPolicyAlgorithm):
            extra["replay_buffer_class"] = ReplayBuffer
            if cfg.action_noise:
                zeros = np.zeros(single_spaces(env)[1].shape)
                extra["action_noise"] = NormalActionNoise(zeros, zeros + cfg.action_noise)
        try:
            settings = json.loads(cfg.settings)
            self.model: Any = cast(Any, algorithm)(
                "MlpPolicy", self.recording_env, seed=seed, device=device, **extra, **settings
            )
        except (TypeError, ValueError, AssertionError) as error:
            raise UserError(f"{cfg.algorithm} cannot be made with --agent.settings {cfg.settings}: {error}.") from None
        if self.is_off_policy:
            self.capabilities = type(self).capabilities | {Capability.OFF_POLICY}
            self._check_rounds()
        self.model.set_logger(Logger(None, []))
        self._quiet = CallbackList([])
        self._quiet.init_callback(self.model)
        self._started = False

    def _check_rounds(self) -> None:
        every = self.model.train_freq.frequency
        if every < 1 or self.cfg.num_steps % every:
            raise UserError(f"--agent.num-steps {self.cfg.num_steps} must be a multiple of train_freq {every}.")

    @property
    def is_off_policy(self) -> bool:
        """Return whether it learns from the past again."""
        return isinstance(self.model, OffPolicyAlgorithm)

    @property
    def rollout_steps(self) -> int:
        """Return how many steps of each environment there are between two updates."""
        return self.cfg.num_steps if self.is_off_policy else self.model.n_steps

    @property
    def num_timesteps(self) -> int:
        """Return the steps taken so far, over all environments."""
        return self.model.num_timesteps

    # --- our loop's verbs --------------------------------------------------------------------------------------------

    def collect(self, env: Env) -> Rollout:
        """Let SB3 step the environments the agent was made for."""
        assert env is self.env, "SB3's algorithms act in the environments they were made for"
        model = self.model
        if not self._started:
            model._setup_learn(1, None, reset_num_timesteps=model.num_timesteps == 0)
            self._started = True
        if self.is_off_policy:
            frequency = TrainFreq(self.cfg.num_steps, TrainFrequencyUnit.STEP)
            settings: dict[str, Any] = {"action_noise": model.action_noise, "learning_starts": model.learning_starts}
            model.collect_rollouts(self.recording_env, self._quiet, frequency, model.replay_buffer, **settings)
        else:
            model.collect_rollouts(self.recording_env, self._quiet, model.rollout_buffer, model.n_steps)
        rollout = self.recording_env.take()
        self._collected = rollout.reward
        return rollout

    def explore(self, rollout: Rollout) -> dict[str, float]:
        """Leave a rollout for which there is no reward yet where SB3 has stored it."""
        del rollout
        return {}

    def relabel(self, learner: Learner) -> None:
        """Relabel the replay buffer with the present reward."""
        if self.is_off_policy:
            self.model.replay_buffer.relabel(learner)

    def update(self, rollout: Rollout, progress: float) -> dict[str, float]:
        """Put the reward where SB3 looks for it, and let it learn.

        Args:
            rollout: The latest, with the reward to learn from.
            progress: Share of the training that is done, for schedules.
        """
        model = self.model
        model._current_progress_remaining = 1 - progress
        if self.is_off_policy:
            model.replay_buffer.overwrite_latest_rewards(rollout.reward.cpu().numpy())
            if model.num_timesteps <= model.learning_starts:
                return {}
            steps = model.train_freq.frequency
            per_round = model.gradient_steps if model.gradient_steps >= 0 else steps * model.n_envs
            if not per_round:
                return {}
            model.train(self.cfg.num_steps // steps * per_round, model.batch_size)
        else:
            if not torch.equal(rollout.reward, self._collected):  # else SB3 has it already
                self._reward_on_policy(rollout)
            model.train()
        logged = cast("dict[str, Any]", model.logger.name_to_value)
        metrics = {name: float(x) for name, x in logged.items() if not isinstance(x, str)}
        logged.clear()
        return metrics

    def _reward_on_policy(self, rollout: Rollout) -> None:
        model = self.model
        with torch.no_grad():
            final = rollout.next_obs.to(model.device).flatten(0, 1)
            value = model.policy.predict_values(final).reshape(rollout.reward.shape).cpu()
            last = model.policy.predict_values(torch.as_tensor(model._last_obs, device=model.device).float())
        # time limits bootstrap: r_t + gamma V(s_(t+1))
        rewards = rollout.reward + model.gamma * value * rollout.truncated
        model.rollout_buffer.rewards[:] = rewards.numpy()
        model.rollout_buffer.compute_returns_and_advantage(last_values=last, dones=model._last_episode_starts)

    # --- SB3's verbs -------------------------------------------------------------------------------------------------

    def learn(self, *args: Any, **kwargs: Any) -> Self:  # noqa: ANN401
        """Train on the reward of the environment, as SB3 does."""
        self.model.learn(*args, **kwargs)
        return self

    def predict(
        self,
        observation: Array,
        state: PolicyState = None,
        episode_start: Array | None = None,
        deterministic: bool = False,
    ) -> tuple[Array, PolicyState]:
        """Choose actions within bounds, as SB3 does."""
        return self.model.predict(observation, state, episode_start, deterministic)

    def set_env(self, env: Env, force_reset: bool = True) -> None:
        """Act in other environments with the same spaces."""
        self.env, self.recording_env = env, RecordingVecEnv(env)
        self.model.set_env(self.recording_env, force_reset)
        self._started = self._started and not force_reset

    def save(self, path: Path | str) -> None:
        """Write weights (safetensors), algorithm, settings and spaces (JSON): no archive that runs code when loaded."""
        card = {"agent": "sb3", "cfg": asdict(self.cfg), "spaces": Spaces.of(self.env).card()}
        save_weights(Path(path), self.model.policy.state_dict(), card)

    @classmethod
    def load(cls, path: Path | str, env: Env, device: str = "cpu") -> Self:
        """Load the agent that `save` wrote.

        Args:
            path: As given to `save`.
            env: Where it acts.
            device: Where the networks are.

        Raises:
            UserError: If that would import a module that nobody here has asked for.
            ValueError: If the file is of another agent, or learned in environments with other spaces.
        """
        weights, card = load_weights(Path(path))
        if card["agent"] != "sb3":
            raise ValueError(f"{path} holds {card['agent']}, not sb3")
        if Spaces.of(env).card() != card["spaces"]:
            raise ValueError(f"{path} was learned in environments with other spaces")
        check_import(card["cfg"]["algorithm"], Path(path).with_suffix(".json"))
        agent = cls(config_from_json(Sb3Cfg(), card["cfg"]), env, device=device)
        agent.model.policy.load_state_dict(weights)
        return agent

    # --- resuming ----------------------------------------------------------------------------------------------------

    def state_dict(self) -> State:
        """Return the state to resume from, the process's shared generators included."""
        model = self.model
        return {
            **model_state(model),
            "started": self._started,
            "obs": model._last_obs,
            "episode_starts": model._last_episode_starts,
            "buffer": model.replay_buffer.state_dict() if self.is_off_policy else {},
            **shared_generators(model),
        }

    def load_state_dict(self, state: State) -> None:
        """Go on from what `state_dict` returned."""
        model = self.model
        self._started = state["started"]
        obs, starts = (None if x is None else np.asarray(x) for x in (state["obs"], state["episode_starts"]))
        model._last_obs, model._last_episode_starts = obs, starts
        if self._started:
            assert obs is not None
            model._setup_learn(1, None, reset_num_timesteps=False)  # does not reset the environments
            self.recording_env.start(obs)
        load_model_state(model, state)
        if self.is_off_policy:
            model.replay_buffer.load_state_dict(state["buffer"])
        load_shared_generators(model, state)


def find(path: str) -> type[BaseAlgorithm]:
    """Import an algorithm.

    Raises:
        UserError: If there is none at `module:Class`, or it is neither on- nor off-policy.
    """
    module, _, name = path.partition(":")
    try:
        found = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise UserError(f"--agent.algorithm {path} cannot be imported: {error}.") from None
    if not (isinstance(found, type) and issubclass(found, (OnPolicyAlgorithm, OffPolicyAlgorithm))):
        raise UserError(f"--agent.algorithm {path} is no algorithm of Stable-Baselines3's kind.")
    return found
