"""OpenGL without a window, or an error of one sentence with the reason.

MuJoCo picks its own OpenGL library when it is first imported, and cannot be imported where MUJOCO_GL names a
library that is missing. Physics needs no pictures: `mujoco`, imported from here, is there in any case.
"""

import contextlib
import importlib
import os
import sys
from typing import Any, Protocol, TypeAlias

import gymnasium as gym

MjModel: TypeAlias = Any
"""A `mujoco.MjModel`; MuJoCo ships no types."""


def _import_mujoco() -> Any:  # noqa: ANN401
    try:
        return importlib.import_module("mujoco")
    except (AttributeError, OSError, RuntimeError):  # PyOpenGL without its library raises AttributeError
        choice = os.environ.get("MUJOCO_GL", "")
        os.environ["MUJOCO_GL"] = "disabled"
        try:
            return importlib.import_module("mujoco")
        finally:
            os.environ["MUJOCO_GL"] = choice


mujoco: Any = _import_mujoco()

CANNOT_RENDER = (
    *(gym.error.Error, NotImplementedError, AttributeError, ImportError, OSError, RuntimeError),
    mujoco.FatalError,
)
"""Errors of renderers of environments that lack a display, a library, or pictures."""

_HOW_TO_GET_GL = "on Debian or Ubuntu install libegl1 and libgl1-mesa-dri, or libosmesa6 and set MUJOCO_GL=osmesa"
_BACKENDS = {"egl": "egl", "osmesa": "osmesa", "cgl": "cgl", "glfw": "glfw", "glx": "glfw", "wgl": "glfw"}
_ON = ("", "enable", "enabled", "on", "true", "1")
_OFF = ("disable", "disabled", "off", "false", "0")
_USUAL = {"darwin": "cgl", "win32": "glfw"}


class RenderingUnavailable(RuntimeError):  # noqa: N818  (the name says what is the case, not that something is wrong)
    """Rendering does not work on this machine; the message names the packages to install."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"pictures cannot be drawn ({reason}): {_HOW_TO_GET_GL}")


class GLContext(Protocol):
    """Interface of the context classes of MuJoCo."""

    def make_current(self) -> None:
        """Make this the context of the calling thread."""
        ...

    def free(self) -> None:
        """Free the context."""
        ...


def open_gl(width: int, height: int) -> GLContext:
    """Make an OpenGL context current in the calling thread: the one MUJOCO_GL names, else EGL.

    `mujoco.Renderer` is not used, since MUJOCO_GL at the import of mujoco fixes its OpenGL library.

    Raises:
        RenderingUnavailable: If OpenGL is missing or switched off.
    """
    wanted = os.environ.get("MUJOCO_GL", "").strip().lower()
    if wanted in _OFF:
        raise RenderingUnavailable(f"switched off by MUJOCO_GL={wanted}")
    backend = _USUAL.get(sys.platform, "egl") if wanted in _ON else _BACKENDS.get(wanted)
    if backend is None:
        raise RenderingUnavailable(f"MUJOCO_GL={wanted} is none of {', '.join(_BACKENDS)}")
    _load_triton()
    try:
        context: Any = importlib.import_module(f"mujoco.{backend}").GLContext(width, height)
        context.make_current()
    except (ImportError, AttributeError, OSError, RuntimeError, _opengl_error()) as error:
        raise RenderingUnavailable(f"OpenGL by {backend} did not start") from error
    return context


def _load_triton() -> None:
    """Load triton, which torch imports, before OpenGL: both bring LLVM, and triton crashes if it comes second."""
    with contextlib.suppress(ImportError):  # not installed, or without that part: then nothing loads LLVM
        importlib.import_module("triton._C.libtriton")


def _opengl_error() -> type[Exception]:
    try:
        error: type[Exception] = importlib.import_module("OpenGL.error").Error
    except (ImportError, AttributeError):
        return ImportError
    return error
