"""How long sessions wait for answers that do not come at once."""

import math
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How long a session waits for its answers; meanwhile the agent does not act."""

    minutes: float = 0.0
    """Most minutes; infinity waits for all answers."""
    first: int = 0
    """Answers of the whole run for which a session waits without an end."""

    @classmethod
    def of(cls, rater_cfg: object, minutes: float) -> "Patience":
        """Read the settings of a rater; one that is no person has none.

        Args:
            rater_cfg: Settings of the rater.
            minutes: Most minutes that a session waits for any rater.
        """
        is_blocking = bool(getattr(rater_cfg, "block", False))
        return cls(minutes=math.inf if is_blocking else minutes, first=int(getattr(rater_cfg, "wait_first", 0)))

    def has_ended(self, waited_s: float, num_answered: int) -> bool:
        """Return whether the session goes on although answers are missing."""
        return num_answered >= self.first and waited_s >= 60 * self.minutes

    @property
    def is_endless(self) -> bool:
        """Return whether it waits for all answers."""
        return math.isinf(self.minutes)

    @property
    def in_words(self) -> str:
        """Return how long it waits, for the end of a sentence; empty without an end."""
        if self.first:
            return f", until there are {self.first} of the whole run"
        return "" if self.is_endless else f", at most {self.minutes:g} minutes"
