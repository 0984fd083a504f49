"""Values that must not be shown: passwords that a definition took from the environment or from files.

One set for one application. Log lines, the web API and the live table pass through it.
"""

from __future__ import annotations

import logging
import traceback
import weakref
from collections.abc import Iterable, Mapping
from typing import Any

_SHORTEST = 4
"""Shorter values would make stars of half a text, and are no passwords."""


def redact(text: str, secrets: Iterable[str]) -> str:
    """Return `text` with every secret of four characters or more shown as stars."""
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= _SHORTEST:
            text = text.replace(secret, "***")
    return text


class Secrets:
    """The values that an application must not show."""

    def __init__(self) -> None:
        """Know none yet."""
        self._values: frozenset[str] = frozenset()
        self._filter = _Filter(self)

    def __contains__(self, value: str) -> bool:
        """Tell whether a value is a secret."""
        return value in self._values

    def add(self, values: Iterable[str]) -> None:
        """Take further secrets, and keep them out of what is logged from now on."""
        self._values |= frozenset(values)
        if self._values:
            for handler in logging.getLogger().handlers:
                handler.addFilter(self._filter)

    def close(self) -> None:
        """Leave the log alone."""
        for handler in logging.getLogger().handlers:
            handler.removeFilter(self._filter)

    def redact(self, text: str) -> str:
        """Return a text with the secrets in it shown as stars."""
        return redact(text, self._values)

    def redact_all(self, value: Any) -> Any:
        """Return what is to be shown as JSON with the secrets in its texts as stars; other objects become text."""
        if not self._values or value is None or isinstance(value, bool | int | float):
            return value
        if isinstance(value, Mapping):
            return {key: self.redact_all(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.redact_all(item) for item in value]
        return self.redact(str(value))


class _Filter(logging.Filter):
    """Redacts log records; of an application that is gone it knows nothing any more."""

    def __init__(self, secrets: Secrets) -> None:
        super().__init__()
        self._secrets = weakref.ref(secrets)

    def filter(self, record: logging.LogRecord) -> bool:
        secrets = self._secrets()
        if secrets is None:
            return True
        text = record.getMessage()
        shown = secrets.redact(text)
        if shown != text:
            record.msg, record.args = shown, ()
        if record.exc_info:
            # A formatter takes this text in place of one of its own; the filter of another application may have made it.
            trace = record.exc_text or "".join(traceback.format_exception(*record.exc_info))
            record.exc_text = secrets.redact(trace.rstrip("\n"))
        return True
