"""The tasks: their models, observations, rewards and final states."""

from typing import TYPE_CHECKING

from prefgym.envs.control import INVERTED_DOUBLE_PENDULUM as INVERTED_DOUBLE_PENDULUM
from prefgym.envs.control import INVERTED_PENDULUM as INVERTED_PENDULUM
from prefgym.envs.control import PUSHER as PUSHER
from prefgym.envs.control import REACHER as REACHER
from prefgym.envs.humanoid import HUMANOID as HUMANOID
from prefgym.envs.humanoid import HUMANOID_NEWTON as HUMANOID_NEWTON
from prefgym.envs.humanoid import HUMANOID_STANDUP as HUMANOID_STANDUP
from prefgym.envs.humanoid import HUMANOID_STANDUP_NEWTON as HUMANOID_STANDUP_NEWTON
from prefgym.envs.language_tasks import ANT_CIRCLE as ANT_CIRCLE
from prefgym.envs.language_tasks import HALF_CHEETAH_BACKFLIP as HALF_CHEETAH_BACKFLIP
from prefgym.envs.language_tasks import HOPPER_BACKFLIP as HOPPER_BACKFLIP
from prefgym.envs.language_tasks import HUMANOID_KNEEL as HUMANOID_KNEEL
from prefgym.envs.language_tasks import HUMANOID_LOTUS as HUMANOID_LOTUS
from prefgym.envs.language_tasks import HUMANOID_SPLITS as HUMANOID_SPLITS
from prefgym.envs.language_tasks import WALKER2D_ONE_LEG as WALKER2D_ONE_LEG
from prefgym.envs.locomotion import ANT as ANT
from prefgym.envs.locomotion import HALF_CHEETAH as HALF_CHEETAH
from prefgym.envs.locomotion import HOPPER as HOPPER
from prefgym.envs.locomotion import SWIMMER as SWIMMER
from prefgym.envs.locomotion import WALKER2D as WALKER2D
from prefgym.sim.task import TaskSpec

if TYPE_CHECKING:
    from prefgym.evaluation.experts import Expert, Level

_LOCOMOTION = (ANT, HALF_CHEETAH, HOPPER, HUMANOID, HUMANOID_STANDUP, SWIMMER, WALKER2D)
_CONTROL = (INVERTED_DOUBLE_PENDULUM, INVERTED_PENDULUM, PUSHER, REACHER)

TASKS: dict[str, TaskSpec] = {task.name: task for task in (*_LOCOMOTION, *_CONTROL)}
"""The tasks with a reward, by name: those of Gymnasium."""

_MOTIONS = (HALF_CHEETAH_BACKFLIP, HOPPER_BACKFLIP, WALKER2D_ONE_LEG, ANT_CIRCLE)
_POSTURES = (HUMANOID_KNEEL, HUMANOID_LOTUS, HUMANOID_SPLITS)

LANGUAGE_TASKS: dict[str, TaskSpec] = {task.name: task for task in (*_MOTIONS, *_POSTURES)}
"""The tasks without a reward, by name; raters judge them by pictures and a task description."""

VARIANTS: dict[str, TaskSpec] = {task.name: task for task in (HUMANOID_NEWTON, HUMANOID_STANDUP_NEWTON)}
"""Tasks that differ from Gymnasium's in their physics, so that GPUs can simulate them; by name."""


def expert(env_id: str, level: "Level" = "expert") -> "Expert":
    """Load the expert that ships with prefgym for a task; `level="medium"` has about half its return.

    Raises:
        UserError: If there is none.
    """
    from prefgym.evaluation.experts import load_expert

    return load_expert(env_id, level)


__all__ = [
    "ANT",
    "ANT_CIRCLE",
    "HALF_CHEETAH",
    "HALF_CHEETAH_BACKFLIP",
    "HOPPER",
    "HOPPER_BACKFLIP",
    "HUMANOID",
    "HUMANOID_KNEEL",
    "HUMANOID_LOTUS",
    "HUMANOID_NEWTON",
    "HUMANOID_SPLITS",
    "HUMANOID_STANDUP",
    "HUMANOID_STANDUP_NEWTON",
    "INVERTED_DOUBLE_PENDULUM",
    "INVERTED_PENDULUM",
    "LANGUAGE_TASKS",
    "PUSHER",
    "REACHER",
    "SWIMMER",
    "TASKS",
    "VARIANTS",
    "WALKER2D",
    "WALKER2D_ONE_LEG",
    "expert",
]

if __name__ != "prefgym.envs":
    raise ImportError("import prefgym.envs; envs/ is only its folder")
