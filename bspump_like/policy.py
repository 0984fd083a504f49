"""What happens to an event that fails: the `on_error` policies and the error scopes, as data.

    on_error: stop                      halt the pipeline with the event; nothing behind it is committed (the default)
    on_error: drop                      count it and go on
    on_error: dead_letter               keep it in the store, replayable, and go on
    on_error: {route: Errors}           hand it to another pipeline
    on_error: {retry: {attempts: 5, backoff: 0.5}, then: dead_letter}

`error_scopes` of a pipeline give a policy to a range of processors, for some types of errors:

    error_scopes: [{from: Parse, to: Enrich, types: [KeyError, ValueError], on_error: drop}]
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from .abc.backoff import Backoff
from .config import Options, Seconds, nearest, option
from .errors import ConfigError

ACTIONS = ("stop", "drop", "dead_letter")


class RetryOptions(Options):
    """Options of `on_error: {retry: {...}}`."""

    attempts: int = option(3, "how often to try again", ge=1)
    backoff: Seconds = option(1.0, "seconds before the first new try; doubles each time", gt=0)
    max_backoff: Seconds = option(60.0, "longest wait between two tries, in seconds", gt=0)
    defer: bool = option(
        False, "keep the event in the store between tries, so that barriers and restarts do not wait for it"
    )


@dataclasses.dataclass(frozen=True)
class ErrorPolicy:
    """One parsed `on_error`.

    Attributes:
        action: `stop`, `drop`, `dead_letter` or `route`.
        route: Address of the source that takes the event, for `route`.
        retry: What to try before.
    """

    action: str = "stop"
    route: str = ""
    retry: RetryOptions | None = None

    @classmethod
    def parse(cls, value: Any) -> ErrorPolicy:
        """Return the policy that `on_error: value` describes.

        Raises:
            ConfigError: It describes none; the message lists what there is.
        """
        if isinstance(value, ErrorPolicy):
            return value
        if isinstance(value, str):
            word, _, address = value.partition(":")
            if word.strip() == "route" and address.strip():
                return cls("route", address.strip())
            return cls(_action(value.strip()))
        if not isinstance(value, Mapping):
            raise ConfigError(
                f"on_error has {value!r}", hint=f"use {', '.join(ACTIONS)}, {{route: ...}} or {{retry: ...}}"
            )
        unknown = set(value) - {"retry", "then", "route"}
        if unknown:
            key = sorted(map(str, unknown))[0]
            raise ConfigError(f"on_error has an unknown key '{key}'", hint=nearest(key, ("retry", "then", "route")))
        last = cls.parse(value.get("then", "stop"))
        if "route" in value:
            last = cls("route", str(value["route"]))
        if "retry" not in value:
            return last
        return dataclasses.replace(last, retry=_retry(value["retry"] or {}))

    def wait(self, attempt: int) -> float:
        """Return the seconds to wait before attempt number `attempt`, from 1."""
        assert self.retry is not None
        backoff = Backoff(self.retry.backoff, self.retry.max_backoff)
        backoff.failures = attempt - 1
        return backoff.next()


def _action(word: str) -> str:
    if word not in ACTIONS:
        raise ConfigError(f"on_error has '{word}'", hint=nearest(word, (*ACTIONS, "route", "retry")))
    return word


def _retry(value: Any) -> RetryOptions:
    if not isinstance(value, Mapping):
        raise ConfigError(f"retry has {value!r}", hint="use retry: {attempts: ..., backoff: ...}")
    for key in value:
        if key not in RetryOptions.declarations():
            raise ConfigError(f"retry has an unknown option '{key}'", hint=nearest(key, RetryOptions.declarations()))
    return RetryOptions.parse(value)


@dataclasses.dataclass(frozen=True)
class ErrorScope:
    """A range of processors with a policy of its own; the event is given back as it was at the first of them.

    Attributes:
        first: Id of the first processor of the range; empty: the first of the pipeline.
        last: Id of its last processor; empty: the last of the pipeline.
        types: Names of error classes (their subclasses count too); empty: all.
        policy: What happens.
    """

    first: str
    last: str
    types: tuple[str, ...]
    policy: ErrorPolicy

    @classmethod
    def parse(cls, value: Any) -> ErrorScope:
        """Return the scope that one item of `error_scopes` describes.

        Raises:
            ConfigError: It is no object, a key is unknown or `on_error` is missing.
        """
        if not isinstance(value, Mapping):
            raise ConfigError(f"an error scope has {value!r}", hint="use {from: ..., to: ..., on_error: ...}")
        for key in value:
            if key not in ("from", "to", "types", "on_error"):
                raise ConfigError(f"an error scope has '{key}'", hint=nearest(key, ("from", "to", "types", "on_error")))
        if "on_error" not in value:
            raise ConfigError("an error scope has no 'on_error'", hint="say what happens to the event")
        types = value.get("types", ())
        types = (types,) if isinstance(types, str) else tuple(types)
        return cls(str(value.get("from", "")), str(value.get("to", "")), types, ErrorPolicy.parse(value["on_error"]))

    def span(self, ids: Sequence[str]) -> tuple[int, int]:
        """Return the first and the last index of the range among the processor ids of a pipeline.

        Raises:
            ConfigError: An id is not among them, or the last comes before the first.
        """
        for name in (self.first, self.last):
            if name and name not in ids:
                raise ConfigError(f"an error scope names the processor '{name}'", hint=nearest(name, ids))
        first, last = ids.index(self.first) if self.first else 0, ids.index(self.last) if self.last else len(ids) - 1
        if first > last:
            raise ConfigError(f"an error scope ends with '{ids[last]}', which comes before '{ids[first]}'")
        return first, last

    def takes(self, error: BaseException) -> bool:
        """Tell whether the scope is for this error."""
        return not self.types or any(cls.__name__ in self.types for cls in type(error).__mro__)
