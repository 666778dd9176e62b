"""What a rater gets at each turn, drawn from the seed of the study, the rater and the turn alone."""

import hashlib
import random
from dataclasses import dataclass
from typing import Literal

from prefgym.store.study import StudyCfg

Source = Literal["practice", "gold", "repeat", "plain"]


@dataclass(frozen=True, kw_only=True)
class Turn:
    """What is drawn for one assignment."""

    source: Source
    """Where the question comes from, if there is one to be had there; from the plain ones if not."""
    pick: float
    """Which of them, from 0 to 1."""
    order_seed: int
    """Seed of the order of options."""

    def chosen(self, num: int) -> int:
        """Return which of `num` things is picked."""
        return min(int(self.pick * num), num - 1)

    def order(self, num: int) -> tuple[int, ...]:
        """Return the options in the order in which they are shown."""
        options = [*range(num)]
        random.Random(self.order_seed).shuffle(options)
        return tuple(options)


def turn(cfg: StudyCfg, ordinal: int, slot: int, *, practises: bool = False) -> Turn:
    """Draw what a rater gets.

    Args:
        cfg: The study.
        ordinal: Number of the rater in the study.
        slot: How many assignments the rater had before.
        practises: Whether practice questions are still due.
    """
    # not hash(), which differs between processes
    seed = hashlib.sha256(f"{cfg.seed}/{ordinal}/{slot}".encode()).digest()
    rng = random.Random(int.from_bytes(seed[:16], "big"))
    share, pick, order_seed = rng.random(), rng.random(), rng.getrandbits(62)
    source: Source = "plain"
    if practises:
        source = "practice"
    elif share < cfg.gold_share:
        source = "gold"
    elif share < cfg.gold_share + cfg.repeat_share:
        source = "repeat"
    return Turn(source=source, pick=pick, order_seed=order_seed)
