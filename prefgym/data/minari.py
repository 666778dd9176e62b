"""Demonstrations from Minari datasets."""

import json
from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, cast

import gymnasium as gym
import numpy as np
import numpy.typing as npt

from prefgym.buffers.recorder import Recorder
from prefgym.common.errors import UserError
from prefgym.common.spaces import flat_space, flatten

STATE = "physics_state"
"""The name of physics states among the infos of a dataset."""


def load_demos(
    dataset: str, root: Path | None = None, *, with_reward: bool = False, with_state: bool = True
) -> Recorder:
    """Record the episodes of a Minari dataset by its id.

    Args:
        dataset: Its id.
        root: Folder of datasets; None for Minari's own.
        with_reward: Whether its rewards are needed, so that they have to be finite.
        with_state: Whether its physics states are recorded, if it has them.

    Raises:
        UserError: If Minari or the dataset is missing, or the dataset has no episodes of finite vectors.
    """
    found = _open(dataset, root)
    try:
        return record_demos(found, with_reward=with_reward, with_state=with_state)
    except (ValueError, OSError, KeyError) as error:  # of its shapes, or of h5py about missing or damaged files
        raise UserError(f"the dataset {dataset} cannot be learned from: {' '.join(str(error).split())}.") from error


def played_in(dataset: str, root: Path | None = None) -> str:
    """Return the environment id of a Minari dataset; an empty string if it has none.

    Raises:
        UserError: If Minari or the dataset is missing.
    """
    spec = _open(dataset, root).env_spec
    return spec.id if spec else ""


def _open(dataset: str, root: Path | None) -> Any:  # noqa: ANN401
    path = dataset_folder(dataset, root)
    if not (path / "data").is_dir():
        raise UserError(f"there is no dataset {dataset} in {path.parent}.")
    try:
        return minari_module("minari").MinariDataset(path / "data")
    except (ValueError, OSError, KeyError) as error:  # of Minari and h5py about missing or damaged files
        raise UserError(f"the dataset {dataset} cannot be read: {' '.join(str(error).split())}.") from error


def dataset_folder(dataset: str, root: Path | None = None) -> Path:
    """Return the folder of a Minari dataset.

    Args:
        dataset: Its id.
        root: Folder of datasets; None for Minari's own.

    Raises:
        UserError: If Minari is missing, or the id is not valid.
    """
    named = minari_module("minari.dataset.minari_dataset").DATASET_ID_RE.fullmatch(dataset)
    if named is None or named["version"] is None:
        form = "write it as namespace/name-v0, the namespace of two characters at least"
        raise UserError(f"{dataset!r} is no id of a dataset: {form}.")
    return (root or minari_module("minari.storage").get_dataset_path()).absolute() / dataset


def minari_module(module: str) -> Any:  # noqa: ANN401
    """Import a part of Minari.

    Raises:
        UserError: If it is missing.
    """
    if find_spec("minari") is None:
        raise UserError('demonstrations need Minari: pip install "prefgym[demos]"')
    return import_module(module)


def record_demos(dataset: Any, *, with_reward: bool = False, with_state: bool = True) -> Recorder:  # noqa: ANN401
    """Record the episodes of a Minari dataset, one after the other, so that samplers can draw from them.

    Args:
        dataset: A `minari.MinariDataset`. Its rewards become the task reward. Per-step numbers in the infos of all
            episodes become factors. Observations and actions are flattened as those of environments are.
        with_reward: Whether rewards have to be finite.
        with_state: Whether to record the physics states that `prefgym demos` wrote; other datasets have none.

    Returns:
        A recorder of all episodes. Episodes that end without a termination count as truncated.

    Raises:
        ValueError: If there is no episode, observations or actions are no vectors, or a number is not finite.
    """
    episodes = list(dataset.iterate_episodes())
    if not episodes:
        raise ValueError("the dataset has no episodes")
    seen, taken = (_space_of(dataset, name) for name in ("observation_space", "action_space"))
    length = [len(episode.rewards) for episode in episodes]
    obs = [flatten(seen, episode.observations, 1) for episode in episodes]
    action = [flatten(taken, episode.actions, 1) for episode in episodes]
    reward = [np.asarray(episode.rewards, np.float64) for episode in episodes]
    state = _states_of([episode.infos for episode in episodes], length) if with_state else None
    checked = {"observation": obs, "action": action, **({"reward": reward} if with_reward else {})}
    checked |= {"physics state": state} if state else {}
    for number in range(len(episodes)):
        for what, values in checked.items():
            check_steps(what, number, values[number])
    factors = [_factors_of(episode.infos, num_steps) for episode, num_steps in zip(episodes, length)]
    names = [name for name in factors[0] if all(name in others for others in factors)]
    return Recorder.of_episodes(
        obs=obs,
        action=action,
        reward=reward,
        terminated=[bool(episode.terminations[-1]) for episode in episodes],
        factors={name: [np.asarray(e.infos[name])[-n:] for e, n in zip(episodes, length)] for name in names},
        state=state,
    )


def check_steps(what: str, episode: int, values: npt.NDArray[Any]) -> None:
    """Check that the numbers of an episode are finite.

    Raises:
        ValueError: If one is not; the message names its step.
    """
    finite = np.isfinite(values).reshape(len(values), -1).all(-1)
    if not finite.all():
        raise ValueError(f"the {what} at step {int(finite.argmin())} of episode {episode} is not finite")


def _space_of(dataset: Any, name: str) -> gym.Space[Any]:  # noqa: ANN401
    """Return a space of a dataset, with its names in the order of the environment.

    Minari sorts the names of a Dict when it reads a dataset, and keeps their order in its file.

    Raises:
        ValueError: If its values are no vectors.
    """
    space: gym.Space[Any] = getattr(dataset, name)
    storage: Any = getattr(dataset, "storage", None)
    if storage is not None and isinstance(space, gym.spaces.Dict):
        written: dict[str, str] = storage.read_raw_metadata(storage.data_path)
        space = _in_order(cast(Any, space), json.loads(written[name])) if name in written else cast(Any, space)
    if not isinstance(flat := flat_space(space), gym.spaces.Box) or len(cast(Any, flat).shape) != 1:
        raise ValueError(f"segments are made of vectors, but this dataset has {space}: use one of Boxes")
    return space


def _in_order(space: gym.Space[Any], written: Mapping[str, Any]) -> gym.Space[Any]:
    """Put the names of a Dict, and of those within it, into the order in which they were written."""
    if not isinstance(space, gym.spaces.Dict):
        return space
    named, parts = cast(Any, space), written["subspaces"]
    return gym.spaces.Dict([(name, _in_order(named[name], within)) for name, within in parts.items()])


def _factors_of(infos: Mapping[str, Any] | None, num_steps: int) -> tuple[str, ...]:
    """List the names of infos with a number per step; they may have one more for the start."""
    arrays: dict[str, npt.NDArray[Any]] = {name: np.asarray(values) for name, values in (infos or {}).items()}
    sizes = ((num_steps,), (num_steps + 1,))
    return tuple(name for name, values in arrays.items() if values.shape in sizes and values.dtype.kind in "bfiu")


def _states_of(infos: Sequence[Mapping[str, Any] | None], length: Sequence[int]) -> list[npt.NDArray[Any]] | None:
    """Return the physics states of episodes of so many steps; None if an episode has none. Shape of each: (T+1, S).

    Raises:
        ValueError: If states are no numbers of one size, one before each step and one after the last.
    """
    if not all(told and STATE in told for told in infos):
        return None
    states: list[npt.NDArray[Any]] = [np.asarray(told[STATE]) for told in infos if told]
    for number, (found, num_steps) in enumerate(zip(states, length)):
        wanted = (num_steps + 1, *states[0].shape[1:2])
        if found.shape != wanted or len(wanted) != 2 or found.dtype.kind != "f":
            have = f"have shape {found.shape} and type {found.dtype}"
            raise ValueError(f"the physics states of episode {number} {have}, expected {wanted} of float64")
    return states
