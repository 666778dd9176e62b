"""The result of a run, as `result.json` holds it."""

from collections.abc import Mapping

import prefgym
from prefgym.runs.folder import RunFolder
from prefgym.training.loop import Outcome


def write_result(
    run: RunFolder,
    outcome: Outcome,
    *,
    counts: Mapping[str, int],
    names: Mapping[str, str],
    seed: int,
    task: Mapping[str, str] | None = None,
) -> None:
    """Write `result.json`.

    Args:
        run: Run folder.
        outcome: Outcome of the training.
        counts: Steps or updates, and queries.
        names: Names of the environment and of the parts.
        seed: Seed of the run.
        task: Task description and metric of a task without a reward.
    """
    evaluation = outcome.evaluation
    result = {
        "final_return_mean": evaluation.mean,
        "final_return_std": evaluation.std,
        "returns": evaluation.returns,
        "episode_lengths": evaluation.lengths,
        "success_rate": evaluation.success_rate,
        **counts,
        "interrupted": outcome.interrupted,
        "wall_time_s": run.wall_time_s,
        **names,
        "seed": seed,
        "version": prefgym.__version__,
    }
    run.write_json("result.json", {**result, **(task or {})})
