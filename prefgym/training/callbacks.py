"""Callbacks: what happens beside the training, evaluation and checkpoints included."""

from typing import TYPE_CHECKING

from prefgym.common.files import writing
from prefgym.evaluation.evaluate import Evaluation
from prefgym.training.config import CheckpointCfg, EvalCfg
from prefgym.training.parts import Metrics

if TYPE_CHECKING:
    from prefgym.training.loop import Loop


class Callback:
    """Base of callbacks: override the hooks that matter, the others do nothing.

    A hook may read `loop.steps`, `loop.total`, `loop.agent`, `loop.run` (the run folder), and `loop.is_running`. To end
    the training early, raise `prefgym.StopTraining` in any hook: the other callbacks still see the step, the
    policy is evaluated, and the run finishes as usual. Any other exception ends the run with an error that names the
    callback. Callbacks have no state in checkpoints: a run that is resumed starts with new ones.

        class UntilGood(prefgym.Callback):
            def on_evaluation(self, loop, evaluation):
                if evaluation.mean > 3000:
                    raise prefgym.StopTraining

        prefgym.train("prefgym/Hopper-v0", callbacks=[UntilGood()])
    """

    def on_start(self, loop: "Loop") -> None:
        """Act before the first step; in a run that is resumed, `loop.steps` are done already."""

    def on_session(self, loop: "Loop", metrics: Metrics) -> None:
        """Act after answers came in.

        Args:
            loop: The driver.
            metrics: Counts of queries and answers, and what the fit came to, if there was one.
        """

    def on_evaluation(self, loop: "Loop", evaluation: Evaluation) -> None:
        """Act after an evaluation; that of the last policy is the one in which `loop.is_running` is false.

        Args:
            loop: The driver.
            evaluation: Returns and lengths of its episodes.
        """

    def on_step(self, loop: "Loop", metrics: Metrics) -> None:
        """Act after each advance: a rollout and the updates with it, or some updates on records.

        Args:
            loop: The driver; `loop.has_passed(1000)` is true once every 1,000 steps.
            metrics: All numbers of the advance. What a callback adds is seen by those after it; users' come last.
        """

    def on_end(self, loop: "Loop") -> None:
        """Act at the end, after the last evaluation; also after Ctrl-C or an error."""


class Evaluate(Callback):
    """Evaluates the policy from time to time, and adds the outcome to the metrics.

    Args:
        cfg: How often, and over how many episodes.
    """

    def __init__(self, cfg: EvalCfg) -> None:
        self.cfg = cfg

    def on_step(self, loop: "Loop", metrics: Metrics) -> None:
        """Evaluate if it is due; the last policy is evaluated by the driver."""
        if loop.has_passed(self.cfg.every) and loop.steps < loop.total:
            metrics |= loop.evaluate(self.cfg.episodes).metrics()


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
        """Save the state if that is due by steps or by the clock."""
        del metrics
        is_due = loop.has_passed(self.cfg.every) or loop.checkpoints.are_older_than(self.cfg.minutes)
        if is_due and loop.steps < loop.total:
            loop.save()


def standard_callbacks(evaluation: EvalCfg, checkpoint: CheckpointCfg, progress: Callback) -> tuple[Callback, ...]:
    """Return the callbacks of every run, in their order.

    Args:
        evaluation: How the policy is evaluated, and whether policies are kept.
        checkpoint: How often the state is saved.
        progress: What shows the metrics.
    """
    kept = (KeepPolicies(),) if evaluation.keep else ()
    return (Evaluate(evaluation), *kept, LogMetrics(), progress, SaveCheckpoints(checkpoint))
