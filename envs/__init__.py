"""The tasks: what is simulated, seen, paid and final."""

from typing import TYPE_CHECKING

from prefgym.envs.control import INVERTED_DOUBLE_PENDULUM as INVERTED_DOUBLE_PENDULUM
from prefgym.envs.control import INVERTED_PENDULUM as INVERTED_PENDULUM
from prefgym.envs.control import PUSHER as PUSHER
from prefgym.envs.control import REACHER as REACHER
from prefgym.envs.locomotion import ANT as ANT
from prefgym.envs.locomotion import HALF_CHEETAH as HALF_CHEETAH
from prefgym.envs.locomotion import HOPPER as HOPPER
from prefgym.envs.locomotion import HUMANOID as HUMANOID
from prefgym.envs.locomotion import HUMANOID_STANDUP as HUMANOID_STANDUP
from prefgym.envs.locomotion import SWIMMER as SWIMMER
from prefgym.envs.locomotion import WALKER2D as WALKER2D
from prefgym.sim.task import TaskSpec

if TYPE_CHECKING:
    from prefgym.experts import Expert, Level

_LOCOMOTION = (ANT, HALF_CHEETAH, HOPPER, HUMANOID, HUMANOID_STANDUP, SWIMMER, WALKER2D)
_CONTROL = (INVERTED_DOUBLE_PENDULUM, INVERTED_PENDULUM, PUSHER, REACHER)

TASKS: dict[str, TaskSpec] = {task.name: task for task in (*_LOCOMOTION, *_CONTROL)}
"""All tasks by name."""


def expert(env_id: str, level: "Level" = "expert") -> "Expert":
    """Load the expert that ships with prefgym for a task; `level="medium"` has about half its return.

    Raises:
        UserError: If there is none.
    """
    from prefgym.experts import load_expert

    return load_expert(env_id, level)


__all__ = [
    "ANT",
    "HALF_CHEETAH",
    "HOPPER",
    "HUMANOID",
    "HUMANOID_STANDUP",
    "INVERTED_DOUBLE_PENDULUM",
    "INVERTED_PENDULUM",
    "PUSHER",
    "REACHER",
    "SWIMMER",
    "TASKS",
    "WALKER2D",
    "expert",
]

if __name__ != "prefgym.envs":
    raise ImportError("import prefgym.envs; envs/ is only its folder")
