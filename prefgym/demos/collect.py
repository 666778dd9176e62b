"""`prefgym demos`: episodes of a policy as a Minari dataset.

Many environments step together, one episode in each; their steps are split into episodes afterwards.
"""

import os
import shlex
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import tyro
from gymnasium.envs.registration import EnvSpec
from gymnasium.vector import VectorEnv
from gymnasium.wrappers import FlattenObservation

import prefgym
from prefgym.common.errors import UserError
from prefgym.common.files import sync_below, writing
from prefgym.common.limits import Count, Envs, NonNegative, Seed, Share, Threads, check
from prefgym.common.modules import is_importable
from prefgym.common.spaces import Spaces, flat_space
from prefgym.data.feedback import new_folder
from prefgym.data.minari import STATE, dataset_folder, minari_module
from prefgym.demos.policies import make_policies, noisy
from prefgym.evaluation.envs import make_evaluation_env, say_limit
from prefgym.evaluation.evaluate import succeeded
from prefgym.rl.policy_runner import Act
from prefgym.sim.capabilities import HasPhysics, has_task_reward, physics_of
from prefgym.sim.source import EnvCfg, EnvSource
from prefgym.sim.world import World
from prefgym.training.resolve import check_env

Array = npt.NDArray[Any]


@dataclass(frozen=True, kw_only=True)
class DemosCfg:
    """Write episodes of a policy into a Minari dataset.

    Raises:
        ValueError: If a number lies outside its limits.
    """

    env: str
    """Environment id, `module:EnvId`, or `module:function`: a function or class that makes one environment."""
    env_cfg: Annotated[EnvCfg, tyro.conf.arg(name="env")] = field(default_factory=EnvCfg)
    """Keyword arguments of the environment, and wrappers around it."""
    dataset: str
    """Id of the dataset, which must not exist: `namespace/name-v0`."""
    policy: tuple[str, ...] = ("demonstrator",)
    """Policies: `demonstrator` (the script of the task, if it has one), `expert` or `medium` (trained policies of
    prefgym), `random` (uniform actions), or a run folder, whose last policy acts deterministically. Several
    policies take the environments in turn: the first one environment 0, the second one environment 1, and so on."""
    quality: Share | None = None
    """Quality of the demonstrator: the share of steps without a random action; default: 1."""
    noise: NonNegative = 0.0
    """Standard deviation of Gaussian noise on every action, in the action's units; sums stay within bounds."""
    episodes: Count = 100
    """Episodes."""
    max_episode_steps: Count | None = None
    """Steps after which an episode is cut; default: the limit that the environment declares, or else 1000."""
    seed: Seed = 0
    """Seed of the first episode; the next ones have the next seeds. It also seeds policy and noise."""
    num_envs: Envs = 16
    """Environments that step together; noise and random actions depend on this number."""
    threads: Threads = 1
    """Threads of the simulation."""
    state: bool = True
    """Whether to write physics states, if the environment has them: segments can then be rendered and continued."""
    out: Path | None = None
    """Folder of datasets; default: Minari's own, `$MINARI_DATASETS_PATH` or `~/.minari/datasets`."""

    def __post_init__(self) -> None:
        check(self)
        if not 1 <= len(self.policy) <= min(self.num_envs, self.episodes):
            raise ValueError(
                f"{len(self.policy)} policies cannot share {min(self.num_envs, self.episodes)} environments"
            )


@dataclass(frozen=True, eq=False, kw_only=True)
class Episode:
    """One episode of T steps."""

    seed: int
    """Seed of its environment."""
    obs: Array
    """Shape: (T+1, O)."""
    action: Array
    """Shape: (T, A)."""
    reward: Array
    """Task reward. Shape: (T,)."""
    terminated: Array
    """Shape: (T,), bool."""
    truncated: Array
    """Shape: (T,), bool."""
    infos: dict[str, Array]
    """Factors and `success` after each step, if the environment reports them; 0 at the start. Shape: (T+1,)."""
    state: Array | None = None
    """Physics states before and after each step, float64; None without them. Shape: (T+1, S)."""


def write_demos(cfg: DemosCfg, command: tuple[str, ...] = ()) -> Path:
    """Record episodes, write the dataset, and print its statistics.

    Args:
        cfg: Configuration.
        command: Command line, for the card of the dataset.

    Returns:
        The folder of the dataset.

    Raises:
        UserError: If Minari is missing, the environment is unknown, the dataset exists or cannot be written, or the
            policy does not fit.
    """
    path = dataset_path(cfg.dataset, cfg.out)
    source = EnvSource.of(cfg.env, cfg.env_cfg)
    check_env(source)
    say_limit(source, cfg.max_episode_steps, "--max-episode-steps")
    env = make_evaluation_env(
        source.limited(cfg.max_episode_steps), min(cfg.num_envs, cfg.episodes), cfg.threads, dtype=np.float64
    )
    with closing(env):
        if not has_task_reward(env):
            raise UserError(
                f"{cfg.env} has no task reward, and only evaluation may see its metric: choose a task with a reward."
            )
        try:
            spaces = Spaces.of(env)
        except ValueError as error:
            raise UserError(f"{cfg.env} cannot be used: {error}.") from None
        policy_seed, noise_seed = map(int, np.random.SeedSequence(cfg.seed).generate_state(2))
        bounds = spaces.single_action_space
        act = make_policies(cfg.env, cfg.policy, bounds, quality=cfg.quality, seed=policy_seed)
        episodes = collect(noisy(act, cfg.noise, bounds, noise_seed), env, cfg.episodes, cfg.seed, state=cfg.state)
    statistics = summary(episodes)
    settings = {name: value for name, value in asdict(cfg).items() if name not in ("dataset", "out", "threads")}
    if cfg.max_episode_steps is None:
        del settings["max_episode_steps"]
    if "demonstrator" in cfg.policy:
        settings["quality"] = 1.0 if cfg.quality is None else cfg.quality
    card = {"version": prefgym.__version__, "command": shlex.join(command), **settings, **statistics}
    with writing(path):
        _write(path, cfg, _spec(source), spaces, episodes, card)
    success = "" if statistics["success_rate"] is None else f", success in {statistics['success_rate']:.0%}"
    steps = sum(len(episode.reward) for episode in episodes)
    print(
        f"{cfg.dataset}: {cfg.episodes} episodes, {steps:,} steps of {cfg.env}: "
        f"true return {statistics['mean_return']:.1f} ± {statistics['std_return']:.1f}{success}; see {path}"
    )
    return path


def collect(
    act: Act, env: VectorEnv[Any, Any, Any], num_episodes: int, seed: int, *, state: bool = True
) -> list[Episode]:
    """Record episodes in environments with the task reward, in SAME_STEP mode; episode i has the seed `seed` + i."""
    physics = physics_of(env) if state else None
    episodes: list[Episode] = []
    for first in range(seed, seed + num_episodes, env.num_envs):
        episodes += _play(act, env, physics, first)
    return episodes[:num_episodes]


def _play(act: Act, env: VectorEnv[Any, Any, Any], physics: HasPhysics | None, seed: int) -> Iterator[Episode]:
    """Record one episode in each environment, until the last one has ended."""
    running = ended = np.ones(env.num_envs, np.bool_)
    obs, _ = env.reset(seed=seed)
    states = [physics.physics_state()] if physics else []
    columns: list[tuple[Array, ...]] = []
    infos: list[dict[str, Array]] = []
    while running.any():
        action = act(obs, ended)
        next_obs, reward, terminated, truncated, info = env.step(action)
        ended = terminated | truncated
        reached = next_obs.copy()
        if ended.any():
            reached[ended] = np.stack(list(info["final_obs"][ended]))
        columns.append((obs, reached, action, reward, terminated, truncated))
        infos.append(_facts_of(env, info, ended))
        states += [physics.physics_state(final=True)] if physics else []
        obs, running = next_obs, running & ~ended
    # each (T, N, ...), T being the longest episode's
    before, after, action, reward, terminated, truncated = map(np.stack, zip(*columns))
    arrays = {name: np.stack([step[name] for step in infos]) for name in infos[0]}
    state = np.stack(states) if states else None  # (T+1, N, S)
    length = (terminated | truncated).argmax(0) + 1
    for index, last in enumerate(length.tolist()):
        taken = slice(None, last), index
        yield Episode(
            seed=seed + index,
            obs=np.concatenate([before[taken], after[last - 1 : last, index]]),
            action=action[taken],
            reward=reward[taken].astype(np.float64),
            terminated=terminated[taken],
            truncated=truncated[taken],
            infos={name: np.pad(values[taken], (1, 0)) for name, values in arrays.items()},
            state=None if state is None else state[: last + 1, index],
        )


def _facts_of(env: VectorEnv[Any, Any, Any], info: dict[str, Any], ended: Array) -> dict[str, Array]:
    """Return the factors of a step, and its success, if the environment reports them. Shape of each: (N,)."""
    physics = physics_of(env)
    facts: dict[str, Array] = dict(physics.factors()) if physics else {}
    if (success := succeeded(info, ended)) is not None:
        facts["success"] = success
    return {name: np.asarray(values, np.float32) for name, values in facts.items()}


def summary(episodes: list[Episode]) -> dict[str, float | None]:
    """Return statistics of episodes.

    Returns:
        Mean and standard deviation of the true return, and the share of successes; None if success is not reported.
    """
    returns = np.array([episode.reward.sum() for episode in episodes])
    ends = [float(episode.infos["success"][-1]) for episode in episodes if "success" in episode.infos]
    success = float(np.mean(ends)) if ends else None
    return {"mean_return": float(returns.mean()), "std_return": float(returns.std()), "success_rate": success}


def dataset_path(dataset: str, root: Path | None) -> Path:
    """Return the folder of a new dataset.

    Args:
        dataset: Id of the dataset.
        root: Folder of datasets; None for Minari's own.

    Raises:
        UserError: If Minari is missing, the id is invalid, or the dataset exists.
    """
    path = dataset_folder(dataset, root)
    if path.exists():
        raise UserError(f"the dataset {dataset} exists at {path}: choose another name or version.")
    return path


def _write(
    path: Path, cfg: DemosCfg, spec: EnvSpec | None, spaces: Spaces, episodes: list[Episode], card: dict[str, Any]
) -> None:
    """Write a dataset into a temporary folder, and rename it at the end."""
    minari = minari_module("minari")
    buffer = minari_module("minari.data_collector.episode_buffer").EpisodeBuffer
    path.parent.mkdir(parents=True, exist_ok=True)
    with new_folder(path) as folder:
        reserve(folder / "room", size_of(episodes))
        storage = minari_module("minari.dataset.minari_storage").MinariStorage.new(
            folder / "data",
            observation_space=spaces.single_observation_space,
            action_space=spaces.single_action_space,
            env_spec=spec,
        )
        storage.update_metadata(
            {
                "dataset_id": cfg.dataset,
                "minari_version": minari.__version__,
                "algorithm_name": " ".join(cfg.policy),
                "description": f"{cfg.episodes} episodes of {cfg.env}: {card['command'] or 'prefgym demos'}",
                "prefgym": card,
            }
        )
        storage.update_episodes(
            buffer(
                seed=episode.seed,
                observations=episode.obs,
                actions=episode.action,
                rewards=episode.reward,
                terminations=episode.terminated,
                truncations=episode.truncated,
                infos=_infos_of(episode),
            )
            for episode in episodes
        )
        sync_below(folder)
    _announce(path, cfg.dataset)


def _infos_of(episode: Episode) -> dict[str, Array]:
    return episode.infos if episode.state is None else {**episode.infos, STATE: episode.state}


def size_of(episodes: list[Episode]) -> int:
    """Return how many bytes a dataset takes at most: HDF5 adds some thousands to each array of an episode."""
    arrays = [
        [one.obs, one.action, one.reward, one.terminated, one.truncated, *_infos_of(one).values()] for one in episodes
    ]
    return sum(array.nbytes + 2500 for episode in arrays for array in episode) + 100_000


def reserve(file: Path, num_bytes: int) -> None:
    """Check that the disk has room, since HDF5 ends the process with a signal where it has none.

    Raises:
        OSError: If it has none.
    """
    with file.open("wb") as opened:
        if hasattr(os, "posix_fallocate"):  # not on macOS
            os.posix_fallocate(opened.fileno(), 0, num_bytes)
    file.unlink()


def _announce(path: Path, dataset: str) -> None:
    """Mark the folders above a dataset as namespaces of Minari."""
    name = minari_module("minari.namespace").NAMESPACE_METADATA_FILENAME
    for folder in list(path.parents)[: dataset.count("/")]:
        if not (folder / name).exists():
            (folder / name).write_text("{}")


def _spec(source: EnvSource) -> EnvSpec | None:
    """Return the specification of one environment of the episodes, with the task reward and flat observations.

    A class is named by its module; None if a file cannot hold the specification, as that of a lambda.
    """
    env = source.make_one()
    inner = env.env if isinstance(env, World) else env
    if flat_space(inner.observation_space) is not inner.observation_space:
        inner = FlattenObservation(inner)
    spec = inner.spec
    env.close()
    if spec is not None and callable(entry := spec.entry_point):
        name = f"{entry.__module__}:{getattr(entry, '__qualname__', '')}"
        spec = replace(spec, entry_point=name) if is_importable(entry) else None
    try:
        return spec if spec is not None and spec.to_json() else None
    except (TypeError, ValueError):  # of arguments that JSON has no words for
        return None
