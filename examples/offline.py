"""Learn offline: play demonstrations, ask a rater about them, and train a policy from the answers alone."""

from pathlib import Path

import prefgym
from prefgym.demos.collect import DemosCfg, write_demos
from prefgym.training.annotate import MakePreferencesCfg, make_preferences


def main(episodes: int = 100, queries: int = 2000, updates: int = 10_000) -> prefgym.Run:
    """Write a dataset and preferences into the present folder, and train contrastive preference learning on them."""
    datasets, preferences = Path("datasets").resolve(), Path("preferences")
    name, policies = "hopper/mixed-v0", ("medium", "expert")
    write_demos(
        DemosCfg(env="prefgym/Hopper-v0", dataset=name, out=datasets, policy=policies, noise=0.1, episodes=episodes)
    )
    pairs = prefgym.samplers.cfg("uniform", recent_steps=None, keep_short=False)  # of equal length, as CPL needs them
    make_preferences(
        MakePreferencesCfg(dataset=name, datasets=datasets, out=preferences, queries=queries, sampler=pairs)
    )
    return prefgym.train_offline(agent="cpl", preferences=preferences, updates=updates)


if __name__ == "__main__":
    main()
