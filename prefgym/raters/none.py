"""Nobody: training on the task reward, the reference arm of an experiment."""

from dataclasses import dataclass

from prefgym.core.preferences import Preferences
from prefgym.core.queries import Queries


@dataclass(frozen=True, kw_only=True)
class NoRaterCfg:
    """Train on the task reward; no query is asked."""


class NoRater:
    """Answer nothing; it stands for training on the task reward."""

    def __init__(self, cfg: NoRaterCfg | None = None) -> None:
        self.cfg = cfg or NoRaterCfg()

    def submit(self, queries: Queries) -> None:
        """Refuse questions.

        Raises:
            ValueError: Always.
        """
        raise ValueError(f"rater 'none' trains on the task reward and cannot answer {len(queries)} queries")

    def collect(self) -> Preferences | None:
        """Return None."""
        return None
