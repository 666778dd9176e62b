"""Train Stable-Baselines3's PPO on the task reward: the reference arm for ours.

    python scripts/compare_ppo_sb3.py --settings equal zoo --seeds 0 1 2

`equal` has the hyperparameters that `prefgym train` takes for the task, on 8 environments of SB3's own kind; `zoo` has
those that RL Zoo tuned for it. Each run adds one line to the results file; runs that have a line there are skipped, so
the script can be stopped and started again. The table puts them beside ours, the cells of `learning_table.py` that see
the task reward.
"""

import json
import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime
from importlib.metadata import version
from itertools import product
from multiprocessing import get_context
from pathlib import Path
from time import perf_counter
from typing import Any, Literal

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is imported: one thread a process

import gymnasium as gym
import learning_table
import numpy as np
import torch
import tyro
from learning_table import LearningTableCfg, column
from rich.console import Console
from rich.table import Table
from stable_baselines3 import PPO
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.vec_env import VecNormalize
from torch import nn

from prefgym.agents.ppo import PPOCfg
from prefgym.agents.tuned import tuned
from prefgym.bench.statistics import Scores, iqm, ratio_of_iqms

ACTIVATIONS: dict[str, type[nn.Module]] = {"relu": nn.ReLU, "tanh": nn.Tanh}
FIRST_EVALUATION_SEED = 10_000


@dataclass(frozen=True, kw_only=True)
class Setting:
    """Everything that SB3's PPO is told; plain values, so that it can be written down and compared."""

    num_envs: int
    normalize_obs: bool
    normalize_reward: bool
    anneal: bool
    activation: str
    hidden: tuple[int, ...]
    ortho_init: bool
    log_std_init: float
    ppo: dict[str, float]
    """Arguments of `stable_baselines3.PPO`, under its names."""


def equal(cfg: PPOCfg, num_envs: int = 8) -> Setting:
    """Give SB3 the hyperparameters of ours: rollouts of the same number of steps, from 8 environments."""
    return Setting(
        num_envs=num_envs,
        normalize_obs=cfg.normalize_obs,
        normalize_reward=cfg.normalize_reward,
        anneal=cfg.anneal,
        activation=cfg.activation,
        hidden=cfg.hidden,
        ortho_init=cfg.orthogonal,
        log_std_init=cfg.log_std_init,
        ppo=dict(
            n_steps=cfg.num_envs * cfg.num_steps // num_envs,
            batch_size=cfg.minibatch_size,
            n_epochs=cfg.epochs,
            learning_rate=cfg.learning_rate,
            gamma=cfg.gamma,
            gae_lambda=cfg.gae_lambda,
            clip_range=cfg.clip,
            ent_coef=cfg.entropy_coef,
            vf_coef=cfg.value_coef,
            max_grad_norm=cfg.max_grad_norm,
        ),
    )


# Copied as numbers from RL Zoo's hyperparams/ppo.yml, where they were tuned for version 3 of these tasks.
ZOO: dict[str, dict[str, float]] = {
    "HalfCheetah": dict(
        batch_size=64, n_steps=512, gamma=0.98, learning_rate=2.0633e-05, ent_coef=0.000401762, clip_range=0.1,
        n_epochs=20, gae_lambda=0.92, max_grad_norm=0.8, vf_coef=0.58096,
    ),
    "Hopper": dict(
        batch_size=32, n_steps=512, gamma=0.999, learning_rate=9.80828e-05, ent_coef=0.00229519, clip_range=0.2,
        n_epochs=5, gae_lambda=0.99, max_grad_norm=0.7, vf_coef=0.835671,
    ),
    "Walker2d": dict(
        batch_size=32, n_steps=512, gamma=0.99, learning_rate=5.05041e-05, ent_coef=0.000585045, clip_range=0.1,
        n_epochs=20, gae_lambda=0.95, max_grad_norm=1, vf_coef=0.871923,
    ),
}  # fmt: skip


def zoo(task: str) -> Setting:
    """Look up RL Zoo's setting for a task; RL Zoo itself gives none for Walker2d's network, which is SB3's default."""
    larger = task != "Walker2d"
    return Setting(
        num_envs=1,
        normalize_obs=True,
        normalize_reward=True,
        anneal=False,
        activation="relu" if larger else "tanh",
        hidden=(256, 256) if larger else (64, 64),
        ortho_init=not larger,
        log_std_init=-2.0 if larger else 0.0,
        ppo=ZOO[task],
    )


@dataclass(frozen=True, kw_only=True)
class CompareCfg:
    """Train SB3's PPO, evaluate its last policy, and add a line a run to a results file."""

    tasks: tuple[Literal["HalfCheetah", "Hopper", "Walker2d"], ...] = ("HalfCheetah", "Hopper", "Walker2d")
    """Names of tasks; SB3 trains on Gymnasium's own environments of version 5."""
    settings: tuple[Literal["equal", "zoo"], ...] = ("equal", "zoo")
    """Whose hyperparameters: those of our PPO, or RL Zoo's."""
    seeds: tuple[int, ...] = (0, 1, 2)
    """Seeds, each a run."""
    steps: int = 1_000_000
    """Environment steps of a run; SB3 rounds up to whole rollouts."""
    episodes: int = 20
    """Episodes of the evaluation, seeded 10000, 10001, ..."""
    jobs: int = 1
    """Processes at once, of one thread each. Speeds are comparable only if nothing else runs."""
    results: Path = Path("benchmarks/compare_ppo_sb3.jsonl")
    """Results file, a line for each finished run."""
    ours: Path = Path("benchmarks/learning.jsonl")
    """Results file of `learning_table.py`."""
    print_only: bool = False
    """Print what is there and run nothing."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """One training run: what identifies its line in the results file."""

    env: str
    setting: str
    seed: int
    steps: int
    episodes: int
    hyperparameters: Setting

    def key(self) -> str:
        """Write the run as it stands in its line."""
        return json.dumps(asdict(self), sort_keys=True)


def train_and_evaluate(run: Run) -> dict[str, Any]:
    """Train one policy from its seed and measure the return of the last one."""
    torch.set_num_threads(1)
    h = run.hyperparameters
    venv = make_vec_env(run.env, h.num_envs, seed=run.seed)
    gamma = h.ppo["gamma"]
    venv = VecNormalize(venv, norm_obs=h.normalize_obs, norm_reward=h.normalize_reward, gamma=gamma)
    arguments: dict[str, Any] = dict(h.ppo)
    if h.anneal:
        first = arguments["learning_rate"]
        arguments["learning_rate"] = lambda left: first * left
    layers = list(h.hidden)
    policy = dict(
        net_arch=dict(pi=layers, vf=layers),
        activation_fn=ACTIVATIONS[h.activation],
        ortho_init=h.ortho_init,
        log_std_init=h.log_std_init,
    )
    model = PPO("MlpPolicy", venv, policy_kwargs=policy, seed=run.seed, device="cpu", **arguments)
    start = perf_counter()
    model.learn(run.steps)
    seconds = perf_counter() - start
    returns = evaluate(model, venv, run.env, run.episodes)
    return {
        **asdict(run),
        "num_timesteps": model.num_timesteps,
        "train_seconds": round(seconds, 2),
        "steps_per_second": round(model.num_timesteps / seconds, 1),
        "return_mean": float(np.mean(returns)),
        "return_std": float(np.std(returns)),
        "returns": returns,
        "versions": {name: version(name) for name in ("stable-baselines3", "torch", "gymnasium", "mujoco", "numpy")},
        "date": datetime.now(UTC).date().isoformat(),
    }


def evaluate(model: PPO, normalizer: VecNormalize, env: str, episodes: int) -> list[float]:
    """Play whole episodes side by side without noise, with the normalisation as it is; return the sum of each."""
    envs = [gym.make(env) for _ in range(episodes)]
    obs = np.stack([env.reset(seed=FIRST_EVALUATION_SEED + number)[0] for number, env in enumerate(envs)])
    total, running = np.zeros(episodes), list(range(episodes))
    while running:
        actions, _ = model.predict(np.asarray(normalizer.normalize_obs(obs[running])), deterministic=True)
        for number, action in zip(list(running), actions):
            obs[number], reward, terminated, truncated, _ = envs[number].step(action)
            total[number] += float(reward)
            if terminated or truncated:
                running.remove(number)
    for one in envs:
        one.close()
    return total.tolist()


def wanted(cfg: CompareCfg) -> Iterator[Run]:
    """List the runs, all of a seed before those of the next."""
    for seed, task, name in product(cfg.seeds, cfg.tasks, cfg.settings):
        yield Run(
            env=f"{task}-v5", setting=name, seed=seed, steps=cfg.steps, episodes=cfg.episodes,
            hyperparameters=zoo(task) if name == "zoo" else equal(ours(task)),
        )  # fmt: skip


def ours(task: str) -> PPOCfg:
    """Return the configuration of our PPO for a task."""
    return replace(PPOCfg(), **tuned(f"prefgym/{task}-v0", "ppo"))


def read_results(path: Path) -> dict[str, dict[str, Any]]:
    """Read the lines of the runs that are finished, by their keys."""
    if not path.is_file():
        return {}
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    names = [f.name for f in fields(Run)]
    return {json.dumps({name: line[name] for name in names}, sort_keys=True): line for line in lines}


def summarize(cfg: CompareCfg, done: dict[str, dict[str, Any]]) -> Table:
    """Lay out the returns of SB3's settings and of ours, and how ours compare."""
    table = Table("task", "PPO", "runs", "IQM", "all seeds", "ours / this", "95 % interval")
    table.title = f"task return after {cfg.steps:,} steps"
    for task in cfg.tasks:
        cells = LearningTableCfg(tasks=(task,), budgets=(0,), steps=cfg.steps, results=cfg.ours)
        told = column(cells, learning_table.read_results(cells), task, "none", 0)
        table.add_row(task, "prefgym", *show(told))
        for name in cfg.settings:
            runs = (run for run in wanted(cfg) if (run.env, run.setting) == (f"{task}-v5", name))
            theirs = np.array([done[run.key()]["return_mean"] for run in runs if run.key() in done])
            row = [task, f"SB3, {name}", *show(theirs)]
            if min(len(told), len(theirs)) >= 2:
                ratio = ratio_of_iqms(told, theirs, np.random.default_rng(0))
                row += [f"{ratio.value:.2f}", f"{ratio.low:.2f} to {ratio.high:.2f}"]
            table.add_row(*row)
    return table


def show(scores: Scores) -> tuple[str, str, str]:
    """Write the number of runs, their IQM and each score."""
    return str(len(scores)), f"{iqm(scores):.0f}" if len(scores) else "", " ".join(f"{score:.0f}" for score in scores)


def main(cfg: CompareCfg) -> None:
    """Do what is missing, add a line for each, and print the table."""
    cfg.results.parent.mkdir(parents=True, exist_ok=True)
    done = read_results(cfg.results)
    missing = [run for run in wanted(cfg) if run.key() not in done and not cfg.print_only]
    with ProcessPoolExecutor(cfg.jobs, mp_context=get_context("spawn"), max_tasks_per_child=1) as pool:
        running = {pool.submit(train_and_evaluate, run): run for run in missing}
        for future in as_completed(running):
            run, told = running[future], future.result()
            done[run.key()] = json.loads(json.dumps(told))
            with cfg.results.open("a") as file:
                file.write(json.dumps(told) + "\n")
            print(
                f"{run.env} {run.setting} {run.seed}: {told['return_mean']:.0f} in {told['train_seconds']:.0f} s, "
                f"{told['steps_per_second']:,.0f} steps per second",
                flush=True,
            )
    Console(width=120).print(summarize(cfg, done))


if __name__ == "__main__":
    main(tyro.cli(CompareCfg, description=__doc__))
