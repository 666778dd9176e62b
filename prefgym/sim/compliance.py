"""Checks that a vector environment keeps Gymnasium's contract; each fails with one sentence.

The checks know nothing about the environment: they run it, run an equal one a little differently, and compare.
"""

import copy
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from gymnasium import Space
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from prefgym.sim.nested import is_array, is_dict, rows, same, scribble, to_numpy

Array: TypeAlias = npt.NDArray[Any]
BoolArray: TypeAlias = npt.NDArray[np.bool_]
AnyVectorEnv: TypeAlias = VectorEnv[Any, Any, Any]


def check_vector_env(
    make: Callable[[], AnyVectorEnv], *, num_steps: int = 200, masked_reset: bool = True, seed: int = 0
) -> None:
    """Check that a vector environment behaves like Gymnasium's own, with arrays or with tensors.

    Args:
        make: Function that makes the environment; each call makes an equal one.
        num_steps: Random steps to take; some episodes must end within them, so a short time limit helps.
        masked_reset: Whether `reset(options={"reset_mask": mask})` must work; without autoreset, it must.
        seed: Seed of actions and resets.

    Raises:
        AssertionError: If it does not; the message names the rule.
    """
    with ExitStack() as stack:

        def opened() -> AnyVectorEnv:
            env = make()
            stack.callback(env.close)
            return env

        env = opened()
        check_spaces(env)
        check_outcomes(env, num_steps, seed)
        check_seeding(opened(), opened(), num_steps, seed)
        check_ownership(opened(), opened(), num_steps, seed)
        mode = env.metadata["autoreset_mode"]
        if mode is AutoresetMode.NEXT_STEP:
            check_next_step(opened(), opened(), num_steps, seed)
        elif mode is AutoresetMode.SAME_STEP:
            check_same_step(opened(), num_steps, seed)
        if masked_reset or mode is AutoresetMode.DISABLED:
            check_masked_reset(opened(), opened(), seed)
            check_bad_masks(opened(), seed)
        check_closing(opened())


def check_spaces(env: AnyVectorEnv) -> None:
    """Check the declared spaces and the autoreset mode."""
    assert env.num_envs > 0, f"num_envs is {env.num_envs}"
    for name in ("observation_space", "action_space"):
        one, every = _space(env, "single_" + name), _space(env, name)
        assert every == batch_space(one, env.num_envs), f"{name} is {every}, which is not {env.num_envs} times {one}"
    mode = env.metadata.get("autoreset_mode")
    assert isinstance(mode, AutoresetMode), f"metadata['autoreset_mode'] is {mode!r}, not an AutoresetMode"


def check_outcomes(env: AnyVectorEnv, num_steps: int, seed: int) -> None:
    """Check shapes, types and masks of the arrays that `reset` and `step` return, and that actions stay as they are."""
    obs, infos = env.reset(seed=seed)
    _check_observation(env, obs, "reset()")
    _check_infos(env, infos, "reset()")
    any_ended = False
    for actions in _actions(env, num_steps, seed):
        given = copy.deepcopy(actions)
        outcome = env.step(given)
        assert same(actions, given), "step() changed the actions it was given"
        _check_observation(env, outcome[0], "step()")
        for name, value, kind in zip(
            ("rewards", "terminations", "truncations"), outcome[1:4], (np.floating, np.bool_, np.bool_), strict=True
        ):
            _check_flat(name, to_numpy(value), env.num_envs, kind)
        _check_infos(env, outcome[4], "step()")
        any_ended |= bool(_ended(outcome).any())
        _reset_ended(env, _ended(outcome))
    assert any_ended, f"no episode ended within {num_steps} steps: set a shorter time limit, or take more steps"


def check_seeding(env: AnyVectorEnv, twin: AnyVectorEnv, num_steps: int, seed: int) -> None:
    """Check that equal seeds and actions lead to equal results."""
    first = env.reset(seed=seed)
    assert same(first, twin.reset(seed=seed)), "two equal environments differ after reset() with one seed"
    for actions in _actions(env, num_steps, seed):
        outcome = env.step(actions)
        assert same(outcome, twin.step(actions)), "two equal environments differ after equal seeds and actions"
        _reset_ended(env, _ended(outcome))
        _reset_ended(twin, _ended(outcome))
    assert same(first, env.reset(seed=seed)), "reset() with one seed differs from one time to the next"


def check_ownership(env: AnyVectorEnv, twin: AnyVectorEnv, num_steps: int, seed: int) -> None:
    """Check that returned arrays belong to the caller: never reused, and safe to write into."""
    held: Any = env.reset(seed=seed)
    twin.reset(seed=seed)
    for actions in _actions(env, num_steps, seed):
        scribble(held)
        before = copy.deepcopy(held)
        given = copy.deepcopy(actions)
        outcome = env.step(given)
        assert same(held, before), "step() changed data that had been handed out before"
        assert same(outcome, twin.step(actions)), "writing into data that was handed out changes what comes next"
        ended = _ended(outcome)
        held = (outcome, given)
        _reset_ended(env, ended)
        _reset_ended(twin, ended)


def check_next_step(env: AnyVectorEnv, twin: AnyVectorEnv, num_steps: int, seed: int) -> None:
    """Check that the step after the end of an episode resets, whatever the action."""
    env.reset(seed=seed)
    twin.reset(seed=seed)
    over = np.zeros(env.num_envs, np.bool_)
    for actions, other in zip(_actions(env, num_steps, seed), _actions(env, num_steps, seed + 1), strict=True):
        outcome = env.step(actions)
        assert not to_numpy(outcome[1])[over].any(), (
            "the step that resets returns a reward, though the mode is NEXT_STEP"
        )
        assert not _ended(outcome)[over].any(), "the step that resets ends an episode, though the mode is NEXT_STEP"
        instead = np.where(over.reshape(-1, *[1] * (actions.ndim - 1)), other, actions)
        assert same(outcome, twin.step(instead)), (
            "the step that resets depends on the action, though the mode is NEXT_STEP"
        )
        over = _ended(outcome)


def check_same_step(env: AnyVectorEnv, num_steps: int, seed: int) -> None:
    """Check that the step that ends an episode resets, and returns the last observation in the infos."""
    env.reset(seed=seed)
    nobody = np.zeros(env.num_envs, np.bool_)
    for actions in _actions(env, num_steps, seed):
        outcome = env.step(actions)
        ended, infos = _ended(outcome), to_numpy(outcome[4])
        for key in ("_final_obs", "_final_info"):
            assert same(infos.get(key, nobody), ended), f"infos['{key}'] does not say which episodes ended"
        for world in np.flatnonzero(ended):
            final = infos["final_obs"][world]
            assert _space(env, "single_observation_space").contains(final), (
                f"final_obs of world {world} is not in its space"
            )
            assert not same(final, rows(to_numpy(outcome[0]), world)), "final_obs is what the next episode begins with"


def check_masked_reset(env: AnyVectorEnv, twin: AnyVectorEnv, seed: int) -> None:
    """Check that a masked reset starts episodes in the worlds of the mask only."""
    env.reset(seed=seed)
    twin.reset(seed=seed)
    first, second = _actions(env, 2, seed)
    before, ended = env.step(first)[0], _ended(twin.step(first))
    mask = ended | (np.arange(env.num_envs) % 2 == 0)
    obs, infos = env.reset(options={"reset_mask": mask.copy()})
    _check_observation(env, obs, "a masked reset()")
    _check_infos(env, infos, "a masked reset()")
    assert same(rows(obs, ~mask), rows(before, ~mask)), "a masked reset changed worlds outside the mask"
    for world in np.flatnonzero(mask):
        assert not same(rows(obs, world), rows(before, world)), f"a masked reset left world {world} where it was"
    for key, value in to_numpy(infos).items():
        is_mask = key.startswith("_") and key[1:] in infos
        assert not (is_mask and value[~mask].any()), (
            f"infos['{key}'] of a masked reset() tells of worlds outside the mask"
        )
    _reset_ended(twin, ended)
    after, undisturbed = env.step(second)[0], twin.step(second)[0]
    assert same(rows(after, ~mask), rows(undisturbed, ~mask)), "a masked reset disturbed worlds outside the mask"


def check_bad_masks(env: AnyVectorEnv, seed: int) -> None:
    """Check that invalid reset masks raise errors."""
    env.reset(seed=seed)
    bad: dict[str, tuple[Any, type[Exception]]] = {
        "a list": ([True] * env.num_envs, TypeError),
        "one of integers": (np.ones(env.num_envs, np.int64), TypeError),
        "one that is too long": (np.ones(env.num_envs + 1, np.bool_), ValueError),
        "one that is True nowhere": (np.zeros(env.num_envs, np.bool_), ValueError),
    }
    for what, (mask, expected) in bad.items():
        try:
            env.reset(options={"reset_mask": mask})
        except expected:
            continue
        raise AssertionError(f"as a reset mask, {what} does not raise {expected.__name__}")


def check_closing(env: AnyVectorEnv) -> None:
    """Check that closing works, and works twice."""
    env.close()
    assert env.closed, "close() does not set closed"
    try:
        env.close()
    except Exception as error:
        raise AssertionError(f"closing a second time raises {type(error).__name__}: {error}") from error


def _space(env: AnyVectorEnv, name: str) -> Space[Any]:
    return getattr(env, name)


def _actions(env: AnyVectorEnv, num: int, seed: int) -> list[Array]:
    space = copy.deepcopy(_space(env, "action_space"))
    space.seed(seed)
    return [space.sample() for _ in range(num)]


def _ended(outcome: Any) -> BoolArray:  # noqa: ANN401
    return to_numpy(outcome[2] | outcome[3])


def _reset_ended(env: AnyVectorEnv, ended: BoolArray) -> None:
    """Reset worlds whose episode has ended, in environments without autoreset."""
    if env.metadata["autoreset_mode"] is AutoresetMode.DISABLED and ended.any():
        env.reset(options={"reset_mask": ended.copy()})


def _check_observation(env: AnyVectorEnv, obs: Any, source: str) -> None:  # noqa: ANN401
    space, obs = _space(env, "observation_space"), to_numpy(obs)
    assert space.contains(obs), f"what {source} observes is not in observation_space, {space}"
    if is_array(obs):
        assert obs.dtype == space.dtype, f"what {source} observes has dtype {obs.dtype}, not {space.dtype}"


def _check_flat(name: str, value: Any, num: int, kind: type[np.generic]) -> None:  # noqa: ANN401
    assert is_array(value), f"{name} are a {type(value).__name__}, not an array"
    assert value.shape == (num,), f"{name} have shape {value.shape}, not {(num,)}"
    assert np.issubdtype(value.dtype, kind), f"{name} have dtype {value.dtype}, not {kind.__name__}"


def _check_infos(env: AnyVectorEnv, infos: Any, source: str) -> None:  # noqa: ANN401
    infos = to_numpy(infos)
    assert is_dict(infos), f"infos of {source} are a {type(infos).__name__}, not a dict"
    for key, value in infos.items():
        if key.startswith("_") and key[1:] in infos:
            continue
        name = f"infos['{key}'] of {source}"
        assert "_" + key in infos, f"{name} has no mask infos['_{key}']"
        _check_flat(f"infos['_{key}'] of {source}", infos["_" + key], env.num_envs, np.bool_)
        if is_dict(value):
            _check_infos(env, value, name)
        else:
            assert is_array(value) and len(value) == env.num_envs, f"{name} is not an array over worlds"
