"""A training on a GPU against the clock: when it reaches a goal, and where its time goes; see `gpu_check.py`."""

import tempfile
import time
from collections.abc import Sequence
from typing import Any

import torch

from prefgym.bench.stopwatch import Stopwatch
from prefgym.cli.flags import parse_train
from prefgym.runs.folder import RunFolder
from prefgym.training.envs import make_training_env
from prefgym.training.loop import Loop
from prefgym.training.online import build
from prefgym.training.progress import Progress


class Reached(Exception):  # noqa: N818 - no error, as StopIteration
    """The goal of a training was reached."""


def warm_up(flags: Sequence[str]) -> None:
    """Take a step in the environments of a training, so that all that is compiled once and kept is compiled.

    Args:
        flags: Of `prefgym train`.
    """
    config = parse_train(flags)
    env = make_training_env(config)
    env.reset(seed=0)
    env.step(torch.zeros(env.action_space.shape or (), device=config.device))
    env.close()


def train_to(goal: float, flags: Sequence[str], watch: Stopwatch | None = None) -> dict[str, Any]:
    """Train until an evaluation reaches a goal; say when.

    Args:
        goal: True return.
        flags: Of `prefgym train`.
        watch: Counts what the parts take; None lets them run as they do.

    Returns:
        Steps, seconds, whether the goal was reached, and of each evaluation steps, seconds and true return.
    """
    with tempfile.TemporaryDirectory() as folder:
        config = parse_train([*flags, "--out", f"{folder}/run"])
        started = time.perf_counter()
        parts = build(config)
        run = RunFolder(config)
        loop = Loop(config, parts, run)
        curve: list[list[float]] = []
        evaluate = loop.evaluate

        def watched(episodes: int) -> Any:  # noqa: ANN401
            evaluation = evaluate(episodes)
            curve.append([loop.steps, time.perf_counter() - started, evaluation.mean])
            if evaluation.mean >= goal:
                raise Reached
            return evaluation

        loop.evaluate = watched
        if watch is not None:
            take_the_time(watch, loop)
        reached = False
        try:
            with Progress(config.env, config.steps, budget=config.budget) as progress:
                if watch is None:
                    loop.run_to_end(progress)
                else:
                    with watch("rest"):
                        loop.run_to_end(progress)
            watched(config.eval.final_episodes)
        except Reached:
            reached = True
        seconds = time.perf_counter() - started
        run.close()
        told = {"steps": loop.steps, "seconds": seconds, "reached": reached, "curve": curve}
        return told | {"num_asked": parts.budget.num_asked, "goal": goal}


def take_the_time(watch: Stopwatch, loop: Loop) -> None:
    """Have a stopwatch count what physics, policy, gradients, reward model and evaluation take."""
    base: Any = loop.parts.env.unwrapped
    for owner, name, part in (
        (base.pool, "step", "physics"),
        (base.pool, "reset", "physics"),
        (loop.parts.agent, "update", "gradients"),
        (loop.parts.agent, "sample", "policy"),
        (loop, "run_session", "reward model"),
        (loop, "learned_reward", "reward model"),
        (loop, "evaluate", "evaluation"),
    ):
        watch.around(owner, name, part)
