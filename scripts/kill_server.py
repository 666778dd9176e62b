"""Kill a labelling server (SIGKILL) again and again while raters answer, and look for what is lost or doubled.

    python scripts/kill_server.py --kills 50
    python scripts/kill_server.py --kills 50 --store postgresql://USER@HOST/NAME

Raters keep every answer until the server says that it has it, and send it again after a kill, as the page does. In the
end each answer that got a receipt is in the store, none is there twice, no question has more distinct raters than its
overlap, and what was leased by raters who never came back is given to others.
"""

import asyncio
import sys
import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import numpy as np
import tyro
from label_server import DatabaseCfg, Server, databases, fill, started

from prefgym.common.limits import Count, Positive, Seed, check
from prefgym.store.store import Store

LEASE_S = 20.0
"""Longer than a restart takes: an answer that comes after its lease is kept, also as one too many."""
_LOOK_S, _LOOKS = 0.05, 1200


@dataclass(frozen=True, kw_only=True)
class KillCfg(DatabaseCfg):
    """Kill a labelling server while raters answer."""

    kills: Count = 50
    """How often."""
    raters: Count = 32
    """Raters at once."""
    overlap: Count = 3
    """Distinct raters that each question wants."""
    most_s: Positive = 3.0
    """Most seconds between the first answers after a start and the kill, at random."""
    seed: Seed = 0
    """Seed of the moments."""

    __post_init__ = check


@dataclass
class Noted:
    """What raters know."""

    receipts: dict[str, int] = field(default_factory=dict[str, int])
    """Number of the event of each answer that the server has said it has, by the answer's own id."""
    refused: Counter[str] = field(default_factory=Counter[str])
    """Codes of refusals."""
    is_over: bool = False


async def rate(server: list[Server], number: int, noted: Noted, wait_s: float = 0.05) -> None:
    """Answer as fast as the server does, through all its deaths, until it is over."""
    base = server[0].base
    async with httpx.AsyncClient(base_url=base, headers={"Origin": base}, timeout=30, verify=False) as client:
        waiting: dict[str, Any] | None = None
        is_in = False
        while not noted.is_over or waiting is not None:
            try:
                if not is_in:
                    body = {"invitation": server[0].token, "participant": f"person-{number}"}
                    is_in = (await client.post("api/v1/session", json=body)).is_success
                if waiting is None:
                    got = await client.post("api/v1/assignments", json={"num": 2})
                    found = got.json()["assignments"] if got.is_success else []
                    if not found:
                        await asyncio.sleep(wait_s)
                        continue
                    waiting = {
                        "client_id": str(uuid.uuid4()),
                        "assignment": found[0]["id"],
                        "type": "answer",
                        "statement": {"choice": number % 2},
                    }
                told = await client.post("api/v1/events", json=[waiting])
            except httpx.HTTPError:  # it is dead, or has just died: the answer is kept, and sent again
                await asyncio.sleep(wait_s)
                continue
            if told.status_code == 200:
                (receipt,) = told.json()
                if receipt["event"] is None:
                    noted.refused[receipt["refused"]["code"]] += 1
                else:
                    noted.receipts[waiting["client_id"]] = receipt["event"]
                waiting = None
            await asyncio.sleep(wait_s)


async def kill_often(url: str, cfg: KillCfg, noted: Noted) -> None:
    """Start, kill and start again, while all raters answer."""
    rng = np.random.default_rng(cfg.seed)
    running: list[Server] = []
    raters: list[asyncio.Task[None]] = []
    for number in range(cfg.kills + 1):
        with started(url, _port(running)) as server:
            running[:] = [server]
            if not raters:
                raters = [asyncio.create_task(rate(running, one, noted)) for one in range(cfg.raters)]
            before = len(noted.receipts)
            for _ in range(_LOOKS):
                await asyncio.sleep(_LOOK_S)
                if len(noted.receipts) >= before + cfg.raters // 2:
                    break
            await asyncio.sleep(rng.uniform(0, cfg.most_s))
            if number < cfg.kills:
                server.process.kill()
                server.process.wait()
            else:
                noted.is_over = True
                await asyncio.gather(*raters)


def _port(running: list[Server]) -> int:
    return int(running[0].base.rpartition(":")[2]) if running else 0


def complaints(store: Store, study: str, noted: Noted, overlap: int) -> Iterator[str]:
    """Yield what is wrong with the store."""
    history = [event for one in store.progress(study).raters for event in store.history(one.id)]
    kept = Counter(event.client_id for event in history)
    if lost := noted.receipts.keys() - kept.keys():
        yield f"{len(lost)} answers are lost"
    if doubled := [name for name, times in kept.items() if times > 1]:
        yield f"{len(doubled)} answers are there more than once"
    numbers = {event.client_id: event.event for event in history}
    if moved := [name for name, number in noted.receipts.items() if numbers.get(name, number) != number]:
        yield f"{len(moved)} answers have another number than their receipt"
    answers = store.answers(study)
    raters: dict[int, list[str]] = {}
    for row in answers:
        raters.setdefault(row.question, []).append(row.rater)
    if crowded := [number for number, names in raters.items() if len(names) > overlap]:
        yield f"{len(crowded)} questions have more than {overlap} raters"
    if same := [number for number, names in raters.items() if len({*names}) < len(names)]:
        yield f"{len(same)} questions have a rater twice"
    if len(answers) != len(history):
        yield f"{len(history)} events, but {len(answers)} answers"


async def finish(url: str, study: str, cfg: KillCfg, noted: Noted) -> list[str]:
    """Let other raters answer what is left, leases of those who never come back included; return what is wrong."""
    noted.is_over = False
    with started(url) as server, Store.open(url) as store:
        running = [server]
        others = [asyncio.create_task(rate(running, cfg.raters + one, noted)) for one in range(cfg.raters)]
        for _ in range(1200):
            await asyncio.sleep(0.1)
            if not store.num_waiting(study):
                break
        noted.is_over = True
        await asyncio.gather(*others)
        left = store.num_waiting(study)
        return [*complaints(store, study, noted, cfg.overlap), *([f"{left} questions wait for ever"] if left else [])]


def main(cfg: KillCfg) -> int:
    """Kill, look, print; return 1 if something is lost or doubled."""
    code = 0
    with databases(cfg.store, cfg.postgres) as found:
        for name, url in found.items():
            noted = Noted()
            study = fill(url, num_questions=100 + 20 * cfg.kills, overlap=cfg.overlap, lease_s=LEASE_S)
            asyncio.run(kill_often(url, cfg, noted))
            before = len(noted.receipts)
            wrong = asyncio.run(finish(url, study, cfg, noted))
            refused = ", ".join(f"{times} {code}" for code, times in noted.refused.items()) or "none"
            print(
                f"{name}: {cfg.kills} kills under {cfg.raters} raters: {before} answers with a receipt, "
                f"{len(noted.receipts)} in the end; refused: {refused}; "
                f"{'; '.join(wrong) or 'nothing lost, nothing doubled'}",
                flush=True,
            )
            code = code or int(bool(wrong))
    return code


if __name__ == "__main__":
    sys.exit(main(tyro.cli(KillCfg, description=__doc__)))
