"""The types: segments, queries, preferences, choices, scores, rollouts, and what parts may ask of each other."""
