"""Callbacks of a training: evaluation, checkpoints, logs, and those of users."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

from prefgym.common.errors import UserError
from prefgym.common.files import writing
from prefgym.evaluation.evaluate import Evaluation
from prefgym.rewards.health import EARLY, share_fallen
from prefgym.runs.metrics import read_metrics
from prefgym.training.config import CheckpointCfg, EvalCfg
from prefgym.training.parts import Metrics

if TYPE_CHECKING:
    from prefgym.training.loop import Loop


class Callback:
    """Base class of callbacks: override the hooks you need; the others do nothing.

    A hook may read `loop.steps`, `loop.total`, `loop.agent`, `loop.run` (the run folder), and `loop.is_running`. To end
    the training early, raise `prefgym.StopTraining` in any hook: the other callbacks are still called for this step,
    the policy is evaluated, and the run finishes as usual. Any other exception ends the run with an error that names
    the callback; what was learned is kept. Checkpoints hold no state of callbacks: a resumed run starts with new ones.

        class UntilGood(prefgym.Callback):
            def on_evaluation(self, loop, evaluation):
                if evaluation.mean > 3000:
                    raise prefgym.StopTraining

        prefgym.train("prefgym/Hopper-v0", callbacks=[UntilGood()])
    """

    def on_start(self, loop: "Loop") -> None:
        """Act before the first step; in a resumed run, `loop.steps` is the step of the checkpoint."""

    def on_session(self, loop: "Loop", metrics: Metrics) -> None:
        """Act after answers arrived.

        Args:
            loop: The running training.
            metrics: Counts of queries and answers, and metrics of the fit, if there was one.
        """

    def on_evaluation(self, loop: "Loop", evaluation: Evaluation) -> None:
        """Act after an evaluation; `loop.is_running` is false at that of the last policy.

        Args:
            loop: The running training.
            evaluation: Returns and lengths of its episodes.
        """

    def on_step(self, loop: "Loop", metrics: Metrics) -> None:
        """Act after each advance: a rollout and its updates, or some updates on recorded data.

        Args:
            loop: The running training; `loop.has_passed(1000)` is true once every 1,000 steps.
            metrics: All metrics of the advance. Later callbacks see what earlier ones add; users' callbacks come last.
        """

    def on_end(self, loop: "Loop") -> None:
        """Act at the end, after the last evaluation; also after Ctrl-C or an error."""


def check_callbacks(callbacks: Sequence[Callback]) -> None:
    """Check that callbacks are objects with the hooks of `Callback`.

    Raises:
        UserError: If one is not.
    """
    for callback in cast("Sequence[object]", callbacks):
        if isinstance(callback, type):
            raise UserError(
                f"a callback must be a prefgym.Callback, and {callback.__name__} is a class: pass an object of it."
            )
        if not isinstance(callback, Callback):
            raise UserError(f"a callback must be a prefgym.Callback, not {type(callback).__name__}.")


class Evaluate(Callback):
    """Evaluates the policy at regular intervals and at sessions, and adds the true return to the metrics.

    Args:
        cfg: How often, and over how many episodes.
    """

    def __init__(self, cfg: EvalCfg) -> None:
        self.cfg = cfg
        self._steps: list[float] = []
        self._true: list[float] = []
        self._learned: list[float] = []

    def on_start(self, loop: "Loop") -> None:
        """Read the evaluations before the checkpoint: they stand in the log, which a resumed run continues."""
        for row in read_metrics(loop.run.path / "metrics.jsonl"):
            if "eval/mean_reward" in row:
                self._note(row["time/total_timesteps"], row["eval/mean_reward"], row.get("rollout/ep_rew_mean"))

    def on_evaluation(self, loop: "Loop", evaluation: Evaluation) -> None:
        """Note it; `on_step` adds the learned return."""
        self._note(loop.steps, evaluation.mean, None)

    def on_step(self, loop: "Loop", metrics: Metrics) -> None:
        """Evaluate if an evaluation is due; `Loop.train` evaluates the last policy."""
        if loop.steps < loop.total and (loop.has_passed(self.cfg.every) or self._is_due_at_session(loop, metrics)):
            metrics |= loop.evaluation_metrics(self.cfg.episodes)
            if loop.source.num_answers is not None and loop.steps >= EARLY * loop.total:
                self._learned[-1] = _number(metrics.get("rollout/ep_rew_mean"))
                metrics |= self._fall()

    def _is_due_at_session(self, loop: "Loop", metrics: Metrics) -> bool:
        if not self.cfg.at_sessions or "feedback/session" not in metrics:
            return False
        apart = self.cfg.every / (20 if loop.steps < self.cfg.every else 5)  # bounds the cost where answers trickle in
        return not self._steps or loop.steps - self._steps[-1] >= apart

    def _note(self, steps: float, true: float, learned: float | None) -> None:
        self._steps.append(steps)
        self._true.append(true)
        self._learned.append(_number(learned))

    def _fall(self) -> Metrics:
        """Return how far the true return lies below its best, and how far the learned return rose since."""
        share, best_at = share_fallen(self._true)
        rise = self._learned[-1] - self._learned[best_at]
        return {"health/true_fall": share, **({} if math.isnan(rise) else {"health/learned_rise": rise})}


def _number(value: float | None) -> float:
    return math.nan if value is None else value


class KeepPolicies(Callback):
    """Writes the policy of each evaluation but the last to `policies/`."""

    def on_evaluation(self, loop: "Loop", evaluation: Evaluation) -> None:
        """Write the policy."""
        del evaluation
        if loop.is_running:
            with writing(loop.run.path):
                loop.agent.save(loop.run.folder("policies") / str(loop.steps))


class LogMetrics(Callback):
    """Appends the metrics to `metrics.jsonl` and TensorBoard."""

    def on_step(self, loop: "Loop", metrics: Metrics) -> None:
        """Append a line."""
        loop.run.log(loop.steps, metrics)


class SaveCheckpoints(Callback):
    """Saves the state to resume from, but not after the last step.

    Args:
        cfg: How often.
    """

    def __init__(self, cfg: CheckpointCfg) -> None:
        self.cfg = cfg

    def on_step(self, loop: "Loop", metrics: Metrics) -> None:
        """Save the state if a checkpoint is due by steps or by the clock."""
        del metrics
        is_due = loop.has_passed(self.cfg.every) or loop.checkpoints.are_older_than(self.cfg.minutes)
        if is_due and loop.steps < loop.total:
            loop.save()


def standard_callbacks(evaluation: EvalCfg, checkpoint: CheckpointCfg, progress: Callback) -> tuple[Callback, ...]:
    """Return the callbacks of every run, in their order.

    Args:
        evaluation: How the policy is evaluated, and whether policies are kept.
        checkpoint: How often the state is saved.
        progress: Display of the metrics.
    """
    evaluate = (Evaluate(evaluation),) if evaluation.copies else ()
    kept = (KeepPolicies(),) if evaluation.keep else ()
    return (*evaluate, *kept, LogMetrics(), progress, SaveCheckpoints(checkpoint))
