"""The run folder: manifest, checkpoints, log of answers."""
