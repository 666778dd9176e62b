"""`prefgym bench reward`: what fitting a reward ensemble and drawing informative queries cost."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import gymnasium as gym
import torch
from rich.console import Console
from rich.table import Table

from prefgym.preferences import Answers, Preferences, RaterInfo
from prefgym.queries import Queries
from prefgym.rewards.ensemble import Ensemble, EnsembleCfg
from prefgym.rewards.fit import FitCfg, preference_loss, step_sums
from prefgym.samplers import make as make_sampler
from prefgym.wrappers import PreferenceVectorEnv


@dataclass(frozen=True, kw_only=True)
class BenchRewardCfg:
    """Time the fit in three ways, and a draw by disagreement against the forward pass it needs."""

    env: str = "prefgym/HalfCheetah-v0"
    """Environment whose sizes are used."""
    num_pairs: int = 1000
    """Preferences fitted to in one pass."""
    segment_length: int = 50
    """Steps of each segment."""
    num_members: int = 3
    """Networks of the ensemble."""
    hidden: tuple[int, ...] = (256, 256, 256)
    """Their hidden layers."""
    num_queries: int = 1000
    """Queries drawn by disagreement."""
    oversample: int = 10
    """Candidates looked at per query."""
    rounds: int = 3
    """Times that everything is measured, in turn; medians are printed."""
    threads: int = 2
    """Threads of the networks."""


def run_bench_reward(cfg: BenchRewardCfg) -> dict[str, float]:
    """Print and return seconds: one pass of each way to fit, a forward pass over the candidates, and the draw."""
    torch.set_num_threads(cfg.threads)
    env = _record(cfg)
    preferences = _preferences(cfg, env)
    ours, loop, batched = (_ensemble(cfg, env, product) for product in ("auto", "loop", "batched"))
    pairs = _ensemble(cfg, env, "loop")
    candidates = env.recorder.segments(_starts(cfg, env, cfg.num_queries * cfg.oversample), cfg.segment_length)
    sampler = make_sampler("disagreement", segment_length=cfg.segment_length, oversample=cfg.oversample)
    generator = torch.Generator().manual_seed(0)
    arms: dict[str, Callable[[], object]] = {
        "fit, ours": lambda: ours.fit(preferences),
        "fit, loop over members": lambda: _fit_member_by_member(loop, preferences),
        "fit, one batched product": lambda: batched.fit(preferences),
        "fit, loop over pairs": lambda: _fit_pair_by_pair(pairs, preferences),
        "forward pass over candidates": lambda: ours.score(candidates),
        "draw by disagreement": lambda: sampler(env.recorder, ours, cfg.num_queries, generator),
    }
    seconds: dict[str, list[float]] = {name: [] for name in arms}
    for _ in range(cfg.rounds):
        for name, arm in arms.items():
            started = time.perf_counter()
            arm()
            seconds[name].append(time.perf_counter() - started)
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    _print(cfg, medians)
    return medians


def _record(cfg: BenchRewardCfg) -> PreferenceVectorEnv:
    worlds: Any = gym.make_vec(cfg.env, 64, reward="task", num_threads=cfg.threads)
    env = PreferenceVectorEnv(worlds)
    env.reset(seed=0)
    worlds.action_space.seed(0)
    for _ in range(4 * cfg.segment_length):
        env.step(worlds.action_space.sample())
    return env


def _starts(cfg: BenchRewardCfg, env: PreferenceVectorEnv, num_pairs: int) -> torch.Tensor:
    starts = env.recorder.starts(cfg.segment_length)
    return starts[torch.randint(len(starts), (num_pairs, 2), generator=torch.Generator().manual_seed(1))]


def _preferences(cfg: BenchRewardCfg, env: PreferenceVectorEnv) -> Preferences:
    options = env.recorder.segments(_starts(cfg, env, cfg.num_pairs), cfg.segment_length)
    assert options.reward is not None  # segments come with the truth unless told otherwise
    answers = Answers.of(options.reward.sum(-1).argmax(-1), num_options=2)
    return Preferences.of(Queries.of(options), answers, RaterInfo(name="oracle"))


def _ensemble(cfg: BenchRewardCfg, env: PreferenceVectorEnv, product: str) -> Ensemble:
    settings = EnsembleCfg(num_members=cfg.num_members, hidden=cfg.hidden, fit=FitCfg(gradient_steps=1))
    return Ensemble(replace(settings, product=product), env)


def _fit_member_by_member(ensemble: Ensemble, preferences: Preferences) -> None:
    """Take one pass in which each member sees each of its minibatches as a whole."""
    options = preferences.queries.options
    inputs, mask, choice = ensemble.inputs(options), options.mask, preferences.answers.choice
    members, optimizer = ensemble.members, ensemble.optimizer
    orders = torch.rand(members.num_members, len(choice), generator=ensemble.generator).argsort(-1)
    for batch in torch.split(orders, ensemble.cfg.fit.minibatch_size, -1):
        optimizer.zero_grad()
        for member, rows in enumerate(batch):
            scores = step_sums(members, member, inputs[rows], mask[rows])
            weight = torch.full((len(rows),), 1 / len(rows))
            torch.autograd.backward(preference_loss(scores, choice[rows], weight))
        optimizer.step()


def _fit_pair_by_pair(ensemble: Ensemble, preferences: Preferences) -> None:
    """Take one pass with two forward passes a pair, accumulating gradients as in a minibatch."""
    inputs = ensemble.inputs(preferences.queries.options)
    choice = preferences.answers.choice
    order = torch.randperm(len(choice), generator=ensemble.generator)
    for batch in torch.split(order, ensemble.cfg.fit.minibatch_size):
        ensemble.optimizer.zero_grad()
        for row in map(int, batch):
            for member in range(ensemble.members.num_members):
                sums = [ensemble.members.member(member, inputs[row, k]).sum() for k in range(2)]
                loss = preference_loss(torch.stack(sums)[None, None], choice[None, None, row], torch.ones(1, 1))
                torch.autograd.backward(loss)
        ensemble.optimizer.step()


def _print(cfg: BenchRewardCfg, seconds: dict[str, float]) -> None:
    fastest = min(seconds["fit, loop over members"], seconds["fit, one batched product"])
    against = {name: fastest for name in seconds if name.startswith("fit")}
    against["draw by disagreement"] = seconds["forward pass over candidates"]
    table = Table(
        title=f"{cfg.num_members} members of {cfg.hidden}, {cfg.num_pairs} pairs of {cfg.segment_length} steps"
    )
    for column in ("what", "seconds", "against", "ratio"):
        table.add_column(column, justify="left" if column in ("what", "against") else "right")
    for name, value in seconds.items():
        other = against.get(name)
        reference = "" if other is None else ("forward pass" if name.startswith("draw") else "the faster product")
        table.add_row(name, f"{value:.2f}", reference, "" if other is None else f"{value / other:.2f}")
    Console().print(table)
