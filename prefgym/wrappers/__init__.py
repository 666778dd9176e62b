"""Environments wrapped: recorded, rewarded by a learner, guarded, bridged to Stable-Baselines3."""

from prefgym.wrappers.preference import PreferenceEnv as PreferenceEnv
from prefgym.wrappers.preference import PreferenceVectorEnv as PreferenceVectorEnv
