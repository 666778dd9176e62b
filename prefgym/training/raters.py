"""Build the rater, with the facts of the task and of the agent that it may know."""

from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from gymnasium.vector import VectorEnv

from prefgym import raters
from prefgym.buffers.base_recorder import BaseRecorder
from prefgym.common.errors import UnknownNameError, UserError
from prefgym.core.context import RaterContext
from prefgym.core.protocols import Drawer, Policy, Rater
from prefgym.data.recorded import recorded
from prefgym.evaluation.experts import Expert, find_expert
from prefgym.sim.capabilities import has_task_reward, physics_of, task_description_of
from prefgym.sim.continuation import Simulator
from prefgym.sim.metric_counter import MetricCounter
from prefgym.sim.source import EnvSource
from prefgym.sim.task import TaskSpec
from prefgym.video.pictures import Pictures

FPS = 20.0
"""Steps a second of environments that do not say."""


@runtime_checkable
class ExpertSettings(Protocol):
    """Settings of a rater that uses an expert."""

    @property
    def expert_file(self) -> Path | None:
        """Return the file of the expert; None for the expert of the task."""
        ...


@runtime_checkable
class RecordedSettings(Protocol):
    """Settings of a rater that gives recorded answers again."""

    @property
    def run(self) -> Path | None:
        """Return what holds them; None for nothing."""
        ...


@runtime_checkable
class GoldSettings(Protocol):
    """Settings of a rater that asks questions whose answers are known."""

    @property
    def gold(self) -> Path | None:
        """Return what holds them; None for nothing."""
        ...


def make_rater(
    name: str,
    cfg: object,
    env_id: str,
    env: VectorEnv[Any, Any, Any],
    recorder: BaseRecorder,
    *,
    source: EnvSource | None = None,
    policy: Policy | None,
    num_threads: int,
    seed: int,
) -> Rater:
    """Build the rater.

    Args:
        name: Registered name.
        cfg: Settings of the rater.
        env_id: Name of the environment.
        env: Environments of that name.
        recorder: Recorder of the segments.
        source: Builder of further environments, for whoever draws segments; None if segments cannot be drawn.
        policy: The agent in training, if there is one.
        num_threads: Threads of a rater that simulates.
        seed: Seed of the rater.

    Raises:
        UnknownNameError: If there is no such rater, or its constructor asks for something that nothing offers.
        UserError: If the settings do not fit the task.
    """
    context = rater_context(
        env_id, env, recorder, source=source, policy=policy, num_threads=num_threads, seed=seed,
        expert_file=cfg.expert_file if isinstance(cfg, ExpertSettings) else None,
        recorded_in=_recorded_in(cfg),
    )  # fmt: skip
    try:
        return raters.build(name, cfg, context)
    except UnknownNameError:  # says itself which name it is
        raise
    except ValueError as error:
        raise UserError(f"rater {name!r} cannot judge {env_id}: {str(error).rstrip('.')}.") from error


def _recorded_in(cfg: object) -> Path | None:
    """Return what holds the recorded answers that the settings of a rater name."""
    if isinstance(cfg, RecordedSettings):
        return cfg.run
    return cfg.gold if isinstance(cfg, GoldSettings) else None


def rater_context(
    env_id: str,
    env: VectorEnv[Any, Any, Any],
    recorder: BaseRecorder,
    *,
    source: EnvSource | None = None,
    policy: Policy | None,
    num_threads: int,
    seed: int,
    expert_file: Path | None = None,
    recorded_in: Path | None = None,
) -> RaterContext:
    """Collect the facts that a rater may know; arguments as in `make_rater`, the file of an expert, and answers."""
    task: Any = getattr(env.unwrapped, "task", None)
    spec = task if isinstance(task, TaskSpec) else None  # only tasks of prefgym have one

    def make_expert() -> Expert | None:
        return Expert.load(expert_file, env_id) if expert_file else find_expert(env_id)

    def make_simulator() -> Simulator | None:
        return Simulator(spec, num_threads=num_threads) if spec and recorder.has_states else None

    def make_metric() -> MetricCounter | None:
        if spec is None or spec.metric is None or not recorder.has_states:
            return None
        return MetricCounter(spec, num_threads=num_threads)

    def make_drawer() -> Drawer | None:
        if source is None:
            return None
        from prefgym.video.drawing import drawer_of  # the video encoder takes long to import

        return drawer_of(source)

    return RaterContext(
        seed=seed,
        env_id=env_id,
        dt_s=spec.dt if spec else 1.0 / float(env.metadata.get("render_fps", FPS)),
        # demonstrations may have the reward of another task
        has_reward=recorder.has_reward and has_task_reward(env),
        task_description=task_description_of(env),
        step_return=recorder.step_return,
        factor_names=recorder.factor_names,
        ranking=task.ranking if task else (),
        safe_limit=spec.safe_limit if spec else None,
        policy=policy,
        render=Pictures(physics_of(env), env_id),
        make_expert=make_expert,
        make_recorded=lambda: None if recorded_in is None else recorded(recorded_in),
        make_simulator=make_simulator,
        make_metric=make_metric,
        make_drawer=make_drawer,
    )
