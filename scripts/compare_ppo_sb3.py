"""Train Stable-Baselines3's PPO on the task reward: the reference arm for ours.

    python scripts/compare_ppo_sb3.py --settings equal zoo --seeds 0 1 2

`equal` has the hyperparameters that `prefgym train` takes for the task, on 8 environments of SB3's own kind; `zoo` has
those that RL Zoo tuned for it. Each run has a process with one thread, and adds one line to the results file; runs that
have a line there are skipped. The table puts them beside ours, the cells of `learning_table.py` that see the task
reward. Speeds are comparable only with `--jobs 1`, and if nothing else runs.
"""

import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from itertools import product
from pathlib import Path
from time import perf_counter
from typing import Any, Literal

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is imported: one thread a process

import gymnasium as gym
import numpy as np
import torch
import tyro
from learning_table import LearningTable, LearningTableCfg
from rich.table import Table
from stable_baselines3 import PPO
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.vec_env import VecNormalize
from torch import nn

from prefgym.agents.ppo import PPOCfg
from prefgym.agents.tuned import tuned
from prefgym.bench.cells import Line
from prefgym.bench.grid import Grid, GridCfg
from prefgym.common.limits import Count
from prefgym.evaluation.statistics import Scores, average, label_of, ratio
from prefgym.runs.settings import Settings, settings

ACTIVATIONS: dict[str, type[nn.Module]] = {"relu": nn.ReLU, "tanh": nn.Tanh}
FIRST_EVALUATION_SEED = 10_000


@dataclass(frozen=True, kw_only=True)
class Setting:
    """The hyperparameters of SB3's PPO; plain values, so that they can be written down and compared."""

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
class CompareCfg(GridCfg):
    """Train SB3's PPO, evaluate its last policy, and add a line a run to a results file."""

    tasks: tuple[Literal["HalfCheetah", "Hopper", "Walker2d"], ...] = ("HalfCheetah", "Hopper", "Walker2d")
    """Names of tasks; SB3 trains on Gymnasium's own environments of version 5."""
    settings: tuple[Literal["equal", "zoo"], ...] = ("equal", "zoo")
    """Hyperparameters: those of our PPO, or RL Zoo's."""
    seeds: tuple[int, ...] = (0, 1, 2)
    """Seeds, each a run."""
    steps: Count = 1_000_000
    """Environment steps of a run; SB3 rounds up to whole rollouts."""
    episodes: Count = 20
    """Episodes of the evaluation, seeded 10000, 10001, ..."""
    jobs: Count = 1
    """Runs at the same time."""
    results: Path = Path("benchmarks/compare_ppo_sb3.jsonl")
    """Results file, a line for each finished run."""
    ours: Path = Path("benchmarks/learning.jsonl")
    """Results file of `learning_table.py`."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """One training run."""

    env: str
    setting: str
    seed: int

    @property
    def name(self) -> str:
        """Name it."""
        return f"{self.env} {self.setting} {self.seed}"

    @property
    def task(self) -> str:
        """Return the name of the task."""
        return self.env.removesuffix("-v5")


class PPOTable(Grid[Run]):
    """Tasks by hyperparameters."""

    def __init__(self, cfg: CompareCfg) -> None:
        super().__init__(cfg)
        self.cfg = cfg

    def cells(self) -> Iterator[Run]:
        """List the runs, all of a seed before those of the next."""
        for seed, task, name in product(self.cfg.seeds, self.cfg.tasks, self.cfg.settings):
            yield Run(env=f"{task}-v5", setting=name, seed=seed)

    def setting(self, cell: Run) -> Setting:
        """Return the hyperparameters of a run."""
        return zoo(cell.task) if cell.setting == "zoo" else equal(ours(cell.task))

    def settings(self, cell: Run) -> Settings:
        """Return hyperparameters, and sizes of training and evaluation."""
        sizes = {"steps": str(self.cfg.steps), "episodes": str(self.cfg.episodes)}
        return sizes | settings(self.setting(cell))

    def task(self, cell: Run) -> Callable[[], Line]:
        """Return the function that trains."""
        return partial(
            train_and_evaluate, cell, self.setting(cell), self.cfg.steps, self.cfg.episodes, self.wanted(cell)
        )

    def describe(self, line: Line) -> str:
        """Write the result of a run in a few words."""
        speed = f"{line['steps_per_second']:,.0f} steps per second"
        return f"{line['return_mean']:.0f} in {line['train_seconds']:.0f} s, {speed}"

    def table(self, done: dict[Run, Line]) -> Table:
        """Lay out the returns of SB3's settings and of ours, and the ratio of ours to each."""
        rows: list[list[str]] = []
        sizes: list[int] = []
        for task in self.cfg.tasks:
            table = LearningTable(
                LearningTableCfg(tasks=(task,), budgets=(0,), steps=self.cfg.steps, results=self.cfg.ours)
            )
            mine = table.scores(table.read(), task, "none", 0)
            rows.append([task, "prefgym", *show(mine)])
            sizes.append(len(mine))
            for name in self.cfg.settings:
                theirs = np.array(
                    [line["return_mean"] for run, line in done.items() if (run.task, run.setting) == (task, name)]
                )
                sizes.append(len(theirs))
                row = [task, f"SB3, {name}", *show(theirs)]
                if len(mine) and len(theirs):
                    over = ratio(mine, theirs, np.random.default_rng(0))
                    row += [f"{over.value:.2f}", over.shown_interval]
                rows.append(row)
        label = label_of([size for size in sizes if size])
        table = Table("task", "PPO", "runs", label, "all seeds", "ours / this", "95 % interval")
        table.title = f"task return after {self.cfg.steps:,} steps"
        for row in rows:
            table.add_row(*row)
        return table


def train_and_evaluate(run: Run, h: Setting, steps: int, episodes: int, wanted: Line) -> Line:
    """Train one policy from its seed; return the line with the returns of the last one."""
    torch.set_num_threads(1)
    gamma = h.ppo["gamma"]
    venv = make_vec_env(run.env, h.num_envs, seed=run.seed)
    venv = VecNormalize(venv, norm_obs=h.normalize_obs, norm_reward=h.normalize_reward, gamma=gamma)
    model = make_ppo(h, venv, run.seed)
    start = perf_counter()
    model.learn(steps)
    seconds = perf_counter() - start
    returns = evaluate(model, venv, run.env, episodes)
    return {
        **wanted,
        "num_timesteps": model.num_timesteps,
        "train_seconds": round(seconds, 2),
        "steps_per_second": round(model.num_timesteps / seconds, 1),
        "return_mean": float(np.mean(returns)),
        "return_std": float(np.std(returns)),
        "returns": returns,
        "versions": {name: version(name) for name in ("stable-baselines3", "torch", "gymnasium", "mujoco", "numpy")},
        "date": datetime.now(UTC).date().isoformat(),
    }


def make_ppo(h: Setting, venv: VecNormalize, seed: int) -> PPO:
    """Make SB3's PPO with these hyperparameters."""
    arguments: dict[str, Any] = dict(h.ppo)
    if h.anneal:
        first = h.ppo["learning_rate"]
        arguments["learning_rate"] = lambda left: first * left
    layers = list(h.hidden)
    policy = dict(
        net_arch=dict(pi=layers, vf=layers),
        activation_fn=ACTIVATIONS[h.activation],
        ortho_init=h.ortho_init,
        log_std_init=h.log_std_init,
    )
    return PPO("MlpPolicy", venv, policy_kwargs=policy, seed=seed, device="cpu", **arguments)


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


def ours(task: str) -> PPOCfg:
    """Return the configuration of our PPO for a task."""
    return replace(PPOCfg(), **tuned(f"prefgym/{task}-v0", "ppo"))


def show(scores: Scores) -> tuple[str, str, str]:
    """Write the number of runs, their average and each score."""
    value = f"{average(scores):.0f}" if len(scores) else ""
    return str(len(scores)), value, " ".join(f"{score:.0f}" for score in scores)


if __name__ == "__main__":
    sys.exit(PPOTable(tyro.cli(CompareCfg, description=__doc__)).make() > 0)
