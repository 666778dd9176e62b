"""Words and bounds of feedback that are needed where no arrays are: importing this imports nothing heavy."""

BETTER = "better"
"""The criterion of a query, if nothing else is asked: which option is better, or how good it is."""

MOST_LEVELS = 1000
"""Most levels of a rating scale."""
