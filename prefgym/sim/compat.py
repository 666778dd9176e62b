"""Fixes of other packages for MuJoCo 4; each one does nothing once the package has its own."""

from importlib import import_module
from importlib.util import find_spec
from typing import Any, cast

import numpy as np

from prefgym.sim.gl import mujoco


def compare_joint_types_with_numpy() -> None:
    """Let `mjtJoint` equal NumPy's integers, as before MuJoCo 4: Gymnasium-Robotics 1.4.2 looks for one in a tuple."""
    joint = mujoco.mjtJoint
    if joint.mjJNT_SLIDE == np.int32(int(joint.mjJNT_SLIDE)):
        return
    equals = joint.__eq__

    def equals_integer(self: Any, other: object) -> bool:  # noqa: ANN401
        return equals(self, int(cast(Any, other)) if isinstance(other, np.integer) else other)

    joint.__eq__ = equals_integer


def forget_missing_fields() -> None:
    """Remove arrays that MuJoCo 4 no longer has from the list of dm_control 1.0.50."""
    if find_spec("dm_control") is None:  # shimmy does without it
        return
    sizes = cast(Any, import_module("dm_control.mujoco.wrapper.mjbindings.sizes"))
    structs = {"mjmodel": mujoco.MjModel, "mjdata": mujoco.MjData}
    for name, struct in structs.items():
        fields = cast("dict[str, Any]", sizes.array_sizes[name])
        for field in [field for field in fields if not hasattr(struct, field)]:
            del fields[field]
