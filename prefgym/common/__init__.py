"""Utilities without reinforcement learning: errors, limits, registries, states, spaces, files."""
