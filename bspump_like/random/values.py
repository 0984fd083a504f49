"""Random values: numbers between two bounds, or one of several values."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

from ..config import Options, option
from ..errors import ConfigError


class SeedOptions(Options):
    """How chance begins."""

    seed: int | None = option(None, "number that makes chance repeatable; empty: another sequence at each start")


class ValueOptions(SeedOptions):
    """Which values."""

    lower_bound: int = option(0, "least number")
    upper_bound: int = option(1000, "greatest number")
    choice: list[Any] = option([], "values to choose from, in place of numbers", example=["EWR", "JFK", "LGA"])


def drawing(options: Any, choice: Sequence[Any] | None, where: str) -> Callable[[], Any]:
    """Return a function that draws a value.

    Args:
        options: A `ValueOptions`.
        choice: Values given in code; they win over the option.
        where: The part, for messages.

    Raises:
        ConfigError: The bounds are the wrong way round.
    """
    # Not the module's functions: a seed must hold whatever else draws in this process.
    source = random.Random(options.seed)  # noqa: S311 - test data, no secrets
    values = list(options.choice if choice is None else choice)
    if values:
        return lambda: source.choice(values)
    lower, upper = options.lower_bound, options.upper_bound
    if lower > upper:
        raise ConfigError(f"{where} has 'lower_bound' {lower} above 'upper_bound' {upper}", hint="exchange them")
    span = upper - lower + 1
    draw = source.random
    # A float has 53 bits; above that randrange() knows better, and takes eight times as long.
    return (lambda: lower + int(draw() * span)) if span < 1 << 50 else lambda: source.randint(lower, upper)
