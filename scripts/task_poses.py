"""States that fulfil the descriptions of tasks without a reward, for their pictures and tests."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from prefgym.sim.gl import MjModel, mujoco

POSES: dict[str, Mapping[str, float]] = {
    "HalfCheetahBackflip": {"rooty": -2.2, "rootz": 0.7, "bthigh": -0.5, "fthigh": -0.6},
    "HopperBackflip": {"rooty": -2.4, "rootz": 2.0, "thigh_joint": -1.6, "leg_joint": -1.8},
    "Walker2dOneLeg": {"thigh_left_joint": -1.2, "leg_left_joint": -1.4},
    "AntCircle": {"ankle_1": 0.9, "ankle_2": -0.9, "ankle_3": -0.9, "ankle_4": 0.9, "hip_1": 0.4, "hip_3": -0.4},
    "HumanoidKneel": {f"{side}_knee": -1.57 for side in ("right", "left")},
    "HumanoidSplits": {
        f"{side}_{joint}": angle
        for side in ("right", "left")
        for joint, angle in (("hip_z", -1.0), ("hip_y", -1.57), ("knee", -0.035))
    },
    "HumanoidLotus": {"abdomen_y": -1.3}
    | {
        f"{side}_{joint}": angle
        for side in ("right", "left")
        for joint, angle in (("hip_x", 0.09), ("hip_z", -1.04), ("hip_y", -1.22), ("knee", -2.79))
    },
}
"""Joint angles in rad by name, and heights in m, added to the model's own."""


def posed(model: MjModel, joints: Mapping[str, float]) -> npt.NDArray[np.float64]:
    """Set joints, and put the robot on the ground unless its height is among them.

    Args:
        model: A robot made of capsules and spheres; geom 0 is the floor.
        joints: Angles and positions by name, added to the model's own.

    Returns:
        The positions. Shape: (nq,).
    """
    data = mujoco.MjData(model)
    for name, value in joints.items():
        data.qpos[model.joint(name).qposadr] += value
    if "rootz" not in joints:
        mujoco.mj_kinematics(model, data)
        is_capsule = model.geom_type[1:] == mujoco.mjtGeom.mjGEOM_CAPSULE.value
        half_length = np.where(is_capsule, model.geom_size[1:, 1], 0.0)
        bottom = data.geom_xpos[1:, 2] - half_length * abs(data.geom_xmat[1:, 8]) - model.geom_size[1:, 0]
        is_planar = model.jnt_type[0] != mujoco.mjtJoint.mjJNT_FREE.value
        data.qpos[1 if is_planar else 2] -= bottom.min()
    return data.qpos.copy()
