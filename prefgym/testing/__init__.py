"""Compliance checks, example data and test doubles for authors of parts."""

from prefgym.sim.compliance import check_vector_env
from prefgym.testing.agent import check_agent
from prefgym.testing.examples import example_env, example_preferences, example_recorder, example_segments
from prefgym.testing.late import LateRater, LateRaterCfg
from prefgym.testing.learner import check_judged_learner, check_learner
from prefgym.testing.rater import check_rater
from prefgym.testing.sampler import check_sampler

__all__ = [
    "LateRater",
    "LateRaterCfg",
    "check_agent",
    "check_judged_learner",
    "check_learner",
    "check_rater",
    "check_sampler",
    "check_vector_env",
    "example_env",
    "example_preferences",
    "example_recorder",
    "example_segments",
]
