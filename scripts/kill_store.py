"""Kill a process while raters write to a question store, again and again; then look for what it had confirmed.

    python scripts/kill_store.py --times 50
    python scripts/kill_store.py --times 50 --url postgresql://user:password@host/database

A process answers questions for many raters at once, a thread each, and prints each event after the store confirmed
it. It is killed (SIGKILL) after a random number of these lines. After each kill the store is opened again: every
confirmed event must be there, once, under the number it was given. At the end the last process finishes the study,
and each question must have as many distinct raters as it wants.
"""

import random
import subprocess
import sys
import threading
import uuid
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import tyro

from prefgym.common.limits import Count, check
from prefgym.store.errors import StoreRefusal
from prefgym.store.records import NewEvent, NewQuestion, NewSegment
from prefgym.store.store import Store
from prefgym.store.study import StudyCfg


@dataclass(frozen=True, kw_only=True)
class KillCfg:
    """How often, and under which load."""

    times: Count = 50
    """Kills."""
    raters: Count = 32
    """Raters who answer at once."""
    overlap: Count = 3
    """Distinct raters of each question."""
    most_between: Count = 60
    """Most confirmed events between two kills."""
    url: str = ""
    """Address of an empty store; a file of SQLite that is gone afterwards if it is left out."""
    seed: int = 0
    """Seed of the moments."""

    def __post_init__(self) -> None:
        check(self)


def kill_often(cfg: KillCfg, url: str) -> int:
    """Kill the writing process `cfg.times` times, check after each time, and return how many events were confirmed.

    Raises:
        AssertionError: If a confirmed event is missing or double, or a question has not the raters it wants.
    """
    rng = random.Random(cfg.seed)
    with Store.open(url) as store:
        study, raters = _begin(store, cfg)
    confirmed: dict[str, int] = {}
    for time in range(cfg.times + 1):
        is_last = time == cfg.times
        lines = _write_until_killed(url, raters, None if is_last else rng.randint(1, cfg.most_between))
        confirmed |= lines
        with Store.open(url) as store:
            check_confirmed(store, raters, confirmed)
    with Store.open(url) as store:
        given = store.answers(study)
        num = Counter(row.question for row in given if row.status == "answered")
        assert {*num} == {question.number for question in store.questions(study)}, "a question has no answer"
        assert {*num.values()} == {cfg.overlap}, f"questions have {sorted({*num.values()})} raters, not {cfg.overlap}"
        assert len({(row.question, row.rater) for row in given}) == len(given)
    return len(confirmed)


def check_confirmed(store: Store, raters: list[str], confirmed: dict[str, int]) -> None:
    """Check that each confirmed event is in the store, once, under its number.

    Args:
        store: The store.
        raters: All raters.
        confirmed: Numbers of events by their client ids.

    Raises:
        AssertionError: If one is not.
    """
    events = [event for rater in raters for event in store.history(rater)]
    there = {event.client_id: event.event for event in events}
    assert len(there) == len(events), "an event is there twice"
    lost = [name for name, number in confirmed.items() if there.get(name) != number]
    assert not lost, f"{len(lost)} of {len(confirmed)} confirmed events are lost, such as {lost[0]}"


def _begin(store: Store, cfg: KillCfg) -> tuple[str, list[str]]:
    """Make a study with more work than is done before the last kill."""
    num = cfg.times * cfg.most_between // (2 * cfg.overlap) + cfg.raters
    study = store.add_study(StudyCfg(name="killed", overlap=cfg.overlap, lease_s=3600))
    names = [
        store.add_segment(
            NewSegment(env="Pole", num_steps=10, dt_s=0.05, drawing=str(number).encode(), media_type="text/plain")
        )
        for number in range(2)
    ]
    store.ask(study, [NewQuestion(query_id=number, segments=(names[0], names[1])) for number in range(num)])
    token = store.invite(study, max_raters=None)
    return study, [store.join(token).id for _ in range(cfg.raters)]


def _write_until_killed(url: str, raters: list[str], most: int | None) -> dict[str, int]:
    """Run the writing process, kill it after `most` confirmed events, and return all that it confirmed."""
    command = [sys.executable, __file__, "--write", url, *raters]
    confirmed: dict[str, int] = {}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        for line in writer.stdout:  # goes on after the kill, to what was printed before it
            if not line.endswith("\n"):
                break  # killed while it printed this one
            name, number = line.split()
            confirmed[name] = int(number)
            if len(confirmed) == most:
                writer.kill()
    assert writer.returncode == (0 if most is None else -9), f"the writing process ended with {writer.returncode}"
    return confirmed


def write(url: str, raters: list[str]) -> None:
    """Answer for all raters at once until nothing is left; print each event after it is confirmed."""
    store, printing, failed = Store.open(url), threading.Lock(), list[BaseException]()

    def answer(rater: str) -> None:
        while not store.work(rater).is_done:
            for assignment in store.assign(rater, 2):
                event = NewEvent(
                    client_id=str(uuid.uuid4()), assignment=assignment.id, type="answer", statement={"choice": 0}
                )
                try:
                    receipt = store.record(rater, event)
                except StoreRefusal as error:
                    if error.code != "already-answered":
                        raise
                    continue
                with printing:
                    print(event.client_id, receipt.event, flush=True)

    def guarded(rater: str) -> None:
        try:
            answer(rater)
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=guarded, args=(rater,)) for rater in raters]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise failed[0]


def main() -> None:
    """Run it from the command line."""
    if sys.argv[1:2] == ["--write"]:
        write(sys.argv[2], sys.argv[3:])
        return
    cfg = tyro.cli(KillCfg, description=__doc__)
    with TemporaryDirectory() as folder:
        num = kill_often(cfg, cfg.url or str(Path(folder) / "labels.sqlite"))
    print(f"{cfg.times} kills: all {num} confirmed events are there, once, and each question has its raters")


if __name__ == "__main__":
    main()
