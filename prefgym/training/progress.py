"""The live display of a training run."""

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from rich.console import Console, RenderableType
from rich.progress import BarColumn, ProgressColumn, Task, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bar
from rich.table import Column
from rich.text import Text

from prefgym.evaluation.evaluate import TRUE_RETURN
from prefgym.rewards.health import troubles
from prefgym.runs.metrics import read_metrics
from prefgym.training.callbacks import Callback
from prefgym.training.parts import Metrics

if TYPE_CHECKING:
    from prefgym.training.loop import Loop


TITLE_WIDTH = 24


class StepsColumn(ProgressColumn):
    """Steps so far and in all: 100,000 of 1,000,000."""

    def render(self, task: Task) -> Text:
        """Write both numbers, as wide as they are at the end."""
        total = f"{task.total or 0:,.0f}"
        return Text(f"{task.completed:>{len(total)},.0f} of {total}", style="progress.download")


class TwoLines(Bar):
    """A bar with its numbers, and the metrics below it: both fit 80 columns."""

    def get_renderables(self) -> Iterable[RenderableType]:
        """Yield the two lines."""
        yield self.make_tasks_table(self.tasks)
        yield from (Text(task.fields["metrics"], overflow="ellipsis", no_wrap=True) for task in self.tasks)


class Progress(Callback):
    """Show steps, labels, true return, reward accuracy and time left; without a terminal, print a line per evaluation.

    Args:
        title: Text in front of the bar.
        total: Steps of the training.
        budget: Query budget; None without a rater.
        metric: Name of the evaluation metric: the true return, or that of a task without a reward.
        unit: Name of the steps.
        beside: Returns what else there is to say, such as how many questions wait for people; empty for nothing.
    """

    def __init__(
        self,
        title: str,
        total: int,
        *,
        budget: int | None = None,
        metric: str = TRUE_RETURN,
        unit: str = "steps",
        beside: Callable[[], str] = lambda: "",
    ) -> None:
        self.total, self.budget, self.metric, self.unit, self.beside = total, budget, metric, unit, beside
        self.console = Console(stderr=True)
        self._labels, self._accuracy, self._true_return = "0", "-", "-"
        self._bar = TwoLines(
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),
            StepsColumn(Column(no_wrap=True)),
            TimeElapsedColumn(),
            TimeRemainingColumn(compact=True),
            TextColumn("left"),
            console=self.console,
            expand=True,
            disable=not self.console.is_terminal,
        )
        title = title if len(title) <= TITLE_WIDTH else f"{title[: TITLE_WIDTH - 1]}…"
        self._task = self._bar.add_task(title, total=total, metrics=self._shown())

    def on_start(self, loop: "Loop") -> None:
        """Start the display; that of a resumed run knows what was logged before."""
        for row in read_metrics(loop.run.path / "metrics.jsonl"):
            self._note(row)
        self._bar.update(self._task, completed=min(loop.steps, self.total), metrics=self._shown())
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
        self._note(metrics)
        for sentence in troubles(metrics).values():
            self.console.print(f"{steps:>10,} {self.unit}  warning: {sentence}", highlight=False)
        shown = self._shown()
        self._bar.update(self._task, completed=min(steps, self.total), metrics=shown)
        if not self.console.is_terminal and "eval/mean_reward" in metrics:
            self.console.print(f"{steps:>10,} {self.unit}  {shown}", highlight=False)

    def _note(self, metrics: Mapping[str, float | None]) -> None:
        if "feedback/num_answers" in metrics:
            self._labels = f"{metrics['feedback/num_answers']:,.0f}"
        if (accuracy := metrics.get("reward_model/accuracy")) is not None:
            self._accuracy = f"{accuracy:.0%}" if accuracy == accuracy else "-"
        if (true_return := metrics.get("eval/mean_reward")) is not None:
            self._true_return = f"{true_return:,.{int(self.metric != TRUE_RETURN)}f}"

    def _shown(self) -> str:
        """Write the metrics."""
        shown = f"{self.metric} {self._true_return}"
        if self.budget is None:
            return shown
        shown = f"{self._labels}/{self.budget:,} labels  accuracy {self._accuracy}  {shown}"
        return f"{shown}  {said}" if (said := self.beside()) else shown
