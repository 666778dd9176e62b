"""The compliance check passes what keeps Gymnasium's contract, and names what is broken."""

from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode, SyncVectorEnv, VectorEnv, VectorWrapper

from prefgym.testing import check_vector_env

NEXT_STEP, SAME_STEP, DISABLED = AutoresetMode
MODES = pytest.mark.parametrize("mode", AutoresetMode, ids=lambda mode: mode.value)
AnyVectorEnv = VectorEnv[Any, Any, Any]
Reset = tuple[Any, dict[str, Any]]
Step = tuple[Any, ...]


def sync(mode: AutoresetMode = NEXT_STEP, env_id: str = "InvertedPendulum-v5", copy: bool = True) -> AnyVectorEnv:
    """Make Gymnasium's own vector environment of 4 worlds, whose random episodes take some 8 steps."""
    return SyncVectorEnv([lambda: gym.make(env_id)] * 4, autoreset_mode=mode, copy=copy)


@MODES
@pytest.mark.parametrize("env_id", ["InvertedPendulum-v5", "CartPole-v1"])
def test_gymnasiums_own_pass(env_id: str, mode: AutoresetMode) -> None:
    """SyncVectorEnv passes, with real and with discrete actions."""
    check_vector_env(lambda: sync(mode, env_id), num_steps=60)


@MODES
@pytest.mark.parametrize("seeding", ["fast", "parity"])
@pytest.mark.parametrize("name", ["Ant", "Hopper", "HalfCheetah", "Reacher"])
def test_ours_pass(name: str, seeding: str, mode: AutoresetMode) -> None:
    """PoolVectorEnv passes in all modes and with both seedings."""

    def make() -> AnyVectorEnv:
        return gym.make_vec(
            f"prefgym/{name}-v0", 5, reward="task", seeding=seeding, autoreset_mode=mode, max_episode_steps=20
        )

    check_vector_env(make, num_steps=50)


class Broken(VectorWrapper):
    """A vector environment with a defect; the reset mask is not consumed."""

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Reset:
        """Reset as the environment does."""
        return self.env.reset(seed=seed, options=dict(options or {}))


class WrongType(Broken):
    """Observations are float32 where float64 was declared."""

    def step(self, actions: np.ndarray) -> Step:
        obs, *rest = self.env.step(actions)
        return obs.astype(np.float32), *rest


class IntegerFlags(Broken):
    """Terminations are integers."""

    def step(self, actions: np.ndarray) -> Step:
        obs, reward, terminated, *rest = self.env.step(actions)
        return obs, reward, terminated.astype(int), *rest


class ColumnRewards(Broken):
    """Rewards have shape (N, 1)."""

    def step(self, actions: np.ndarray) -> Step:
        obs, reward, *rest = self.env.step(actions)
        return obs, reward[:, None], *rest


class NoMasks(Broken):
    """Infos lack their masks."""

    def step(self, actions: np.ndarray) -> Step:
        *rest, infos = self.env.step(actions)
        return *rest, {key: value for key, value in infos.items() if not key.startswith("_")}


class ListInfos(Broken):
    """Infos hold lists."""

    def step(self, actions: np.ndarray) -> Step:
        *rest, infos = self.env.step(actions)
        everyone = np.ones(self.num_envs, np.bool_)
        return *rest, infos | {"note": [""] * self.num_envs, "_note": everyone}


class ClipsInPlace(Broken):
    """Actions are clipped where the caller keeps them."""

    def step(self, actions: np.ndarray) -> Step:
        np.clip(actions, -0.1, 0.1, out=actions)
        return self.env.step(actions)


class Unseeded(Broken):
    """Seeds are ignored."""

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Reset:
        return self.env.reset(options=dict(options or {}))


class SeedsOnce(Broken):
    """Only the first seed counts."""

    seeded = False

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Reset:
        seed, self.seeded = (None if self.seeded else seed), True
        return self.env.reset(seed=seed, options=dict(options or {}))


class LooksBack(Broken):
    """Rewards are scaled by the last observation that was handed out, which the caller may have changed."""

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Reset:
        self.last, infos = super().reset(seed=seed, options=options)
        return self.last, infos

    def step(self, actions: np.ndarray) -> Step:
        scale = np.cos(self.last[:, 0])
        self.last, reward, *rest = self.env.step(actions)
        return self.last, reward * scale, *rest


class ResetsAtOnce(Broken):
    """Episodes restart within the step that ends them, though NEXT_STEP is declared."""

    def __init__(self) -> None:
        super().__init__(sync(SAME_STEP))
        self.metadata = self.env.metadata | {"autoreset_mode": NEXT_STEP}

    def step(self, actions: np.ndarray) -> Step:
        return *self.env.step(actions)[:4], {}


class ActsOnReset(Broken):
    """The step that resets passes the action on."""

    over = np.zeros(4, np.bool_)

    def step(self, actions: np.ndarray) -> Step:
        obs, reward, terminated, truncated, infos = self.env.step(actions)
        obs[self.over, 0] += actions[self.over, 0]
        self.over = terminated | truncated
        return obs, reward, terminated, truncated, infos


class KeepsWaiting(Broken):
    """Nothing resets by itself, though SAME_STEP is declared."""

    def __init__(self) -> None:
        super().__init__(sync(NEXT_STEP))
        self.metadata = self.env.metadata | {"autoreset_mode": SAME_STEP}


class FinalIsFirst(Broken):
    """What is called final is what the next episode begins with."""

    def step(self, actions: np.ndarray) -> Step:
        obs, *rest, infos = self.env.step(actions)
        for world in np.flatnonzero(infos.get("_final_obs", [])):
            infos["final_obs"][world] = obs[world].copy()
        return obs, *rest, infos


class FinalOutOfSpace(Broken):
    """Final observations have another shape."""

    def step(self, actions: np.ndarray) -> Step:
        *rest, infos = self.env.step(actions)
        for world in np.flatnonzero(infos.get("_final_obs", [])):
            infos["final_obs"][world] = infos["final_obs"][world][:1]
        return *rest, infos


class NoFinalInfo(Broken):
    """Final infos are forgotten."""

    def step(self, actions: np.ndarray) -> Step:
        *rest, infos = self.env.step(actions)
        return *rest, {key: value for key, value in infos.items() if "final_info" not in key}


class MaskForAll(Broken):
    """A masked reset resets all worlds."""

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Reset:
        return self.env.reset(seed=seed)


class MaskForNone(Broken):
    """A masked reset looks at the mask, and does nothing."""

    obs: Any = None

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Reset:
        return (self.obs, {}) if options else self.env.reset(seed=seed)

    def step(self, actions: np.ndarray) -> Step:
        self.obs, *rest = self.env.step(actions)
        return self.obs.copy(), *rest


class MaskStirs(Broken):
    """A masked reset steps the other worlds on, without showing it."""

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Reset:
        returned = super().reset(seed=seed, options=options)
        if options:
            self.env.step(np.zeros((4, 1), np.float32))
        return returned


class MaskInfos(Broken):
    """Infos of a masked reset speak of all worlds."""

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Reset:
        obs, _ = super().reset(seed=seed, options=options)
        return obs, {"height": np.ones(4), "_height": np.ones(4, np.bool_)}


class AnyMask(Broken):
    """Masks are not validated."""

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Reset:
        if options:
            mask = np.resize(np.asarray(options["reset_mask"], np.bool_), 4)
            options = {"reset_mask": mask} if mask.any() else {}
        return super().reset(seed=seed, options=options)


class ClosesOnce(Broken):
    """Closing again fails."""

    calls = 0

    def close(self, **kwargs: object) -> None:
        self.calls += 1
        if self.calls == 2:
            raise RuntimeError("already closed")
        self.env.close()


class NeverClosed(Broken):
    """After closing, it says that it is open."""

    def close(self, **kwargs: object) -> None:
        self.env.close()
        self.closed = self.env.closed = False


class WrongSpace(Broken):
    """The batched action space is one world's."""

    def __init__(self, env: AnyVectorEnv) -> None:
        super().__init__(env)
        self.action_space = env.single_action_space


class ModeByName(Broken):
    """The autoreset mode is a string."""

    def __init__(self, env: AnyVectorEnv) -> None:
        super().__init__(env)
        self.metadata = env.metadata | {"autoreset_mode": "NextStep"}


BROKEN: dict[str, tuple[Callable[[], AnyVectorEnv], str]] = {
    "wrong type": (lambda: WrongType(sync()), r"what step\(\) observes has dtype float32, not float64"),
    "integer flags": (lambda: IntegerFlags(sync()), "terminations have dtype int64, not bool"),
    "column rewards": (lambda: ColumnRewards(sync()), r"rewards have shape \(4, 1\), not \(4,\)"),
    "no masks": (lambda: NoMasks(sync()), r"infos\['reward_survive'\] of step\(\) has no mask"),
    "list infos": (lambda: ListInfos(sync()), r"infos\['note'\] of step\(\) is not an array over worlds"),
    "clips in place": (lambda: ClipsInPlace(sync()), r"step\(\) changed the actions it was given"),
    "unseeded": (lambda: Unseeded(sync()), r"differ after reset\(\) with one seed"),
    "seeds once": (lambda: SeedsOnce(sync()), r"reset\(\) with one seed differs from one time to the next"),
    "buffers": (lambda: sync(copy=False), r"step\(\) changed data that had been handed out before"),
    "looks back": (lambda: LooksBack(sync()), "writing into data that was handed out changes what comes next"),
    "resets at once": (ResetsAtOnce, "the step that resets returns a reward"),
    "acts on reset": (lambda: ActsOnReset(sync()), "the step that resets depends on the action"),
    "keeps waiting": (KeepsWaiting, r"infos\['_final_obs'\] does not say which episodes ended"),
    "final is first": (lambda: FinalIsFirst(sync(SAME_STEP)), "final_obs is what the next episode begins with"),
    "final out of space": (lambda: FinalOutOfSpace(sync(SAME_STEP)), "final_obs of world . is not in its space"),
    "no final info": (lambda: NoFinalInfo(sync(SAME_STEP)), r"infos\['_final_info'\] does not say which"),
    "mask for all": (lambda: MaskForAll(sync()), "a masked reset changed worlds outside the mask"),
    "mask for none": (lambda: MaskForNone(sync()), "a masked reset left world 0 where it was"),
    "mask stirs": (lambda: MaskStirs(sync()), "a masked reset disturbed worlds outside the mask"),
    "mask infos": (lambda: MaskInfos(sync()), r"infos\['_height'\] of a masked reset\(\) tells of worlds outside"),
    "any mask": (lambda: AnyMask(sync()), "as a reset mask, a list does not raise TypeError"),
    "closes once": (lambda: ClosesOnce(sync()), "closing a second time raises RuntimeError: already closed"),
    "never closed": (lambda: NeverClosed(sync()), r"close\(\) does not set closed"),
    "wrong space": (lambda: WrongSpace(sync()), "action_space is .* which is not 4 times"),
    "mode by name": (lambda: ModeByName(sync()), "is 'NextStep', not an AutoresetMode"),
    "endless": (lambda: sync(env_id="HalfCheetah-v5"), "no episode ended within 30 steps"),
}


@pytest.mark.parametrize("defect", BROKEN)
def test_defects_are_found(defect: str) -> None:
    """Each defect is answered by the sentence that names it."""
    make, message = BROKEN[defect]
    with pytest.raises(AssertionError, match=message):
        check_vector_env(make, num_steps=30)


def test_masked_resets_need_not_be_offered() -> None:
    """An environment that resets by itself passes without masked resets, if asked so."""
    check_vector_env(lambda: MaskForAll(sync()), num_steps=30, masked_reset=False)
