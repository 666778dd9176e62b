"""`prefgym bench reward`: time of fitting a reward ensemble and of sampling queries by disagreement."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any

import numpy as np
import torch
from gymnasium.vector import AutoresetMode
from rich.console import Console
from rich.table import Table
from torch import Tensor

from prefgym.common.errors import UserError
from prefgym.common.limits import Few, Threads, Width, Within, check
from prefgym.core.likelihoods import Choice
from prefgym.core.preferences import Comparison, Preferences, RaterInfo
from prefgym.core.queries import Queries
from prefgym.rewards.ensemble import Ensemble, EnsembleCfg
from prefgym.rewards.fit import accumulate
from prefgym.rewards.labels import Labels, Minibatch, step_sums
from prefgym.samplers import make as make_sampler
from prefgym.sim.capabilities import has_task_reward
from prefgym.sim.source import EnvSource
from prefgym.wrappers.preference import PreferenceVectorEnv


@dataclass(frozen=True, kw_only=True)
class BenchRewardCfg:
    """Time the fit in three ways, and sampling by disagreement against the forward pass that it needs."""

    env: str = "prefgym/HalfCheetah-v0"
    """Environment whose sizes are used."""
    num_pairs: Annotated[int, Within(1, 100_000)] = 1000
    """Preferences in one pass of the fit."""
    segment_length: Few = 50
    """Steps of each segment."""
    num_members: Few = 3
    """Networks of the ensemble."""
    hidden: tuple[Width, ...] = (256, 256, 256)
    """Their hidden layers."""
    num_queries: Annotated[int, Within(1, 100_000)] = 1000
    """Queries sampled by disagreement."""
    oversample: Few = 10
    """Candidates per query."""
    rounds: Few = 3
    """Times that everything is measured, in turn; medians are printed."""
    threads: Threads = 2
    """Threads of the networks."""

    __post_init__ = check

    @property
    def envs(self) -> tuple[str, ...]:
        """Return the ids of the tasks: one."""
        return (self.env,)


def run_bench_reward(cfg: BenchRewardCfg) -> dict[str, float]:
    """Print and return seconds: one pass of each way to fit, a forward pass over the candidates, and sampling."""
    torch.set_num_threads(cfg.threads)
    env = _record(cfg)
    data = _data(cfg, env)
    ours, loop, batched, pairs = (_ensemble(cfg, env) for _ in range(4))
    ours.fit(_preferences(cfg, env))  # only a fitted learner has a disagreement
    candidates = env.recorder.segments(_starts(cfg, env, cfg.num_queries * cfg.oversample), cfg.segment_length)
    sampler = make_sampler("disagreement", segment_length=cfg.segment_length, oversample=cfg.oversample)
    generator = torch.Generator().manual_seed(0)
    arms: dict[str, Callable[[], object]] = {
        "fit, ours": lambda: _pass(ours, data, partial(_as_ours, batched=ours.batched)),
        "fit, loop over members": lambda: _pass(loop, data, _member_by_member),
        "fit, one batched product": lambda: _pass(batched, data, partial(_as_ours, batched=True)),
        "fit, loop over pairs": lambda: _pass(pairs, data, _pair_by_pair),
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
    source = EnvSource.of(cfg.env)
    if not source.is_ours or not has_task_reward(source.make_vec(1, reward="recorded")):
        raise UserError(f"{cfg.env} cannot be measured: it takes a task that is simulated here and has a task reward.")
    task_env: Any = source.make_vec(64, num_threads=cfg.threads, dtype=np.float64, mode=AutoresetMode.NEXT_STEP)
    env = PreferenceVectorEnv(task_env)
    env.reset(seed=0)
    task_env.action_space.seed(0)
    for _ in range(4 * cfg.segment_length):
        env.step(task_env.action_space.sample())
    return env


def _starts(cfg: BenchRewardCfg, env: PreferenceVectorEnv, num_pairs: int) -> torch.Tensor:
    starts = env.recorder.starts(cfg.segment_length)
    return starts[torch.randint(len(starts), (num_pairs, 2), generator=torch.Generator().manual_seed(1))]


def _preferences(cfg: BenchRewardCfg, env: PreferenceVectorEnv) -> Preferences:
    options = env.recorder.segments(_starts(cfg, env, cfg.num_pairs), cfg.segment_length)
    assert options.reward is not None  # segments come with the truth unless truth=False
    answers = Comparison.of(options.reward.sum(-1).argmax(-1), num_options=2)
    return Preferences.of(Queries.of(options), answers, RaterInfo(name="oracle"))


def _ensemble(cfg: BenchRewardCfg, env: PreferenceVectorEnv) -> Ensemble:
    return Ensemble(EnsembleCfg(num_members=cfg.num_members, hidden=cfg.hidden), env)


@dataclass(frozen=True, eq=False)
class Data:
    """Data of one pass."""

    labels: Labels

    @property
    def inputs(self) -> Tensor:
        """Return the inputs of the members. Shape: (B, K, T, inputs)."""
        return self.labels.inputs

    @property
    def mask(self) -> Tensor:
        """Return the valid steps. Shape: (B, K, T)."""
        return self.labels.mask

    def loss(self, scores: Tensor, rows: Tensor, weight: Tensor) -> Tensor:
        """Return the weighted sum of the negative log-likelihoods of rows. Shapes: (b, K), (b,), (b,)."""
        log_prob = self.labels.likelihood.log_prob(scores, self.labels.statement.at(rows), {})
        return -(log_prob * weight).sum()


Gradient = Callable[[Ensemble, Data, Tensor], None]


def _data(cfg: BenchRewardCfg, env: PreferenceVectorEnv) -> Data:
    preferences = _preferences(cfg, env)
    options = preferences.queries.options
    return Data(
        Labels(
            inputs=_ensemble(cfg, env).inputs(options),
            mask=options.mask,
            statement=preferences.answers,
            query_id=preferences.query_id,
            likelihood=Choice(),
            parameters={},
        )
    )


def _pass(ensemble: Ensemble, data: Data, gradient: Gradient) -> None:
    """Go through all pairs once, each member in an order of its own."""
    orders = torch.rand(ensemble.cfg.num_members, len(data.labels.query_id), generator=ensemble.generator).argsort(-1)
    for batch in torch.split(orders, ensemble.cfg.fit.minibatch_size, -1):  # (E, b)
        ensemble.optimizer.zero_grad()
        gradient(ensemble, data, batch)
        ensemble.optimizer.step()


def _as_ours(ensemble: Ensemble, data: Data, batch: Tensor, batched: bool) -> None:
    """Add the gradient as `fit` does."""
    seen = torch.ones_like(batch, dtype=torch.bool)
    accumulate(ensemble.members, [Minibatch(labels=data.labels, rows=batch, seen=seen, mask=data.mask)], batched)


def _member_by_member(ensemble: Ensemble, data: Data, batch: Tensor) -> None:
    """Fit each member to its minibatch as a whole."""
    for member in range(len(batch)):
        rows = batch[member]
        scores = step_sums(ensemble.members, member, data.inputs[rows], data.mask[rows])
        weight = torch.full((len(rows),), 1 / len(rows))
        torch.autograd.backward(data.loss(scores, rows, weight))


def _pair_by_pair(ensemble: Ensemble, data: Data, batch: Tensor) -> None:
    """Take two forward passes a pair, one for each option."""
    weight = torch.full((1,), 1 / batch.shape[-1])
    for member in range(len(batch)):
        for row in map(int, batch[member]):
            sums = [ensemble.members.member(member, data.inputs[row, k]).sum() for k in range(2)]
            torch.autograd.backward(data.loss(torch.stack(sums)[None], torch.tensor([row]), weight))


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
