"""Demonstrations: their policies, and their collection."""
