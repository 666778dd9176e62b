"""Factors of the task reward for raters: resolved by name, and summed over segments."""

from collections.abc import Sequence

import torch
from torch import Tensor

from prefgym.common.finite import check_finite
from prefgym.core.segments import Segments

_ALSO_CALLED = {"control": "ctrl"}


def choose(
    asked: str | Sequence[str], factor_names: Sequence[str], ranking: Sequence[str], *, signed: bool = False
) -> tuple[str, ...]:
    """Resolve the factors in a setting; an empty setting stands for the task's own ranking.

    Args:
        asked: Names or short names; in a text, they are separated by commas.
        factor_names: Factors of the task's segments.
        ranking: The task's own ranking of the factors.
        signed: Whether a minus before a name negates the factor.

    Raises:
        ValueError: If there are none, or one is repeated or not in the task.
    """
    named = asked.split(",") if isinstance(asked, str) else asked
    names = [name.strip() for name in named] if asked else list(ranking)
    if not names:
        raise ValueError("it looks at factors of the task reward, and this environment has none")
    minus = ["-" if signed and name.startswith("-") else "" for name in names]
    found = tuple(sign + resolve(name.removeprefix(sign), factor_names) for sign, name in zip(minus, names))
    if len(set(found)) < len(found):
        raise ValueError(f"{','.join(names)} names a factor twice")
    return found


def resolve(name: str, factor_names: Sequence[str]) -> str:
    """Return the full name of a factor from its name or short name.

    >>> resolve("control", ["reward_forward", "reward_ctrl"]), resolve("distance", ["distance_penalty"])
    ('reward_ctrl', 'distance_penalty')

    Raises:
        ValueError: If there is none.
    """
    short = {factor.removeprefix("reward_").removesuffix("_penalty"): factor for factor in factor_names}
    known = {factor: factor for factor in factor_names} | short
    found = known.get(name) or known.get(_ALSO_CALLED.get(name, name))
    if found is None:
        raise ValueError(f"there is no factor {name!r}: the task has {', '.join(short) or 'none'}")
    return found


def factor_sums(segments: Segments, names: Sequence[str]) -> Tensor:
    """Sum factors over the valid steps; those with a minus before their name are negated. Shape: (..., F).

    Raises:
        ValueError: If a factor is missing or not finite.
    """
    plain = [name.removeprefix("-") for name in names]
    if missing := [name for name in plain if name not in segments.factors]:
        raise ValueError(f"the segments carry no factor {missing[0]!r}; they may have lost it in without_truth()")
    sign = torch.tensor([-1.0 if name.startswith("-") else 1.0 for name in names], dtype=torch.float64)
    factors = sign * torch.stack([segments.factors[name] for name in plain], -1).cpu().double()
    sums = factors.masked_fill(~segments.mask.cpu().unsqueeze(-1), 0.0).sum(-2)
    check_finite("a factor of the task reward shown to a rater", sums)
    return sums


def factor_means(segments: Segments, names: Sequence[str]) -> Tensor:
    """Average factors over the steps; steps after a termination count as 0.

    A segment that is shorter for another reason is averaged over its own steps. Shape: (..., F).

    Raises:
        ValueError: As `factor_sums`.
    """
    num_steps = torch.where(segments.terminated, segments.num_steps, segments.length)
    return factor_sums(segments, names) / num_steps.cpu().unsqueeze(-1)
