"""The interface of Stable-Baselines3 for our agents: learn, callbacks, logger, environments."""

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
    """Raised by a callback to end the training."""


class Sb3Verbs(ABC):
    """The methods of an SB3 model that SB3's tools call; an agent adds `advance`. SB3 is imported at first use."""

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
        """Train for some steps; `num_timesteps` grows.

        Args:
            left: Steps to the end of the training.
            progress: Share of the training that is done.
            callback: SB3's, called after each step; None for none.

        Raises:
            StopTraining: If the callback ends the training.
        """

    def start_over(self) -> None:  # noqa: B027 - an agent that does not act has nothing to forget
        """Drop the current observations; the weights stay."""

    def learn(
        self,
        total_timesteps: int,
        callback: "Callbacks" = None,
        log_interval: int = 1,
        tb_log_name: str = "run",
        reset_num_timesteps: bool = True,
        progress_bar: bool = False,
    ) -> Self:
        """Train the agent.

        Args:
            total_timesteps: Steps over all environments; updates of agents that do not act while they learn.
            callback: SB3's: one, a list of them, or a function of locals and globals.
            log_interval: Rollouts between two lines of the log, which needs `verbose`, `tensorboard_log` or
                `set_logger`.
            tb_log_name: Name of the folder in `tensorboard_log`.
            reset_num_timesteps: Whether to count steps from 0 and reset the environments; otherwise both continue.
            progress_bar: Whether to show SB3's progress bar.
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
        """Set the environments of `learn`, which must have the same spaces.

        Args:
            env: The environments.
            force_reset: Whether to reset the environments; otherwise they continue from the last observations.

        Raises:
            ValueError: If the spaces differ.
        """
        if Spaces.of(env).card() != Spaces.of(self.env).card():
            raise ValueError("the spaces of these environments differ from those of the agent")
        self.env, self._sb3_env = env, None
        if force_reset:
            self.start_over()

    def get_env(self) -> "VecEnv":
        """Return the environments as an SB3 `VecEnv`."""
        from prefgym.wrappers.sb3 import VecEnv

        self._sb3_env = self._sb3_env or VecEnv(self.env)
        return self._sb3_env

    def get_vec_normalize_env(self) -> None:
        """Return None: our agents normalise internally."""
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
        """Set a logger of SB3, which overrides `verbose` and `tensorboard_log`."""
        self._logger = logger
