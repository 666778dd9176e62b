"""A run that learns from what is recorded: read the data, improve the policy, keep what came out."""

import sys
from collections.abc import Generator
from contextlib import closing, contextmanager
from functools import partial
from typing import Any, cast

from gymnasium.vector import VectorEnv

import prefgym
from prefgym.common.errors import DamageError, UserError
from prefgym.common.files import digest, writing
from prefgym.common.finite import NotFiniteError
from prefgym.common.registry import registry_of
from prefgym.common.states import State
from prefgym.core.context import AgentContext
from prefgym.core.protocols import Agent
from prefgym.data.feedback import read_feedback, read_manifest
from prefgym.data.minari import dataset_folder, load_demos, played_in
from prefgym.evaluation.envs import make_evaluation_env
from prefgym.evaluation.evaluate import Evaluation, evaluate, metric_of
from prefgym.rl.offline import OfflineAgent, OfflineData
from prefgym.runs.checkpoints import Checkpoints, Which
from prefgym.runs.folder import RunFolder, write_manifest
from prefgym.training.checks import check_device
from prefgym.training.config import OfflineCfg
from prefgym.training.ended import Ended
from prefgym.training.envs import source_of
from prefgym.training.loop import initial_folder
from prefgym.training.online import copy_initial_preferences, threads
from prefgym.training.progress import Progress


def train_on_records(cfg: OfflineCfg, *, resume_from: Which | None = None) -> Ended:
    """Train on recorded data, and keep everything.

    Args:
        cfg: Resolved configuration.
        resume_from: Which checkpoint in `cfg.out` to go on from; None begins a new run.

    Returns:
        What was trained; after Ctrl-C, as far as it came.

    Raises:
        UserError: If the agent cannot learn from these data, or they are damaged.
    """
    is_resumed = resume_from is not None
    with threads(cfg.num_threads):
        check_device(cfg.device)
        data = read_data(cfg, resumed=is_resumed)
        agent, seal = make_agent(cfg, data, make_evaluation_env(source_of(cfg), 1, 1)), seal_of(cfg)
        if not is_resumed:
            tell_other_envs(cfg)
            if cfg.preferences is not None and cfg.dataset is not None and "demonstrations" in agent.learns_from:
                sources = "learns from --dataset, and not from --preferences beside it"
                print(f"agent {cfg.agent!r} {sources}", file=sys.stderr)
        prepare = partial(copy_initial_preferences, cfg.preferences)
        with closing(RunFolder(cfg, resume=is_resumed, prepare=prepare)) as folder:
            loop = OfflineLoop(cfg, agent, folder, seal)
            interrupted = loop.run_to_end(resume_from)
            with loop.watching():
                evaluation = loop.evaluate(cfg.eval.final_episodes)
            folder.log(agent.num_timesteps, dict(evaluation.metrics()))
            with writing(folder.path):
                keep(cfg, agent, folder, evaluation, interrupted)
            print(f"{evaluation.in_words(0)} after {agent.num_timesteps:,} updates; see {folder.path}")
        write_manifest(folder.path)  # from here on the run has finished, and needs no checkpoints
    if not interrupted:
        loop.checkpoints.clear()
    return Ended(path=folder.path, agent=cast(Agent, agent), interrupted=interrupted)


def read_data(cfg: OfflineCfg, *, resumed: bool = False) -> OfflineData:
    """Read what is learned from.

    Args:
        cfg: Resolved configuration.
        resumed: Whether preferences are read from the run folder, where their copy is.

    Raises:
        UserError: If there is nothing, or it is damaged.
    """
    preferences = demos = None
    if cfg.preferences is not None:
        assert cfg.out is not None or not resumed  # a run that is resumed has a folder
        preferences = read_feedback(initial_folder(cfg.out) if resumed and cfg.out else cfg.preferences).without_truth()
    if cfg.dataset is not None:
        demos = load_demos(cfg.dataset, cfg.datasets)
    try:
        return OfflineData(preferences=preferences, demos=demos)
    except ValueError as error:
        raise UserError(f"{error}: give --preferences FOLDER, --dataset ID, or both.") from None


def tell_other_envs(cfg: OfflineCfg) -> None:
    """Print where data are of another environment than the policy is evaluated in, as sizes alone may not tell."""
    told: dict[str, str] = {}
    if cfg.preferences is not None:
        told[f"--preferences {cfg.preferences}"] = read_manifest(cfg.preferences)["env"]
    if cfg.dataset is not None:
        told[f"--dataset {cfg.dataset}"] = played_in(cfg.dataset, cfg.datasets)
    for what, env in told.items():
        if env not in ("", cfg.env):
            print(f"{what} is of {env}, and the policy is evaluated in {cfg.env}", file=sys.stderr)


def make_agent(
    cfg: OfflineCfg,
    data: OfflineData,
    env: VectorEnv[Any, Any, Any],
) -> OfflineAgent:
    """Make the agent.

    Raises:
        UserError: If it cannot learn from these data.
    """
    try:
        context = AgentContext(env=env, data=data, seed=cfg.seed, device=cfg.device)
        return cast(OfflineAgent, registry_of("agent").build(cfg.agent, cfg.agent_cfg, context))
    except ValueError as error:
        raise UserError(f"agent {cfg.agent!r} cannot learn from this: {str(error).rstrip('.')}.") from error


def seal_of(cfg: OfflineCfg) -> dict[str, str]:
    """Return the checksums of a dataset's files; none if there is none."""
    if cfg.dataset is None:
        return {}
    folder = dataset_folder(cfg.dataset, cfg.datasets) / "data"
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    return {str(file.relative_to(folder)): digest(file) for file in files}


class OfflineLoop:
    """The state of a running loop."""

    def __init__(self, cfg: OfflineCfg, agent: OfflineAgent, run: RunFolder, seal: dict[str, str]) -> None:
        self.cfg, self.agent, self.run, self.seal = cfg, agent, run, seal
        self.checkpoints = Checkpoints(run.path / "checkpoints")
        self._eval_envs: dict[int, VectorEnv[Any, Any, Any]] = {}

    def run_to_end(self, resume_from: Which | None) -> bool:
        """Improve the policy until the updates are used up; return whether Ctrl-C came before that.

        Raises:
            UserError: If something was not finite, or a checkpoint is damaged.
        """
        cfg, agent = self.cfg, self.agent
        metric = metric_of(make_evaluation_env(source_of(cfg), 1, 1))
        with Progress(cfg.env, cfg.updates, metric=metric, unit="updates") as progress:
            try:
                if resume_from is not None:
                    self.resume(resume_from)
                with self.watching():
                    while agent.num_timesteps < cfg.updates:
                        self.advance(progress)
            except KeyboardInterrupt:
                return True
        return False

    @contextmanager
    def watching(self) -> Generator[None]:
        """Keep what was not finite beside the run, and say so.

        Raises:
            UserError: If something was not.
        """
        try:
            yield
        except NotFiniteError as error:
            updates = self.agent.num_timesteps
            folder = self.run.dump(error, updates)
            raise UserError(f"{error}, after {updates:,} updates; see {folder}.") from error

    def advance(self, progress: Progress) -> None:
        """Take some updates; evaluate and save where that is due."""
        cfg, agent = self.cfg, self.agent
        before = agent.num_timesteps
        # as far as whatever is due next
        at_once = min(every - before % every for every in (cfg.eval.every, cfg.checkpoint.every))
        left, done = cfg.updates - before, before / cfg.updates
        metrics: dict[str, float | None] = {**agent.advance(left, done, at_once=at_once)}
        updates = agent.num_timesteps
        if updates < cfg.updates and before // cfg.eval.every < updates // cfg.eval.every:
            metrics |= self.evaluate(cfg.eval.episodes).metrics()
            if cfg.eval.keep:
                with writing(self.run.path):
                    agent.save(self.run.folder("policies") / str(updates))
        self.run.log(updates, metrics)
        progress.show(updates, metrics)
        checkpoint_is_due = before // cfg.checkpoint.every < updates // cfg.checkpoint.every
        if updates < cfg.updates and (checkpoint_is_due or self.checkpoints.are_older_than(cfg.checkpoint.minutes)):
            state = {"agent": agent.state_dict(), "dataset": self.seal, "run": self.run.state_dict()}
            self.checkpoints.save(updates, state)

    def evaluate(self, episodes: int) -> Evaluation:
        """Measure the true return of the present policy."""
        if episodes not in self._eval_envs:
            self._eval_envs[episodes] = make_evaluation_env(source_of(self.cfg), episodes, self.cfg.num_threads)
        return evaluate(self.agent, self._eval_envs[episodes])

    def resume(self, which: Which) -> None:
        """Go on from a checkpoint; from the beginning if the run was stopped before its first.

        Raises:
            UserError: If the checkpoint is damaged, or the dataset is no longer what it was.
        """
        loaded = self.checkpoints.load(which)
        state: State = {} if loaded is None else loaded[0]
        if state:
            if state["dataset"] != self.seal:
                raise DamageError(f"the dataset {self.cfg.dataset} is not what it was when the run began.")
            self.agent.load_state_dict(state["agent"])
        self.run.rewind(state.get("run", {}), self.agent.num_timesteps, mend=which == "previous")


def keep(cfg: OfflineCfg, agent: OfflineAgent, run: RunFolder, evaluation: Evaluation, interrupted: bool) -> None:
    """Write what was learned, and what it came to."""
    agent.save(run.folder("checkpoints/final") / "policy")
    run.write_json(
        "result.json",
        {
            "final_return_mean": evaluation.mean,
            "final_return_std": evaluation.std,
            "returns": evaluation.returns,
            "episode_lengths": evaluation.lengths,
            "success_rate": evaluation.success_rate,
            "updates": agent.num_timesteps,
            "interrupted": interrupted,
            "wall_time_s": run.wall_time_s,
            "env": cfg.env,
            "agent": cfg.agent,
            "seed": cfg.seed,
            "version": prefgym.__version__,
        },
    )
