"""How long to wait before trying again: the one reconnect and retry policy of the project."""

from __future__ import annotations

import random

from ..config import Options, Seconds, option


class BackoffOptions(Options):
    """Options of everything that tries again."""

    reconnect_delay: Seconds = option(1.0, "seconds before the first new try; grows with every failure", gt=0)
    reconnect_delay_max: Seconds = option(30.0, "longest wait between two tries, in seconds", gt=0)


class Backoff:
    """Exponential backoff with jitter: `delay`, then e times more each time, up to `maximum`, +-12 %.

    Args:
        delay: Seconds before the first new try.
        maximum: Longest wait in seconds.
        factor: Growth from try to try.
    """

    def __init__(self, delay: float = 1.0, maximum: float = 30.0, factor: float = 2.0) -> None:
        """Start with no failure seen."""
        self._delay, self._maximum, self._factor = delay, maximum, factor
        self.failures = 0

    def reset(self) -> None:
        """Forget the failures; call it after a success."""
        self.failures = 0

    def next(self) -> float:
        """Count one more failure and return the seconds to wait."""
        wait = self._delay * self._factor ** min(self.failures, 60)
        self.failures += 1
        return min(wait, self._maximum) * random.uniform(0.88, 1.12)  # noqa: S311 - spreads load, keeps no secret
