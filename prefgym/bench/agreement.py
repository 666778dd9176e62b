"""Agreement of the back ends: one step from equal states, compared."""

import numpy as np
import torch

from prefgym.sim.cpu import CpuPool
from prefgym.sim.task import TaskSpec
from prefgym.sim.warp import WarpPool


def agree(task: TaskSpec, num: int, device: str) -> dict[str, float]:
    """Compare one environment step of both back ends: |d| / (1 + |x|) at the 99th percentile.

    Args:
        task: Task to simulate.
        num: Number of states: those of random actions, up to 40 steps from the start of an episode.
        device: Device of MuJoCo Warp.

    Returns:
        The difference of `qpos` and of `qvel` over states and coordinates, and as `others` the largest one among the
        other fields that the task's formulas read, if there are any.
    """
    arrays, draws = CpuPool(task, num), np.random.default_rng(0)
    low, high = arrays.model.actuator_ctrlrange.T
    everyone, ages = np.ones(num, np.bool_), draws.integers(0, 41, num)
    speed = draws.normal(0, 0.1, (num, len(arrays.qvel0)))
    arrays.reset(everyone, np.tile(arrays.qpos0, (num, 1)), arrays.qvel0 + speed)
    for age in range(40):
        arrays.set_ctrl(draws.uniform(low, high, (num, len(low))))
        if (older := ages > age).any():
            arrays.step(older)
    states, ctrl = arrays.physics_state(), draws.uniform(low, high, (num, len(low)))
    pool = WarpPool(task, num, device)
    arrays.put(everyone, states)
    pool.put(torch.ones(num, dtype=torch.bool, device=pool.device), torch.as_tensor(states).float().to(pool.device))
    arrays.set_ctrl(ctrl)
    pool.set_ctrl(torch.as_tensor(ctrl).float().to(pool.device))
    arrays.step()
    pool.step()
    pool.check()
    apart: dict[str, float] = {"qpos": 0.0, "qvel": 0.0}
    for name in task.reads:
        x, y = arrays.views[name], pool.views[name].cpu().numpy()
        key = name if name in apart else "others"
        quantile = float(np.quantile(np.abs(x - y) / (1 + np.abs(x)), 0.99))
        apart[key] = max(apart.get(key, 0.0), quantile)
    return apart
