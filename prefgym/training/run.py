"""A run as its user sees it: result, policy, reward, preferences, metrics and report."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from prefgym.common.errors import DamageError, UserError
from prefgym.common.files import named, read_json
from prefgym.common.schema import checked
from prefgym.core.feedback import Feedback
from prefgym.core.protocols import Agent, Learner
from prefgym.data.tables import load_preferences
from prefgym.runs.checkpoints import Which
from prefgym.runs.config_file import read_config
from prefgym.runs.manifest import renew_in_manifest, verify_reported
from prefgym.runs.metrics import read_metrics
from prefgym.runs.schema import ResultFile
from prefgym.training.callbacks import Callback, check_callbacks
from prefgym.training.config import OfflineCfg, TrainCfg
from prefgym.training.load import load_policy, load_reward
from prefgym.training.offline import train_on_records
from prefgym.training.online import train_online
from prefgym.training.resolve import Objects
from prefgym.training.restore import More, configuration_of


@dataclass(frozen=True, kw_only=True)
class Result:
    """The result of a run."""

    mean_return: float
    """Mean true return of the last policy over the final episodes; of a task without a reward, its mean metric; NaN if
    an interrupted run was not evaluated."""
    std_return: float
    """Standard deviation over these episodes."""
    returns: tuple[float, ...]
    """True return of each final episode."""
    episode_lengths: tuple[int, ...]
    """Steps of each final episode."""
    success_rate: float | None
    """Share of final episodes that ended in success; None if the environment does not report success."""
    steps: int
    """Environment steps; updates of an offline run."""
    num_asked: int
    """Queries submitted to the rater."""
    num_answered: int
    """Queries answered."""
    wall_time_s: float
    """Seconds from the first step to the last evaluation."""
    interrupted: bool
    """Whether Ctrl-C, a signal or an error ended the run before its last step."""
    reason: str | None
    """What ended the run before its last step, in words; None if nothing did."""


class Run:
    """A run folder: `run.result`, `run.policy`, `run.reward`, `run.preferences`, `run.metrics`, `run.report()`."""

    def __init__(
        self,
        path: Path | str,
        *,
        policy: Agent | None = None,
        reward: Learner | None = None,
        objects: Objects | None = None,
    ) -> None:
        """Open a run folder.

        Args:
            path: Run folder.
            policy: The agent, if it is in memory; None loads it at first use.
            reward: The reward learner, if it is in memory; None loads it at first use.
            objects: Parts that were passed as objects, for `report` and `resume`.

        Raises:
            UserError: If `path` is no run folder, or its configuration is damaged.
        """
        self.path = Path(path)
        self._policy, self._reward, self._objects = policy, reward, objects or Objects()
        self.config: dict[str, Any] = read_config(self.path)
        """The resolved configuration, as in `config.yaml`."""

    def __repr__(self) -> str:
        return f"Run({str(self.path)!r})"

    @property
    def result(self) -> Result:
        """Return the result of the run.

        Raises:
            UserError: If the run has not ended.
        """
        file = self.path / "result.json"
        if not file.is_file():
            raise UserError(f"{self.path} has no result yet.")
        facts = checked(ResultFile, read_json(file), file)
        steps = facts.steps if facts.updates is None else facts.updates
        if facts.wall_time_s is None or steps is None or facts.interrupted is None:
            raise DamageError(f"{file} is damaged: it lacks a part of the result.")
        return Result(
            mean_return=math.nan if facts.final_return_mean is None else facts.final_return_mean,
            std_return=math.nan if facts.final_return_std is None else facts.final_return_std,
            returns=tuple(facts.returns),
            episode_lengths=tuple(facts.episode_lengths),
            success_rate=facts.success_rate,
            steps=steps,
            num_asked=facts.num_asked or 0,
            num_answered=facts.num_answered or 0,
            wall_time_s=facts.wall_time_s,
            interrupted=facts.interrupted,
            reason=facts.reason,
        )

    @property
    def policy(self) -> Agent:
        """Return the last policy, or that of the latest checkpoint; `run.policy.predict(obs)` chooses actions.

        Raises:
            UserError: If the run has no policy yet, or one of its files is damaged.
        """
        if self._policy is not None:
            return self._policy
        policy = load_policy(self.path)
        if (self.path / "manifest.json").is_file():  # that of a running run is renewed
            self._policy = policy
        return policy

    @property
    def reward(self) -> Learner:
        """Return the reward learner; `run.reward.reward(segments)` returns rewards of shape (E, ..., T).

        Raises:
            UserError: If the run has no learned reward, or one of its files is damaged.
        """
        if self._reward is None:
            self._reward = load_reward(self.path)
        return self._reward

    @property
    def preferences(self) -> Feedback | None:
        """Return the queries and answers of the run; None without any.

        Raises:
            UserError: If their files are damaged.
        """
        name = self.path / "preferences" / "preferences"
        return load_preferences(name) if named(name, ".json").is_file() else None

    @property
    def metrics(self) -> dict[str, npt.NDArray[np.float64]]:
        """Return the metrics by name: arrays with an entry for each line of the log, NaN where it has no value.

        Raises:
            UserError: If the log is damaged.
        """
        rows = tuple(read_metrics(self.path / "metrics.jsonl"))
        names = dict.fromkeys(name for row in rows for name in row)
        return {name: np.array([row.get(name, np.nan) for row in rows], np.float64) for name in names}

    def report(self) -> Path:
        """Write the HTML report again, and return its path.

        Raises:
            UserError: If a file that the report shows is missing or damaged.
        """
        from prefgym.report.collect import write_run_report  # plots and videos take long to import

        verify_reported(self.path)
        page = write_run_report(self.path, self._objects.env)
        renew_in_manifest(self.path, page.name)
        return page

    def resume(
        self,
        resume_from: Which = "latest",
        *,
        steps: int = 0,
        budget: int = 0,
        callbacks: Sequence[Callback] = (),
    ) -> "Run":
        """Resume a stopped run from a checkpoint, or give a run more steps and queries.

        Without more, results are those of a run without the stop.

        Args:
            resume_from: `"latest"`, or `"previous"` if a file of the latest checkpoint is damaged.
            steps: Steps beyond those that the run has; updates of an offline run. A finished run needs some.
            budget: Queries beyond those that the run has.
            callbacks: Called after the standard callbacks; checkpoints hold no state of callbacks.

        Returns:
            The run; after Ctrl-C, with what was learned so far.

        Raises:
            UserError: If the run has finished and is given nothing, has no checkpoints, or its files have changed.
        """
        more = More(steps=steps, budget=budget) if steps or budget else None
        cfg = configuration_of(self.path, self._objects, more, resume_from)
        if isinstance(cfg, OfflineCfg):
            return run_offline(cfg, resume_from=resume_from, callbacks=callbacks)
        return run_training(cfg, self._objects, resume_from=resume_from, callbacks=callbacks)


def run_training(
    cfg: TrainCfg,
    objects: Objects | None = None,
    *,
    resume_from: Which | None = None,
    callbacks: Sequence[Callback] = (),
) -> Run:
    """Run a resolved configuration of `prefgym.train`.

    Args:
        cfg: Resolved configuration.
        objects: Parts that replace those that the configuration names.
        resume_from: Checkpoint in `cfg.out` to resume from; None begins a new run.
        callbacks: Called after the standard callbacks.

    Returns:
        The run; after Ctrl-C, with what was learned so far.

    Raises:
        UserError: If the parts do not fit each other, the device has too little memory, or a part returns NaN or inf.
    """
    check_callbacks(callbacks)
    ended = train_online(cfg, objects, resume_from=resume_from, callbacks=callbacks)
    return Run(ended.path, policy=ended.agent, reward=ended.learner, objects=objects)


def run_offline(cfg: OfflineCfg, *, resume_from: Which | None = None, callbacks: Sequence[Callback] = ()) -> Run:
    """Run a resolved configuration of `prefgym.train_offline`.

    Args:
        cfg: Resolved configuration.
        resume_from: Checkpoint in `cfg.out` to resume from; None begins a new run.
        callbacks: Called after the standard callbacks.

    Returns:
        The run; after Ctrl-C, with what was learned so far.

    Raises:
        UserError: If the agent cannot learn from the data, or a file of them is damaged.
    """
    check_callbacks(callbacks)
    ended = train_on_records(cfg, resume_from=resume_from, callbacks=callbacks)
    return Run(ended.path, policy=ended.agent)
