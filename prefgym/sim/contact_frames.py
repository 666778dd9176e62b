"""Contact frames as MuJoCo has them, where MuJoCo Warp turns them otherwise.

The friction pyramid of a capsule on a plane is aligned with the capsule's axis. MuJoCo Warp does so only while the axis
is less than 60 degrees from the plane; a steeper one gets a pyramid along the world's axes, which pushes elsewhere. The
hook for filtering contacts corrects that: it runs after contacts were found and before they are used.
"""

# kernels are in the language of Warp, which type checkers read as Python
# pyright: basic, reportInvalidTypeForm=false, reportCallIssue=false, reportArgumentType=false, reportIndexIssue=false

from typing import Any

import warp as wp

from prefgym.sim.gl import mujoco

PLANE, CAPSULE = (wp.constant(int(kind)) for kind in (mujoco.mjtGeom.mjGEOM_PLANE, mujoco.mjtGeom.mjGEOM_CAPSULE))
SMALLEST = wp.constant(1e-6)
"""Length of an axis along the plane below which it has no direction."""


@wp.kernel(enable_backward=False)
def _align(
    geom_type: wp.array(dtype=int),
    geom_xmat: wp.array2d(dtype=wp.mat33),
    num_contacts: wp.array(dtype=int),
    geom: wp.array(dtype=wp.vec2i),
    world: wp.array(dtype=int),
    frame: wp.array(dtype=wp.mat33),
) -> None:
    contact = wp.tid()
    if contact >= num_contacts[0]:
        return
    plane, capsule = geom[contact][0], geom[contact][1]
    if geom_type[plane] != PLANE or geom_type[capsule] != CAPSULE:
        return
    rotation = geom_xmat[world[contact], capsule]
    axis = wp.vec3(rotation[0, 2], rotation[1, 2], rotation[2, 2])
    normal = frame[contact][0]
    along = axis - normal * wp.dot(normal, axis)
    if wp.length(along) < SMALLEST:
        return
    y = wp.normalize(along)
    z = wp.cross(normal, y)
    frame[contact] = wp.mat33(normal[0], normal[1], normal[2], y[0], y[1], y[2], z[0], z[1], z[2])


def align_frames(m: Any, d: Any) -> None:  # noqa: ANN401
    """Align the frames of capsules on planes with the capsules: a `contactfilter` of MuJoCo Warp."""
    found = [d.nacon, d.contact.geom, d.contact.worldid]
    wp.launch(_align, dim=d.naconmax, inputs=[m.geom_type, d.geom_xmat, *found], outputs=[d.contact.frame])
