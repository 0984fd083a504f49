"""The five steps, once as a loop that somebody wrote by hand and once as objects with a `process` method.

Parse JSON, keep what is not `debug`, enrich from a table of users, derive two fields, dump JSON.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import orjson

KEPT = 1000
"""Every row ends in a deque of so many results: it costs next to nothing, and tells whether the rows agree."""

Keep = deque[bytes]


def new_keep() -> Keep:
    """Return an empty end for a row."""
    return deque(maxlen=KEPT)


def by_hand(lines: Iterable[bytes], users: dict[str, dict[str, Any]], keep: Callable[[bytes], object]) -> None:
    """Run the five steps as straight code: the row that all others are measured against."""
    loads, dumps = orjson.loads, orjson.dumps
    for line in lines:
        event = loads(line)
        if event["level"] == "debug":
            continue
        user = users[event["user"]]
        event["tenant"] = user["tenant"]
        event["country"] = user["country"]
        event["kilobytes"] = event["bytes"] / 1024
        event["slow"] = event["duration"] > 0.5
        keep(dumps(event))


class Parse:
    """Step 1."""

    def process(self, context: Any, event: Any) -> Any:
        """Turn JSON into a dict."""
        return orjson.loads(event)


class Filter:
    """Step 2."""

    def process(self, context: Any, event: Any) -> Any:
        """Drop debug records."""
        if event["level"] == "debug":
            return None
        return event


class Enrich:
    """Step 3."""

    users: dict[str, dict[str, Any]]

    def process(self, context: Any, event: Any) -> Any:
        """Add tenant and country of the user."""
        user = self.users[event["user"]]
        event["tenant"] = user["tenant"]
        event["country"] = user["country"]
        return event


class Derive:
    """Step 4."""

    def process(self, context: Any, event: Any) -> Any:
        """Add two fields that follow from others."""
        event["kilobytes"] = event["bytes"] / 1024
        event["slow"] = event["duration"] > 0.5
        return event


class Dump:
    """Step 5."""

    def process(self, context: Any, event: Any) -> Any:
        """Turn the dict into JSON."""
        return orjson.dumps(event)


class End:
    """What every pump needs behind its steps: a sink. It keeps the last results."""

    keep: Keep

    def process(self, context: Any, event: Any) -> None:
        """Keep the result."""
        self.keep.append(event)


STEPS: tuple[type[Any], ...] = (Parse, Filter, Enrich, Derive, Dump)


def bare_methods(users: dict[str, dict[str, Any]], keep: Keep) -> list[Callable[[Any, Any], Any]]:
    """Return the bound methods of the five steps and the end."""
    parts = [*(step() for step in STEPS), End()]
    parts[2].users = users
    parts[5].keep = keep
    return [part.process for part in parts]


def through_methods(lines: Iterable[bytes], methods: Sequence[Callable[[Any, Any], Any]]) -> None:
    """Run bound methods event by event with nothing around them: what any chain of objects costs at least."""
    context: dict[str, Any] = {}
    for event in lines:
        for process in methods:
            event = process(context, event)
            if event is None:
                break
