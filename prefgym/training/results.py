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
    """Write `result.json`; of a policy that was not evaluated, numbers are null.

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
        "final_return_mean": evaluation and evaluation.mean,
        "final_return_std": evaluation and evaluation.std,
        "returns": evaluation.returns if evaluation else (),
        "episode_lengths": evaluation.lengths if evaluation else (),
        "num_early": sum(evaluation.early) if evaluation and evaluation.early else None,
        "success_rate": evaluation and evaluation.success_rate,
        **counts,
        "interrupted": outcome.interrupted,
        "reason": outcome.stop and outcome.stop.reason,
        "wall_time_s": run.wall_time_s,
        **names,
        "seed": seed,
        "version": prefgym.__version__,
    }
    run.write_json("result.json", {**result, **(task or {})})
