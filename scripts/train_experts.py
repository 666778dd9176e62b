"""Train the experts and the medium policies that ship with prefgym: policies, values, and a card each.

    python scripts/train_experts.py --tasks Hopper Walker2d --jobs 2

One process a task. A task that was stopped goes on where it was; one whose files are there is skipped. First a training
on the task reward, which keeps the policy of each evaluation; its last policy is the expert, the kept one
closest to half of the expert's return is the medium policy. Then values are fitted: policies of all qualities, with and
without noise, take turns with the one that is to be valued.
"""

import json
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path
from typing import Any, cast

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is imported: one thread a process

import numpy as np
import torch
import tyro
from gymnasium.vector import AutoresetMode
from torch import Tensor

import prefgym
from prefgym import agents
from prefgym.agents.ppo import PPO
from prefgym.core.rollout import backward_sum
from prefgym.envs import TASKS
from prefgym.envs.registration import make_vector_env
from prefgym.evaluation.envs import make_evaluation_env
from prefgym.evaluation.evaluate import evaluate
from prefgym.evaluation.experts import LEVELS, Expert, ExpertCard, Level, Measured
from prefgym.runs.manifest import has_finished
from prefgym.sim.continuation import Simulator
from prefgym.training.api import train_cfg
from prefgym.training.config import EvalCfg, TrainCfg
from prefgym.training.run import Run, run_training

SHIPPED = Path(prefgym.__file__).parents[1] / "envs" / "experts"
MOST_NUMBERS = 60_000_000
"""Observations of the steps that values are fitted to may hold so many numbers; there are two a step."""
MOST_GAMMA = 0.99
"""Values look no further than this, since a horizon H with gamma^H < 0.01 has to be simulated."""


@dataclass(frozen=True, kw_only=True)
class Training:
    """How an expert is trained on the task reward."""

    steps: int
    """Environment steps."""
    every: int
    """Environment steps between two evaluations, each of which keeps a policy."""
    ppo: dict[str, Any] = field(default_factory=dict)
    """Settings of PPO that differ from the defaults, and from what is tuned per task."""
    episodes: int = 10
    """Episodes of each evaluation on the way."""

    def config(self, task: str, run: Path) -> TrainCfg:
        """Return the configuration of a training into a run folder."""
        env_id = f"prefgym/{task}-v0"
        return train_cfg(
            env_id,
            rater="none",
            agent=agents.cfg("ppo", env=env_id, **self.ppo),
            steps=self.steps,
            threads=1,
            report=False,
            out=run,
            eval=EvalCfg(every=self.every, keep=True, at_sessions=False, episodes=self.episodes, final_episodes=100),
        )


_OFTEN = {"num_envs": 16, "num_steps": 256, "minibatch_size": 256, "learning_rate": 3e-4}
_GENTLY = {"minibatch_size": 1024, "learning_rate": 3e-4, "hidden": (128, 128)}
_SMALL = {"num_envs": 8, "num_steps": 64, "minibatch_size": 128}
_FAR = {"gamma": 0.9999, "gae_lambda": 0.98, "log_std_init": 0.0}
TRAININGS = {
    "Ant": Training(steps=5_000_000, every=100_000, ppo=_GENTLY),
    "HalfCheetah": Training(steps=2_000_000, every=50_000),
    "Hopper": Training(steps=2_000_000, every=50_000),
    "Humanoid": Training(steps=3_000_000, every=100_000, ppo=_GENTLY),
    "HumanoidStandup": Training(steps=500_000, every=50_000, ppo=_OFTEN),
    "InvertedDoublePendulum": Training(steps=500_000, every=4000),
    "InvertedPendulum": Training(steps=50_000, every=500, ppo=_SMALL),
    "Pusher": Training(steps=2_000_000, every=50_000),
    "Reacher": Training(steps=1_000_000, every=20_000),
    "Swimmer": Training(
        steps=1_000_000,
        every=50_000,
        ppo={"num_envs": 4, "num_steps": 1024, "minibatch_size": 256, "learning_rate": 6e-4, **_FAR},
    ),
    "Walker2d": Training(steps=3_000_000, every=100_000),
}
"""The training of each task's expert."""


@dataclass(frozen=True, kw_only=True)
class TrainExpertsCfg:
    """Train, fit, measure, and write `envs/experts/`."""

    tasks: tuple[str, ...] = tuple(TASKS)
    """Names of tasks."""
    jobs: int = 1
    """Processes at once, of one thread each."""
    runs: Path = Path("runs/experts")
    """Where runs are, and are gone on with."""
    out: Path = SHIPPED
    """Where experts are written."""
    steps: int = 500_000
    """Steps to which values are fitted."""
    rounds: int = 10
    """Times that the targets of V are taken anew."""
    fits: int = 1000
    """Gradients each time."""
    states: int = 256
    """States in which V is compared with simulation."""
    value_hidden: tuple[int, ...] = (128, 128)
    """Hidden layers of the values."""
    episodes: int = 100
    """Episodes over which the return is measured."""


def train(task: str, run: Path) -> None:
    """Train on the task reward, or go on with that; the output goes into a file beside the run folder."""
    if (run / "manifest.json").is_file() and has_finished(run):
        return
    run.parent.mkdir(parents=True, exist_ok=True)
    with (run.parent / f"{task}.log").open("a") as log, redirect_stdout(log), redirect_stderr(log):
        if (run / "config.yaml").is_file():
            Run(run).resume()
        else:
            run_training(TRAININGS[task].config(task, run))


NEAR = 5
"""Kept policies that are measured again to find the medium one."""


def half_way(run: Path, measure: Callable[[int], float]) -> int:
    """Find the steps after which the kept policy had about half of the last one's return; of costs, half of the way.

    Args:
        run: Whose evaluations on the way had few episodes.
        measure: Returns the return after so many steps over more of them; asked of those that come closest.
    """
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    measured = {line["time/total_timesteps"]: line["eval/mean_reward"] for line in lines if "eval/mean_reward" in line}
    last = measured.pop(max(measured))
    # costs have no half: there, it is half of the way from the first evaluation
    wanted = last / 2 if last > 0 else (last + measured[min(measured)]) / 2
    near = sorted(measured, key=lambda steps: abs(measured[steps] - wanted))[:NEAR]
    return min(near, key=lambda steps: abs(measure(steps) - wanted))


def expert_of(agent: PPO, steps: int, task: str, level: Level, cfg: TrainExpertsCfg) -> Expert:
    """Copy the policy of a PPO agent; values are not fitted and returns not measured yet."""
    card = ExpertCard(
        env=f"prefgym/{task}-v0",
        level=level,
        agent=agent.name,
        steps=steps,
        command=f"python scripts/train_experts.py --tasks {task}",
        date=datetime.now(UTC).date().isoformat(),
        action_low=tuple(agent.action_low.tolist()),
        action_high=tuple(agent.action_high.tolist()),
        obs_dim=agent.obs_dim,
        activation=agent.cfg.activation,
        hidden=agent.cfg.hidden,
        value_hidden=cfg.value_hidden,
        gamma=min(agent.cfg.gamma, MOST_GAMMA),
        value_rmse=0.0,
        value_std=0.0,
        returns=Measured(episodes=0, mean=0.0, std=0.0, few=0, few_low=0.0, few_high=0.0),
    )
    expert = Expert(card)
    expert.obs_norm.load_state_dict(agent.obs_norm.state_dict())
    expert.actor.load_state_dict(agent.actor.state_dict())
    return expert


@dataclass(frozen=True, kw_only=True)
class Steps:
    """T steps in each of N environments: turns of other policies, and of the policy to be valued."""

    obs: Tensor
    """Shape: (T, N, O)."""
    action: Tensor
    """Shape: (T, N, A)."""
    reward: Tensor
    """Shape: (T, N)."""
    next_obs: Tensor
    """Before any reset. Shape: (T, N, O)."""
    terminated: Tensor
    """Shape: (T, N), bool."""
    truncated: Tensor
    """Shape: (T, N), bool."""
    is_own: Tensor
    """Whether the policy acted that is to be valued. Shape: (T, N), bool."""


def take_turns(env: Any, own: Expert, others: Sequence[Any], num_steps: int, seed: int) -> Steps:  # noqa: ANN401
    """Let a policy act after others have brought the environments into states of all kinds.

    In each env, one of the others acts for 1 to 20 steps, in three of four turns with noise, whose deviation is up to
    half of the range of actions. Then the policy acts for 1 to 300 steps.
    """
    num_envs = env.num_envs
    draws, index = np.random.default_rng(seed), np.arange(num_envs)
    space = env.single_action_space
    reach = (space.high - space.low) / 2
    is_own, left = np.ones(num_envs, bool), np.zeros(num_envs, int)
    who, noise = np.zeros(num_envs, int), np.zeros(num_envs)
    obs, _ = env.reset(seed=seed)
    kept: list[tuple[Any, ...]] = []
    for _ in range(num_steps):
        over = left == 0
        is_own ^= over
        # short turns show what deviations cost, long ones what goes well for a while
        own_turn = np.exp(draws.uniform(0, np.log(300), num_envs)).astype(int)
        left = np.where(over, np.where(is_own, own_turn, draws.integers(1, 21, num_envs)), left) - 1
        who = np.where(over, draws.integers(len(others), size=num_envs), who)
        noisy = draws.uniform(0, 1, num_envs) * (draws.random(num_envs) < 0.75)
        noise = np.where(over, noisy, noise)
        theirs = np.stack([policy.predict(obs, deterministic=True)[0] for policy in others])[who, index]
        theirs = theirs + reach * draws.standard_normal(theirs.shape) * noise[:, None]
        action = np.where(is_own[:, None], own.predict(obs)[0], theirs.clip(space.low, space.high)).astype(np.float32)
        before = obs
        obs, reward, terminated, truncated, info = env.step(action)
        after, ended = obs.copy(), terminated | truncated
        if ended.any():
            after[ended] = np.stack(list(info["final_obs"][ended]))
        step = (before, action, reward, after)
        kept.append((*(x.astype(np.float32) for x in step), terminated, truncated, is_own.copy()))
    names = (field.name for field in fields(Steps))
    return Steps(**{name: torch.as_tensor(np.stack(values)) for name, values in zip(names, zip(*kept))})


def fit_values(expert: Expert, steps: Steps, rounds: int, fits: int) -> None:
    """Fit V to what own turns return and V says of their ends, taken anew in each round; then Q - V to what is left.

    Targets are in units of the average reward, rewarded for ever.
    """
    gamma = expert.gamma
    obs, next_obs = expert.obs_norm(steps.obs), expert.obs_norm(steps.next_obs)
    unit = float(steps.reward[steps.is_own].abs().mean()) / (1 - gamma) + 1e-6
    reward = steps.reward / unit
    goes_on = steps.is_own.roll(-1, 0) & ~(steps.terminated | steps.truncated)
    goes_on[-1] = False
    # how much V of the end of the turn counts: 0 if it terminates
    left = backward_sum(gamma * (~goes_on & ~steps.terminated).float(), gamma * goes_on.float())
    for number in range(rounds):
        value, next_value = values(expert.v, obs), values(expert.v, next_obs)
        delta = reward + gamma * next_value * ~steps.terminated - value
        # G_t = V(s_t) + sum_k gamma^k delta_(t+k), up to the end of the turn
        advantage = backward_sum(delta, gamma * goes_on.float())
        # V + c has the level of what it is fitted to if E[advantage] + c E[left] = c
        level = advantage[steps.is_own].mean() / (1 - left[steps.is_own].mean())
        returns = value + advantage + level * left
        with torch.no_grad():
            cast(torch.nn.Linear, expert.v[-1]).bias.add_(level)
        fit(expert.v, obs[steps.is_own], returns[steps.is_own], fits, 1e-3 * (1 - number / rounds), number)
    value, next_value = values(expert.v, obs), values(expert.v, next_obs)
    delta = reward + gamma * next_value * ~steps.terminated - value
    fit(expert.advantage, torch.cat([obs, steps.action], -1).flatten(0, 1), delta.flatten(), 4 * fits, 1e-3, rounds)
    for net in (expert.v, expert.advantage):
        output: Any = net[-1]
        output.weight.mul_(unit)
        output.bias.mul_(unit)


@torch.no_grad()
def values(net: torch.nn.Sequential, obs: Tensor) -> Tensor:
    """Evaluate a network, some steps at a time. Shapes: (T, N, O) to (T, N)."""
    return torch.cat([net(part).squeeze(-1) for part in obs.split(512)])


def fit(net: torch.nn.Sequential, inputs: Tensor, target: Tensor, num_fits: int, rate: float, seed: int) -> None:
    """Regress with Adam; the learning rate falls to nothing."""
    draws = torch.Generator().manual_seed(seed)
    net.requires_grad_(True)
    optimizer = torch.optim.Adam(net.parameters(), lr=rate, fused=True)
    for number in range(num_fits):
        optimizer.param_groups[0]["lr"] = rate * (1 - number / num_fits)
        batch = torch.randint(len(target), (512,), generator=draws)
        loss = (net(inputs[batch]).squeeze(-1) - target[batch]).square().mean()
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
    net.requires_grad_(False)


def compare(expert: Expert, task: str, others: Sequence[Any], num_states: int) -> tuple[float, float]:
    """Compare V with simulation in other states; return the root of the mean squared difference, and the deviation."""
    env = envs_of(task, num_states)
    steps = take_turns(env, expert, others, 60, seed=1)
    simulator = Simulator(TASKS[task], num_threads=1)
    obs, goes_on = steps.next_obs[-1], ~steps.terminated[-1]
    ahead = simulator.play_on(env.unwrapped.physics_state(final=True), obs.numpy(), expert, expert.horizon)
    simulated = torch.as_tensor(ahead.discounted(expert.gamma))[goes_on]
    env.close()
    return float((expert.value(obs)[goes_on] - simulated).square().mean().sqrt()), float(simulated.std())


def envs_of(task: str, num_envs: int) -> Any:  # noqa: ANN401
    """Make environments with the task reward."""
    return make_vector_env(task, num_envs, reward="task", autoreset_mode=AutoresetMode.SAME_STEP, num_threads=1)


def measure(expert: Expert, task: str, episodes: int, few: int = 10) -> Measured:
    """Measure the return, and predict the mean of a few other episodes by drawing them from these."""
    returns = np.array(evaluate(expert, make_evaluation_env(f"prefgym/{task}-v0", episodes, 1)).returns)
    means = np.random.default_rng(0).choice(returns, (100_000, few)).mean(-1)
    low, high = np.quantile(means, (0.001, 0.999))
    margin = 0.01 * abs(returns.mean())  # another processor rounds otherwise
    return Measured(
        episodes=episodes, mean=float(returns.mean()), std=float(returns.std()),
        few=few, few_low=float(low - margin), few_high=float(high + margin),
    )  # fmt: skip


def make(task: str, cfg: TrainExpertsCfg) -> None:
    """Do all that is missing for one task."""
    torch.set_num_threads(1)
    files: dict[Level, Path] = {level: cfg.out / f"{task}-v0-{level}" for level in LEVELS}
    if all(file.with_name(f"{file.name}.json").is_file() for file in files.values()):
        return
    run = cfg.runs / task
    train(task, run)
    kept = sorted(int(file.stem) for file in (run / "policies").glob("*.json"))
    index = make_evaluation_env(f"prefgym/{task}-v0", cfg.episodes, 1)
    medium = half_way(run, lambda steps: evaluate(prefgym.load_policy(run, steps), index).mean)
    policies = [prefgym.load_policy(run, steps) for steps in (None, medium, kept[0], kept[len(kept) // 2])]
    last = json.loads((run / "result.json").read_text())["steps"]
    made: dict[Level, tuple[Any, int]] = {"expert": (policies[0], last), "medium": (policies[1], medium)}
    cfg.out.mkdir(parents=True, exist_ok=True)
    for level, file in files.items():
        if file.with_name(f"{file.name}.json").is_file():
            continue
        expert = expert_of(*made[level], task, level, cfg)
        env = envs_of(task, 64)
        num_steps = min(cfg.steps, MOST_NUMBERS // expert.card.obs_dim) // env.num_envs
        fit_values(expert, take_turns(env, expert, policies, num_steps, seed=0), cfg.rounds, cfg.fits)
        env.close()
        rmse, std = compare(expert, task, policies, cfg.states)
        returns = measure(expert, task, cfg.episodes)
        expert.card = replace(expert.card, value_rmse=rmse, value_std=std, returns=returns)
        expert.save(file)
        reached = f"return {returns.mean:.1f} after {expert.card.steps:,} steps"
        print(f"{file.name}: {reached}; V off by {rmse:.3g}, where simulation deviates by {std:.3g}", flush=True)


def main(cfg: TrainExpertsCfg) -> None:
    """Make the experts of each task, in a process of its own."""
    if unknown := set(cfg.tasks) - set(TRAININGS):
        raise SystemExit(f"there is no task {', '.join(sorted(unknown))}: choose among {', '.join(TRAININGS)}")
    with ProcessPoolExecutor(cfg.jobs, mp_context=get_context("spawn"), max_tasks_per_child=1) as pool:
        for made in [pool.submit(make, task, cfg) for task in cfg.tasks]:
            made.result()
    print(table(cfg.out))


def table(folder: Path) -> str:
    """Lay out what the cards say, as Markdown."""
    lines = ["| task | expert | medium | steps | gamma | V off by | V deviates by |", "|---|---|---|---|---|---|---|"]
    for file in sorted(folder.glob("*-expert.json")):
        task = file.name.removesuffix("-v0-expert.json")
        expert, medium = (Expert.load(folder / f"{task}-v0-{level}").card for level in LEVELS)
        cells = [f"{card.returns.mean:.1f} ± {card.returns.std:.1f}" for card in (expert, medium)]
        cells += [f"{expert.steps:,}", f"{expert.gamma}", f"{expert.value_rmse:.3g}", f"{expert.value_std:.3g}"]
        lines.append(f"| {' | '.join([task, *cells])} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main(tyro.cli(TrainExpertsCfg, description=__doc__))
