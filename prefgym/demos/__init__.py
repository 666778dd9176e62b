"""Demonstrations: who plays them, and how they are collected."""
