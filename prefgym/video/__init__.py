"""Clips of segments and episodes."""
