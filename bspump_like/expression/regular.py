"""Regular expressions that take no longer than they may, whatever the text.

Python's `re` is fast, and for some patterns it tries ways without end: `(a+)+b` doubles its time with every letter. So a
pattern is looked at when it is compiled: how does its time grow with the text (backtracking.py)? Texts that are short enough
for that go to `re`; others go to the package `regex`, which reads the same patterns, stops after a time limit, and is ten times
slower by looking at the clock.

Of RE2, which cannot take long by construction, the Python binding was measured at 20 to 30 times the time of `re`.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from typing import Any

from ..errors import MissingDependency, needs
from .backtracking import cost_of

SECONDS = 0.1
"""CPU time that one use of a pattern may take."""

_STEPS = 1_000_000
"""Steps that `re` makes in about a hundredth of a second."""

_LONGEST_PATTERN = 2000


class Regular:
    """A compiled pattern.

    Args:
        pattern: In the language of `re`.

    Raises:
        ValueError: It is none.
        MissingDependency: It can take exponential time, and the package that would stop it is not there.
    """

    def __init__(self, pattern: str) -> None:
        """Compile and judge it."""
        if len(pattern) > _LONGEST_PATTERN:
            raise ValueError(f"the pattern has {len(pattern)} characters, more than {_LONGEST_PATTERN}")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                self._plain = re.compile(pattern)
                cost = cost_of(pattern)
            except (re.error, RecursionError, OverflowError) as error:
                raise ValueError(f"'{pattern}' is no pattern: {error}") from None
        self.pattern = pattern
        self.groups = self._plain.groups
        self._longest = cost.longest(_STEPS)
        self._limited: Any = None
        if not self._longest:
            self._limited = self._compiled()

    def search(self, text: str) -> Any:
        """Return the first match in a text, or None.

        Raises:
            ValueError: It takes too long.
        """
        if len(text) <= self._longest:
            return self._plain.search(text)
        return next(self._within_time(text), None)

    def finditer(self, text: str) -> Iterator[Any]:
        """Return all matches in a text.

        Raises:
            ValueError: It takes too long.
        """
        return self._plain.finditer(text) if len(text) <= self._longest else self._within_time(text)

    def _within_time(self, text: str) -> Iterator[Any]:
        if self._limited is None:
            try:
                self._limited = self._compiled()
            except MissingDependency as error:
                raise ValueError(
                    f"the pattern '{self.pattern}' could take long for a text of {len(text)} characters, and {error}"
                ) from None
        try:
            yield from self._limited.finditer(text, timeout=SECONDS)
        except TimeoutError:
            raise ValueError(
                f"the pattern '{self.pattern}' takes more than {SECONDS} s for a text of {len(text)} characters"
            ) from None

    def _compiled(self) -> Any:
        with needs("regex"):
            import regex
        try:
            return regex.compile(self.pattern)
        except regex.error as error:
            raise ValueError(f"'{self.pattern}' could take long, and 'regex' does not read it: {error}") from None
