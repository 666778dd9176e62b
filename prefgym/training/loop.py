"""The online loop: act, ask, fit, reward, update."""

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from gymnasium.vector import VectorEnv
from torch import Tensor

from prefgym.buffers.base_recorder import BaseRecorder
from prefgym.common.errors import DamageError, UserError
from prefgym.common.files import digest, writing
from prefgym.common.finite import NotFiniteError
from prefgym.common.states import State, Stateful
from prefgym.core.fit_report import FitReport
from prefgym.core.preferences import Preferences
from prefgym.core.protocols import (
    Agent,
    JudgedLearner,
    Learner,
    NoSegmentError,
    OffPolicyAgent,
    Rater,
    Sampler,
    SelfPlayLearner,
)
from prefgym.core.queries import Queries
from prefgym.core.relabel import learned_reward, win_rate_reward
from prefgym.core.rollout import EpisodeReturns
from prefgym.core.segments import Segments
from prefgym.data.feedback import read_feedback
from prefgym.data.tables import pack_preferences, pack_segments, unpack_preferences, unpack_segments
from prefgym.evaluation.envs import make_evaluation_env
from prefgym.evaluation.evaluate import Evaluation, evaluate, metric_of
from prefgym.rewards.health import Health
from prefgym.runs.answer_log import AnswerLog
from prefgym.runs.checkpoints import Checkpoints, Shard, Which
from prefgym.runs.folder import RunFolder
from prefgym.sim.pool import SimulationError
from prefgym.sim.source import EnvSource
from prefgym.training.budget import Budget, Schedule
from prefgym.training.config import TrainCfg
from prefgym.training.progress import Progress
from prefgym.wrappers.preference import PreferenceVectorEnv

INITIAL_PREFERENCES = Path("preferences") / "initial"
"""Where a run keeps the preferences that it began with."""


def initial_folder(run: Path) -> Path:
    """Say where a run keeps the preferences that it began with; earlier versions called the folder `brought`."""
    old = run / "preferences" / "brought"
    return old if old.is_dir() else run / INITIAL_PREFERENCES


@dataclass(eq=False, kw_only=True)
class Parts:
    """Everything that takes part in a run; without a rater the agent is given the task reward."""

    source: EnvSource
    """Makes further environments, for evaluation."""
    env: VectorEnv[Any, Any, Any]
    agent: Agent
    rater: Rater | None
    sampler: Sampler
    learner: Learner
    budget: Budget
    schedule: Schedule
    generator: torch.Generator
    """Draws the queries."""
    shown_so_far: list[Segments]
    """What was asked about so far, for samplers that spread their questions."""

    @property
    def recorder(self) -> BaseRecorder | None:
        """Return what segments are drawn from; None without a rater."""
        return self.env.recorder if isinstance(self.env, PreferenceVectorEnv) else None

    def stateful_parts(self) -> dict[str, Any]:
        """Name the parts that move: all of these must be `Stateful` for a run to be resumed."""
        wrapper = {"wrapper": self.env} if isinstance(self.env, PreferenceVectorEnv) else {}
        rater = {} if self.rater is None else {"rater": self.rater}
        sampler = {"sampler": self.sampler} if isinstance(self.sampler, Stateful) else {}  # most remember nothing
        counters = {"budget": self.budget, "schedule": self.schedule, **sampler}
        return {"env": self.env.unwrapped, **wrapper, "agent": self.agent, **rater, "learner": self.learner, **counters}


def stateless(parts: Parts) -> list[str]:
    """Name the parts that do not tell their state."""
    return [name for name, part in parts.stateful_parts().items() if not isinstance(part, Stateful)]


def train(cfg: TrainCfg, parts: Parts, run: RunFolder, resume_from: Which | None = None) -> "Outcome":
    """Run the loop to its end, or until Ctrl-C; what was learned so far is in the outcome either way.

    Args:
        cfg: Resolved configuration.
        parts: What takes part, as it was when the run began.
        run: Where it is written.
        resume_from: Which checkpoint of the run folder to go on from; None begins.

    Raises:
        UserError: If nothing could be asked, something was not finite, or the checkpoint is damaged.
    """
    loop = Loop(cfg, parts, run)
    interrupted = False
    budget = None if cfg.rater == "none" else cfg.budget
    try:
        with Progress(cfg.env, cfg.steps, budget=budget, metric=metric_of(parts.env)) as progress:
            try:
                if resume_from is None:
                    loop.begin()
                else:
                    loop.resume(resume_from)
                loop.run_to_end(progress)
            except KeyboardInterrupt:
                interrupted = True
        return replace(loop.outcome(), interrupted=interrupted)
    except NotFiniteError as error:
        folder = run.dump(error, loop.steps)
        raise UserError(f"{error}, in the rollout after {loop.steps:,} steps; see {folder}.") from error
    except SimulationError as error:
        raise UserError(f"{error}, in the rollout after {loop.steps:,} steps.") from error


def without_pictures(preferences: Preferences) -> Preferences:
    """Drop what segments can be drawn from: of thousands of matches nobody looks at each."""
    queries = preferences.queries
    return replace(preferences, queries=replace(queries, options=replace(queries.options, state=None, frames=None)))


@dataclass(frozen=True, eq=False, kw_only=True)
class Outcome:
    """What a run came to."""

    steps: int
    evaluation: Evaluation
    preferences: Preferences | None
    fit: FitReport | None
    interrupted: bool = False


class Loop:
    """The state of a running loop."""

    def __init__(self, cfg: TrainCfg, parts: Parts, run: RunFolder) -> None:
        self.cfg, self.parts, self.run = cfg, parts, run
        self.steps = 0
        self.initial_preferences: Preferences | None = None
        """What it began with."""
        self.initial_seal: str | None = None
        """A checksum of that."""
        self.answered_so_far: list[Preferences] = []
        """What was answered since, in the order of the answers."""
        self._num_ties = 0
        self.fit: FitReport | None = None
        self.returns = EpisodeReturns()
        self.health = Health()
        self.checkpoints = Checkpoints(run.path / "checkpoints")
        self.answers = AnswerLog(run.path / "preferences" / "answers.sqlite")
        self._eval_envs: dict[int, VectorEnv[Any, Any, Any]] = {}

    def begin(self) -> None:
        """Fit the reward to the initial preferences, if there are any.

        Raises:
            UserError: If they are damaged.
        """
        self.initial_preferences = self.read_initial_preferences()
        if self.initial_preferences is not None:
            self.run.log(0, self.fit_reward(self.initial_preferences).metrics())

    def read_initial_preferences(self) -> Preferences | None:
        """Read the initial preferences.

        Raises:
            UserError: If they are damaged.
        """
        if self.cfg.preferences is None:
            return None
        initial_preferences = read_feedback(initial_folder(self.run.path)).without_truth()
        self.initial_seal = digest(initial_folder(self.run.path) / "manifest.json")
        return initial_preferences

    def run_to_end(self, progress: Progress) -> None:
        """Act, ask, fit, reward and update until the steps are used up."""
        cfg, parts = self.cfg, self.parts
        while self.steps < cfg.steps:
            rollout = parts.agent.collect(parts.env)
            evaluation_is_due = self._passes(cfg.eval.every, rollout.num_steps)
            checkpoint_is_due = self._passes(cfg.checkpoint.every, rollout.num_steps)
            metrics: dict[str, float | None] = {}
            if parts.rater is not None:
                after = self.steps + rollout.num_steps
                if isinstance(parts.learner, JudgedLearner):
                    metrics |= self.run_comparisons(parts.rater, parts.learner, after, len(rollout.reward))
                else:
                    if isinstance(parts.learner, SelfPlayLearner):
                        parts.learner.observe_fragments(rollout.fragments()[0])
                    metrics |= self.run_session(parts.rater, after)
                rollout = rollout.with_reward(self.learned_reward(rollout))
            if self.has_reward:
                metrics |= parts.agent.update(rollout, self.steps / cfg.steps)
                self.returns.add(rollout)
                metrics["rollout/ep_rew_mean"] = self.returns.mean
            elif isinstance(parts.agent, OffPolicyAgent):  # before the first session there is no reward
                metrics |= parts.agent.explore(rollout)
            self.steps += rollout.num_steps
            if evaluation_is_due and self.steps < cfg.steps:
                metrics |= self.evaluate(cfg.eval.episodes).metrics()
                if cfg.eval.keep:
                    self.keep_policy()
            self.run.log(self.steps, metrics)
            progress.show(self.steps, metrics)
            if self.steps < cfg.steps and (
                checkpoint_is_due or self.checkpoints.are_older_than(cfg.checkpoint.minutes)
            ):
                self.save()
        if parts.rater is not None and parts.budget.num_asked == 0 and self.initial_preferences is None:
            raise UserError(
                f"Nothing could be asked: the sampler found no segment in {self.steps:,} steps of {parts.env.num_envs} "
                "worlds; lower --segment-length or --schedule.first, or raise --steps or --sampler.recent-steps."
            )

    def _passes(self, every: int, num_steps: int) -> bool:
        """Tell whether a multiple of `every` steps is reached by the next `num_steps`."""
        return self.steps // every < (self.steps + num_steps) // every

    @property
    def has_reward(self) -> bool:
        """Return whether there is a reward to learn from."""
        return self.parts.rater is None or self.parts.learner.is_fitted

    def run_session(self, rater: Rater, steps: int) -> dict[str, float | None]:
        """Ask what is due, ingest what was answered, and fit if anything was."""
        parts = self.parts
        if num_queries := parts.schedule.due(steps, parts.budget.left):
            self.ask(rater, num_queries, steps)
        answers = rater.collect()
        fresh = parts.budget.receive(answers) if answers else None
        if fresh is None:
            return {}
        counts = self.ingest(fresh, steps)
        counts["feedback/session"] = parts.schedule.num_done
        preferences = self.preferences
        assert preferences is not None  # fresh ones are among them
        if not preferences.answers.answered.any():  # all skipped so far: nothing to fit
            return counts
        learned_return = self.returns.mean
        self.health.record_predictions(parts.learner, fresh, learned_return)
        report = self.fit_reward(
            Preferences.cat([self.initial_preferences, preferences]) if self.initial_preferences else preferences
        )
        return (
            counts | report.metrics() | self.health.measure(parts.learner, preferences, fresh, report, learned_return)
        )

    def ingest(self, fresh: Preferences, steps: int) -> dict[str, float | None]:
        """Log new answers, keep them, and count all so far."""
        self.answers.append(fresh, steps)
        self.answered_so_far.append(fresh)
        self._num_ties += int(fresh.answers.tie.sum())
        budget = self.parts.budget
        return {
            "feedback/num_asked": budget.num_asked,
            "feedback/num_answers": budget.num_answered,
            "feedback/num_pending": budget.num_pending,
            "feedback/tie_fraction": self._num_ties / max(budget.num_answered, 1),
        }

    @property
    def preferences(self) -> Preferences | None:
        """Return what was answered since the run began; None if nothing was."""
        if len(self.answered_so_far) > 1:
            self.answered_so_far = [Preferences.cat(self.answered_so_far)]
        return self.answered_so_far[0] if self.answered_so_far else None

    def run_comparisons(
        self, rater: Rater, learner: JudgedLearner, steps: int, num_steps: int
    ) -> dict[str, float | None]:
        """Let the rater compare the fragments of this rollout with recent ones; the budget is spread over all steps.

        Raises:
            UserError: If not all answers come at once.
        """
        parts = self.parts
        assert parts.recorder is not None  # where there is a rater, there is a recorder
        budget = parts.budget
        # budget steps / all steps, less what was spent so far
        due = math.ceil(budget.limit * min(steps / self.cfg.steps, 1.0)) - (budget.limit - budget.left)
        starts = parts.recorder.fragments(num_steps)
        fragments = parts.recorder.segments(starts, num_steps, truth=False)
        whole = (fragments.length == num_steps) | fragments.terminated
        comparisons = learner.propose_comparisons(starts.cpu(), whole.cpu(), max(due, 0))
        if not len(comparisons):
            return {}
        options = parts.recorder.segments(comparisons, num_steps).map(Tensor.cpu)
        rater.submit(budget.ask(Queries.of(options, first_id=budget.num_asked, asked_at=steps)))
        answers = rater.collect()
        fresh = budget.receive(answers) if answers else None
        counts = {} if fresh is None else self.ingest(without_pictures(fresh), steps)
        if fresh is None or len(fresh) < len(options):
            raise UserError(f"--reward {self.cfg.reward} needs a rater who answers at once, unlike {self.cfg.rater}.")
        learner.record_outcomes(fresh[fresh.query_id.argsort()].answers)
        return counts

    def fit_reward(self, preferences: Preferences) -> FitReport:
        """Fit the learner, and relabel what is remembered."""
        report: FitReport = self.parts.learner.fit(preferences)
        self.fit = report
        if isinstance(self.parts.agent, OffPolicyAgent):
            self.parts.agent.relabel(self.parts.learner)
        return report

    def ask(self, rater: Rater, num_queries: int, steps: int) -> None:
        """Submit queries; while no episode is long enough to draw from, they stay due."""
        parts = self.parts
        assert parts.recorder is not None  # where there is a rater, there is a recorder
        try:
            options = parts.sampler(parts.recorder, parts.learner, num_queries, parts.generator).map(Tensor.cpu)
        except NoSegmentError:
            return
        parts.schedule.mark_done(steps)
        parts.shown_so_far.append(options.without_truth())
        rater.submit(parts.budget.ask(Queries.of(options, first_id=parts.budget.num_asked, asked_at=steps)))

    def learned_reward(self, rollout: Any) -> torch.Tensor:  # noqa: ANN401
        """Return what the learner thinks of each step; zeros before the first fit. Shape: (T, N)."""
        if not self.has_reward:
            return torch.zeros_like(rollout.reward)
        learner = self.parts.learner
        if isinstance(learner, JudgedLearner):
            fragments, fragment = rollout.fragments()
            return win_rate_reward(learner, fragments)[fragment]
        return learned_reward(learner, rollout.steps())

    def evaluate(self, episodes: int) -> Evaluation:
        """Measure the true return of the present policy."""
        if episodes not in self._eval_envs:
            self._eval_envs[episodes] = make_evaluation_env(self.parts.source, episodes, self.cfg.num_threads)
        return evaluate(self.parts.agent, self._eval_envs[episodes])

    def keep_policy(self) -> None:
        """Write the present policy beside those of earlier evaluations."""
        with writing(self.run.path):
            self.parts.agent.save(self.run.folder("policies") / str(self.steps))

    def save(self) -> None:
        """Write a checkpoint; a run of which a part cannot tell its state has none."""
        if stateless(self.parts):
            return
        recorder = self.parts.recorder
        shard, horizon = (None, 0) if recorder is None else (Shard(*recorder.shard()), recorder.horizon)
        self.checkpoints.save(self.steps, self.state_dict(), shard, horizon)

    def state_dict(self) -> State:
        """Return the state to resume from, but for what the recorder has in shards."""
        return {
            **{name: part.state_dict() for name, part in self.parts.stateful_parts().items()},
            "steps": self.steps,
            "generator": self.parts.generator.get_state(),
            "asked": {str(number): pack_segments(options) for number, options in enumerate(self.parts.shown_so_far)},
            "preferences": None if self.preferences is None else pack_preferences(self.preferences),
            "fit": None if self.fit is None else self.fit.state_dict(),
            "returns": self.returns.state_dict(),
            "health": self.health.state_dict(),
            "given": self.initial_seal,
            "run": self.run.state_dict(),
        }

    def resume(self, which: Which) -> None:
        """Go on from a checkpoint; from the beginning if the run was stopped before its first.

        Raises:
            UserError: If a part does not tell its state, or the checkpoint is damaged.
        """
        if names := stateless(self.parts):
            raise UserError(f"{self.run.path} cannot be resumed: {' and '.join(names)} cannot tell the state.")
        loaded = self.checkpoints.load(which)
        if loaded is None:
            self.answers.check(None, mend=True)
            self.run.rewind({}, 0)
            self.begin()
            return
        state, shards = loaded
        for name, part in self.parts.stateful_parts().items():
            part.load_state_dict(state[name])
        if self.parts.recorder is not None:
            self.parts.recorder.load_shards(shards)
        self.steps = state["steps"]
        self.parts.generator.set_state(state["generator"])
        self.parts.shown_so_far[:] = [unpack_segments(arrays) for arrays in state["asked"].values()]
        self.initial_preferences = self.read_initial_preferences()
        if self.initial_seal != state["given"]:
            raise DamageError(f"{initial_folder(self.run.path)} is not what the run began with.")
        self.answered_so_far = [] if state["preferences"] is None else [unpack_preferences(state["preferences"])]
        self._num_ties = sum(int(answered.answers.tie.sum()) for answered in self.answered_so_far)
        self.fit = None if state["fit"] is None else FitReport.from_state(state["fit"])
        self.returns.load_state_dict(state["returns"])
        self.health.load_state_dict(state["health"])
        mend = which == "previous"
        self.answers.check(self.preferences, mend=mend)
        self.run.rewind(state["run"], self.steps, mend=mend)

    def outcome(self) -> Outcome:
        """Evaluate the last policy and hand everything over."""
        evaluation = self.evaluate(self.cfg.eval.final_episodes)
        self.run.log(self.steps, dict(evaluation.metrics()))
        return Outcome(steps=self.steps, evaluation=evaluation, preferences=self.preferences, fit=self.fit)
