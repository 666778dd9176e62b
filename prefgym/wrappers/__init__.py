"""Environments wrapped: recorded, rewarded by a learner, guarded, bridged to Stable-Baselines3."""
