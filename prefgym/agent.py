"""What our agents share: stepping worlds, and Stable-Baselines3's verbs."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any, ClassVar, Self, cast

import numpy as np
import torch
from gymnasium.vector import AutoresetMode, VectorEnv
from torch import Tensor

from prefgym.buffers.rollout import Rollout
from prefgym.networks import load_weights, save_weights
from prefgym.spaces import Spaces, action_bounds, single_spaces
from prefgym.states import State


class StopTraining(Exception):  # noqa: N818 - no error, as StopIteration
    """A callback asked for the end of the training."""


class BaseAgent(ABC):
    """An agent made of `act` and `update`: torch in and out, on any device."""

    name: ClassVar[str]
    """As registered."""
    default: ClassVar[Any]
    """Its configuration, all defaults."""
    verbose: int = 0
    """As in SB3: 1 prints a table every `log_interval` rollouts of `learn`."""
    tensorboard_log: str | None = None
    """As in SB3: folder in which `learn` writes for TensorBoard."""

    def __init__(self, cfg: Any, env: Any, *, seed: int = 0, device: str = "cpu") -> None:  # noqa: ANN401
        """Note what the worlds are like.

        Args:
            cfg: Hyperparameters, `num_envs` and `num_steps` among them.
            env: Where `learn` acts; its spaces are one-dimensional Boxes.
            seed: Seed of weights and actions.
            device: Where the networks are.
        """
        self.cfg, self.env, self.device = cfg, env, torch.device(device)
        self.observation_space, self.action_space = single_spaces(env)
        self.obs_dim, self.action_dim = self.observation_space.shape[0], self.action_space.shape[0]
        self.action_low, self.action_high = (bound.to(self.device) for bound in action_bounds(self.action_space))
        self.generator = torch.Generator(self.device).manual_seed(seed)
        self.num_timesteps = 0
        self._obs: Tensor | None = None
        self._logger: Any = None
        self._sb3_env: Any = None

    @abstractmethod
    def act(self, obs: Tensor, deterministic: bool = False) -> tuple[Tensor, Tensor]:
        """Draw actions and their log-probabilities. Shapes: (N, A), (N,)."""

    @abstractmethod
    def update(self, rollout: Rollout, progress: float) -> dict[str, float]:
        """Learn from a paid rollout; `progress` is the share of the training that is done."""

    @abstractmethod
    def weights(self) -> dict[str, Tensor]:
        """Return everything that was learned."""

    @abstractmethod
    def load_weights(self, weights: Mapping[str, Tensor]) -> None:
        """Take over what `weights` returned."""

    def draw(self, obs: Tensor) -> tuple[Tensor, Tensor]:
        """Draw the actions that are tried out while collecting. Shapes: (N, A), (N,)."""
        return self.act(obs)

    def leave_worlds(self) -> None:
        """Forget where the worlds are, which are reset before the next step."""
        self._obs = None

    def executed(self, action: Tensor) -> Tensor:
        """Return what the worlds are given for an action that was drawn. Shape as given."""
        return action.clamp(self.action_low, self.action_high)

    def collect(self, env: Any, callback: Any = None) -> Rollout:  # noqa: ANN401
        """Step every world of `env`, in SAME_STEP mode, `num_steps` times.

        Args:
            env: The worlds.
            callback: SB3's, told of each step; None tells nobody.

        Raises:
            ValueError: If the environment resets in another mode.
            StopTraining: If the callback wants no more steps.
        """
        worlds: Any = env
        if not isinstance(worlds, VectorEnv) or env.metadata.get("autoreset_mode") != AutoresetMode.SAME_STEP:
            raise ValueError(f"{self.name} acts in a Gymnasium vector environment made with autoreset_mode='SameStep'")
        if self._obs is None:
            self._obs = self.tensor(env.reset(seed=None)[0])
        steps: list[tuple[Tensor, ...]] = []
        for _ in range(self.cfg.num_steps):
            with torch.no_grad():
                action, log_prob = self.draw(self._obs)
                executed = self.executed(action)
            obs, reward, terminated, truncated, info = env.step(executed.cpu().numpy())
            next_obs = obs
            done = terminated | truncated
            if done.any():
                next_obs = obs.copy()
                next_obs[done] = np.stack(list(info["final_obs"][done]))
            told = (self.tensor(x) for x in (next_obs, reward, terminated, truncated))
            steps.append((self._obs, action, executed, *told, log_prob))
            self._obs = self.tensor(obs)
            self.num_timesteps += env.num_envs
            if callback is not None:
                callback.update_locals({"new_obs": obs, "rewards": reward, "dones": done, "actions": executed})
                if not callback.on_step():
                    raise StopTraining
        names = ("obs", "action", "executed", "next_obs", "reward", "terminated", "truncated", "log_prob")
        rollout = Rollout(**{name: torch.stack(values) for name, values in zip(names, zip(*steps))})
        return replace(rollout, terminated=rollout.terminated.bool(), truncated=rollout.truncated.bool())

    # --- SB3's verbs -------------------------------------------------------------------------------------------------

    def learn(
        self,
        total_timesteps: int,
        callback: Any = None,  # noqa: ANN401
        log_interval: int = 1,
        tb_log_name: str = "run",
        reset_num_timesteps: bool = True,
        progress_bar: bool = False,
    ) -> Self:
        """Train on what the environment pays.

        Args:
            total_timesteps: Steps over all worlds.
            callback: SB3's: one, a list of them, or a function of locals and globals.
            log_interval: Rollouts between two lines of the log; there is one where `verbose`, `tensorboard_log` or
                `set_logger` say so.
            tb_log_name: Name of the folder in `tensorboard_log`.
            reset_num_timesteps: Whether steps are counted from 0 and episodes begin anew, or both go on.
            progress_bar: Whether SB3's progress bar is shown.
        """
        first = 0 if reset_num_timesteps else self.num_timesteps
        self.num_timesteps, last = first, first + total_timesteps
        if reset_num_timesteps:
            self.leave_worlds()
        callbacks = None
        if callback is not None or progress_bar or self.verbose or self.tensorboard_log:
            from stable_baselines3.common.utils import configure_logger

            from prefgym.sb3 import start_callbacks

            if self._logger is None:
                self._logger = configure_logger(self.verbose, self.tensorboard_log, tb_log_name, reset_num_timesteps)
            known = {"total_timesteps": last, "tb_log_name": tb_log_name}
            callbacks = start_callbacks(self, callback, progress_bar, known)
        num_rollouts = 0
        try:
            while self.num_timesteps < last:
                if callbacks is not None:
                    callbacks.on_rollout_start()
                progress = (self.num_timesteps - first) / total_timesteps
                rollout = self.collect(self.env, callbacks)
                if callbacks is not None:
                    callbacks.on_rollout_end()
                metrics = self.update(rollout, progress)
                num_rollouts += 1
                if self._logger is not None and num_rollouts % log_interval == 0:
                    self._log(metrics)
        except StopTraining:
            pass
        if callbacks is not None:
            callbacks.on_training_end()
        return self

    def _log(self, metrics: Mapping[str, float]) -> None:
        for name, value in metrics.items():
            self._logger.record(name, value)
        self._logger.record("time/total_timesteps", self.num_timesteps, exclude="tensorboard")
        self._logger.dump(self.num_timesteps)

    def predict(
        self,
        observation: Any,  # noqa: ANN401
        state: Any = None,  # noqa: ANN401
        episode_start: Any = None,  # noqa: ANN401
        deterministic: bool = False,
    ) -> tuple[np.ndarray, Any]:
        """Choose actions within bounds. Shape: (A,) or (N, A), as `observation` has.

        Args:
            observation: Of one world or of several.
            state: Handed back; only recurrent policies have one, and none of ours is.
            episode_start: Likewise of use to recurrent policies only.
            deterministic: Whether the most likely action is chosen.
        """
        del episode_start
        obs = self.tensor(np.asarray(observation))
        with torch.no_grad():
            action, _ = self.act(obs.reshape(-1, obs.shape[-1]), deterministic)
            return self.executed(action).reshape(*obs.shape[:-1], -1).cpu().numpy(), state

    def set_env(self, env: Any, force_reset: bool = True) -> None:  # noqa: ANN401
        """Let `learn` act in other worlds with the same spaces.

        Args:
            env: The worlds.
            force_reset: Whether episodes begin anew; otherwise the worlds are taken to be where the last ones were.

        Raises:
            ValueError: If the spaces are others.
        """
        if Spaces.of(env).card() != Spaces.of(self.env).card():
            raise ValueError("the spaces of these worlds are not those that the agent was made for")
        self.env, self._sb3_env = env, None
        if force_reset:
            self.leave_worlds()

    def get_env(self) -> Any:  # noqa: ANN401
        """Return the worlds as SB3 sees them."""
        from prefgym.sb3 import VecEnv

        self._sb3_env = self._sb3_env or VecEnv(self.env)
        return self._sb3_env

    def get_vec_normalize_env(self) -> None:
        """Return None: our agents normalise within."""
        return None

    @property
    def logger(self) -> Any:  # noqa: ANN401
        """Return SB3's logger, which `learn` or `set_logger` has made known.

        Raises:
            ValueError: If there is none yet.
        """
        if self._logger is None:
            raise ValueError("there is no logger before learn() or set_logger()")
        return self._logger

    def set_logger(self, logger: Any) -> None:  # noqa: ANN401
        """Log with a logger of SB3's, whatever `verbose` and `tensorboard_log` say."""
        self._logger = logger

    def save(self, path: Path | str) -> None:
        """Write weights (safetensors), configuration and spaces (JSON)."""
        spaces = Spaces.of(self.env).card()
        save_weights(Path(path), self.weights(), {"agent": self.name, "cfg": asdict(self.cfg), "spaces": spaces})

    @classmethod
    def load(cls, path: Path | str, env: Any = None, device: str = "cpu") -> Self:  # noqa: ANN401
        """Make the agent that `save` wrote.

        Args:
            path: As given to `save`.
            env: Where `learn` will act; none is needed to predict.
            device: Where the networks are.

        Raises:
            FileNotFoundError: If one of the two files is missing.
            ValueError: If they are of another agent, of another version of it, or of one for other worlds.
        """
        weights, card = load_weights(Path(path))
        if card["agent"] != cls.name:
            raise ValueError(f"{path} holds {card['agent']}, not {cls.name}")
        if env is not None and Spaces.of(env).card() != card["spaces"]:
            raise ValueError(f"{path} was learned in worlds with other spaces")
        cfg = restored(cls.default, card["cfg"])
        agent = cast(Any, cls)(cfg, env or Spaces.of_card(card["spaces"]), device=device)
        agent.load_weights(weights)
        return agent

    # --- resuming ----------------------------------------------------------------------------------------------------

    def state_dict(self) -> State:
        """Return all that moves here; an algorithm adds its own."""
        generator = self.generator.get_state()
        return {"weights": self.weights(), "generator": generator, "obs": self._obs, "steps": self.num_timesteps}

    def load_state_dict(self, state: State) -> None:
        """Go on from what `state_dict` returned."""
        self.load_weights(state["weights"])
        self.generator.set_state(state["generator"])
        self._obs = None if state["obs"] is None else state["obs"].to(self.device)
        self.num_timesteps = state["steps"]

    def tensor(self, array: Any) -> Tensor:  # noqa: ANN401
        """Return an array as float32 on the agent's device."""
        return torch.as_tensor(array, dtype=torch.float32).to(self.device)


def restored(default: Any, told: Any) -> Any:  # noqa: ANN401
    """Turn what JSON holds into a configuration like `default`.

    Raises:
        ValueError: If it has settings that this version does not know.
    """
    if hasattr(default, "__dataclass_fields__"):
        if unknown := set(told) - {field.name for field in fields(default)}:
            raise ValueError(f"this was learned by another version of prefgym: {', '.join(sorted(unknown))} is unknown")
        return replace(default, **{name: restored(getattr(default, name), value) for name, value in told.items()})
    # JSON knows no tuples, and configurations no lists
    return tuple(cast("list[Any]", told)) if isinstance(told, list) else told
