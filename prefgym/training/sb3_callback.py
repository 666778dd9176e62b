"""A callback that makes a training of Stable-Baselines3 preference-based."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from stable_baselines3.common.callbacks import BaseCallback

from prefgym import raters, rewards, samplers
from prefgym.buffers.recorder import RecorderCfg
from prefgym.common.errors import UserError
from prefgym.common.registry import Kind
from prefgym.core import contact
from prefgym.core.capabilities import Capability, capabilities_of
from prefgym.core.context import LearnerContext, RaterContext, SamplerContext
from prefgym.core.feedback import Feedback
from prefgym.core.protocols import Learner, NoSegmentError, Rater, Sampler
from prefgym.core.queries import Queries
from prefgym.core.segments import Segments
from prefgym.data.tables import save_preferences
from prefgym.evaluation.experts import find_expert
from prefgym.raters.immediate import as_rater
from prefgym.training.budget import Budget, Schedule, ScheduleCfg
from prefgym.training.kinds import check_kinds, with_num_options
from prefgym.training.resolve import Resolved, resolve
from prefgym.wrappers.sb3_learned import LearnedRewardVecEnv, recorded_env, relabel_model


class PreferenceCallback(BaseCallback):
    """Let a model of Stable-Baselines3 learn from preferences in the place of the reward of its environments.

        model = SAC("MlpPolicy", "Hopper-v5")
        model.learn(100_000, callback=PreferenceCallback(rater="oracle", budget=200))

    The callback wraps the environments of the model in place: they return 0 until the first fit, and then the learned
    reward. After each fit, the replay buffer is relabelled, or the latest rollout. `Monitor` lies beneath, so that
    SB3's `rollout/ep_rew_mean` and `evaluate_policy` still show the task reward. The wrapper stays when the training
    is over; a further `learn` with the same callback goes on with its budget.
    """

    def __init__(
        self,
        rater: object = "oracle",
        budget: int = 500,
        *,
        reward: object = "ensemble",
        sampler: object = "disagreement",
        schedule: ScheduleCfg | None = None,
        recorder: RecorderCfg | None = None,
        preferences: Path | str | None = None,
        seed: int = 0,
        verbose: int = 0,
    ) -> None:
        """Resolve the parts, each a name, a configuration, a class or an object, as for `prefgym.train`.

        Args:
            rater: Part that answers queries; a function from `Queries` to `Preferences` is a rater too.
            budget: Most queries that are submitted to the rater.
            reward: Reward learner, which is fitted to the answers.
            sampler: Part that chooses the segments of each query.
            schedule: When sessions are held, as shares of the steps of `learn`.
            recorder: Capacity of the recorder.
            preferences: Name of files to which all answers are written whenever some arrive; None for no files.
            seed: Seed of reward, sampler and rater.
            verbose: As in SB3.

        Raises:
            UserError: If there is no rater, or the budget is not positive.
            UnknownNameError: If a part is not registered.
        """
        super().__init__(verbose)
        if budget < 1:
            raise UserError(f"the budget must be 1 query or more, not {budget}.")
        kinds: tuple[tuple[Kind, object], ...] = (("rater", rater), ("reward", reward), ("sampler", sampler))
        self._parts = {kind: resolve(kind, choice) for kind, choice in kinds}
        if self._parts["rater"].name == "none":
            raise UserError("without a rater there is nothing to learn from: pass one, or leave the callback out.")
        if self._parts["rater"].name == "human":
            raise UserError("people are asked by prefgym train --rater human, and not from this callback.")
        self._schedule_cfg, self._recorder_cfg = schedule or ScheduleCfg(), recorder
        self._seeds = [int(seed) for seed in np.random.SeedSequence(seed).generate_state(3)]
        self._file = None if preferences is None else Path(preferences)
        self.budget = Budget(budget)
        self._env: LearnedRewardVecEnv | None = None
        self._answers: list[Feedback] = []
        self._shown: list[Segments] = []

    @property
    def reward(self) -> Learner:
        """Return the reward learner.

        Raises:
            UserError: If `learn` has not begun.
        """
        if self._env is None:
            raise UserError("there is no reward before learn().")
        return self._learner

    @property
    def env(self) -> LearnedRewardVecEnv:
        """Return the wrapper that records the environments and returns the learned reward.

        Raises:
            UserError: If `learn` has not begun.
        """
        if self._env is None:
            raise UserError("there are no environments before learn().")
        return self._env

    @property
    def preferences(self) -> Feedback | None:
        """Return all queries with their answers; None before the first."""
        return Feedback.cat(self._answers) if self._answers else None

    def _init_callback(self) -> None:
        env = recorded_env(self.model, self._recorder_cfg)
        if self._env is None:
            self._build(env)
        elif env is not self._env:  # the model was given other environments
            env.learner = self._env.learner
        self._env = env

    def _build(self, env: LearnedRewardVecEnv) -> None:
        reward_seed, sampler_seed, rater_seed = self._seeds
        context = LearnerContext(env=env, seed=reward_seed, device=str(self.model.device))  # pyright: ignore[reportArgumentType] - it has spaces
        self._learner: Learner = _made(self._parts["reward"], rewards.build, context)
        if capabilities_of(self._learner) & {Capability.SELF_PLAY, Capability.JUDGED}:
            raise UserError(f"reward {self._parts['reward'].name!r} compares whole rollouts: pass reward='ensemble'.")
        facts = RaterContext(
            seed=rater_seed,
            step_return=env.recorder.step_return,
            policy=self.model,
            make_expert=lambda: find_expert(str(getattr(env.get_attr("spec")[0], "id", ""))),
        )
        try:
            self._rater: Rater = as_rater(_made(self._parts["rater"], raters.build, facts))
        except ValueError as error:
            reason = str(error).rstrip(".")
            raise UserError(f"rater {self._parts['rater'].name!r} cannot judge here: {reason}.") from error
        check_kinds(self._parts["rater"].name, self._rater, self._parts["reward"].name, self._learner)
        sampler, shown = self._parts["sampler"], SamplerContext(asked=lambda: _together(self._shown))
        settings = with_num_options(sampler.cfg, self._rater, is_made=sampler.part is not None)
        self._sampler: Sampler = _made(replace(sampler, cfg=settings), samplers.build, shown)
        self._generator = torch.Generator().manual_seed(sampler_seed)

    def _on_training_start(self) -> None:
        self._start = self.num_timesteps
        steps = int(self.locals["total_timesteps"]) - self._start
        self._schedule = Schedule(self._schedule_cfg, max(self.budget.left, 1), max(steps, 1))

    def _on_step(self) -> bool:
        return True

    def _on_rollout_end(self) -> None:
        rollout, steps = self.env.take(), self.num_timesteps - self._start
        if num_queries := self._schedule.due(steps, self.budget.left):
            self._submit(num_queries, steps)
        answers = contact.collect(self._rater, self.budget.num_asked)
        fresh = None if answers is None else self.budget.receive(answers)
        if fresh is None:
            return
        self._answers.append(fresh)
        everything = Feedback.cat(self._answers)
        if self._file is not None:
            save_preferences(self._file, everything)
        self.logger.record("feedback/num_asked", self.budget.num_asked)
        self.logger.record("feedback/num_answers", self.budget.num_answered)
        if not everything.num_answered:  # all skipped so far: nothing to fit
            return
        report = contact.fit(self._learner, everything.current())
        for name, value in report.metrics().items():
            self.logger.record(name, value)
        relabel_model(self.model, self._learner, rollout, is_first=self.env.learner is None)
        self.env.learner = self._learner

    def _submit(self, num_queries: int, steps: int) -> None:
        """Submit the queries that are due; they stay due while no episode is long enough for a segment."""
        try:
            options = contact.sample(self._sampler, self.env.recorder, self._learner, num_queries, self._generator)
        except NoSegmentError:
            return
        self._schedule.mark_done(steps)
        self._shown.append(options.without_truth())
        queries = Queries.of(options, first_id=self.budget.num_asked, asked_at=self.num_timesteps)
        contact.submit(self._rater, self.budget.ask(queries))

    def _on_training_end(self) -> None:
        if not self.budget.num_answered:
            asked = f"{self.budget.num_asked} queries were asked, and none was answered"
            print(f"nothing was learned: {asked}; all rewards were 0", file=sys.stderr)


def _together(shown: list[Segments]) -> Segments | None:
    """Return the options of all queries as one batch; None before the first query."""
    return Segments.cat(shown) if shown else None


def _made(part: Resolved, build: Any, context: object) -> Any:  # noqa: ANN401 - each kind has its own type
    """Return a part: the object that was given, or one made from its configuration."""
    return build(part.name, part.cfg, context) if part.part is None else part.part
