"""Sources of data for the driver: environments to act in, or records."""

from typing import cast

import torch

from prefgym.common.errors import DamageError, UserError
from prefgym.common.states import State
from prefgym.core.capabilities import Capability, capabilities_of
from prefgym.core.protocols import Agent, OffPolicyAgent
from prefgym.core.rollout import EpisodeReturns
from prefgym.rl.offline import OfflineAgent
from prefgym.runs.checkpoints import Shard
from prefgym.runs.folder import RunFolder
from prefgym.training.config import OfflineCfg, TrainCfg
from prefgym.training.envs import source_of
from prefgym.training.feedback import make_feedback
from prefgym.training.history import FeedbackHistory
from prefgym.training.parts import Advance, Metrics, Parts, stateless


class OnlineSource:
    """Acts in environments, gets a reward by feedback, and updates the agent with it."""

    unit = "steps"

    def __init__(self, cfg: TrainCfg, parts: Parts, run: RunFolder) -> None:
        """Start with no steps.

        Args:
            cfg: Of the run.
            parts: What takes part in it.
            run: Where answers are logged.
        """
        self.parts, self.total, self.steps = parts, cfg.steps, 0
        self.env_source = parts.source
        self.returns = EpisodeReturns()
        self.history = FeedbackHistory(run.path, parts.budget, has_initial=cfg.preferences is not None)
        self.feedback = make_feedback(cfg, parts, self.history, self.returns)

    @property
    def agent(self) -> Agent:
        """Return the policy that is trained."""
        return self.parts.agent

    @property
    def place(self) -> str:
        """Say in words where the training is."""
        return f"in the rollout after {self.steps:,} steps"

    def begin(self) -> Metrics:
        """Fit the reward to the initial preferences, if there are any.

        Raises:
            UserError: If they are damaged.
        """
        self.history.check(mend=True)  # of a run that was stopped before its first checkpoint
        self.history.read_initial()
        return self.feedback.begin()

    def advance(self) -> Advance:
        """Collect a rollout, reward it, and update the agent; without a reward yet, only remember it."""
        agent = self.parts.agent
        rollout = agent.collect(self.parts.env)
        reward, session = self.feedback.after_rollout(rollout, self.steps + rollout.num_steps)
        learning: Metrics = {}
        if reward is not None:
            rollout = rollout.with_reward(reward)
            learning |= agent.update(rollout, self.steps / self.total)
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
            UserError: If there is a rater, and nothing could be asked.
        """
        parts = self.parts
        if parts.rater is not None and parts.budget.num_asked == 0 and self.history.initial is None:
            raise UserError(
                f"Nothing could be asked: the sampler found no segment in {self.steps:,} steps of {parts.env.num_envs} "
                "worlds; lower --segment-length or --schedule.first, or raise --steps or --sampler.recent-steps."
            )

    def stateless(self) -> list[str]:
        """Name the parts that have no state to save."""
        return stateless(self.parts)

    def shard(self) -> tuple[Shard | None, int]:
        """Return what was recorded since the last call, and how far back records are still needed."""
        recorder = self.parts.recorder
        return (None, 0) if recorder is None else (Shard(*recorder.shard()), recorder.horizon)

    def state_dict(self) -> State:
        """Return the state to resume from, but for what the recorder has in shards."""
        return {
            **{name: part.state_dict() for name, part in self.parts.stateful_parts().items()},
            **self.feedback.state_dict(),
            **self.history.state_dict(),
            "steps": self.steps,
            "generator": self.parts.generator.get_state(),
            "returns": self.returns.state_dict(),
        }

    def resume(self, state: State, shards: list[State], *, mend: bool) -> None:
        """Go on from what `state_dict` and `shard` returned; see `Source`.

        Raises:
            UserError: If initial preferences or the log of answers are not what they were.
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


class OfflineSource:
    """Lets an agent learn from records, which it already has."""

    unit = "updates"

    def __init__(self, cfg: OfflineCfg, agent: OfflineAgent, seal: dict[str, str]) -> None:
        """Start with no updates.

        Args:
            cfg: Of the run.
            agent: Made with its data.
            seal: Checksums of the dataset's files, which must be the same when the run is resumed.
        """
        self.agent, self.seal, self.dataset, self.total = agent, seal, cfg.dataset, cfg.updates
        self.env_source = source_of(cfg)
        self.grid = cfg.eval.every, cfg.checkpoint.every

    @property
    def steps(self) -> int:
        """Return the updates so far."""
        return self.agent.num_timesteps

    @property
    def place(self) -> str:
        """Say in words where the training is."""
        return f"after {self.steps:,} updates"

    def begin(self) -> Metrics:
        """Log nothing before the first update."""
        return {}

    def advance(self) -> Advance:
        """Take some updates, at most up to the next evaluation or checkpoint."""
        at_once = min(every - self.steps % every for every in self.grid)
        left, done = self.total - self.steps, self.steps / self.total
        return Advance(learning={**self.agent.advance(left, done, at_once=at_once)})

    def finish(self) -> None:
        """Check nothing: the agent has learned from all that it was made with."""

    def stateless(self) -> list[str]:
        """Name nothing: all offline agents have a state."""
        return []

    def shard(self) -> tuple[Shard | None, int]:
        """Return nothing: nothing is recorded."""
        return None, 0

    def state_dict(self) -> State:
        """Return the state to resume from."""
        return {"agent": self.agent.state_dict(), "dataset": self.seal}

    def resume(self, state: State, shards: list[State], *, mend: bool) -> None:
        """Go on from what `state_dict` returned; see `Source`.

        Raises:
            DamageError: If the dataset is no longer what it was.
        """
        del shards, mend
        if state["dataset"] != self.seal:
            raise DamageError(f"the dataset {self.dataset} is not what it was when the run began.")
        self.agent.load_state_dict(state["agent"])
