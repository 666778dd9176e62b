"""Time what a question store is asked for most, with 10,000 events in it.

python scripts/time_store.py
python scripts/time_store.py --url postgresql://user:password@host/database
"""

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import tyro

from prefgym.common.limits import Count, check
from prefgym.store.records import NewEvent, NewQuestion, NewSegment
from prefgym.store.store import Store
from prefgym.store.study import StudyCfg


@dataclass(frozen=True, kw_only=True)
class TimeCfg:
    """How much is in the store."""

    events: Count = 10_000
    """Events: three answers in four are amended."""
    raters: Count = 20
    """Raters."""
    url: str = ""
    """Address of an empty store; a file of SQLite that is gone afterwards if it is left out."""

    def __post_init__(self) -> None:
        check(self)


def fill(store: Store, cfg: TimeCfg) -> tuple[str, list[str]]:
    """Add a study with events; return its id and those of its raters."""
    study = store.add_study(StudyCfg(name="timed", overlap=2))
    names = [
        store.add_segment(
            NewSegment(env="Pole", num_steps=10, dt_s=0.05, drawing=str(number).encode(), media_type="text/plain")
        )
        for number in range(2)
    ]
    store.ask(study, [NewQuestion(query_id=number, segments=(names[0], names[1])) for number in range(cfg.events)])
    token = store.invite(study, max_raters=None)
    raters = [store.join(token).id for _ in range(cfg.raters)]
    num = 0
    while num < cfg.events:
        for rater in raters:
            for place, got in enumerate(store.assign(rater, 4)):
                num += _say(store, rater, got.id, "answer", {"choice": place % 2})
                num += _say(store, rater, got.id, "amend", {"strength": 0.5}) if place else 0
    return study, raters


def _say(store: Store, rater: str, assignment: str, kind: str, statement: dict[str, object]) -> int:
    own = {"client_id": str(uuid.uuid4()), "assignment": assignment, "statement": statement, "seconds": 3.0}
    store.record(rater, NewEvent(type=kind, **own))  # pyright: ignore[reportArgumentType]
    return 1


def timed(job: Callable[[], object], times: int = 20) -> float:
    """Return the median time of a job, in milliseconds."""
    took: list[float] = []
    for _ in range(times):
        begin = time.perf_counter()
        job()
        took.append(1000 * (time.perf_counter() - begin))
    return median(took)


def main(cfg: TimeCfg) -> None:
    """Fill a store and print a line for each question."""
    with TemporaryDirectory() as folder, Store.open(cfg.url or str(Path(folder) / "labels.sqlite")) as store:
        begin = time.perf_counter()
        study, raters = fill(store, cfg)
        newest = store.answers(study)[-1].event
        print(f"{cfg.events} events written in {time.perf_counter() - begin:.0f} s, one after the other")
        rater = raters[0]
        for name, job in {
            "answers(study)": lambda: store.answers(study),
            "answers(study, newest - 100)": lambda: store.answers(study, newest - 100),
            "answers(study, newest)": lambda: store.answers(study, newest),
            "assign(rater, 4)": lambda: store.assign(rater, 4),
            "record(rater, answer)": lambda: _say(store, rater, store.assign(rater, 1)[0].id, "answer", {"choice": 0}),
            "work(rater)": lambda: store.work(rater),
            "progress(study)": lambda: store.progress(study),
            "history(rater)": lambda: store.history(rater),
        }.items():
            print(f"{name:30} {timed(job):8.1f} ms")


if __name__ == "__main__":
    main(tyro.cli(TimeCfg, description=__doc__))
