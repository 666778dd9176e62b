"""The measurement of reward learning runs and names its arms; how long they take is nobody's promise here."""

from prefgym.bench.reward import BenchRewardCfg, run_bench_reward


def test_every_arm_is_timed() -> None:
    """Four ways to fit, a forward pass, and a draw."""
    cfg = BenchRewardCfg(num_pairs=6, segment_length=5, hidden=(8,), num_queries=3, oversample=2, rounds=1, threads=1)
    seconds = run_bench_reward(cfg)
    assert [name.split(",")[0] for name in seconds].count("fit") == 4
    assert {"forward pass over candidates", "draw by disagreement"} <= set(seconds)
