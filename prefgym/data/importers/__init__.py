"""Feedback in the formats of others: one file a format, and readers that run nothing of what they read."""
