"""Train HalfCheetah from 500 simulated preferences, and look at what came of it."""

import prefgym


def main(steps: int = 1_000_000, budget: int = 500) -> prefgym.Run:
    """Train, print the result and write the report."""
    run = prefgym.train(
        "prefgym/HalfCheetah-v0",
        rater=prefgym.raters.cfg("mistake", eps_mistake=0.1),  # a tenth of the answers is wrong
        reward=prefgym.rewards.cfg("ensemble", num_members=3),
        agent="ppo",  # with the settings that are tuned for this task
        budget=budget,
        steps=steps,
    )
    print(f"true return {run.result.mean_return:.0f} ± {run.result.std_return:.0f}")
    print(f"accuracy on held-out answers: {run.metrics['reward_model/accuracy'][-1]:.0%}")
    print(f"{len(run.preferences or ())} answers are kept in {run.path}")
    return run


if __name__ == "__main__":
    main()
