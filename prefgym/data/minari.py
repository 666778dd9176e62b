"""Demonstrations from Minari datasets."""

from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, cast

import gymnasium as gym
import numpy as np
import numpy.typing as npt

from prefgym.buffers.recorder import Recorder, RecorderCfg
from prefgym.common.errors import UserError


def load_demos(dataset: str, root: Path | None = None, *, with_reward: bool = False) -> Recorder:
    """Record the episodes of a Minari dataset by its id.

    Args:
        dataset: Its id.
        root: Folder of datasets; None for Minari's own.
        with_reward: Whether its rewards are needed, so that they have to be finite.

    Raises:
        UserError: If Minari or the dataset is missing, or the dataset has no episodes of finite vectors.
    """
    found = _open(dataset, root)
    try:
        return record_demos(found, with_reward=with_reward)
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


def record_demos(dataset: Any, *, with_reward: bool = False) -> Recorder:  # noqa: ANN401
    """Record the episodes of a Minari dataset, each as an environment of its own, so that samplers can draw from them.

    Args:
        dataset: A `minari.MinariDataset`. Its rewards become the task reward. Per-step numbers in the infos of all
            episodes become factors. Dict observations are flattened in the order of their keys.
        with_reward: Whether rewards have to be finite.

    Returns:
        A recorder of all episodes. Episodes that end without a termination count as truncated.

    Raises:
        ValueError: If there is no episode, observations or actions are not one-dimensional Boxes, or a number is not
            finite.
    """
    episodes = list(dataset.iterate_episodes())
    if not episodes:
        raise ValueError("the dataset has no episodes")
    for number, episode in enumerate(episodes):
        check_steps("observation", number, _flat(episode.observations))
        check_steps("action", number, np.asarray(episode.actions))
        if with_reward:
            check_steps("reward", number, np.asarray(episode.rewards))
    observation, action = (_vectors(space) for space in (dataset.observation_space, dataset.action_space))
    length = np.array([len(episode.rewards) for episode in episodes])
    factors = [_factors_of(episode.infos, num_steps) for episode, num_steps in zip(episodes, length.tolist())]
    names = tuple(name for name in factors[0] if all(name in others for others in factors))
    recorder = Recorder(
        len(episodes),
        observation,
        action,
        factor_names=names,
        num_averaged=len(episodes),
        cfg=RecorderCfg(capacity_steps=len(episodes) * (int(length.max()) + 1), capacity_bytes=2**62),
    )
    # each (T, N, ...), with T of the longest episode; observations have T + 1
    obs = _stack([_flat(episode.observations) for episode in episodes])
    actions, rewards, terminated = (
        _stack([np.asarray(getattr(episode, name)) for episode in episodes])
        for name in ("actions", "rewards", "terminations")
    )
    factors = {
        name: _stack([np.asarray(e.infos[name])[-n:] for e, n in zip(episodes, length.tolist())]) for name in names
    }
    recorder.begin(obs[0])
    for step in range(int(length.max())):
        recorder.add(
            actions[step],
            rewards[step],
            obs[step + 1],
            terminated[step],
            np.equal(length, step + 1),
            mask=np.greater(length, step),
            factors={name: values[step] for name, values in factors.items()},
        )
    return recorder


def check_steps(what: str, episode: int, values: npt.NDArray[Any]) -> None:
    """Check that the numbers of an episode are finite.

    Raises:
        ValueError: If one is not; the message names its step.
    """
    finite = np.isfinite(values).reshape(len(values), -1).all(-1)
    if not finite.all():
        raise ValueError(f"the {what} at step {int(finite.argmin())} of episode {episode} is not finite")


def _vectors(space: gym.Space[Any]) -> int:
    """Return the dimension of an observation or action."""
    parts: list[Any] = list(cast(Any, space).values()) if isinstance(space, gym.spaces.Dict) else [space]
    if not all(isinstance(part, gym.spaces.Box) and len(part.shape) == 1 for part in parts):
        raise ValueError(
            f"segments are made of vectors, but this dataset has {space}: use one of Boxes of one dimension"
        )
    return sum(part.shape[0] for part in parts)


def _flat(obs: Any) -> npt.NDArray[Any]:  # noqa: ANN401
    """Flatten the observations of an episode. Shape: (T+1, O)."""
    if not isinstance(obs, dict):
        return np.asarray(obs)
    parts = cast("dict[str, npt.NDArray[Any]]", obs)
    return np.concatenate([parts[name] for name in sorted(parts)], -1)


def _factors_of(infos: Mapping[str, Any] | None, num_steps: int) -> tuple[str, ...]:
    """List the names of infos with a number per step; they may have one more for the start."""
    arrays: dict[str, npt.NDArray[Any]] = {name: np.asarray(values) for name, values in (infos or {}).items()}
    sizes = ((num_steps,), (num_steps + 1,))
    return tuple(name for name, values in arrays.items() if values.shape in sizes and values.dtype.kind in "bfiu")


def _stack(arrays: list[npt.NDArray[Any]]) -> npt.NDArray[Any]:
    """Stack the arrays of N episodes, padded with zeros. Shapes: (T_n, ...) to (T, N, ...)."""
    out = np.zeros((max(map(len, arrays)), len(arrays), *arrays[0].shape[1:]), arrays[0].dtype)
    for index, array in enumerate(arrays):
        out[: len(array), index] = array
    return out
