"""The tasks: what is simulated, seen, paid and final."""

from prefgym.envs.locomotion import HALF_CHEETAH as HALF_CHEETAH
from prefgym.envs.locomotion import HOPPER as HOPPER
from prefgym.envs.locomotion import WALKER2D as WALKER2D
from prefgym.sim.task import TaskSpec

TASKS: dict[str, TaskSpec] = {task.name: task for task in (HALF_CHEETAH, HOPPER, WALKER2D)}
"""All tasks by name."""

__all__ = ["HALF_CHEETAH", "HOPPER", "TASKS", "WALKER2D"]

if __name__ != "prefgym.envs":
    raise ImportError("import prefgym.envs; envs/ is only its folder")
