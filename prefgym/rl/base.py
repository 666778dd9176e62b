"""What our agents share: Stable-Baselines3's verbs, files, and their state."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any, ClassVar, Self, cast

import numpy as np
import torch
from torch import Tensor

from prefgym.common.finite import check_finite
from prefgym.common.spaces import Spaces, action_bounds, single_spaces
from prefgym.common.states import State
from prefgym.nn.weights import load_weights, save_weights


class StopTraining(Exception):  # noqa: N818 - no error, as StopIteration
    """A callback asked for the end of the training."""


class BaseAgent(ABC):
    """An agent made of `act` and `advance`: torch in and out, on any device."""

    name: ClassVar[str]
    """As registered."""
    default: ClassVar[Any]
    """Its configuration, all defaults."""
    learns_from: ClassVar[tuple[str, ...]]
    """What it can learn from: a `reward`, or recorded `preferences` or `demonstrations`."""
    needs_bounds: ClassVar[bool] = True
    """Whether actions must lie within finite bounds."""
    verbose: int = 0
    """As in SB3: 1 prints a table every `log_interval` rollouts of `learn`."""
    tensorboard_log: str | None = None
    """As in SB3: folder in which `learn` writes for TensorBoard."""

    def __init__(self, cfg: Any, env: Any, *, seed: int = 0, device: str = "cpu") -> None:  # noqa: ANN401
        """Note what the environments are like.

        Args:
            cfg: Hyperparameters.
            env: Environments whose spaces are one-dimensional Boxes.
            seed: Seed of weights and of all that is drawn.
            device: Where the networks are.

        Raises:
            ValueError: If actions have no bounds and need some.
        """
        self.cfg, self.env, self.device = cfg, env, torch.device(device)
        self.observation_space, self.action_space = single_spaces(env)
        self.obs_dim, self.action_dim = self.observation_space.shape[0], self.action_space.shape[0]
        self.action_low, self.action_high = (bound.to(self.device) for bound in action_bounds(self.action_space))
        if self.needs_bounds and not (self.action_high - self.action_low).isfinite().all():
            raise ValueError(f"{self.name} needs actions within finite bounds, but they are in {self.action_space}")
        self.generator = torch.Generator(self.device).manual_seed(seed)
        self.num_timesteps: int = 0
        self._logger: Any = None
        self._sb3_env: Any = None

    @abstractmethod
    def act(self, obs: Tensor, deterministic: bool = False) -> tuple[Tensor, Tensor]:
        """Draw actions and their log-probabilities. Shapes: (N, A), (N,)."""

    @abstractmethod
    def advance(self, left: int, progress: float, callback: Any = None) -> dict[str, float]:  # noqa: ANN401
        """Learn for a while; `num_timesteps` grows.

        Args:
            left: Steps to the end of the training.
            progress: Share of the training that is done.
            callback: SB3's, told of each step; None tells nobody.

        Raises:
            StopTraining: If the callback wants no more steps.
        """

    def start_over(self) -> None:  # noqa: B027 - who does not act has nothing to forget
        """Forget where the environments are; what was learned stays."""

    @abstractmethod
    def weights(self) -> dict[str, Tensor]:
        """Return everything that was learned."""

    @abstractmethod
    def load_weights(self, weights: Mapping[str, Tensor]) -> None:
        """Take over what `weights` returned."""

    def executed(self, action: Tensor) -> Tensor:
        """Return what the environments are given for an action that was drawn. Shape as given."""
        return action.clamp(self.action_low, self.action_high)

    def gradient_step(self, optimizer: torch.optim.Optimizer, loss: Tensor, **given: Tensor) -> None:
        """Take one step down a loss.

        Args:
            optimizer: Of the parameters that are to learn.
            loss: A number.
            **given: What it was computed from, to be looked at if it is not finite.

        Raises:
            NotFiniteError: If it is not.
        """
        check_finite("the loss of the agent", loss, **given)
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()

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
        """Train.

        Args:
            total_timesteps: Steps over all environments; updates of agents that do not act while they learn.
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
            self.start_over()
        callbacks = None
        if callback is not None or progress_bar or self.verbose or self.tensorboard_log:
            from stable_baselines3.common.utils import configure_logger

            from prefgym.wrappers.sb3 import start_callbacks

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
                metrics = self.advance(last - self.num_timesteps, progress, callbacks)
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
            observation: Of one environment or of several.
            state: Handed back; only recurrent policies have one, and none of ours is.
            episode_start: Likewise of use to recurrent policies only.
            deterministic: Whether the most likely action is chosen.
        """
        del episode_start
        obs = self.tensor(observation)
        with torch.no_grad():
            action, _ = self.act(obs.reshape(-1, obs.shape[-1]), deterministic)
            return self.executed(action).reshape(*obs.shape[:-1], -1).cpu().numpy(), state

    def set_env(self, env: Any, force_reset: bool = True) -> None:  # noqa: ANN401
        """Let `learn` act in other environments with the same spaces.

        Args:
            env: The worlds.
            force_reset: Whether episodes begin anew; otherwise the envs are taken to be where the last ones were.

        Raises:
            ValueError: If the spaces are others.
        """
        if Spaces.of(env).card() != Spaces.of(self.env).card():
            raise ValueError("the spaces of these environments are not those that the agent was made for")
        self.env, self._sb3_env = env, None
        if force_reset:
            self.start_over()

    def get_env(self) -> Any:  # noqa: ANN401
        """Return the environments as SB3 sees them."""
        from prefgym.wrappers.sb3 import VecEnv

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
        weights, card = cls.read(path, env)
        cfg = config_from_json(cls.default, card["cfg"])
        agent = cast(Any, cls)(cfg, env or Spaces.of_card(card["spaces"]), device=device)
        agent.load_weights(weights)
        return agent

    @classmethod
    def read(cls, path: Path | str, env: Any = None) -> tuple[dict[str, Tensor], dict[str, Any]]:  # noqa: ANN401
        """Read weights and card that `save` wrote; see `load`."""
        weights, card = load_weights(Path(path))
        if card["agent"] != cls.name:
            raise ValueError(f"{path} holds {card['agent']}, not {cls.name}")
        if env is not None and Spaces.of(env).card() != card["spaces"]:
            raise ValueError(f"{path} was learned in environments with other spaces")
        return weights, card

    # --- resuming ----------------------------------------------------------------------------------------------------

    def state_dict(self) -> State:
        """Return the state to resume from; an algorithm adds its own.

        Raises:
            NotFiniteError: If what was learned is not finite, which is not worth going on from.
        """
        weights, generator = self.weights(), self.generator.get_state()
        for name, weight in weights.items():
            check_finite(f"what the agent has learned ({name})", weight)
        return {"weights": weights, "generator": generator, "steps": self.num_timesteps}

    def load_state_dict(self, state: State) -> None:
        """Go on from what `state_dict` returned."""
        self.load_weights(state["weights"])
        self.generator.set_state(state["generator"])
        self.num_timesteps = state["steps"]

    def tensor(self, array: Any) -> Tensor:  # noqa: ANN401
        """Return an array as float32 on the agent's device, in memory of torch's own.

        Matrix products differ in their last bits with how their inputs are aligned, and NumPy aligns to 16 bytes only.
        """
        array = array if isinstance(array, Tensor) else np.asarray(array)
        return torch.as_tensor(array).to(self.device, torch.float32, copy=True)


OLD_FIELDS = {"num_ahead": "n_step", "num_judges": "num_target_critics", "cut": "keep_short"}
"""Settings that earlier versions called otherwise."""


def config_from_json(default: Any, told: Any) -> Any:  # noqa: ANN401
    """Turn what JSON holds into a configuration like `default`.

    Raises:
        ValueError: If it has settings that this version does not know.
    """
    if hasattr(default, "__dataclass_fields__"):
        told = {OLD_FIELDS.get(name, name): value for name, value in told.items()}
        if unknown := set(told) - {field.name for field in fields(default)}:
            raise ValueError(f"this was learned by another version of prefgym: {', '.join(sorted(unknown))} is unknown")
        return replace(
            default, **{name: config_from_json(getattr(default, name), value) for name, value in told.items()}
        )
    # JSON knows no tuples, and configurations no lists
    return tuple(cast("list[Any]", told)) if isinstance(told, list) else told
