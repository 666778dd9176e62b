"""Run folders to compare: as `prefgym train` leaves them, but with numbers of the test's own."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from prefgym.common.files import write_sealed_text
from prefgym.runs.manifest import write_manifest

Row = tuple[float, float, float, float]
"""Steps, labels, minutes and true return of an evaluation."""
CONFIG: dict[str, Any] = {
    **{"env": "prefgym/Hopper-v0", "rater": "oracle", "agent": "ppo", "reward": "ensemble", "sampler": "disagreement"},
    **{"budget": 500, "steps": 1000, "threads": 1, "out": None, "command": [], "eval": {"episodes": 10, "keep": False}},
    **{"rater_cfg": {"beta": 1.0}, "agent_cfg": {"gamma": 0.99}, "sampler_cfg": {}, "reward_cfg": {"num_members": 5}},
}


def write_run(
    folder: Path,
    final: float | None,
    seed: int = 0,
    *,
    rows: Sequence[Row] = (),
    lengths: Sequence[int] = (1000, 1000),
    held_out: Sequence[tuple[float, float]] = (),
    labels: int = 500,
    seconds: float = 60.0,
    version: str = "0.2.0",
    **config: Any,  # noqa: ANN401
) -> Path:
    """Write a run folder.

    Args:
        folder: The folder.
        final: Final true return; None for a run that was stopped.
        seed: Seed.
        rows: Evaluations; default: one, with the final return.
        lengths: Steps of each final episode.
        held_out: Predicted probability and share of the choice of held-out answers.
        labels: Answers; 0 without a rater.
        seconds: Wall time.
        version: Version that trained it.
        **config: Settings in the place of those of `CONFIG`.
    """
    settings = {**CONFIG, "seed": seed, **config}
    answered = 0 if settings["rater"] == "none" else labels
    (folder / "report").mkdir(parents=True)
    write_sealed_text(folder / "config.yaml", yaml.safe_dump(settings))
    shown = rows or ([] if final is None else [(1000, answered, seconds / 60, final)])
    lines = [
        {
            "time/total_timesteps": steps,
            "time/time_elapsed": 60 * minutes,
            "feedback/num_answers": at,
            "eval/mean_reward": value,
        }
        for steps, at, minutes, value in shown
    ]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    if held_out:
        told = {"probability": [p for p, _ in held_out], "choice": [share for _, share in held_out]}
        (folder / "report" / "held_out.json").write_text(json.dumps(told))
    if final is not None:
        result = {
            **{"final_return_mean": final, "final_return_std": 0.0, "returns": [final] * len(lengths)},
            **{"episode_lengths": list(lengths), "success_rate": None, "num_asked": answered, "num_answered": answered},
            **{"steps": settings["steps"], "interrupted": False, "wall_time_s": seconds, "seed": seed},
            **{"env": settings["env"], "rater": settings["rater"], "agent": settings["agent"], "version": version},
        }
        (folder / "result.json").write_text(json.dumps(result))
        write_manifest(folder)
    return folder


def write_arm(folder: Path, finals: Sequence[float], **settings: Any) -> list[Path]:  # noqa: ANN401
    """Write a run for each final return, with seeds 0, 1, 2 and so on."""
    return [write_run(folder / f"seed-{seed}", final, seed, **settings) for seed, final in enumerate(finals)]
