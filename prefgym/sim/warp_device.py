"""Check that MuJoCo Warp can use a device and simulate a model."""

from typing import Any

import torch
import warp

from prefgym.sim.gl import MjModel, mujoco
from prefgym.sim.task import TaskSpec

wp: Any = warp
wp.config.log_level = wp.LOG_ERROR  # otherwise it prints its version, and each kernel that it compiles


def find_device(name: str) -> tuple[torch.device, Any]:
    """Find a device by its name: torch's and Warp's.

    Raises:
        ValueError: If it cannot be used; the message names an alternative.
    """
    wp.init()
    try:
        device = torch.device(name)
    except RuntimeError:
        raise ValueError(f"there is no device {name!r}: use 'cuda', 'cuda:1' or 'cpu'") from None
    if device.type == "cpu":
        return device, wp.get_device("cpu")
    if device.type != "cuda":
        raise ValueError(f"MuJoCo Warp simulates on NVIDIA's GPUs, not on {name!r}: use device='cuda' or backend='cpu'")
    if getattr(torch.version, "cuda", None) is None:
        raise ValueError("this torch is built for CPUs only: install a CUDA build of it, or use backend='cpu'")
    if not torch.cuda.is_available() or (device.index or 0) >= torch.cuda.device_count():
        raise ValueError(f"no GPU {name!r} is available: see nvidia-smi, or use backend='cpu'")
    if not wp.is_cuda_available():
        raise ValueError("torch can use this GPU, and Warp cannot: its NVIDIA driver is too old, see docs/gpu.md")
    device = torch.device("cuda", device.index if ":" in name else torch.cuda.current_device())
    return device, wp.device_from_torch(device)


def check_solver(task: TaskSpec, model: MjModel) -> None:
    """Check that MuJoCo Warp has the solver of a task's model.

    Raises:
        ValueError: If it has not; the message names an alternative.
    """
    if model.opt.solver == mujoco.mjtSolver.mjSOL_PGS:
        reason = f"{task.name} uses the PGS solver, which MuJoCo Warp lacks"
        raise ValueError(
            f"{reason}: use backend='cpu', or a task with Newton's solver, such as prefgym/HumanoidNewton-v0"
        )
