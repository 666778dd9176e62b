"""Train Stable-Baselines3's PPO on the task reward: the reference arm for ours.

    python scripts/compare_ppo_sb3.py --settings equal zoo --seeds 0 1 2

`equal` has the hyperparameters that `prefgym train` takes for the task (change them by `--ours.*`), on 8 environments
of SB3's own kind; `zoo` has those that RL Zoo tuned for the task. Each pair of setting and seed adds one line to the
results file; pairs that have a line there are skipped, so the script can be stopped and started again.
"""

import json
import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import UTC, datetime
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path
from time import perf_counter
from typing import Any, Literal

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is imported: one thread a process

import gymnasium as gym
import numpy as np
import torch
import tyro
from stable_baselines3 import PPO
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.vec_env import VecNormalize
from torch import nn

from prefgym.agents.ppo import PPOCfg
from prefgym.agents.tuned import tuned

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


def zoo(env: str) -> Setting:
    """Look up RL Zoo's setting for a task; RL Zoo itself gives none for Walker2d's network, which is SB3's default."""
    larger = env != "Walker2d-v5"
    return Setting(
        num_envs=1,
        normalize_obs=True,
        normalize_reward=True,
        anneal=False,
        activation="relu" if larger else "tanh",
        hidden=(256, 256) if larger else (64, 64),
        ortho_init=not larger,
        log_std_init=-2.0 if larger else 0.0,
        ppo=ZOO[env.partition("-")[0]],
    )


@dataclass(frozen=True, kw_only=True)
class CompareCfg:
    """Train SB3's PPO, evaluate its last policy, and add a line a run to a results file."""

    env: Literal["HalfCheetah-v5", "Hopper-v5", "Walker2d-v5"] = "HalfCheetah-v5"
    """Gymnasium's own environment."""
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
    out: Path = Path("runs/compare_ppo_sb3.jsonl")
    """Results file."""
    ours: PPOCfg = field(default_factory=PPOCfg)
    """Hyperparameters of our PPO, for `equal`; what is changed here goes before what is committed for the task."""

    def ppo(self) -> PPOCfg:
        """Return the configuration of our PPO for the task, with what was changed on the command line."""
        changed = {f.name: value for f in fields(PPOCfg) if (value := getattr(self.ours, f.name)) != f.default}
        settings = tuned(f"prefgym/{self.env.partition('-')[0]}-v0", "agent", "ppo")
        return replace(PPOCfg(), **{**settings, **changed})


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
    worlds = [gym.make(env) for _ in range(episodes)]
    obs = np.stack([world.reset(seed=FIRST_EVALUATION_SEED + number)[0] for number, world in enumerate(worlds)])
    total, running = np.zeros(episodes), list(range(episodes))
    while running:
        actions, _ = model.predict(np.asarray(normalizer.normalize_obs(obs[running])), deterministic=True)
        for number, action in zip(list(running), actions):
            obs[number], reward, terminated, truncated, _ = worlds[number].step(action)
            total[number] += float(reward)
            if terminated or truncated:
                running.remove(number)
    for world in worlds:
        world.close()
    return total.tolist()


def wanted(cfg: CompareCfg) -> Iterator[Run]:
    """List the runs, all settings of a seed before the next seed."""
    makers = {"equal": lambda: equal(cfg.ppo()), "zoo": lambda: zoo(cfg.env)}
    for seed in cfg.seeds:
        for name in cfg.settings:
            yield Run(
                env=cfg.env, setting=name, seed=seed, steps=cfg.steps, episodes=cfg.episodes,
                hyperparameters=makers[name](),
            )  # fmt: skip


def done(path: Path) -> set[str]:
    """Read the keys of the runs that have a line."""
    if not path.exists():
        return set()
    names = Run.__dataclass_fields__
    lines = (json.loads(line) for line in path.read_text().splitlines())
    return {json.dumps({name: line[name] for name in names}, sort_keys=True) for line in lines}


def main(cfg: CompareCfg) -> None:
    """Do what is missing; show each line as it is added."""
    cfg.out.parent.mkdir(parents=True, exist_ok=True)
    finished = done(cfg.out)
    runs = [run for run in wanted(cfg) if run.key() not in finished]
    print(f"{len(runs)} runs to do; {cfg.out} has {len(finished)} already")
    with ProcessPoolExecutor(cfg.jobs, mp_context=get_context("spawn"), max_tasks_per_child=1) as pool:
        for future in as_completed([pool.submit(train_and_evaluate, run) for run in runs]):
            line = json.dumps(future.result())
            with cfg.out.open("a") as file:
                file.write(line + "\n")
            print(line, flush=True)


if __name__ == "__main__":
    main(tyro.cli(CompareCfg, description=__doc__))
