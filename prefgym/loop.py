"""The online loop: act, ask, fit, pay, update."""

from dataclasses import dataclass, replace
from typing import Any, cast

import torch
from gymnasium.vector import VectorEnv

from prefgym.budget import Budget, Schedule
from prefgym.buffers.rollout import EpisodeReturns
from prefgym.config import TrainCfg, UserError
from prefgym.evaluate import Evaluation, evaluate, make_evaluation_env
from prefgym.preferences import Preferences
from prefgym.progress import Progress
from prefgym.protocols import Agent, Learner, NoSegmentError, Rater, Sampler
from prefgym.queries import Queries
from prefgym.rewards.diagnostics import FitReport
from prefgym.runs import Run
from prefgym.segments import Segments
from prefgym.wrappers import PreferenceVectorEnv


@dataclass(eq=False, kw_only=True)
class Parts:
    """Everything that takes part in a run; without a rater the agent is paid the task reward."""

    env: VectorEnv[Any, Any, Any]
    agent: Agent
    rater: Rater | None
    sampler: Sampler
    learner: Learner
    budget: Budget
    schedule: Schedule
    generator: torch.Generator
    """Draws the queries."""
    asked: list[Segments]
    """What was asked about so far, for samplers that spread their questions."""


def train(cfg: TrainCfg, parts: Parts, run: Run) -> "Outcome":
    """Run the loop to its end, or until Ctrl-C; what was learned so far is in the outcome either way."""
    loop = Loop(cfg, parts, run)
    interrupted = False
    with Progress(cfg) as progress:
        try:
            loop.run_to_end(progress)
        except KeyboardInterrupt:
            interrupted = True
    return replace(loop.outcome(), interrupted=interrupted)


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

    def __init__(self, cfg: TrainCfg, parts: Parts, run: Run) -> None:
        self.cfg, self.parts, self.run = cfg, parts, run
        self.steps = 0
        self.preferences: Preferences | None = None
        self.fit: FitReport | None = None
        self.returns = EpisodeReturns()
        self._eval_envs: dict[int, VectorEnv[Any, Any, Any]] = {}

    def run_to_end(self, progress: Progress) -> None:
        """Act, ask, fit, pay and update until the steps are used up."""
        cfg, parts = self.cfg, self.parts
        while self.steps < cfg.steps:
            rollout = parts.agent.collect(parts.env)
            evaluation_is_due = self.steps // cfg.eval.every < (self.steps + rollout.num_steps) // cfg.eval.every
            metrics: dict[str, float | None] = {}
            if parts.rater is not None:
                metrics |= self.hold_session(parts.rater, self.steps + rollout.num_steps)
                rollout = rollout.pay(self.pay(rollout))
            if self.is_paid:  # before the first session there is nothing to learn from
                metrics |= parts.agent.update(rollout, self.steps / cfg.steps)
                self.returns.add(rollout)
                metrics["rollout/ep_rew_mean"] = self.returns.mean
            self.steps += rollout.num_steps
            if evaluation_is_due and self.steps < cfg.steps:
                metrics |= self.evaluate(cfg.eval.episodes).metrics()
            self.run.log(self.steps, metrics)
            progress.show(self.steps, metrics)
        if parts.rater is not None and parts.budget.num_asked == 0:
            raise UserError(
                f"Nothing could be asked: the sampler found no segment in {self.steps:,} steps of {parts.env.num_envs} "
                "worlds; lower --segment-length or --schedule.first, or raise --steps or --sampler.recent-steps."
            )

    @property
    def is_paid(self) -> bool:
        """Return whether there is a reward to learn from."""
        return self.parts.rater is None or self.fit is not None

    def hold_session(self, rater: Rater, steps: int) -> dict[str, float | None]:
        """Ask what is due, take in what was answered, and fit if anything was."""
        parts = self.parts
        if num_queries := parts.schedule.due(steps, parts.budget.left):
            self.ask(rater, num_queries, steps)
        answers = rater.collect()
        fresh = parts.budget.receive(answers) if answers else None
        if fresh is None:
            return {}
        self.preferences = Preferences.cat([self.preferences, fresh]) if self.preferences else fresh
        answered = self.preferences.answers
        counts = {
            "feedback/num_asked": parts.budget.num_asked,
            "feedback/num_answers": parts.budget.num_answered,
            "feedback/num_pending": parts.budget.num_pending,
            "feedback/tie_fraction": float(answered.tie.sum() / answered.answered.sum().clamp_min(1)),
            "feedback/session": parts.schedule.num_held,
        }
        if not answered.answered.any():  # all skipped so far: nothing to fit
            return counts
        report: FitReport = parts.learner.fit(self.preferences)
        self.fit = report
        return counts | report.metrics()

    def ask(self, rater: Rater, num_queries: int, steps: int) -> None:
        """Submit queries; while no episode is long enough to draw from, they stay due."""
        parts = self.parts
        recorder = cast(PreferenceVectorEnv, parts.env).recorder
        try:
            options = parts.sampler(recorder, parts.learner, num_queries, parts.generator)
        except NoSegmentError:
            return
        parts.schedule.hold(steps)
        parts.asked.append(options.without_truth())
        rater.submit(parts.budget.ask(Queries.of(options, first_id=parts.budget.num_asked, asked_at=steps)))

    def pay(self, rollout: Any) -> torch.Tensor:  # noqa: ANN401
        """Return what the learner thinks of each step; zeros before the first fit. Shape: (T, N)."""
        if not self.is_paid:
            return torch.zeros_like(rollout.reward)
        return self.parts.learner.reward(rollout.steps()).mean(0)[..., 0]

    def evaluate(self, episodes: int) -> Evaluation:
        """Measure the true return of the present policy."""
        if episodes not in self._eval_envs:
            self._eval_envs[episodes] = make_evaluation_env(self.cfg.env, episodes, self.cfg.num_threads)
        return evaluate(self.parts.agent, self._eval_envs[episodes])

    def outcome(self) -> Outcome:
        """Evaluate the last policy and hand everything over."""
        evaluation = self.evaluate(self.cfg.eval.final_episodes)
        self.run.log(self.steps, dict(evaluation.metrics()))
        return Outcome(steps=self.steps, evaluation=evaluation, preferences=self.preferences, fit=self.fit)
