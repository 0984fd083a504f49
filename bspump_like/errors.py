"""Every error that the project raises on purpose.

Message, detail, hint: what happened, with which value, what to do about it. An error carries what a caller
branches on (`retriable`, `wait`), so that no call site keeps a list of class names.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator, Sequence


class BSPumpError(Exception):
    """Base of all errors of this package.

    Args:
        message: What happened, one sentence without a full stop.
        detail: The value or the answer that it happened with.
        hint: What the reader can do about it.
    """

    def __init__(self, message: str, *, detail: str = "", hint: str = "") -> None:
        """Keep the three parts; `str()` joins them to one readable line."""
        super().__init__(message)
        self.message = message
        self.detail = detail
        self.hint = hint

    def __str__(self) -> str:
        """Return message, detail and hint as one line."""
        text = self.message
        if self.detail:
            text = f"{text}: {self.detail}"
        if self.hint:
            text = f"{text} ({self.hint})"
        return text


@dataclasses.dataclass(frozen=True)
class Problem:
    """One mistake in a configuration or a definition.

    Attributes:
        message: What is wrong and what was expected, one sentence.
        path: Keys that lead to the place, outermost first: `("pipelines", 0, "sink", "config", "pth")`.
        where: A place that a person knows (`pipeline P, sink FileLineSink`), empty when `path` says it all.
        hint: The remedy: the nearest valid name, an example.
        file: The file the mistake stands in, empty when it was given in code.
        line: Its line there, from 1; 0 when unknown.
        used: Where the template is used that it stands in, `FILE:LINE`.
        warning: It may be meant so: it is said, and nothing is refused.
    """

    message: str
    path: tuple[str | int, ...] = ()
    where: str = ""
    hint: str = ""
    file: str = ""
    line: int = 0
    used: tuple[str, ...] = ()
    warning: bool = False

    def __str__(self) -> str:
        """Return `file:line: where: message (hint); used at file:line`, leaving out what is unknown."""
        # A place shown in a text of several lines stays below what is said about it.
        message, _, shown = self.message.partition("\n")
        text = message if not self.where else f"{self.where}: {message}"
        if self.hint:
            text = f"{text} ({self.hint})"
        if self.warning:
            text = f"warning: {text}"
        if self.used:
            text = f"{text}; used at {', '.join(self.used)}"
        if self.file:
            place = f"{self.file}:{self.line}" if self.line else self.file
            text = f"{place}: {text}"
        return _printable(f"{text}\n{shown}" if shown else text)


def _printable(text: str) -> str:
    """Return text in which nothing commands a terminal: names in a definition may hold any character."""
    if text.replace("\n", " ").isprintable():
        return text
    return "".join(one if one == "\n" or one.isprintable() else ascii(one)[1:-1] for one in text)


class ConfigError(BSPumpError):
    """A configuration or definition that cannot be used; names every mistake, not only the first.

    Args:
        problems: The mistakes, or one sentence.
        hint: The remedy, when `problems` is one sentence.
    """

    def __init__(self, problems: Sequence[Problem] | str, *, hint: str = "") -> None:
        """Wrap one sentence into a `Problem`, so that readers always find a list."""
        if isinstance(problems, str):
            problems = [Problem(problems, hint=hint)]
        self.problems: tuple[Problem, ...] = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class ProcessingError(BSPumpError, RuntimeError):
    """An event could not be processed. Raised by processors; the pipeline's `on_error` policy decides."""


class Drop(ProcessingError):
    """Raise in a processor to drop the event: the same as returning None. Settles as dropped."""


class Reject(ProcessingError):
    """Raise in a processor to refuse the event as bad input. Settles as rejected; kept as a dead letter."""


class DeliveryError(BSPumpError):
    """A sink could not make durable what it was handed. It keeps the events; the barrier fails and is tried again.

    Args:
        message: See `BSPumpError`.
        detail: See `BSPumpError`.
        hint: See `BSPumpError`.
        retriable: False when trying again cannot help; then the pipeline halts until somebody clears the error.
    """

    def __init__(self, message: str, *, detail: str = "", hint: str = "", retriable: bool = True) -> None:
        """Keep whether the barrier may be tried again."""
        super().__init__(message, detail=detail, hint=hint)
        self.retriable = retriable


class ConnectionLost(BSPumpError):
    """Steers a source: the connection is gone; close, connect again with backoff, resume at the last committed position."""


class BackOff(BSPumpError):
    """Steers a source: read again after `wait` seconds; the connection stays.

    Args:
        wait: Seconds to wait.
        message: Why, for the log.
    """

    def __init__(self, wait: float, message: str = "the server asked to wait") -> None:
        """Keep the number of seconds."""
        super().__init__(message)
        self.wait = wait


class EndOfInput(BSPumpError):
    """Steers a source: there is nothing more to read, ever; the source has finished."""

    def __init__(self, message: str = "end of input") -> None:
        """Give the message a default, since the class says it all."""
        super().__init__(message)


class MissingDependency(ConfigError):
    """An optional package is not installed.

    Args:
        package: The name to import.
        extra: The extra of this project that installs it.
    """

    def __init__(self, package: str, extra: str) -> None:
        """Say which extra to install."""
        super().__init__(f"the package '{package}' is not installed", hint=f"pip install 'bspump_like[{extra}]'")


@contextlib.contextmanager
def needs(extra: str, package: str = "") -> Iterator[None]:
    """Say which extra to install when a package that the block imports is missing.

    Args:
        extra: The extra of this project that installs them.
        package: The name to tell; empty: the one that is imported.

    Raises:
        MissingDependency: One of them is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise MissingDependency(package or str(error.name).partition(".")[0], extra) from None
