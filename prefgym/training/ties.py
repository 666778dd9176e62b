"""A warning where all answers are ties, because there is no task reward to judge by."""

import sys

from prefgym.core.feedback import Feedback


def warn_of_ties(first: Feedback) -> None:
    """Print a warning if the first answers of a rater are all ties, and the task reward of all their steps is the same.

    Args:
        first: The first answers, with the truth that the rater saw.
    """
    choices = first.comparisons
    if choices is None:
        return
    options, answers = choices.queries.options, choices.answers
    answered = answers.answered
    if options.reward is None or not answered.any() or not answers.tie[answered].all():
        return
    rewards = options.reward[options.mask]
    if bool((rewards == rewards[0]).all()):
        found = (
            f"all {int(answered.sum())} answers are ties, since the task reward of every step is {float(rewards[0]):g}"
        )
        advice = "nothing is learned from these: choose an environment with a reward, or a rater that needs none"
        print(f"warning: {found}: {advice}", file=sys.stderr)
