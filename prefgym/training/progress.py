"""The live display of a training run."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from prefgym.evaluation.evaluate import TRUE_RETURN
from prefgym.rewards.health import troubles
from prefgym.training.callbacks import Callback
from prefgym.training.parts import Metrics

if TYPE_CHECKING:
    from prefgym.training.loop import Loop


class Progress(Callback):
    """Show steps, labels, true return, reward accuracy and time left; without a terminal, print a line per evaluation.

    Args:
        title: Text in front of the bar.
        total: Steps of the training.
        budget: Query budget; None without a rater.
        metric: Name of the evaluation metric: the true return, or that of a task without a reward.
        unit: Name of the steps.
    """

    def __init__(
        self, title: str, total: int, *, budget: int | None = None, metric: str = TRUE_RETURN, unit: str = "steps"
    ) -> None:
        self.total, self.budget, self.metric, self.unit = total, budget, metric, unit
        self.console = Console(stderr=True)
        self._labels, self._accuracy, self._true_return = "0", "-", "-"
        self._bar = Bar(
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            TextColumn("{task.fields[metrics]}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(compact=True),
            console=self.console,
            disable=not self.console.is_terminal,
        )
        self._task = self._bar.add_task(title, total=total, metrics="")

    def on_start(self, loop: "Loop") -> None:
        """Start the display."""
        del loop
        self._bar.start()

    def on_step(self, loop: "Loop", metrics: Metrics) -> None:
        """Show the newest metrics."""
        self.show(loop.steps, metrics)

    def on_end(self, loop: "Loop") -> None:
        """Stop the display."""
        del loop
        self._bar.stop()

    def show(self, steps: int, metrics: Mapping[str, float | None]) -> None:
        """Update the display with the newest metrics."""
        if "feedback/num_answers" in metrics:
            self._labels = f"{metrics['feedback/num_answers']:.0f}"
        if (accuracy := metrics.get("reward_model/accuracy")) is not None:
            self._accuracy = f"{accuracy:.0%}" if accuracy == accuracy else "-"
        if (true_return := metrics.get("eval/mean_reward")) is not None:
            self._true_return = f"{true_return:.{int(self.metric != TRUE_RETURN)}f}"
        for sentence in troubles(metrics).values():
            self.console.print(f"{steps:>10,} {self.unit}  warning: {sentence}", highlight=False)
        shown = f"{self.metric} {self._true_return}"
        if self.budget is not None:
            shown = f"{self._labels}/{self.budget} labels  accuracy {self._accuracy}  {shown}"
        self._bar.update(self._task, completed=min(steps, self.total), metrics=shown)
        if not self.console.is_terminal and "eval/mean_reward" in metrics:
            self.console.print(f"{steps:>10,} {self.unit}  {shown}", highlight=False)
