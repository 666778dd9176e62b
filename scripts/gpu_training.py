"""A training on a GPU against the clock: when it reaches a goal, and where its time goes; see `gpu_check.py`."""

import tempfile
import time
from contextlib import closing, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from prefgym.bench.stopwatch import Stopwatch
from prefgym.evaluation.evaluate import Evaluation
from prefgym.rl.base import StopTraining
from prefgym.runs.folder import RunFolder
from prefgym.training.callbacks import Callback, standard_callbacks
from prefgym.training.config import TrainCfg
from prefgym.training.envs import make_training_env
from prefgym.training.loop import Loop
from prefgym.training.online import build
from prefgym.training.progress import Progress
from prefgym.training.sources import OnlineSource


class UntilGoal(Callback):
    """Notes each evaluation, and stops the training when one reaches a goal.

    Args:
        goal: True return.
    """

    def __init__(self, goal: float) -> None:
        self.goal, self.reached = goal, False
        self.curve: list[tuple[float, float, float]] = []
        self._started = time.perf_counter()

    def on_evaluation(self, loop: Loop, evaluation: Evaluation) -> None:
        """Note steps, seconds and true return."""
        self.curve.append((loop.steps, time.perf_counter() - self._started, evaluation.mean))
        if evaluation.mean >= self.goal:
            self.reached = True
            raise StopTraining


def warm_up(config: TrainCfg) -> None:
    """Take a step in the environments of a training, so that all that is compiled once and kept is compiled."""
    env = make_training_env(config)
    env.reset(seed=0)
    env.step(torch.zeros(env.action_space.shape or (), device=config.device))
    env.close()


def train_to(goal: float, config: TrainCfg, watch: Stopwatch | None = None) -> dict[str, Any]:
    """Train until an evaluation reaches a goal; say when.

    Args:
        goal: True return.
        config: Configuration of the training.
        watch: Counts what the parts take; None lets them run as they do.

    Returns:
        Steps, seconds, whether the goal was reached, and of each evaluation steps, seconds and true return.
    """
    with tempfile.TemporaryDirectory() as folder:
        config = replace(config, out=Path(folder) / "run")
        until = UntilGoal(goal)
        parts = build(config)
        run = RunFolder(config)
        source = OnlineSource(config, parts, run)
        progress = Progress(config.env, config.steps, budget=config.budget)
        loop = Loop(config, source, run, [*standard_callbacks(config.eval, config.checkpoint, progress), until])
        if watch is not None:
            take_the_time(watch, loop, source)
        with closing(run):
            with nullcontext() if watch is None else watch("rest"):
                loop.begin()
                loop.run_to_end()
            if not until.reached:
                loop.evaluate(config.eval.final_episodes)
        progress.on_end(loop)
        result = {"steps": loop.steps, "seconds": until.curve[-1][1], "reached": until.reached, "curve": until.curve}
        return result | {"num_asked": parts.budget.num_asked, "goal": goal}


def take_the_time(watch: Stopwatch, loop: Loop, source: OnlineSource) -> None:
    """Have a stopwatch count what physics, policy, gradients, reward model and evaluation take."""
    base: Any = source.parts.env.unwrapped
    for owner, name, part in (
        (base.pool, "step", "physics"),
        (base.pool, "reset", "physics"),
        (source.parts.agent, "update", "gradients"),
        (source.parts.agent, "sample", "policy"),
        (source.feedback, "after_rollout", "reward model"),
        (loop, "evaluate", "evaluation"),
    ):
        watch.around(owner, name, part)
