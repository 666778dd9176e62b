"""Let simulated raters answer on one labelling server: how long an answer takes, and whether its memory grows.

    python scripts/load_server.py --raters 200 --minutes 10
    python scripts/load_server.py --store postgresql://USER@HOST/NAME

Each rater answers every `every` seconds, with a login, assignments fetched ahead and an event a time, as the page does.
The first minute warms up; the exit code is 1 if an answer failed, if the 95th percentile is above 100 ms, or if the
process ends with more than 1.1 times the memory that it had after the first minute.
"""

import asyncio
import sys
import time
import uuid
from dataclasses import dataclass, field
from typing import Any

import httpx
import numpy as np
import tyro
from label_server import DatabaseCfg, Server, databases, fill, started

from prefgym.common.limits import Count, Positive, check

WARM_UP_S = 60.0
"""Seconds after which memory is first read, or half of the time if that is less."""
MOST_GROWTH = 1.1
"""Most memory at the end, by that after the warm-up."""


@dataclass(frozen=True, kw_only=True)
class LoadCfg(DatabaseCfg):
    """Let simulated raters answer on one labelling server."""

    raters: Count = 200
    """Raters at once."""
    minutes: Positive = 10.0
    """How long."""
    every: Positive = 4.0
    """Seconds between two answers of a rater."""
    most_ms: Positive = 100.0
    """Most milliseconds of the 95th percentile of an answer."""

    __post_init__ = check


@dataclass
class Times:
    """What is measured."""

    answers: list[float] = field(default_factory=list[float])
    """Seconds from sending an answer to its receipt."""
    failed: list[str] = field(default_factory=list[str])
    """What was said in the place of a receipt."""


async def rate(server: Server, token: str, cfg: LoadCfg, number: int, until: float, times: Times) -> None:
    """Answer until it is time."""
    await asyncio.sleep(number / cfg.raters * cfg.every)  # spread out, as people are
    headers = {"Origin": server.base}
    async with httpx.AsyncClient(base_url=server.base, headers=headers, timeout=60, verify=False) as client:
        (await client.post("api/v1/session", json={"invitation": token})).raise_for_status()
        ahead: list[dict[str, Any]] = []
        while time.monotonic() < until:
            due = time.monotonic() + cfg.every
            if len(ahead) < 2:
                got = await client.post("api/v1/assignments", json={"num": 4})
                ahead = got.raise_for_status().json()["assignments"]
            one = ahead.pop(0)
            event = {
                "client_id": str(uuid.uuid4()),
                "assignment": one["id"],
                "type": "answer",
                "statement": {"choice": number % 2},
                "seconds": cfg.every,
                "provenance": {"speed": 1, "camera": {"turned": 0.2}, "plays": 2},
            }
            sent = time.monotonic()
            told = await client.post("api/v1/events", json=[event])
            times.answers.append(time.monotonic() - sent)
            if told.status_code != 200 or not told.json()[0]["is_new"]:
                times.failed.append(told.text[:200])
            await asyncio.sleep(max(0.0, due - time.monotonic()))


async def load(server: Server, cfg: LoadCfg) -> tuple[Times, float, float]:
    """Let all raters answer; return times, and the memory after the warm-up and at the end, in MB."""
    until, times = time.monotonic() + 60 * cfg.minutes, Times()
    raters = [
        asyncio.create_task(rate(server, server.token, cfg, number, until, times)) for number in range(cfg.raters)
    ]
    await asyncio.sleep(min(WARM_UP_S, 30 * cfg.minutes))
    early = server.memory_mb()
    await asyncio.gather(*raters)
    return times, early, server.memory_mb()


def main(cfg: LoadCfg) -> int:
    """Load a server, print what it took; return 1 if that is too much."""
    code = 0
    with databases(cfg.store, cfg.postgres) as found:
        for name, url in found.items():
            fill(url, num_questions=int(cfg.raters * 60 * cfg.minutes / cfg.every * 1.2) + 5 * cfg.raters, overlap=1)
            with started(url) as server:
                times, early, late = asyncio.run(load(server, cfg))
            p50, p95 = 1000 * np.quantile(times.answers, [0.5, 0.95])
            print(
                f"{name}: {cfg.raters} raters, {len(times.answers)} answers in {cfg.minutes:g} min: p50 {p50:.0f} ms, "
                f"p95 {p95:.0f} ms; memory {early:.0f} MB, at the end {late:.0f} MB ({late / early:.2f} times); "
                f"{len(times.failed)} failed",
                *sorted({*times.failed})[:5],
                flush=True,
            )
            code = code or int(bool(times.failed) or p95 > cfg.most_ms or late / early > MOST_GROWTH)
    return code


if __name__ == "__main__":
    sys.exit(main(tyro.cli(LoadCfg, description=__doc__)))
