"""Stable-Baselines3's algorithms as agents: sb3-ppo, sb3-sac, sb3-td3, and any other one by import path.

SB3's own `collect_rollouts` and `train` collect rollouts and learn; in between, the steps get the learned reward.
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
from prefgym.common.files import named
from prefgym.common.from_json import config_from_json
from prefgym.common.limits import Count, Envs, NonNegative, check
from prefgym.common.spaces import Spaces, check_arrays, single_spaces
from prefgym.common.states import State
from prefgym.core.arrays import Array, Env, PolicyState
from prefgym.core.capabilities import Capability, DataSource
from prefgym.core.protocols import Learner
from prefgym.core.rollout import Rollout
from prefgym.nn.weights import save_weights
from prefgym.rl.files import read_card
from prefgym.runs.config_file import check_import
from prefgym.wrappers.sb3 import RecordingVecEnv, ReplayBuffer
from prefgym.wrappers.sb3_learned import reward_on_policy
from prefgym.wrappers.sb3_state import load_model_state, load_shared_generators, model_state, shared_generators


@dataclass(frozen=True, kw_only=True)
class Sb3Cfg:
    """The algorithm, and its settings."""

    algorithm: str = "stable_baselines3:PPO"
    """Class of the algorithm, as `module:Class`."""
    num_envs: Envs = 1
    """Environments stepped at once."""
    num_steps: Count = 64
    """Steps of each environment between two rounds of updates of an off-policy algorithm; SB3's default is 1.
    On-policy algorithms use `n_steps` of their settings."""
    settings: str = "{}"
    """Arguments of the algorithm in JSON, such as '{"gamma": 0.98, "policy_kwargs": {"net_arch": [256, 256]}}'; the
    others have SB3's defaults."""
    action_noise: NonNegative = 0.0
    """Standard deviation of Gaussian noise on the actions of off-policy algorithms."""

    __post_init__ = check


def ppo() -> Sb3Cfg:
    """Configure SB3's PPO, with its defaults."""
    return Sb3Cfg(algorithm="stable_baselines3:PPO")


def sac() -> Sb3Cfg:
    """Configure SB3's SAC, with its defaults."""
    return Sb3Cfg(algorithm="stable_baselines3:SAC")


def td3() -> Sb3Cfg:
    """Configure SB3's TD3, with its defaults and the usual action noise."""
    return Sb3Cfg(algorithm="stable_baselines3:TD3", action_noise=0.1)


class Sb3Agent:
    """An algorithm of SB3, on- or off-policy."""

    capabilities: frozenset[Capability] = frozenset({Capability.PORTABLE})
    """Capabilities of the class; an off-policy algorithm adds `OFF_POLICY`."""
    learns_from: ClassVar[tuple[DataSource, ...]] = ("reward",)

    def __init__(self, cfg: Sb3Cfg, env: Env, *, seed: int = 0, device: str = "cpu") -> None:
        """Make an untrained algorithm.

        Args:
            cfg: The algorithm, and its settings.
            env: Environments in SAME_STEP mode, whose spaces are one-dimensional Boxes.
            seed: Seed of weights and actions; SB3 seeds the generators that are shared by the whole process.
            device: Device of the networks.

        Raises:
            UserError: If there is no such algorithm, or its settings are invalid.
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
        """Return whether the algorithm learns from a replay buffer."""
        return isinstance(self.model, OffPolicyAlgorithm)

    @property
    def rollout_steps(self) -> int:
        """Return the number of steps of each environment between two updates."""
        return self.cfg.num_steps if self.is_off_policy else self.model.n_steps

    @property
    def num_timesteps(self) -> int:
        """Return the steps taken so far, over all environments."""
        return self.model.num_timesteps

    # --- our loop's verbs --------------------------------------------------------------------------------------------

    def collect(self, env: Env) -> Rollout:
        """Step the agent's own environments with SB3."""
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
        """Keep a rollout without a reward in SB3's replay buffer."""
        del rollout
        return {}

    def relabel(self, learner: Learner) -> None:
        """Relabel the replay buffer with the present reward."""
        if self.is_off_policy:
            self.model.replay_buffer.relabel(learner)

    def update(self, rollout: Rollout, progress: float) -> dict[str, float]:
        """Write the reward into SB3's buffer, and train.

        Args:
            rollout: The latest rollout, with the reward to learn from.
            progress: Completed share of the training, for schedules.
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
            if not torch.equal(rollout.reward, self._collected):  # otherwise SB3 has this reward already
                reward_on_policy(model, rollout)
            model.train()
        logged = cast("dict[str, Any]", model.logger.name_to_value)
        metrics = {name: float(x) for name, x in logged.items() if not isinstance(x, str)}
        logged.clear()
        return metrics

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
            path: Path that was passed to `save`.
            env: Environments to act in.
            device: Device of the networks.

        Raises:
            UserError: If loading would import a module that the user has not named.
            ValueError: If the file is of another agent, or of environments with other spaces.
        """
        weights, card = read_card(path)
        if card["agent"] != "sb3":
            raise ValueError(f"{path} holds {card['agent']}, not sb3")
        if Spaces.of(env).card() != card["spaces"]:
            raise ValueError(f"{path} was learned in environments with other spaces")
        check_import(card["cfg"]["algorithm"], named(path, ".json"))
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

    def load_policy_state(self, state: State) -> None:
        """Load only what `predict` needs of a state that `state_dict` returned."""
        self.model.policy.load_state_dict(state["learned"]["policy"])

    def load_state_dict(self, state: State) -> None:
        """Resume from a state that `state_dict` returned."""
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
        UserError: If there is none at `module:Class`, or it is neither on-policy nor off-policy.
    """
    module, _, name = path.partition(":")
    try:
        found = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError, TypeError) as error:  # the last two of empty and relative names
        raise UserError(f"--agent.algorithm {path} cannot be imported: {error}.") from None
    if not (isinstance(found, type) and issubclass(found, (OnPolicyAlgorithm, OffPolicyAlgorithm))):
        raise UserError(f"--agent.algorithm {path} is not an on- or off-policy algorithm of Stable-Baselines3.")
    return found
