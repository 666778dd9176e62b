"""The training loop: advance a source of data to its end, and call callbacks."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from gymnasium.vector import VectorEnv

from prefgym.common.errors import UserError, read_as
from prefgym.common.finite import NotFiniteError
from prefgym.common.signals import Terminated, held_back
from prefgym.common.states import State
from prefgym.core import contact
from prefgym.core.feedback import Feedback
from prefgym.core.fit_report import FitReport
from prefgym.core.protocols import Policy
from prefgym.evaluation.envs import make_evaluation_env
from prefgym.evaluation.evaluate import Evaluation, evaluate, metric_of
from prefgym.rl.base import StopTraining
from prefgym.runs.checkpoints import Checkpoints, Shard, Which
from prefgym.runs.folder import RunFolder
from prefgym.sim.source import EnvSource
from prefgym.training.callbacks import Callback, standard_callbacks
from prefgym.training.config import OfflineCfg, TrainCfg
from prefgym.training.estimate import Estimate, before_it_starts
from prefgym.training.parts import Advance, Metrics, Parts
from prefgym.training.people import waiting_line
from prefgym.training.progress import Progress
from prefgym.training.sources import OnlineSource
from prefgym.training.stop import Stop, how_to_go_on


class SavedPolicy(Policy, Protocol):
    """A policy that can be written to a file."""

    def save(self, path: Path | str) -> None:
        """Write weights and configuration."""
        ...


class Source(Protocol):
    """A source of data that the loop advances: environments to act in, or recorded data."""

    unit: str
    """Unit of the training: `steps` or `updates`."""
    total: int
    """Steps, or updates, of the whole training."""
    env_source: EnvSource
    """Builder of the environments that evaluate the policy."""

    @property
    def agent(self) -> SavedPolicy:
        """Return the policy in training."""
        ...

    @property
    def steps(self) -> int:
        """Return the steps, or updates, so far."""
        ...

    @property
    def num_answers(self) -> int | None:
        """Return the number of answers so far; None without a rater."""
        ...

    @property
    def place(self) -> str:
        """Return the point of the training in words, for error messages."""
        ...

    def begin(self) -> Metrics:
        """Start from the beginning; return the metrics before the first step."""
        ...

    def advance(self) -> Advance:
        """Collect or sample data, and update the agent with them; `steps` grows."""
        ...

    def finish(self) -> None:
        """Check that the agent had something to learn from.

        Raises:
            UserError: If it had nothing.
        """
        ...

    def stateless(self) -> list[str]:
        """List the parts without a state to save; a run without any of them has checkpoints."""
        ...

    def shard(self) -> tuple[Shard | None, int]:
        """Return what was recorded since the last call, and how far back records are still needed."""
        ...

    def state_dict(self) -> State:
        """Return the state to resume from, except for records, which are in shards."""
        ...

    def resume(self, state: State, shards: list[State], *, mend: bool) -> None:
        """Restore the state that `state_dict` and `shard` returned.

        Args:
            state: The state of `state_dict`.
            shards: All shards that are still needed, oldest first.
            mend: Whether a damaged log of answers is set aside; otherwise it is refused.

        Raises:
            UserError: If a file in the run folder has changed.
        """
        ...


@dataclass(frozen=True, eq=False, kw_only=True)
class Outcome:
    """The outcome of a training."""

    steps: int
    """Environment steps, or updates."""
    evaluation: Evaluation | None
    """Evaluation of the last policy; None if it failed, or was skipped."""
    stop: Stop | None = None
    """What ended the training before its last step; None if nothing did."""
    is_kept: bool = True
    """Whether what was learned could be written."""
    preferences: Feedback | None = None
    """All answers since the run began."""
    fit: FitReport | None = None
    """Report of the last fit of the reward."""

    @property
    def interrupted(self) -> bool:
        """Return whether something ended the training before its last step."""
        return self.stop is not None


class Loop:
    """A training: advances a source to its last step.

    Args:
        cfg: Configuration of the run, for its evaluations.
        source: Source of data.
        run: Run folder.
        callbacks: Callbacks, in the order of their calls.
    """

    def __init__(
        self, cfg: TrainCfg | OfflineCfg, source: Source, run: RunFolder, callbacks: Sequence[Callback] = ()
    ) -> None:
        self.cfg, self.source, self.run, self.callbacks = cfg, source, run, callbacks
        self.checkpoints = Checkpoints(run.path / "checkpoints")
        self.is_running = False
        """Whether the training is between its first and its last step."""
        self._stops = self._is_evaluating = False
        self._steps_before = 0
        self._measured_at: int | None = None  # the step of the last evaluation, once it is in the metrics
        self._saved_at: int | None = None
        self._eval_envs: dict[int, VectorEnv[Any, Any, Any]] = {}

    @property
    def agent(self) -> SavedPolicy:
        """Return the policy in training."""
        return self.source.agent

    @property
    def steps(self) -> int:
        """Return the steps, or updates, so far."""
        return self.source.steps

    @property
    def total(self) -> int:
        """Return the steps, or updates, of the whole training."""
        return self.source.total

    def has_passed(self, every: int) -> bool:
        """Return whether the latest advance reached or passed a multiple of `every` steps."""
        return self._steps_before // every < self.steps // every

    def train(self, resume_from: Which | None = None, keep: Callable[[], None] = lambda: None) -> Outcome:
        """Train to the end, or until Ctrl-C, a signal or an error, and evaluate the last policy.

        Args:
            resume_from: Checkpoint of the run folder to resume from; None starts from the beginning.
            keep: Writes what was learned; called before the last evaluation.

        Raises:
            UserError: If the checkpoint or the initial preferences are damaged, or no query could be sampled.
        """
        try:
            if resume_from is None:
                self.begin()
            else:
                self.resume(resume_from)
            stop = self._until_stopped(self.run_to_end)
            self.is_running = False
            if stop is None and not self._stops:
                self.source.finish()
            with held_back():
                unkept = self._until_stopped(keep)
            evaluation, stop = self._evaluate_last(stop or unkept)
        except BaseException as error:
            self._call_at_end()
            if isinstance(error, KeyboardInterrupt):
                print(how_to_go_on(self.run.path, self.cfg.command, self.source.stateless()), file=sys.stderr)
            raise
        stop = self._until_stopped(self._call_at_end, stop)
        return Outcome(steps=self.steps, evaluation=evaluation, stop=stop, is_kept=unkept is None)

    def _until_stopped(self, work: Callable[[], None], before: Stop | None = None) -> Stop | None:
        """Do some work; return what stopped it, or what had stopped the training before."""
        try:
            work()
        except KeyboardInterrupt as error:
            stop = Stop.by_signal(error)
        except (Exception, SystemExit) as error:  # whatever others raise: what was learned is kept
            cfg, place = self.cfg, self.source.place
            if before is not None and isinstance(error, NotFiniteError):  # the arrays of the first stay where they are
                print(f"then {error}", file=sys.stderr)
                return before
            stop = Stop.by_error(error, self.run, env=cfg.env, steps=self.steps, place=place, device=cfg.device)
        else:
            return before
        if before is not None:  # one thing leads to another, and the first is the reason
            print(f"then {stop.reason}", file=sys.stderr)
        return before or stop

    def _evaluate_last(self, stop: Stop | None) -> tuple[Evaluation | None, Stop | None]:
        """Evaluate the last policy, unless an evaluation was what stopped, or the process has to end soon."""
        if stop is not None and not self.cfg.eval.copies:
            return None, stop
        if stop is not None and (self._is_evaluating or isinstance(stop.cause, Terminated)):
            return None, stop
        if stop is not None and isinstance(stop.cause, KeyboardInterrupt):
            episodes = self.cfg.eval.final_episodes
            print(f"interrupted: evaluating the policy over {episodes} episodes; Ctrl-C skips this", file=sys.stderr)
        evaluations: list[Evaluation] = []

        def work() -> None:
            if self.cfg.eval.copies:
                evaluations.append(self._measure(self.cfg.eval.final_episodes))
                self._call("on_evaluation", lambda callback: callback.on_evaluation(self, evaluations[0]))
                if self._measured_at != self.steps:
                    self.run.log(self.steps, {**evaluations[0].metrics(), **self.labels})
            if stop is None and self.cfg.checkpoint.keep_final and not self.source.stateless():
                self._measured_at = self.steps
                self.save()

        stop = self._until_stopped(work, stop)
        return next(iter(evaluations), None), stop

    def _call_at_end(self) -> None:
        self._call("on_end", lambda callback: callback.on_end(self))

    def begin(self) -> None:
        """Start from the beginning."""
        if metrics := self.source.begin():
            self.run.log(self.steps, metrics)

    def run_to_end(self) -> None:
        """Advance to the last step, or until a callback stops the training."""
        self.is_running = True
        self._call("on_start", lambda callback: callback.on_start(self))
        if self.steps == 0 and self.cfg.eval.at_sessions and self.cfg.eval.copies:
            self.run.log(0, self.evaluation_metrics(self.cfg.eval.episodes))
        while self.steps < self.total and not self._stops:
            self.advance()

    def advance(self) -> None:
        """Advance the source once, and call `on_session` and `on_step`."""
        self._steps_before = self.steps
        advance = self.source.advance()
        if advance.session:
            self._call("on_session", lambda callback: callback.on_session(self, advance.session))
        metrics: Metrics = {**advance.session, **advance.learning}
        self._call("on_step", lambda callback: callback.on_step(self, metrics))

    def _call(self, hook: str, call: Callable[[Callback], None]) -> None:
        """Call a hook of all callbacks; add the name of the callback to an error, and note a stop."""
        for callback in self.callbacks:
            try:
                call(callback)
            except StopTraining:
                self._stops = True
            except (Exception, SystemExit) as error:
                error.add_note(f"raised in {hook} of the callback {type(callback).__name__}")
                raise

    def evaluate(self, episodes: int) -> Evaluation:
        """Measure the true return of the present policy, and call `on_evaluation`."""
        evaluation = self._measure(episodes)
        self._call("on_evaluation", lambda callback: callback.on_evaluation(self, evaluation))
        return evaluation

    def _measure(self, episodes: int) -> Evaluation:
        self._is_evaluating = True
        if episodes not in self._eval_envs:
            source = self.source.env_source.limited(self.cfg.eval.max_episode_steps)
            self._eval_envs[episodes] = make_evaluation_env(source, episodes, self.cfg.num_threads)
        evaluation = evaluate(self.agent, self._eval_envs[episodes])
        self._is_evaluating = False
        return evaluation

    def evaluation_metrics(self, episodes: int) -> Metrics:
        """Measure the true return of the present policy, and return the metrics of the log."""
        return {**self.evaluate(episodes).metrics(), **self.labels}

    @property
    def labels(self) -> Metrics:
        """Return the number of answers so far, as evaluations name it in the log; empty without a rater."""
        num = self.source.num_answers
        return {} if num is None else {"eval/num_answers": float(num)}

    def save(self) -> None:
        """Write a checkpoint, unless there is one of this step; only the policy if a part has no state to save."""
        if self._saved_at == self.steps:
            return
        if stateless := self.source.stateless():
            self.run.sync()
            self.checkpoints.save_policy(self.steps, self._save_policy, stateless)
        else:
            shard, horizon = self.source.shard()
            self.checkpoints.save(self.steps, self.state_dict(), shard, horizon)
        self._saved_at = self.steps

    def _save_policy(self, path: Path) -> None:
        with contact.raised_by(contact.AGENT, self.agent):
            self.agent.save(path)

    def state_dict(self) -> State:
        """Return the state to resume from, except for records, which are in shards."""
        return {**self.source.state_dict(), "run": self.run.state_dict(), "measured_at": self._measured_at}

    def resume(self, which: Which) -> None:
        """Resume from a checkpoint; start from the beginning if there is none yet.

        Raises:
            UserError: If a part has no state, or the checkpoint is damaged.
        """
        if names := self.source.stateless():
            raise UserError(f"{self.run.path}: {how_to_go_on(self.run.path, (), names)}.")
        loaded = self.checkpoints.load(which)
        if loaded is None:
            self.run.rewind({}, 0)
            self.begin()
            return
        state, shards = loaded
        mend = which == "previous"
        with read_as(f"{self.checkpoints.folder} does not fit this run"):
            self.source.resume(state, shards, mend=mend)
            self._measured_at, self._saved_at = state.get("measured_at"), self.steps
            self.run.rewind(state["run"], self.steps, mend=mend)


def train(
    cfg: TrainCfg,
    parts: Parts,
    run: RunFolder,
    resume_from: Which | None = None,
    callbacks: Sequence[Callback] = (),
    keep: Callable[[OnlineSource], None] = lambda source: None,
) -> Outcome:
    """Train an agent in environments to the end, or until Ctrl-C, a signal or an error.

    Args:
        cfg: Resolved configuration.
        parts: Parts of the run, in their first state.
        run: Run folder.
        resume_from: Checkpoint of the run folder to resume from; None starts from the beginning.
        callbacks: Called after the standard callbacks.
        keep: Writes what was learned; called before the last evaluation.

    Raises:
        UserError: If the checkpoint or the initial preferences are damaged.
    """
    source = OnlineSource(cfg, parts, run)
    budget = None if cfg.rater == "none" else cfg.budget
    beside = waiting_line(parts.rater)
    progress = Progress(cfg.env, cfg.steps, budget=budget, metric=metric_of(parts.env), beside=beside)
    standard = standard_callbacks(cfg.eval, cfg.checkpoint, progress)
    estimate = Estimate(before_it_starts(cfg, parts))
    outcome = Loop(cfg, source, run, [estimate, *standard, *callbacks]).train(resume_from, lambda: keep(source))
    return replace(outcome, preferences=source.history.preferences, fit=source.history.fit)
