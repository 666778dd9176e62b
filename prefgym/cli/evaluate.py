"""`prefgym evaluate`: measure the true return of a policy."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from prefgym.cli.parse import parse
from prefgym.common.limits import Count, Envs, Seed, Threads, check
from prefgym.evaluation.envs import make_evaluation_env, say_limit, source_of_run
from prefgym.evaluation.evaluate import FIRST_SEED, evaluate
from prefgym.evaluation.experts import LEVELS, load_expert
from prefgym.sim.source import EnvSource
from prefgym.training.load import load_policy


@dataclass(frozen=True, kw_only=True)
class EvaluateArgs:
    """Measure the true return of a run's last policy, or of an expert."""

    run: tyro.conf.Positional[Path]
    """Run folder; or `expert:ID` or `medium:ID` for a policy that ships with prefgym: expert:prefgym/Hopper-v0."""
    episodes: Envs = 20
    """Episodes, each in an environment of its own."""
    seed: Seed = FIRST_SEED
    """Seed of the first episode; the next ones have the next seeds."""
    max_episode_steps: Count | None = None
    """Steps after which an episode is cut; default: the limit that the environment declares, or else 1000."""
    threads: Threads = 1
    """Threads of the simulation."""
    film: Annotated[bool, tyro.conf.arg(aliases=["--video"])] = False
    """Whether to write a film of the median episode, into the run folder or, of an expert, into this folder."""

    __post_init__ = check


def run(argv: list[str]) -> int:
    """Evaluate a policy, and write a film if the flags ask for it. Returns the exit code."""
    from prefgym.video.film import film

    args = parse(EvaluateArgs, argv, "prefgym evaluate")
    level, colon, env = str(args.run).partition(":")
    if colon and level in LEVELS:
        source = EnvSource.of(env)
        policy, file = load_expert(env, level), Path(f"{env.rpartition('/')[-1]}-{level}.mp4")
    else:
        policy, source = load_policy(args.run), source_of_run(args.run)
        file = args.run / "episode.mp4"
    say_limit(source, args.max_episode_steps, "--max-episode-steps")
    source = source.limited(args.max_episode_steps)
    evaluation = evaluate(policy, make_evaluation_env(source, args.episodes, args.threads), args.seed)
    print(evaluation.in_words(1))
    if args.film:
        at, which = evaluation.median, {"episodes": args.episodes, "threads": args.threads}
        path = film(source, policy, args.seed, file.with_stem(f"{file.stem}-{args.seed + at}"), index=at, **which)
        print(f"film: {path}: the median episode, {evaluation.metric} {evaluation.returns[at]:.1f}")
    return 0
