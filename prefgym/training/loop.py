"""The driver of a training: advance a source of data to its end, and call callbacks."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from gymnasium.vector import VectorEnv

from prefgym.common.errors import UserError
from prefgym.common.finite import NotFiniteError
from prefgym.common.states import State
from prefgym.core.fit_report import FitReport
from prefgym.core.preferences import Preferences
from prefgym.core.protocols import Policy
from prefgym.evaluation.envs import make_evaluation_env
from prefgym.evaluation.evaluate import Evaluation, evaluate, metric_of
from prefgym.rl.base import StopTraining
from prefgym.runs.checkpoints import Checkpoints, Shard, Which
from prefgym.runs.folder import RunFolder
from prefgym.sim.pool import SimulationError
from prefgym.sim.source import EnvSource
from prefgym.training.callbacks import Callback, standard_callbacks
from prefgym.training.config import OfflineCfg, TrainCfg
from prefgym.training.parts import Advance, Metrics, Parts
from prefgym.training.progress import Progress
from prefgym.training.sources import OnlineSource


class SavedPolicy(Policy, Protocol):
    """A policy that can be written to a file."""

    def save(self, path: Path | str) -> None:
        """Write what was learned."""
        ...


class Source(Protocol):
    """What the driver advances: data come in, and the agent learns from them."""

    unit: str
    """What is counted: `steps` or `updates`."""
    total: int
    """How many of them make a training."""
    env_source: EnvSource
    """Makes the environments in which the policy is evaluated."""

    @property
    def agent(self) -> SavedPolicy:
        """Return the policy that is trained."""
        ...

    @property
    def steps(self) -> int:
        """Return how many steps, or updates, are done."""
        ...

    @property
    def place(self) -> str:
        """Say in words where the training is, for messages about errors."""
        ...

    def begin(self) -> Metrics:
        """Start from the beginning; return what is logged before the first step."""
        ...

    def advance(self) -> Advance:
        """Let data come in, and the agent learn from them; `steps` grows."""
        ...

    def finish(self) -> None:
        """Check that the training came to something.

        Raises:
            UserError: If it did not.
        """
        ...

    def stateless(self) -> list[str]:
        """Name the parts that have no state to save: the run has checkpoints if there are none."""
        ...

    def shard(self) -> tuple[Shard | None, int]:
        """Return what was recorded since the last call, and how far back records are still needed."""
        ...

    def state_dict(self) -> State:
        """Return the state to resume from, but for records, which are in shards."""
        ...

    def resume(self, state: State, shards: list[State], *, mend: bool) -> None:
        """Go on from what `state_dict` and `shard` returned.

        Args:
            state: As of `state_dict`.
            shards: All that are still needed, oldest first.
            mend: Whether a damaged log of answers is set aside; otherwise it is refused.

        Raises:
            UserError: If something in the run folder is not what it was.
        """
        ...


@dataclass(frozen=True, eq=False, kw_only=True)
class Outcome:
    """What a run came to."""

    steps: int
    """Environment steps, or updates."""
    evaluation: Evaluation
    """Of the last policy."""
    interrupted: bool = False
    """Whether Ctrl-C came before the end."""
    preferences: Preferences | None = None
    """All answers since the run began."""
    fit: FitReport | None = None
    """Report of the last fit of the reward."""


class Loop:
    """A training: advances a source until its steps are used up.

    Args:
        cfg: Of the run: how the policy is evaluated.
        source: Where data come from.
        run: Where the run is written.
        callbacks: Called in their order.
    """

    def __init__(
        self, cfg: TrainCfg | OfflineCfg, source: Source, run: RunFolder, callbacks: Sequence[Callback] = ()
    ) -> None:
        self.cfg, self.source, self.run, self.callbacks = cfg, source, run, callbacks
        self.checkpoints = Checkpoints(run.path / "checkpoints")
        self.is_running = False
        """Whether steps are being taken: not before the first, nor after the last."""
        self._stops = False
        self._steps_before = 0
        self._eval_envs: dict[int, VectorEnv[Any, Any, Any]] = {}

    @property
    def agent(self) -> SavedPolicy:
        """Return the policy that is trained."""
        return self.source.agent

    @property
    def steps(self) -> int:
        """Return how many steps, or updates, are done."""
        return self.source.steps

    @property
    def total(self) -> int:
        """Return how many steps, or updates, make the training."""
        return self.source.total

    def has_passed(self, every: int) -> bool:
        """Tell whether the latest advance reached or passed a multiple of `every` steps."""
        return self._steps_before // every < self.steps // every

    def train(self, resume_from: Which | None = None) -> Outcome:
        """Train to the end, or until Ctrl-C, and evaluate the last policy.

        Args:
            resume_from: Which checkpoint of the run folder to go on from; None begins.

        Raises:
            UserError: If nothing could be asked, something was not finite, or the checkpoint is damaged.
        """
        interrupted = False
        try:
            try:
                if resume_from is None:
                    self.begin()
                else:
                    self.resume(resume_from)
                self.run_to_end()
            except KeyboardInterrupt:
                interrupted = True
            self.is_running = False
            evaluation = self.evaluate(self.cfg.eval.final_episodes)
            self.run.log(self.steps, evaluation.metrics())
            return Outcome(steps=self.steps, evaluation=evaluation, interrupted=interrupted)
        except NotFiniteError as error:
            folder = self.run.dump(error, self.steps)
            raise UserError(f"{error}, {self.source.place}; see {folder}.") from error
        except SimulationError as error:
            raise UserError(f"{error}, {self.source.place}.") from error
        finally:
            self._call("on_end", lambda callback: callback.on_end(self))

    def begin(self) -> None:
        """Start from the beginning."""
        if metrics := self.source.begin():
            self.run.log(self.steps, metrics)

    def run_to_end(self) -> None:
        """Advance until the steps are used up, or a callback stops the training."""
        self.is_running = True
        self._call("on_start", lambda callback: callback.on_start(self))
        while self.steps < self.total and not self._stops:
            self.advance()
        if not self._stops:
            self.source.finish()

    def advance(self) -> None:
        """Advance the source once, and call `on_session` and `on_step`."""
        self._steps_before = self.steps
        advance = self.source.advance()
        if advance.session:
            self._call("on_session", lambda callback: callback.on_session(self, advance.session))
        metrics: Metrics = {**advance.session, **advance.learning}
        self._call("on_step", lambda callback: callback.on_step(self, metrics))

    def _call(self, hook: str, call: Callable[[Callback], None]) -> None:
        """Call a hook of all callbacks; note who raised, and whether one stops the training."""
        for callback in self.callbacks:
            try:
                call(callback)
            except StopTraining:
                self._stops = True
            except Exception as error:
                error.add_note(f"raised in {hook} of the callback {type(callback).__name__}")
                raise

    def evaluate(self, episodes: int) -> Evaluation:
        """Measure the true return of the present policy, and call `on_evaluation`."""
        if episodes not in self._eval_envs:
            self._eval_envs[episodes] = make_evaluation_env(self.source.env_source, episodes, self.cfg.num_threads)
        evaluation = evaluate(self.agent, self._eval_envs[episodes])
        self._call("on_evaluation", lambda callback: callback.on_evaluation(self, evaluation))
        return evaluation

    def save(self) -> None:
        """Write a checkpoint; a run of which a part has no state to save has none."""
        if not self.source.stateless():
            shard, horizon = self.source.shard()
            self.checkpoints.save(self.steps, self.state_dict(), shard, horizon)

    def state_dict(self) -> State:
        """Return the state to resume from, but for what is in shards."""
        return {**self.source.state_dict(), "run": self.run.state_dict()}

    def resume(self, which: Which) -> None:
        """Go on from a checkpoint; from the beginning if the run was stopped before its first.

        Raises:
            UserError: If a part has no state, or the checkpoint is damaged.
        """
        if names := self.source.stateless():
            raise UserError(f"{self.run.path} cannot be resumed: {' and '.join(names)} cannot tell the state.")
        loaded = self.checkpoints.load(which)
        if loaded is None:
            self.run.rewind({}, 0)
            self.begin()
            return
        state, shards = loaded
        mend = which == "previous"
        self.source.resume(state, shards, mend=mend)
        self.run.rewind(state["run"], self.steps, mend=mend)


def train(
    cfg: TrainCfg,
    parts: Parts,
    run: RunFolder,
    resume_from: Which | None = None,
    callbacks: Sequence[Callback] = (),
) -> Outcome:
    """Train an agent in environments to the end, or until Ctrl-C.

    Args:
        cfg: Resolved configuration.
        parts: What takes part, as it was when the run began.
        run: Where it is written.
        resume_from: Which checkpoint of the run folder to go on from; None begins.
        callbacks: Called after those of every run.

    Raises:
        UserError: If nothing could be asked, something was not finite, or the checkpoint is damaged.
    """
    source = OnlineSource(cfg, parts, run)
    budget = None if cfg.rater == "none" else cfg.budget
    progress = Progress(cfg.env, cfg.steps, budget=budget, metric=metric_of(parts.env))
    standard = standard_callbacks(cfg.eval, cfg.checkpoint, progress)
    outcome = Loop(cfg, source, run, [*standard, *callbacks]).train(resume_from)
    return replace(outcome, preferences=source.history.preferences, fit=source.history.fit)
