"""What knows nothing of reinforcement learning: errors, limits, registries, states, spaces, files."""
