"""Learn offline from preferences about a robot that is no environment: a name, recordings and answers suffice."""

from pathlib import Path

import torch

import prefgym
from prefgym import Comparison, Preferences, Queries, RaterInfo, Segments
from prefgym.data.feedback import Card


def recordings(num_queries: int, num_steps: int = 20) -> Segments:
    """Make up two recordings a query of an arm: 6 numbers an observation, 4 joints whose velocities are the actions."""
    batch, draws = (num_queries, 2), torch.Generator().manual_seed(0)
    return Segments(
        obs=torch.randn(*batch, num_steps + 1, 6, generator=draws),
        action=torch.rand(*batch, num_steps, 4, generator=draws) * 2 - 1,
        length=torch.full(batch, num_steps),
        terminated=torch.zeros(batch, dtype=torch.bool),
        truncated=torch.zeros(batch, dtype=torch.bool),
    )


def main(queries: int = 500, updates: int = 5000) -> prefgym.Run:
    """Write down who preferred what, and train a policy that acts within the limits of the joints."""
    queries_ = Queries.of(recordings(queries))
    gentle = queries_.options.action.square().sum((-1, -2)).argmin(-1)  # whoever watched preferred gentle movements
    answers = Comparison.of(gentle, num_options=2)
    preferences = Preferences.of(queries_, answers, RaterInfo(name="ada", kind="human"))
    prefgym.write_feedback(Path("arm"), preferences, Card(env="arm"))
    return prefgym.train_offline(
        agent="cpl", preferences="arm", env="none", action_low=(-1.0,), action_high=(1.0,), updates=updates
    )


if __name__ == "__main__":
    main()
