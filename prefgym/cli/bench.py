"""`prefgym bench`: the measurements behind docs/benchmarks.md."""

from collections.abc import Callable
from typing import Any

from prefgym.bench import label, reward, sim
from prefgym.cli.parse import parse
from prefgym.common.errors import UserError
from prefgym.training.resolve import check_env


def run(argv: list[str]) -> int:
    """Measure and print. Returns the exit code."""
    benches: dict[str, tuple[type[Any], Callable[[Any], object]]] = {
        "sim": (sim.BenchSimCfg, sim.run_bench_sim),
        "label": (label.BenchLabelCfg, label.run_bench_label),
        "reward": (reward.BenchRewardCfg, reward.run_bench_reward),
    }
    if argv[:1] in (["-h"], ["--help"]):
        print("\n\n".join(f"  prefgym bench {name} --help" for name in benches))
        return 0
    if argv[:1] == [] or argv[0] not in benches:
        raise UserError(f"bench needs a measurement: {', '.join(f'prefgym bench {name}' for name in benches)}")
    cfg, measure = benches[argv[0]]
    args = parse(cfg, argv[1:], f"prefgym bench {argv[0]}")
    for env in args.envs:
        check_env(env)
    measure(args)
    return 0
