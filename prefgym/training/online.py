"""A training run from configuration to report: make the parts, run the loop, keep what came out."""

import sys
from collections.abc import Generator
from contextlib import closing, contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any, cast

import gymnasium as gym
import numpy as np
import torch
from gymnasium.vector import VectorEnv
from torch import Tensor

import prefgym
from prefgym import rewards, samplers
from prefgym.common.errors import UserError
from prefgym.common.files import writing
from prefgym.common.registry import registry_of
from prefgym.core.context import AgentContext, LearnerContext, SamplerContext
from prefgym.core.protocols import Agent, JudgedLearner, Policy, Rater, SelfPlayLearner
from prefgym.core.segments import Segments
from prefgym.data.feedback import copy_feedback
from prefgym.data.tables import load_preferences, save_preferences
from prefgym.evaluation.evaluate import make_evaluation_env, record_episode
from prefgym.nn.weights import save_weights
from prefgym.raters.immediate import as_rater
from prefgym.runs.checkpoints import Checkpoints, Which
from prefgym.runs.folder import RunFolder, read_config, write_manifest
from prefgym.training.annotate import make_rater
from prefgym.training.budget import Budget, Schedule
from prefgym.training.checks import (
    check_base_and_demos,
    check_device,
    check_preferences,
    check_queue,
    check_room,
    check_self_play,
)
from prefgym.training.config import TrainCfg
from prefgym.training.ended import Ended
from prefgym.training.envs import make_training_env
from prefgym.training.loop import INITIAL_PREFERENCES, Outcome, Parts, stateless, train
from prefgym.training.resolve import Objects
from prefgym.wrappers.preference import PreferenceVectorEnv

FPS = 30.0
"""Steps a second where an environment does not say."""


def train_online(cfg: TrainCfg, objects: Objects | None = None, *, resume_from: Which | None = None) -> Ended:
    """Train, keep everything, and write the report.

    Args:
        cfg: Resolved configuration.
        objects: Parts that are ready-made, in the place of those that the configuration names.
        resume_from: Which checkpoint in `cfg.out` to go on from; None begins a new run.

    Returns:
        What was trained; after Ctrl-C, as far as it came.

    Raises:
        UserError: If the parts do not fit, the device has too little memory, or a part gave what is not finite.
    """
    with threads(cfg.num_threads):
        with enough_memory(cfg.device):
            parts = build(cfg, objects)
        if cfg.preferences is not None and resume_from is None:
            check_preferences(cfg, cfg.preferences, parts)
        if names := stateless(parts):
            why = "it has no checkpoints, since these parts cannot tell their state"
            print(f"this run cannot be resumed: {why}: {', '.join(names)}", file=sys.stderr)
        is_resumed, prepare = resume_from is not None, partial(copy_initial_preferences, cfg.preferences)
        with closing(RunFolder(cfg, resume=is_resumed, prepare=prepare)) as folder:
            with enough_memory(cfg.device):
                outcome = train(cfg, parts, folder, resume_from)
            with writing(folder.path):
                keep(cfg, parts, folder, outcome)
            spent = f"{outcome.steps:,} steps and {parts.budget.num_asked} queries"
            print(f"{outcome.evaluation.in_words(0)} after {spent}; see {folder.path}")
            if parts.rater is not None and parts.budget.left and not outcome.interrupted:
                print(f"{parts.budget.left} of the budget of {cfg.budget} queries were left over", file=sys.stderr)
            if cfg.report and not outcome.interrupted:
                print(f"report: {write_run_report(folder.path)}")
        write_manifest(folder.path)  # from here on the run has finished, and needs no checkpoints
    if outcome.interrupted:
        print("interrupted: what was learned so far is saved", file=sys.stderr)
    else:
        Checkpoints(folder.path / "checkpoints").clear()
    learner = parts.learner if outcome.fit is not None else None
    return Ended(path=folder.path, agent=parts.agent, learner=learner, interrupted=outcome.interrupted)


@contextmanager
def threads(num_threads: int) -> Generator[None]:
    """Let torch use so many threads, and as many as before afterwards."""
    before = torch.get_num_threads()
    torch.set_num_threads(num_threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def enough_memory(device: str) -> Generator[None]:
    """Say in one sentence that memory does not suffice.

    Raises:
        UserError: If it does not.
    """
    try:
        yield
    except RuntimeError as error:  # torch's and Warp's words for it
        if not any(words in str(error) for words in ("out of memory", "can't allocate memory", "Failed to allocate")):
            raise
        told = "have fewer --agent.num-envs or less --recorder.capacity-bytes"
        raise UserError(f"the memory of {device} does not suffice: {told}.") from error


def build(cfg: TrainCfg, objects: Objects | None = None) -> Parts:
    """Make all parts of a run.

    Args:
        cfg: Resolved configuration.
        objects: Parts that are ready-made.

    Raises:
        UserError: If the parts do not fit the environment.
    """
    objects = objects or Objects()
    if cfg.backend != "warp":  # whose environments say more about what a GPU lacks
        check_device(cfg.device)
    # one seed for each part that samples
    env_seed, agent_seed, learner_seed, rater_seed, sampler_seed = map(
        int, np.random.SeedSequence(cfg.seed).generate_state(5)
    )
    check_base_and_demos(cfg)
    env = make_training_env(cfg)
    if isinstance(env, PreferenceVectorEnv):
        check_room(cfg, env)
    learner = objects.reward or rewards.build(
        cfg.reward, cfg.reward_cfg, LearnerContext(env=env, seed=learner_seed, device=cfg.device)
    )
    if cfg.rater == "none" and isinstance(learner, SelfPlayLearner | JudgedLearner):
        raise UserError(f"--reward {cfg.reward} rewards by comparisons, and without a rater nobody says who wins.")
    if isinstance(learner, SelfPlayLearner | JudgedLearner):
        check_self_play(cfg, learner)
    agent = objects.agent or build_agent(cfg, AgentContext(env=env, seed=agent_seed, device=cfg.device))
    rater = None
    if isinstance(env, PreferenceVectorEnv):
        if isinstance(learner, JudgedLearner):
            check_queue(cfg, env, getattr(agent, "rollout_steps", cfg.acting.num_steps))
        rater = as_rater(objects.rater) if objects.rater is not None else build_rater(cfg, env, agent, rater_seed)
    env.reset(seed=env_seed)
    shown: list[Segments] = []
    context = SamplerContext(asked=lambda: Segments.cat(shown) if shown else None)
    return Parts(
        env=env,
        agent=agent,
        rater=rater,
        sampler=objects.sampler or samplers.build(cfg.sampler, cfg.sampler_cfg, context),
        shown_so_far=shown,
        learner=learner,
        budget=Budget(cfg.budget, cfg.budget_counts),
        schedule=Schedule(cfg.schedule, cfg.budget, cfg.steps),
        generator=torch.Generator().manual_seed(sampler_seed),
    )


def build_agent(cfg: TrainCfg, context: AgentContext) -> Agent:
    """Make the agent.

    Raises:
        UserError: If it cannot learn in the environment.
    """
    try:
        return registry_of("agent").build(cfg.agent, cfg.agent_cfg, context)
    except ValueError as error:
        raise UserError(f"agent {cfg.agent!r} cannot learn in {cfg.env}: {str(error).rstrip('.')}.") from error


def build_rater(cfg: TrainCfg, env: PreferenceVectorEnv, agent: Agent, seed: int) -> Rater:
    """Make the rater.

    Raises:
        UserError: If it cannot judge the task.
    """
    num_threads = cfg.num_threads
    rater = make_rater(
        cfg.rater, cfg.rater_cfg, cfg.env, env, env.recorder, policy=agent, num_threads=num_threads, seed=seed
    )
    return as_rater(rater)


def copy_initial_preferences(preferences: Path | None, into: Path) -> None:
    """Copy preferences to begin with into a run folder."""
    if preferences is not None:
        copy_feedback(preferences, into / INITIAL_PREFERENCES)


def film(env_id: str, policy: Policy, seed: int, file: Path) -> Path:
    """Write a video of one episode of a policy; return its path.

    Raises:
        UserError: If pictures cannot be drawn here.
    """
    from prefgym.sim.gl import RenderingUnavailable
    from prefgym.sim.render import render_states
    from prefgym.video.clips import choose_pace, encode_mp4

    env = make_evaluation_env(env_id, 1, 1)
    base = cast(Any, env.unwrapped)
    if not hasattr(base, "physics_state"):
        env = rendering_env(env_id)
        if env is None:
            raise UserError(f"{env_id} cannot be filmed.")
        file.write_bytes(
            rendered_clip(record_episode(policy, env, seed)["frames"], env.metadata.get("render_fps", FPS)).mp4
        )
        return file
    states = record_episode(policy, env, seed)["state"]
    pace = choose_pace(len(states), base.metadata["render_fps"])
    try:
        frames = render_states(base.model, states[:: pace.stride], camera=base.camera)
    except RenderingUnavailable as error:
        raise UserError(str(error)) from None
    file.write_bytes(encode_mp4(frames, pace.fps))
    return file


def write_run_report(run: Path) -> Path:
    """Write the report of a run and return its path.

    Raises:
        UserError: If `run` is no run folder.
    """
    from prefgym.report import write_report

    config = read_config(run)
    asked = run / "preferences" / "preferences"
    preferences = load_preferences(asked) if asked.with_suffix(".json").is_file() else None
    base = cast(Any, make_evaluation_env(config["env"], 1, 1).unwrapped)
    if not hasattr(base, "physics_state"):
        fps = base.metadata.get("render_fps", FPS)
        return write_report(run, model=None, camera={}, fps=fps, preferences=preferences)
    fps = base.metadata["render_fps"]
    return write_report(run, model=base.model, camera=base.camera, fps=fps, preferences=preferences)


def keep(cfg: TrainCfg, parts: Parts, run: RunFolder, outcome: Outcome) -> None:
    """Write what was learned, what was asked, and what the report needs."""
    checkpoint = run.folder("checkpoints/final")
    parts.agent.save(checkpoint / "policy")
    evaluation = outcome.evaluation
    run.write_json(
        "result.json",
        {
            "final_return_mean": evaluation.mean,
            "final_return_std": evaluation.std,
            "returns": evaluation.returns,
            "episode_lengths": evaluation.lengths,
            "success_rate": evaluation.success_rate,
            "num_asked": parts.budget.num_asked,
            "num_answered": parts.budget.num_answered,
            "steps": outcome.steps,
            "interrupted": outcome.interrupted,
            "wall_time_s": run.wall_time_s,
            "env": cfg.env,
            "rater": cfg.rater,
            "agent": cfg.agent,
            "seed": cfg.seed,
            "version": prefgym.__version__,
            **{name: parts.env.metadata[name] for name in ("task_description", "metric") if name in parts.env.metadata},
        },
    )
    if outcome.preferences is not None:
        save_preferences(run.folder("preferences") / "preferences", outcome.preferences)
    if outcome.fit is not None:
        card = {"reward": cfg.reward, "cfg": asdict(cast(Any, cfg.reward_cfg))}
        save_weights(checkpoint / "reward", parts.learner.weights(), card)
        fit = outcome.fit
        held_out = {"probability": fit.probability.numpy().tolist(), "choice": fit.choice.numpy().tolist()}
        run.write_json("report/held_out.json", held_out)
        if (pairs := reward_scatter(parts)) is not None:
            run.write_json("report/reward_scatter.json", pairs)
    keep_episode(cfg, parts, run, has_reward=outcome.fit is not None)


def reward_scatter(parts: Parts, num_steps: int = 1000) -> dict[str, list[float]] | None:
    """Sample recorded steps: what they were worth, and what the learner thinks; None if none has a reward."""
    recorder = cast(PreferenceVectorEnv, parts.env).recorder
    starts = recorder.starts(1)
    if not len(starts):
        return None
    drawn = starts[torch.randint(len(starts), (num_steps,), generator=parts.generator)]
    steps = recorder.segments(drawn, 1).map(Tensor.cpu)
    if steps.reward is None:
        return None
    learned = parts.learner.reward(steps.without_truth()).mean(0)[..., 0]
    return {"true": steps.reward[..., 0].numpy().tolist(), "learned": learned.cpu().numpy().tolist()}


def keep_episode(cfg: TrainCfg, parts: Parts, run: RunFolder, has_reward: bool) -> None:
    """Record one episode of the last policy for its video."""
    from safetensors.numpy import save_file  # pyright: ignore[reportUnknownVariableType]

    from prefgym.video.clips import save_clip

    env = make_evaluation_env(cfg.env, 1, 1)
    if not hasattr(env.unwrapped, "physics_state"):
        env = rendering_env(cfg.env) or env
    episode = record_episode(parts.agent, env)
    if has_reward:
        num_steps = len(episode["reward"])
        steps = Segments(
            obs=torch.as_tensor(episode["obs"], dtype=torch.float32)[None],
            action=torch.as_tensor(episode["action"], dtype=torch.float32)[None],
            length=torch.tensor([num_steps]),
            terminated=torch.tensor([False]),
            truncated=torch.tensor([False]),
        )
        episode["learned"] = parts.learner.reward(steps).mean(0)[0].cpu().numpy()
    folder = run.folder("report")
    if (frames := episode.pop("frames", None)) is not None:
        save_clip(folder / "final_clip.safetensors", rendered_clip(frames, env.metadata.get("render_fps", FPS)))
    save_file({k: np.ascontiguousarray(v) for k, v in episode.items()}, folder / "final_episode.safetensors")


def rendering_env(env_id: str) -> VectorEnv[Any, Any, Any] | None:
    """Make one environment that draws itself; None, with a word to the user, where it cannot."""
    if "rgb_array" not in make_evaluation_env(env_id, 1, 1).metadata.get("render_modes", ()):
        print(f"no video: {env_id} has no render mode rgb_array", file=sys.stderr)
        return None
    try:
        env = make_evaluation_env(env_id, 1, 1, render_mode="rgb_array")
        env.reset()
        env.render()
    except (UserError, gym.error.Error, NotImplementedError) as error:
        print(f"no video: {env_id} cannot draw itself: {error}", file=sys.stderr)
        return None
    return env


def rendered_clip(frames: Any, fps: float) -> Any:  # noqa: ANN401
    """Encode the start of an episode as the report shows it, in even sizes. Shape: (T, H, W, 3)."""
    from prefgym.report.footage import FINAL_SECONDS
    from prefgym.video.clips import choose_pace, make_clip

    pace = choose_pace(len(frames), fps)
    height, width = (size // 2 * 2 for size in frames.shape[1:3])
    return make_clip(frames[: round(FINAL_SECONDS * fps) + 1 : pace.stride, :height, :width], pace)
