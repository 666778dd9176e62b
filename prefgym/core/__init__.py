"""The types: segments, queries, preferences, choices, scores, rollouts, and the protocols between parts."""
