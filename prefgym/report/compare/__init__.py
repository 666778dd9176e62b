"""Runs side by side: arms, their numbers, a table, and one HTML page."""
