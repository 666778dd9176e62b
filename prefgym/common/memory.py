"""Memory: sizes that multiply are compared with what this machine has before anything is allocated."""

import os
from pathlib import Path

from prefgym.common.errors import UserError

SMALL = 2**28
"""Bytes that are not compared, since reading the free memory takes time as well."""


def check_fits(what: str, num_bytes: float, remedy: str) -> None:
    """Check that something fits into the free memory of this machine.

    Args:
        what: Subject of the sentence, such as `a rollout`.
        num_bytes: Its size.
        remedy: The settings to lower, as the end of the sentence.

    Raises:
        UserError: If it does not.
    """
    if num_bytes > SMALL and num_bytes > (free := free_bytes()):
        raise UserError(f"{what} would take {in_words(num_bytes)} of memory, and {in_words(free)} are free: {remedy}.")


def free_bytes() -> int:
    """Return the memory that this machine can give to a process, in bytes."""
    try:
        lines = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text().splitlines())
        return int(lines["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError):  # macOS
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def in_words(num_bytes: float) -> str:
    """Write a number of bytes.

    >>> in_words(3_200_000_000), in_words(5e29)
    ('3.2 GB', '500,000,000,000,000,000,000.0 GB')
    """
    return f"{num_bytes / 1e9:,.1f} GB"


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error is about memory; torch and Warp raise no narrower type than RuntimeError."""
    words = ("out of memory", "can't allocate memory", "Failed to allocate", "calculation overflowed")
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and any(one in str(error) for one in words)
    )
