"""Base classes and files of agents."""
