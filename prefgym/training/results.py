"""What a run came to, as `result.json` has it."""

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
        outcome: What the run came to.
        counts: Steps or updates, and queries.
        names: Environment and parts, by their names.
        seed: Seed of the run.
        task: Task description and metric, where the environment has such.
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
