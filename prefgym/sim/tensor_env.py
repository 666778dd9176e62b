"""Many worlds on a device as one Gymnasium vector environment, with tensors in and out."""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias, cast

import numpy as np
import numpy.typing as npt
import torch
from gymnasium import spaces
from gymnasium.vector import AutoresetMode
from torch import Tensor

from prefgym.common.states import State
from prefgym.sim.base_env import BaseVectorEnv
from prefgym.sim.infos import check_mask
from prefgym.sim.seeding import Seed
from prefgym.sim.task import StepFacts, TaskSpec
from prefgym.sim.warp import WarpPool
from prefgym.sim.world_draw import WorldSampler

Outcome: TypeAlias = tuple[Tensor, Tensor, Tensor, dict[str, Tensor], Tensor]
Step: TypeAlias = tuple[Tensor, Tensor, Tensor, Tensor, dict[str, Any]]


class TensorVectorEnv(BaseVectorEnv[Tensor, WarpPool]):
    """Worlds of one task that step together on a device, from reset to reward without a look at the host.

    Behaves as `PoolVectorEnv` does in SAME_STEP mode with float32 observations, but returns tensors on the device.
    `infos["final_obs"]` is one, too: the observations after the step, before any reset, of every world. Infos have the
    velocities and the terms of the reward, but nothing else about the state. The tensors it returns are the caller's to
    keep and to change.

    Args:
        task: The task.
        num_envs: Number of worlds N.
        device: Torch device.
        max_episode_steps: Actions after which an episode is truncated; None for the task's own limit, -1 for none.
        autoreset_mode: SAME_STEP; there is no other.
        compiled: Whether torch compiles the formulas; None does so on GPUs.
        render_mode: "rgb_array", or None for no pictures from `render`.
        width: Width of pictures, in pixels.
        height: Height of pictures, in pixels.
        **pool: Settings of `WarpPool`.

    Raises:
        ValueError: If an argument is out of range or unknown, or the device cannot be used.
    """

    def __init__(
        self,
        task: TaskSpec,
        num_envs: int = 1,
        *,
        device: str = "cuda",
        max_episode_steps: int | None = None,
        autoreset_mode: AutoresetMode | str = AutoresetMode.SAME_STEP,
        compiled: bool | None = None,
        render_mode: str | None = None,
        width: int = 480,
        height: int = 480,
        **pool: Any,  # noqa: ANN401
    ) -> None:
        if AutoresetMode(autoreset_mode) is not AutoresetMode.SAME_STEP:
            raise ValueError("on a device, worlds reset in the step that ends an episode: autoreset_mode='SameStep'")
        if unknown := {"num_threads", "dtype", "seeding"} & set(pool):
            raise ValueError(f"worlds on a device have one kind of each: leave {', '.join(sorted(unknown))} out")
        super().__init__(
            task,
            num_envs,
            max_episode_steps=max_episode_steps,
            autoreset_mode=AutoresetMode.SAME_STEP,
            render_mode=render_mode,
            width=width,
            height=height,
        )
        self.pool = WarpPool(task, num_envs, device, **pool)
        self.device = self.pool.device
        self.metadata["device"] = self.device  # says that tensors go in and out
        self._sampler = WorldSampler(num_envs, self.device)
        is_compiled = self.device.type == "cuda" if compiled is None else compiled
        judge: Any = torch.compile(self._judge, dynamic=False) if is_compiled else self._judge  # pyright: ignore[reportUnknownMemberType]
        self._outcome: Callable[..., Outcome] = judge
        self._obs, self._position = self._observe()
        zeros = torch.zeros(num_envs, device=self.device)
        self._terms: dict[str, Tensor] = {factor.name: zeros.clone() for factor in task.factors}
        self._elapsed = torch.zeros(num_envs, dtype=torch.int64, device=self.device)
        self._everyone = torch.ones(num_envs, dtype=torch.bool, device=self.device)
        low, high = np.asarray(self.pool.model.actuator_ctrlrange, np.float32).T
        observation = spaces.Box(-np.inf, np.inf, self._obs.shape[1:], np.float32)
        self._set_spaces(observation, spaces.Box(low, high, dtype=np.float32))

    def reset(self, *, seed: Seed = None, options: dict[str, Any] | None = None) -> tuple[Tensor, dict[str, Any]]:
        """Start episodes in all worlds, or in those of `options["reset_mask"]`.

        Args:
            seed: World i is seeded with `seed + i`, or with `seed[i]` of a list, unless that is None. None goes on.
            options: May hold `reset_mask`, a tensor or an array. Shape: (N,), bool.

        Returns:
            Observations of all worlds, and infos, which are empty.
        """
        asked = (options or {}).get("reset_mask")
        mask = self._everyone
        if asked is not None:
            array = asked.cpu().numpy() if isinstance(asked, Tensor) else asked
            mask = torch.as_tensor(check_mask(array, self.num_envs), device=self.device)
        self._sampler.seed(seed, mask)
        self._restart(mask)
        self._final_state = None
        self._started = self._started or asked is None
        return self._obs.clone(), {}

    def step(self, actions: Any) -> Step:  # noqa: ANN401
        """Take an action in every world; worlds whose episode ends are reset.

        Args:
            actions: A tensor or an array; not clipped. Shape: (N, A).

        Returns:
            Observations (N, O), rewards, whether the state is final, whether the time is up (N,), and infos.
        """
        actions = self._check_actions(actions)
        self.pool.set_ctrl(actions)
        self.pool.step()
        final_obs, position, reward, terms, terminated = self._outcome(actions, self._position)
        velocity = (position - self._position) / self.task.dt
        self._elapsed = self._elapsed + 1
        truncated = self._elapsed >= self.max_episode_steps
        ended = terminated | truncated
        self._final_state = self.pool.physics_state()
        self._terms, self._obs, self._position = terms, final_obs, position
        self._restart(ended)
        infos: dict[str, Any] = {"final_obs": final_obs.clone(), "_final_obs": ended.clone()}
        velocities = dict(zip(("x_velocity", "y_velocity"), velocity.unbind(-1)))
        infos |= _divided({**velocities, **terms}, ended)
        return self._obs.clone(), reward.clone(), terminated, truncated, infos

    def _restart(self, mask: Tensor) -> None:
        """Start episodes in the worlds in `mask`; the observations of others stay as they are."""
        self._sampler.begin(mask)
        qpos, qvel = self.task.initial(self.task, self._sampler, self.num_envs, self.pool.qpos0, self.pool.qvel0)
        self.pool.reset(mask, qpos, qvel)
        obs, position = self._observe()
        self._obs = torch.where(mask.unsqueeze(-1), obs, self._obs)
        self._position = torch.where(mask.unsqueeze(-1), position, self._position)
        self._elapsed = torch.where(mask, 0, self._elapsed)

    def _judge(self, actions: Tensor, before: Tensor) -> Outcome:
        """Compute observation and reward after a step, by the formulas of the task: pure, so that it can be compiled.

        Args:
            actions: Not clipped. Shape: (N, A).
            before: Positions before the step. Shape: (N, D).

        Returns:
            Observation (N, O), position (N, D), reward (N,), its terms, and whether the state is final.
        """
        task, views = self.task, self.pool.views
        obs, position = self._observe()
        velocity = (position - before) / task.dt
        terminated = torch.zeros_like(self._everyone)
        if task.terminated is not None:
            terminated = task.terminated(task, views, torch)
        reward = obs.new_zeros(self.num_envs)
        terms: dict[str, Tensor] = {}
        if task.reward_terms is not None:
            facts = StepFacts(action=actions, velocity=velocity, terminated=terminated)
            terms = {name: term.float() for name, term in task.reward_terms(task, views, facts, torch).items()}
            reward = task.reward(terms)
        return obs, position, reward, terms, terminated

    def _observe(self) -> tuple[Tensor, Tensor]:
        """Return the observations, and the points whose velocities are rewarded; new tensors."""
        return torch.cat(self.task.observation(self.task, self.pool.views, torch), -1), self._place()

    def _place(self) -> Tensor:
        if self.task.position is None:
            return torch.zeros(self.num_envs, 0, device=self.device)
        return self.task.position(self.task, self.pool.views, torch).clone()

    def _check_actions(self, actions: Any) -> Tensor:  # noqa: ANN401
        self._check_running()
        actions = torch.as_tensor(actions, dtype=torch.float32, device=self.device).detach()
        self._check_shape(tuple(actions.shape))
        return actions

    def _copied(self, array: Tensor) -> Tensor:
        return array.clone()

    def _on_host(self, states: Tensor) -> npt.NDArray[np.float64]:
        return states.double().cpu().numpy()

    def check(self) -> None:
        """Check that the simulator had room for all contacts and constraints since the last call.

        Raises:
            SimulationError: If it had not.
        """
        self.pool.check()

    def factors(self) -> dict[str, Tensor]:
        """Copy the terms of the reward at the last step, before any autoreset. Shape of each: (N,)."""
        return {name: term.clone() for name, term in self._terms.items()}

    def snapshot(self) -> State:
        """Copy the whole state, for `restore`."""
        named = {"obs": self._obs, "position": self._position, "elapsed": self._elapsed, "seeds": self._sampler.seeds}
        tensors = {name: value.clone() for name, value in (named | {"episode": self._sampler.episode}).items()}
        terms = {name: term.clone() for name, term in self._terms.items()}
        final = {} if self._final_state is None else {"final_state": self._final_state.clone()}
        return {"pool": self.pool.snapshot(), "terms": terms, "started": self._started, **tensors, **final}

    def restore(self, snapshot: State) -> None:
        """Continue from a snapshot, of this or of an equal environment.

        Raises:
            ValueError: If the snapshot belongs to other worlds.
        """
        if not isinstance(cast(object, snapshot), Mapping):
            raise ValueError("this is a snapshot of worlds on processors: restore it with backend='cpu'")
        self.pool.restore(snapshot["pool"])
        self._obs, self._position, self._elapsed, self._sampler.seeds, self._sampler.episode = (
            snapshot[name].to(self.device, copy=True) for name in ("obs", "position", "elapsed", "seeds", "episode")
        )
        self._terms = {name: snapshot["terms"][name].to(self.device, copy=True) for name in self._terms}
        final = snapshot.get("final_state")
        self._final_state = None if final is None else final.to(self.device, copy=True)
        self._started = snapshot["started"]

    def state_dict(self) -> State:
        """Return `snapshot`."""
        return self.snapshot()

    def load_state_dict(self, state: State) -> None:
        """Restore the state that `state_dict` returned, as `restore` does."""
        self.restore(state)


def _divided(values: dict[str, Tensor], ended: Tensor) -> dict[str, Any]:
    """Put values into the infos of running worlds, and into `final_info` of those that ended; zeros elsewhere."""
    if not values:
        return {}
    every = torch.stack(list(values.values()))
    going_on, final = (every * ~ended).unbind(), (every * ended).unbind()
    infos: dict[str, Any] = {"final_info": {}, "_final_info": ended.clone()}
    for name, now, last in zip(values, going_on, final):
        infos |= {name: now, f"_{name}": ~ended}
        infos["final_info"] |= {name: last, f"_{name}": ended.clone()}
    return infos
