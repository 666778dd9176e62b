"""Sources of data for the training loop: environments to act in, or recorded data."""

from typing import cast

import torch

from prefgym.common.errors import DamageError, UserError
from prefgym.common.states import State
from prefgym.core import contact
from prefgym.core.capabilities import Capability, capabilities_of
from prefgym.core.protocols import Agent, OffPolicyAgent
from prefgym.core.rollout import EpisodeReturns
from prefgym.rl.offline import OfflineAgent
from prefgym.runs.checkpoints import Shard
from prefgym.runs.folder import RunFolder
from prefgym.training.config import OfflineCfg, TrainCfg
from prefgym.training.envs import source_of
from prefgym.training.extension import Course
from prefgym.training.feedback import make_feedback
from prefgym.training.history import FeedbackHistory
from prefgym.training.parts import Advance, Metrics, Parts, stateless


class OnlineSource:
    """Collects rollouts, rewards them by feedback, and updates the agent."""

    unit = "steps"

    def __init__(self, cfg: TrainCfg, parts: Parts, run: RunFolder) -> None:
        """Start with no steps.

        Args:
            cfg: Configuration of the run.
            parts: Parts of the run.
            run: Run folder, for the log of answers.
        """
        self.parts, self.total, self.steps = parts, cfg.steps, 0
        self.course = Course(cfg.steps, cfg.budget, cfg.extensions)
        self.env_source = parts.source
        self.returns = EpisodeReturns()
        is_outside = Capability.OUTSIDE in capabilities_of(parts.rater)
        self.history = FeedbackHistory(
            run.path, parts.budget, has_initial=cfg.preferences is not None, repeats=is_outside
        )
        self.feedback = make_feedback(cfg, parts, self.history, self.returns)

    @property
    def agent(self) -> Agent:
        """Return the agent in training."""
        return self.parts.agent

    @property
    def num_answers(self) -> int | None:
        """Return the number of answers so far; None without a rater."""
        return None if self.parts.rater is None else self.parts.budget.num_answered

    @property
    def place(self) -> str:
        """Return the point of the training in words, for error messages."""
        return f"in the rollout after {self.steps:,} steps"

    def begin(self) -> Metrics:
        """Fit the reward to the initial preferences, if there are any.

        Raises:
            UserError: If they are damaged.
        """
        self.history.check(mend=True)  # of a run that was stopped before its first checkpoint
        self.history.find_used(0)
        self.history.read_initial()
        return self.feedback.begin()

    def advance(self) -> Advance:
        """Collect a rollout, reward it, and update the agent; before the first fit, only store it."""
        agent = self.parts.agent
        rollout = contact.rollout_of(agent, self.parts.env)
        reward, session = self.feedback.after_rollout(rollout, self.steps + rollout.num_steps)
        learning: Metrics = {}
        if reward is not None:
            rollout = rollout.with_reward(reward)
            learning |= contact.update(agent, rollout, self.course.progress(self.steps))
            self.returns.add(rollout)
            learning["rollout/ep_rew_mean"] = self.returns.mean
        elif Capability.OFF_POLICY in capabilities_of(agent):
            unrewarded = rollout.with_reward(torch.zeros_like(rollout.reward))
            learning |= cast(OffPolicyAgent, agent).explore(unrewarded)
        self.steps += rollout.num_steps
        return Advance(session=session, learning=learning)

    def finish(self) -> None:
        """Check that there was something to learn from.

        Raises:
            UserError: If there is a rater, and the sampler found no segment.
        """
        parts = self.parts
        if parts.rater is not None and parts.budget.num_asked == 0 and self.history.initial is None:
            raise UserError(
                f"No query could be sampled: the sampler found no segment in {self.steps:,} steps of "
                f"{parts.env.num_envs} environments: lower --sampler.segment-length or --schedule.first, or raise "
                "--steps or --sampler.recent-steps."
            )

    def stateless(self) -> list[str]:
        """List the parts without a state to save."""
        return stateless(self.parts)

    def shard(self) -> tuple[Shard | None, int]:
        """Return what was recorded since the last call, and how far back records are still needed."""
        recorder = self.parts.recorder
        return (None, 0) if recorder is None else (Shard(*recorder.shard()), recorder.horizon)

    def state_dict(self) -> State:
        """Return the state to resume from, except for the recorded steps, which are in shards."""
        return {
            **{name: part.state_dict() for name, part in self.parts.stateful_parts().items()},
            **self.feedback.state_dict(),
            **self.history.state_dict(),
            "steps": self.steps,
            "generator": self.parts.generator.get_state(),
            "returns": self.returns.state_dict(),
        }

    def resume(self, state: State, shards: list[State], *, mend: bool) -> None:
        """Restore the state that `state_dict` and `shard` returned; see `Source`.

        Raises:
            UserError: If initial preferences or the log of answers have changed.
        """
        for name, part in self.parts.stateful_parts().items():
            part.load_state_dict(state[name])
        if self.parts.recorder is not None:
            self.parts.recorder.load_shards(shards)
        self.steps = state["steps"]
        self.parts.generator.set_state(state["generator"])
        self.feedback.load_state_dict(state)
        self.history.load_state_dict(state)
        self.returns.load_state_dict(state["returns"])
        self.history.check(mend=mend)
        self.history.find_used(self.steps)


class OfflineSource:
    """Updates an offline agent, which holds its recorded data."""

    unit = "updates"
    num_answers = None

    def __init__(self, cfg: OfflineCfg, agent: OfflineAgent, seal: dict[str, str]) -> None:
        """Start with no updates.

        Args:
            cfg: Configuration of the run.
            agent: Offline agent with its data.
            seal: Checksums of the files of the dataset, which a resumed run compares.
        """
        self.agent, self.seal, self.dataset, self.total = agent, seal, cfg.dataset, cfg.updates
        self.env_source = source_of(cfg)
        self.course = Course(cfg.updates, 0, cfg.extensions)
        self.grid = cfg.eval.every, cfg.checkpoint.every

    @property
    def steps(self) -> int:
        """Return the updates so far."""
        return self.agent.num_timesteps

    @property
    def place(self) -> str:
        """Return the point of the training in words, for error messages."""
        return f"after {self.steps:,} updates"

    def begin(self) -> Metrics:
        """Return no metrics."""
        return {}

    def advance(self) -> Advance:
        """Take some updates, at most up to the next evaluation or checkpoint."""
        at_once = min(every - self.steps % every for every in self.grid)
        left, done = self.total - self.steps, self.course.progress(self.steps)
        return Advance(learning={**self.agent.advance(left, done, at_once=at_once)})

    def finish(self) -> None:
        """Check nothing: an offline agent always has data."""

    def stateless(self) -> list[str]:
        """Return an empty list: all offline agents have a state."""
        return []

    def shard(self) -> tuple[Shard | None, int]:
        """Return no shard: nothing is recorded."""
        return None, 0

    def state_dict(self) -> State:
        """Return the state to resume from."""
        return {"agent": self.agent.state_dict(), "dataset": self.seal}

    def resume(self, state: State, shards: list[State], *, mend: bool) -> None:
        """Restore the state that `state_dict` returned; see `Source`.

        Raises:
            DamageError: If the files of the dataset have changed.
        """
        del shards, mend
        if state["dataset"] != self.seal:
            raise DamageError(f"the dataset {self.dataset} has changed since the run began.")
        self.agent.load_state_dict(state["agent"])
