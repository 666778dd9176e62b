"""The absence of a rater: training on the task reward, the reference arm of an experiment."""

from dataclasses import dataclass

from prefgym.core.preferences import Preferences
from prefgym.core.queries import Queries


@dataclass(frozen=True, kw_only=True)
class NoRaterCfg:
    """Training on the task reward, without queries."""


class NoRater:
    """A placeholder that answers nothing and stands for training on the task reward."""

    def __init__(self, cfg: NoRaterCfg | None = None) -> None:
        self.cfg = cfg or NoRaterCfg()

    def submit(self, queries: Queries) -> None:
        """Raise: there are no answers.

        Raises:
            ValueError: Always.
        """
        raise ValueError(f"rater 'none' trains on the task reward and cannot answer {len(queries)} queries")

    def collect(self) -> Preferences | None:
        """Return None."""
        return None
