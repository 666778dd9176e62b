"""Files of a run at its end: result, policy, preferences and reward, and the data of its report."""

from dataclasses import asdict
from typing import Any, cast

import torch
from torch import Tensor

from prefgym.common.array_files import write_arrays
from prefgym.common.files import writing
from prefgym.common.spaces import Spaces
from prefgym.core import contact
from prefgym.core.fit_report import FitReport
from prefgym.core.segments import Segments
from prefgym.data.tables import save_preferences
from prefgym.evaluation.envs import make_evaluation_env
from prefgym.evaluation.evaluate import FIRST_SEED, Evaluation, record_episode
from prefgym.nn.weights import save_weights
from prefgym.rewards.files import card_of
from prefgym.runs.folder import RunFolder
from prefgym.sim.capabilities import physics_of
from prefgym.training.config import TrainCfg
from prefgym.training.history import FeedbackHistory
from prefgym.training.loop import Outcome
from prefgym.training.parts import Parts
from prefgym.training.results import write_result
from prefgym.wrappers.preference import PreferenceVectorEnv


def keep_learned(cfg: TrainCfg, parts: Parts, run: RunFolder, history: FeedbackHistory) -> None:
    """Write policy, preferences and reward: each of them, although another one fails.

    Raises:
        Exception: The first error of a part, or of the disk.
    """
    checkpoint = run.folder("checkpoints/final")

    def keep_policy() -> None:
        with contact.raised_by(contact.AGENT, parts.agent):
            parts.agent.save(checkpoint / "policy")

    def keep_preferences() -> None:
        if history.preferences is not None:
            save_preferences(run.folder("preferences") / "preferences", history.preferences)

    def keep_reward() -> None:
        if history.fit is not None:
            card = card_of(cfg.reward, asdict(cast(Any, cfg.reward_cfg)), Spaces.of(parts.env))
            with contact.raised_by(contact.LEARNER, parts.learner):
                weights = parts.learner.weights()
            save_weights(checkpoint / "reward", weights, card)

    errors: list[Exception] = []
    for work in (keep_policy, keep_preferences, keep_reward):
        try:
            with writing(checkpoint):
                work()
        except Exception as error:
            errors.append(error)
    if errors:
        raise errors[0]


def keep_result(cfg: TrainCfg, parts: Parts, run: RunFolder, outcome: Outcome) -> None:
    """Write the result of a run."""
    counts = {"num_asked": parts.budget.num_asked, "num_answered": parts.budget.num_answered, "steps": outcome.steps}
    names = {"env": cfg.env, "rater": cfg.rater, "agent": cfg.agent}
    metadata = parts.env.metadata
    task = {name: metadata[name] for name in ("task_description", "metric") if name in metadata}
    write_result(run, outcome, counts=counts, names=names, seed=cfg.seed, task=task)


def keep_fit(parts: Parts, run: RunFolder, fit: FitReport) -> None:
    """Write how well the reward predicts held-out answers, and its scatter against the task reward."""
    held_out = {"probability": fit.probability.numpy().tolist(), "choice": fit.choice.numpy().tolist()}
    run.write_json("report/held_out.json", held_out)
    if (pairs := reward_scatter(parts)) is not None:
        run.write_json("report/reward_scatter.json", pairs)


def reward_scatter(parts: Parts, num_steps: int = 1000) -> dict[str, list[float]] | None:
    """Sample recorded steps, and return their task reward and their learned reward; None without a task reward."""
    recorder = cast(PreferenceVectorEnv, parts.env).recorder
    starts = recorder.starts(1)
    if not len(starts):
        return None
    drawn = starts[torch.randint(len(starts), (num_steps,), generator=parts.generator)]
    steps = recorder.segments(drawn, 1).map(Tensor.cpu)
    if steps.reward is None:
        return None
    learned = contact.reward(parts.learner, steps).mean(0)[..., 0]
    return {"true": steps.reward[..., 0].numpy().tolist(), "learned": learned.cpu().numpy().tolist()}


def keep_episode(cfg: TrainCfg, parts: Parts, run: RunFolder, evaluation: Evaluation | None, has_reward: bool) -> None:
    """Record the median episode of the last policy for its film; without an evaluation, the first."""
    from prefgym.video.clips import save_clip
    from prefgym.video.film import fps_of, rendered_clip, rendering_env

    source = parts.source.limited(cfg.eval.max_episode_steps)
    num, index = (1, 0) if evaluation is None else (len(evaluation.returns), evaluation.median)
    env = make_evaluation_env(source, num, cfg.num_threads)
    drawing = rendering_env(source) if physics_of(env) is None or cfg.recorder.frame_height else None
    if drawing is None:
        episode = record_episode(parts.agent, env, index=index)
    else:
        env, episode = drawing, record_episode(parts.agent, drawing, FIRST_SEED + index)
    if has_reward:
        num_steps = len(episode["reward"])
        steps = Segments(
            obs=torch.as_tensor(episode["obs"], dtype=torch.float32)[None],
            action=torch.as_tensor(episode["action"], dtype=torch.float32)[None],
            length=torch.tensor([num_steps]),
            terminated=torch.tensor([False]),
            truncated=torch.tensor([False]),
        )
        episode["learned"] = contact.reward(parts.learner, steps).mean(0)[0].cpu().numpy()
    folder = run.folder("report")
    if (frames := episode.pop("frames", None)) is not None:
        save_clip(folder / "final_clip.safetensors", rendered_clip(frames, fps_of(env)))
    write_arrays(folder / "final_episode.safetensors", {k: torch.as_tensor(v) for k, v in episode.items()})
