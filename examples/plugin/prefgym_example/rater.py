"""A rater that prefers small actions."""

from dataclasses import asdict, dataclass

from prefgym.common.limits import NonNegative, check
from prefgym.core.choice import BradleyTerry, BradleyTerryCfg
from prefgym.core.preferences import Preferences, RaterInfo
from prefgym.core.queries import Queries
from prefgym.raters.immediate import SeededRater


@dataclass(frozen=True, kw_only=True)
class ThriftyRaterCfg:
    """How firmly small actions are preferred."""

    beta: NonNegative = 10.0
    """Inverse temperature of the choice, per squared unit of action and step."""

    __post_init__ = check


class ThriftyRater(SeededRater):
    """Choose by the mean square of the actions, with Bradley-Terry noise."""

    def __init__(self, cfg: ThriftyRaterCfg, *, seed: int = 0) -> None:
        super().__init__(seed)
        self.choice = BradleyTerry(BradleyTerryCfg(beta=cfg.beta))
        self.info = RaterInfo(name="thrifty", settings=asdict(cfg))

    def __call__(self, queries: Queries) -> Preferences:
        """Answer at once."""
        options = queries.options  # padding has actions of 0
        effort = options.action.square().sum((-2, -1)) / options.length
        return Preferences.of(queries, self.choice.sample(-effort, self.generator), self.info)
