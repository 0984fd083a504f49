"""What is wrong with a definition while it is built: collected to the end, so that everything is said at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from ..errors import ConfigError, Problem
from .loader import Definition
from .positions import KeyPath

_T = TypeVar("_T")


class BrokenError(Exception):
    """A part cannot be built; why is reported already."""


class Report:
    """The mistakes in one definition.

    Args:
        definition: It knows where everything stands.

    Attributes:
        unsound: Paths of parts that cannot be built because of their shape.
    """

    def __init__(self, definition: Definition) -> None:
        """Raise every mistake at once, until `begin`."""
        self.unsound: set[KeyPath] = set()
        self._definition = definition
        self._collected: list[Problem] | None = None

    @property
    def collecting(self) -> bool:
        """Tell whether mistakes are kept for later."""
        return self._collected is not None

    def begin(self) -> None:
        """Collect from now on, beginning with what was found while reading."""
        self._collected = list(self._definition.problems)

    def __bool__(self) -> bool:
        """Tell whether anything was found."""
        return bool(self._collected)

    def end(self) -> list[Problem]:
        """Return what was collected, each with its place, in the order of the file; raise at once from now on."""
        collected, self._collected = self._collected or [], None
        located = {str(one): one for one in map(self._definition.located, collected)}
        return sorted(located.values(), key=lambda problem: (problem.file, problem.line))

    def add(self, problems: Iterable[Problem]) -> None:
        """Note problems; go on with the part in work.

        Raises:
            ConfigError: Nothing is collected, so they are raised.
        """
        found = [one for one in problems if one.file or not self._definition.follows_from_a_mistake(one.path)]
        if not found:
            return
        if self._collected is None:
            raise ConfigError([self._definition.located(problem) for problem in found])
        self._collected += found

    def give_up(self, problems: Iterable[Problem]) -> None:
        """Note problems and give up the part in work, if there are any.

        Raises:
            BrokenError: There are, and they are collected.
            ConfigError: There are, and nothing is collected.
        """
        found = list(problems)
        self.add(found)
        if found:
            raise BrokenError

    def attempt(self, build: Callable[[], _T]) -> _T | None:
        """Return what `build` returns; None when it is broken, which is reported already."""
        try:
            return build()
        except BrokenError:
            return None
