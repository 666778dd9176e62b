"""Feedback and demonstrations as files."""
