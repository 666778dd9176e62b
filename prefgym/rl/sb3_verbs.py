"""Stable-Baselines3's verbs for our agents: learn, callbacks, logger, environments."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Self

from prefgym.common.spaces import Spaces
from prefgym.core.arrays import Env

if TYPE_CHECKING:
    from stable_baselines3.common.callbacks import BaseCallback
    from stable_baselines3.common.logger import Logger

    from prefgym.wrappers.sb3 import Callbacks, VecEnv


class StopTraining(Exception):  # noqa: N818 - no error, as StopIteration
    """A callback asked for the end of the training."""


class Sb3Verbs(ABC):
    """What SB3's tools call in a model; an agent adds `advance`. SB3 is imported where something of it is used."""

    env: Env
    num_timesteps: int = 0
    """Steps so far over all environments; updates of agents that do not act while they learn."""
    verbose: int = 0
    """As in SB3: 1 prints a table every `log_interval` rollouts of `learn`."""
    tensorboard_log: str | None = None
    """As in SB3: folder in which `learn` writes for TensorBoard."""
    _logger: "Logger | None" = None
    _sb3_env: "VecEnv | None" = None

    @abstractmethod
    def advance(self, left: int, progress: float, callback: "BaseCallback | None" = None) -> dict[str, float]:
        """Learn for a while; `num_timesteps` grows.

        Args:
            left: Steps to the end of the training.
            progress: Share of the training that is done.
            callback: SB3's, called after each step; None for none.

        Raises:
            StopTraining: If the callback wants no more steps.
        """

    def start_over(self) -> None:  # noqa: B027 - an agent that does not act has nothing to forget
        """Forget where the environments are; what was learned stays."""

    def learn(
        self,
        total_timesteps: int,
        callback: "Callbacks" = None,
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
                    self._log(self._logger, metrics)
        except StopTraining:
            pass
        if callbacks is not None:
            callbacks.on_training_end()
        return self

    def _log(self, logger: "Logger", metrics: Mapping[str, float]) -> None:
        for name, value in metrics.items():
            logger.record(name, value)
        logger.record("time/total_timesteps", self.num_timesteps, exclude="tensorboard")
        logger.dump(self.num_timesteps)

    def set_env(self, env: Env, force_reset: bool = True) -> None:
        """Let `learn` act in other environments with the same spaces.

        Args:
            env: The environments.
            force_reset: Whether episodes begin anew; otherwise the environments are taken to be where the last ones
                were.

        Raises:
            ValueError: If the spaces are others.
        """
        if Spaces.of(env).card() != Spaces.of(self.env).card():
            raise ValueError("the spaces of these environments are not those that the agent was made for")
        self.env, self._sb3_env = env, None
        if force_reset:
            self.start_over()

    def get_env(self) -> "VecEnv":
        """Return the environments as SB3 sees them."""
        from prefgym.wrappers.sb3 import VecEnv

        self._sb3_env = self._sb3_env or VecEnv(self.env)
        return self._sb3_env

    def get_vec_normalize_env(self) -> None:
        """Return None: our agents normalise within."""
        return None

    @property
    def logger(self) -> "Logger":
        """Return SB3's logger, once `learn` or `set_logger` has set it.

        Raises:
            ValueError: If there is none yet.
        """
        if self._logger is None:
            raise ValueError("there is no logger before learn() or set_logger()")
        return self._logger

    def set_logger(self, logger: "Logger") -> None:
        """Log with a logger of SB3's, whatever `verbose` and `tensorboard_log` say."""
        self._logger = logger
