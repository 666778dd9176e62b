"""Train from a rater of one's own: a plain function from queries to preferences."""

import prefgym
from prefgym import Comparison, Preferences, Queries, RaterInfo


def crouch(queries: Queries) -> Preferences:
    """Prefer the segment whose torso is lower on average; in HalfCheetah, observation 0 is its height in m."""
    options = queries.options  # batch shape (B, 2)
    height_m = (options.obs[..., :-1, 0] * options.mask).sum(-1) / options.length
    return Preferences.of(queries, Comparison.of(height_m.argmin(-1), num_options=2), RaterInfo(name="crouch"))


def main(steps: int = 200_000, budget: int = 300) -> prefgym.Run:
    """Train; `prefgym train --rater own_rater:crouch` does the same from the command line."""
    return prefgym.train("prefgym/HalfCheetah-v0", rater=crouch, budget=budget, steps=steps)


if __name__ == "__main__":
    main()
