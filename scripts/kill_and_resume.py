"""Kill a short run at random moments, resume it, and compare its results with those of a run that was never stopped.

    python scripts/kill_and_resume.py --moments 30
    python scripts/kill_and_resume.py --moments 30 --power-cut
    python scripts/kill_and_resume.py --agents ppo sb3-sac --env Pendulum-v1

A moment is a call of one of the functions that a run spends its time in; the process kills itself (SIGKILL) when it
gets there. With `--power-cut`, whatever was not synced is lost as well: files are empty, or as they were at their last
`fsync`, and names are those that their folder had at its last one. Compared are the bytes of weights and preferences,
those of policies on the way, and the metrics but for clock readings. A run in an environment of others, whose state
nobody can save, is not resumed: its answers are exported, and compared as far as it had them, and so are the policy
and the metrics of its last checkpoint.
"""

import importlib
import io
import json
import os
import shutil
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import count
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import tyro
from power_cut import Disk

from prefgym import agents, raters, rewards, samplers
from prefgym.buffers.recorder import RecorderCfg
from prefgym.common.limits import Count, Natural, check
from prefgym.common.names import check_name
from prefgym.data.feedback import Card, export_run, read_feedback
from prefgym.raters.scripted import ScriptedRater, oracle
from prefgym.rewards.ensemble import EnsembleCfg
from prefgym.rl.offline import OfflineAgent
from prefgym.runs.answer_log import Answer, AnswerLog
from prefgym.runs.checkpoints import Checkpoints
from prefgym.runs.manifest import has_finished
from prefgym.sim.source import EnvSource
from prefgym.testing import LateRater, LateRaterCfg
from prefgym.training.api import offline_cfg, train_cfg
from prefgym.training.budget import ScheduleCfg
from prefgym.training.config import CheckpointCfg, EvalCfg, OfflineCfg, OfflineCheckpointCfg, OfflineEvalCfg, TrainCfg
from prefgym.training.run import Run, run_offline, run_training

WORK = {
    "acting": "prefgym.rl.online:OnlineAgent.collect prefgym.agents.sb3:Sb3Agent.collect",
    "simulating": "prefgym.sim.vector_env:PoolVectorEnv.step prefgym.sim.third_party:PhysicsVectorEnv.step",
    "asking": "prefgym.samplers.candidates:CandidateSampler.__call__",
    "fitting": "prefgym.rewards.fit:accumulate",
    "learning": "prefgym.agents.ppo:PPO._step prefgym.agents.sac:SAC.step prefgym.agents.sb3:Sb3Agent.update "
    "prefgym.agents.residual:Residual.step prefgym.rl.offline:OfflineAgent.advance",
    "relabelling": "prefgym.buffers.replay:ReplayBuffer.relabel prefgym.wrappers.sb3:ReplayBuffer.relabel",
    "noting answers": "prefgym.runs.answer_log:sum_of",
    "logging": "prefgym.runs.folder:RunFolder.log",
    "saving": "prefgym.runs.checkpoints:sync",
    "tidying up": "prefgym.runs.checkpoints:read_sealed_json",
    "finishing": "prefgym.runs.folder:RunFolder.write_json",
}
"""Kinds of work in a run, and the functions that do it, of which an agent uses one."""

_SB3 = {"learning_starts": 200, "buffer_size": 2000, "gradient_steps": 1, "policy_kwargs": {"net_arch": [16]}}
_SAC = {"hidden": (16,), "updates_per_step": 0.1, "capacity_steps": 2000}
AGENTS: dict[str, dict[str, Any]] = {
    "ppo": {"epochs": 2},
    "sac": _SAC,
    "pebble": _SAC,
    "residual": {"base": "zero", "random_steps": 500, "critic_updates": 50, **_SAC},
    "sb3-ppo": {"settings": json.dumps({"n_steps": 32})},
    "sb3-sac": {"settings": json.dumps(_SB3)},
}
"""Settings of the agents; where the past is remembered, the ring is filled as well."""


def is_offline(agent: str) -> bool:
    """Return whether an agent learns from recorded data."""
    return issubclass(agents.get(agent), OfflineAgent)


def short(agent: str, rater: str, env: str, out: Path) -> TrainCfg:
    """Return the configuration of a run of a second or two, in which the recorder's ring is filled twice."""
    ensemble: EnsembleCfg = rewards.cfg("ensemble", hidden=(16,))
    return train_cfg(
        env,
        rater=rater,
        agent=agents.cfg(agent, env=env, num_envs=8, num_steps=32, **AGENTS[agent]),
        sampler=samplers.cfg("disagreement", segment_length=10),
        reward=replace(ensemble, fit=replace(ensemble.fit, gradient_steps=10)),
        steps=3000,
        budget=40,
        threads=1,
        report=False,
        out=out,
        schedule=ScheduleCfg(num_sessions=3, first=0.1),
        recorder=RecorderCfg(capacity_steps=1600),
        checkpoint=CheckpointCfg(every=500),
        eval=EvalCfg(every=1000, episodes=2, final_episodes=2, keep=True),
    )


def short_offline(agent: str, env: str, out: Path) -> OfflineCfg:
    """Return the configuration of a run on the preferences beside its folder, of a second or two."""
    return offline_cfg(
        agent=agents.cfg(agent, actor=replace(agents.cfg(agent).actor, hidden=(16,))),
        env=env,
        preferences=out.parent / "preferences",
        updates=120,
        threads=1,
        out=out,
        checkpoint=OfflineCheckpointCfg(every=20),
        eval=OfflineEvalCfg(every=40, episodes=2, final_episodes=2, keep=True),
    )


@dataclass(frozen=True, kw_only=True)
class KillAndResumeCfg:
    """Agents and raters of the runs, and the number of kills."""

    raters: tuple[str, ...] = ("oracle", "late-oracle", "none")
    """Raters: at once, late and out of order, or none."""
    agents: tuple[str, ...] = ("ppo", "pebble", "sb3-sac", "cpl")
    """Agents; those that learn offline have no rater, and the preferences of an oracle."""
    env: str = "prefgym/Hopper-v0"
    """Environment; runs in one of others that do not learn offline are not resumed, and their answers are exported."""
    moments: Count = 30
    """Random moments of each agent, spread over what a run does and over the raters."""
    work: tuple[str, ...] = tuple(WORK)
    """Kinds of work in which a run is killed, one after the other, as far as it has them."""
    seed: Natural = 0
    """Seed of the moments."""
    power_cut: bool = False
    """Whether what was not synced is lost."""

    __post_init__ = check


class LateOracle(LateRater):
    """An oracle whose answers come late, out of order, twice or never."""

    def __init__(self, cfg: LateRaterCfg, *, seed: int = 0) -> None:
        super().__init__(ScriptedRater(oracle(), seed=seed), cfg, seed=seed)


late_oracle = LateRaterCfg


def main(cfg: KillAndResumeCfg) -> int:
    """Print a line for each moment; return the number of runs that differ.

    Raises:
        ValueError: If there is no such kind of work.
    """
    for name in cfg.work:
        check_name("work", name, WORK)
    failures = 0
    for agent in cfg.agents:
        with TemporaryDirectory() as folder:
            failures += kill_agent(cfg, agent, Path(folder))
    return failures


def kill_agent(cfg: KillAndResumeCfg, agent: str, folder: Path) -> int:
    """Kill and resume the runs of one agent."""
    generator = np.random.default_rng(cfg.seed)
    failures = 0
    names = ("none",) if is_offline(agent) else cfg.raters
    if is_offline(agent):
        assert in_child(write_preferences, cfg.env, folder / "preferences") == 0
    whole = {rater: folder / f"{rater}-whole" for rater in names}
    for rater, out in whole.items():
        assert in_child(train, agent, rater, cfg.env, out, None, 0, False) == 0
    calls = {rater: json.loads(Path(f"{out}-calls").read_text()) for rater, out in whole.items()}
    for moment in range(cfg.moments):
        rater = names[moment % len(names)]
        work = [name for name in cfg.work if calls[rater][name]]
        name = work[moment // len(names) % len(work)]
        call = int(generator.integers(1, calls[rater][name], endpoint=True))
        out = folder / str(moment)
        assert in_child(train, agent, rater, cfg.env, out, name, call, cfg.power_cut) == -signal.SIGKILL
        if cfg.power_cut:
            shutil.rmtree(out)
            Path(f"{out}-left").rename(out)
        is_saved = is_offline(agent) or EnvSource.of(cfg.env).is_ours
        place, differ = (go_on if is_saved else keep)(whole[rater], out, calls[rater])
        failures += bool(differ)
        verdict = f"differs: {', '.join(differ)}" if differ else "equal"
        print(
            f"{agent}, {rater}, killed while {name}, call {call} of {calls[rater][name]}, {place}: {verdict}",
            flush=True,
        )
    return failures


def go_on(whole: Path, killed: Path, calls: dict[str, int]) -> tuple[str, list[str]]:
    """Resume a run, unless it was killed at its report; say where, and what differs from the whole run.

    Args:
        whole: The run that was not killed.
        killed: The run that was.
        calls: Calls of the whole run.
    """
    saved = sorted(path.name for path in killed.glob("checkpoints/step-*"))
    if has_finished(killed):
        return "finished", differences(whole, killed)
    if resumed := in_child(resume, killed):
        return "resumed", [f"exit code {resumed}"]
    differ, again = differences(whole, killed), json.loads(Path(f"{killed}-calls").read_text())
    work = "acting" if calls["acting"] else "learning"
    if saved and again[work] >= calls[work]:
        differ.append("it began again")
    return f"resumed from {saved[-1] if saved else 'the beginning'}", differ


def keep(whole: Path, killed: Path, calls: dict[str, int]) -> tuple[str, list[str]]:
    """Export the answers of a run that cannot be resumed, and look at the policy that it has kept.

    Say how many and of which step, and what differs from the whole run.

    Args:
        whole: The run that was not killed.
        killed: The run that was.
        calls: Calls of the whole run.
    """
    del calls
    steps, differ = kept_policy(whole, killed)
    policy = "no policy" if steps is None else f"policy of step {steps}"
    if not (logged := answers(killed)):
        return f"without an answer, {policy}", differ
    differ += ["answers.sqlite"] if logged != answers(whole)[: len(logged)] else []
    exported = Path(f"{killed}-exported")
    if code := in_child(export_run, killed, exported, Card(env="")):
        return "exported", [*differ, f"exit code {code}"]
    kept = read_feedback(exported)
    differ += [] if {*kept.query_id.tolist()} == {answer.query_id for answer in logged} else ["exported answers"]
    return f"{len(kept)} answers exported, {policy}", differ


def kept_policy(whole: Path, killed: Path) -> tuple[int | None, list[str]]:
    """Return the step of the policy that a run has kept, and what differs: this policy, and the metrics until there."""
    checkpoints = Checkpoints(killed / "checkpoints")
    if (steps := checkpoints.policy_steps()) is None:
        return None, []
    policy, of_whole = checkpoints.policy(steps).with_suffix(".safetensors"), whole / f"policies/{steps}.safetensors"
    differ = [policy.name] if of_whole.is_file() and of_whole.read_bytes() != policy.read_bytes() else []
    lines = metrics(killed)
    is_same = lines == metrics(whole)[: len(lines)] and json.loads(lines[-1])["time/total_timesteps"] >= steps
    return steps, differ + ([] if is_same else ["metrics.jsonl"])


def in_child(target: Callable[..., object], *arguments: Any) -> int | None:  # noqa: ANN401
    """Call a function in a process of its own; return its exit code."""
    context = get_context("forkserver")
    # torch imports its compiler when the first optimiser is made
    context.set_forkserver_preload(
        ["prefgym.training.online", "prefgym.agents.sb3", "torch._dynamo", "kill_and_resume"]
    )
    child = context.Process(target=target, args=arguments)
    child.start()
    child.join()
    return child.exitcode


def write_preferences(env: str, out: Path) -> None:
    """Write the answers of an oracle in a run, to queries of whole segments."""
    prepare()
    cfg = short("ppo", "oracle", env, run := out.with_name("teacher"))
    run_training(replace(cfg, sampler_cfg=samplers.cfg("disagreement", segment_length=10, keep_short=False)))
    export_run(run, out, Card(env=env))


def train(agent: str, rater: str, env: str, out: Path, work: str | None, call: int, power_cut: bool) -> None:
    """Train until a call of a function; to the end, counting all calls, if `work` is None."""
    prepare()
    disk = Disk(out) if power_cut else None

    def die() -> None:
        if disk is not None:
            disk.write(Path(f"{out}-left"))
        os.kill(os.getpid(), signal.SIGKILL)

    counters = {name: watch(places, call if name == work else 0, die) for name, places in WORK.items()}
    try:
        if is_offline(agent):
            run_offline(short_offline(agent, env, out))
        else:
            run_training(short(agent, rater, env, out))
    finally:
        Path(f"{out}-calls").write_text(json.dumps({name: next(counter) - 1 for name, counter in counters.items()}))


def resume(out: Path) -> None:
    """Resume a killed run, and count its calls."""
    prepare()
    counters = {name: watch(places, 0, lambda: None) for name, places in WORK.items()}
    try:
        Run(out).resume()
    finally:
        Path(f"{out}-calls").write_text(json.dumps({name: next(counter) - 1 for name, counter in counters.items()}))


def prepare() -> None:
    """Register the late oracle, and say nothing."""
    raters.register("late-oracle", "kill_and_resume:LateOracle", cfg="late_oracle")
    sys.stdout = sys.stderr = io.StringIO()


def watch(places: str, deadly: int, die: Callable[[], None]) -> "count[int]":
    """Count the calls of functions together, from 1; the one numbered `deadly` ends the process instead."""
    calls = count(1)
    for place in places.split():
        module, _, path = place.partition(":")
        *owners, name = path.split(".")
        owner: Any = importlib.import_module(module)
        for step in owners:
            owner = getattr(owner, step)
        setattr(owner, name, watched(getattr(owner, name), calls, deadly, die))
    return calls


def watched(
    function: Callable[..., Any], calls: "count[int]", deadly: int, die: Callable[[], None]
) -> Callable[..., Any]:
    """Wrap a function so that its calls are counted, or deadly."""

    def call(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        if next(calls) == deadly:
            die()
        return function(*args, **kwargs)

    return call


def differences(whole: Path, resumed: Path) -> list[str]:
    """Name what two runs do not have in common."""
    kept = ["checkpoints/final/policy", "checkpoints/final/reward", "preferences/preferences"]
    kept += sorted(f"policies/{file.stem}" for file in whole.glob("policies/*.safetensors"))
    files = [file for name in kept if (file := f"{name}.safetensors") and (whole / file).is_file()]
    differ = [f for f in files if not (resumed / f).is_file() or (whole / f).read_bytes() != (resumed / f).read_bytes()]
    differ += ["metrics.jsonl"] if metrics(whole) != metrics(resumed) else []
    return differ + (["answers.sqlite"] if answers(whole) != answers(resumed) else [])


def answers(run: Path) -> list[Answer]:
    """Read the log of answers but for clock readings."""
    logged = AnswerLog(run / "preferences" / "answers.sqlite").read()
    return [replace(answer, created_at=None) for answer in logged]


def metrics(run: Path) -> list[str]:
    """Read the lines of the metrics, without clock readings."""
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [json.dumps({k: v for k, v in line.items() if k not in ("time/time_elapsed", "time/fps")}) for line in lines]


if __name__ == "__main__":
    sys.exit(main(tyro.cli(KillAndResumeCfg, description=__doc__)) > 0)
