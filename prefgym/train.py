"""A training run from configuration to report: make the parts, run the loop, keep what came out."""

import sys
from dataclasses import asdict
from typing import Any, cast

import gymnasium as gym
import numpy as np
import torch
from gymnasium.vector import AutoresetMode, VectorEnv

import prefgym
from prefgym import raters, rewards, samplers
from prefgym.budget import Budget, Schedule
from prefgym.config import TrainCfg, UserError
from prefgym.datasets import save_preferences
from prefgym.evaluate import make_evaluation_env, record_episode
from prefgym.loop import Outcome, Parts, train
from prefgym.networks import save_weights
from prefgym.runs import Run
from prefgym.segments import Segments
from prefgym.wrappers import PreferenceVectorEnv, box_size


def train_and_report(cfg: TrainCfg, agents: Any) -> int:  # noqa: ANN401
    """Train, keep everything, and write the report. Returns the exit code: 130 after Ctrl-C.

    Args:
        cfg: Resolved configuration.
        agents: The registry of agents.
    """
    torch.set_num_threads(cfg.num_threads)
    parts = build(cfg, agents)
    run = Run(cfg)
    outcome = train(cfg, parts, run)
    keep(cfg, parts, run, outcome)
    run.close()
    said = f"true return {outcome.evaluation.mean:.0f} ± {outcome.evaluation.std:.0f}"
    print(f"{said} after {outcome.steps:,} steps and {parts.budget.num_asked} labels; see {run.path}")
    if outcome.interrupted:
        print("interrupted: what was learned so far is saved", file=sys.stderr)
        return 130
    if cfg.report:
        from prefgym.report import write_run_report

        print(f"report: {write_run_report(run.path)}")
    return 0


def build(cfg: TrainCfg, agents: Any) -> Parts:  # noqa: ANN401
    """Make all parts of a run.

    Args:
        cfg: Resolved configuration.
        agents: The registry of agents.

    Raises:
        UserError: If the parts do not fit the environment.
    """
    # one seed for each part that draws
    env_seed, agent_seed, learner_seed, rater_seed, sampler_seed = map(
        int, np.random.SeedSequence(cfg.seed).generate_state(5)
    )
    env = make_training_env(cfg)
    space = cast(gym.spaces.Box, env.single_action_space)
    obs_dim = box_size(env.single_observation_space, "observation")
    low, high = torch.as_tensor(space.low), torch.as_tensor(space.high)
    agent = agents.get(cfg.agent)(cfg.agent_cfg, obs_dim, low, high, seed=agent_seed, device=cfg.device)
    learner = rewards.get(cfg.reward)(cfg.reward_cfg, obs_dim, low.numel(), seed=learner_seed, device=cfg.device)
    rater = None
    if isinstance(env, PreferenceVectorEnv):
        settings = {"seed": rater_seed, "step_return": env.recorder.step_return}
        rater = raters.get(cfg.rater)(cfg.rater_cfg, **settings)
    env.reset(seed=env_seed)
    return Parts(
        env=env,
        agent=agent,
        rater=rater,
        sampler=samplers.get(cfg.sampler)(cfg.sampler_cfg),
        learner=learner,
        budget=Budget(cfg.budget, cfg.budget_counts),
        schedule=Schedule(cfg.schedule, cfg.budget, cfg.steps),
        generator=torch.Generator().manual_seed(sampler_seed),
    )


def make_training_env(cfg: TrainCfg) -> VectorEnv[Any, Any, Any]:
    """Make the worlds in which the agent learns; with a rater they hide the task reward.

    Raises:
        UserError: If a segment cannot fit into an episode, or the spaces are not one-dimensional Boxes.
    """
    limit = gym.spec(cfg.env).max_episode_steps
    if limit is not None and cfg.segment_length > limit:
        raise UserError(
            f"A segment of {cfg.segment_length} steps cannot fit into an episode of {cfg.env}, which ends after {limit}."
        )
    num_envs = cfg.agent_cfg.num_envs
    if cfg.env.startswith("prefgym/"):
        settings: dict[str, Any] = {"reward": "task", "num_threads": cfg.num_threads, "dtype": np.float32}
        env = gym.make_vec(cfg.env, num_envs, autoreset_mode=AutoresetMode.SAME_STEP, **settings)
    else:
        same_step = {"autoreset_mode": AutoresetMode.SAME_STEP}
        env = gym.make_vec(cfg.env, num_envs, vectorization_mode="sync", vector_kwargs=same_step)
    try:
        box_size(env.single_observation_space, "observation")
        box_size(env.single_action_space, "action")
    except ValueError as error:
        raise UserError(f"{cfg.env} cannot be used: {error}.") from None
    return env if cfg.rater == "none" else PreferenceVectorEnv(env, recorder=cfg.recorder)


def keep(cfg: TrainCfg, parts: Parts, run: Run, outcome: Outcome) -> None:
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
            "num_asked": parts.budget.num_asked,
            "num_answered": parts.budget.num_answered,
            "steps": outcome.steps,
            "wall_time_s": run.wall_time_s,
            "env": cfg.env,
            "rater": cfg.rater,
            "agent": cfg.agent,
            "seed": cfg.seed,
            "version": prefgym.__version__,
        },
    )
    if outcome.preferences is not None:
        save_preferences(run.folder("preferences") / "preferences", outcome.preferences)
    if outcome.fit is not None:
        card = {"reward": cfg.reward, "cfg": asdict(cfg.reward_cfg)}
        save_weights(checkpoint / "reward", parts.learner.state_dict(), card)
        fit = outcome.fit
        run.write_json("report/held_out.json", {"probability": fit.probability.tolist(), "choice": fit.choice.tolist()})
        run.write_json("report/reward_scatter.json", reward_scatter(parts))
    keep_episode(cfg, parts, run, paid=outcome.fit is not None)


def reward_scatter(parts: Parts, num_steps: int = 1000) -> dict[str, list[float]]:
    """Sample recorded steps: what they were worth, and what the learner thinks."""
    recorder = cast(PreferenceVectorEnv, parts.env).recorder
    starts = recorder.starts(1)
    steps = recorder.segments(starts[torch.randint(len(starts), (num_steps,), generator=parts.generator)], 1)
    learned = parts.learner.reward(steps.without_truth()).mean(0)[..., 0]
    assert steps.reward is not None  # segments come with the truth unless told otherwise
    return {"true": steps.reward[..., 0].tolist(), "learned": learned.tolist()}


def keep_episode(cfg: TrainCfg, parts: Parts, run: Run, paid: bool) -> None:
    """Record one episode of the last policy for its video; only worlds that can tell their state are filmed."""
    from safetensors.numpy import save_file

    env = make_evaluation_env(cfg.env, 1, 1)
    if not hasattr(env.unwrapped, "physics_state"):
        return
    episode = record_episode(parts.agent, env)
    if paid:
        num_steps = len(episode["reward"])
        steps = Segments(
            obs=torch.as_tensor(episode["obs"], dtype=torch.float32)[None],
            action=torch.as_tensor(episode["action"], dtype=torch.float32)[None],
            length=torch.tensor([num_steps]),
            terminated=torch.tensor([False]),
            truncated=torch.tensor([False]),
        )
        episode["learned"] = parts.learner.reward(steps).mean(0)[0].numpy()
    save_file(
        {k: np.ascontiguousarray(v) for k, v in episode.items()}, run.folder("report") / "final_episode.safetensors"
    )
