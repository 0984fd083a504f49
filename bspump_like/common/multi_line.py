"""MultiLineAggregator: lines that belong together, such as a stack trace, as one event."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from ..abc import Context, Event
from ..config import Seconds, option
from ..errors import ProcessingError
from ..expression.regular import Regular
from .aggregator import Aggregator

if TYPE_CHECKING:
    from ..application import BSPumpApplication
    from ..pipeline import Pipeline


def _pattern(value: Any) -> str:
    Regular(str(value))
    return str(value)


class MultiLineOptions(Aggregator.Options):
    """How the first line of an event looks, and when there are enough."""

    begins: str = option(
        help="regular expression that the first line of each event matches", parse=_pattern, example="^[0-9]{4}-"
    )
    completion_size: int = option(1000, "most lines of an event; what is more becomes the next one", ge=1)
    completion_timeout: Seconds = option(
        1.0, "seconds after its first line in which an event is complete; 0: never", ge=0
    )
    strategy: Literal["text"] = option("text", "always so: lines are joined")


class MultiLineAggregator(Aggregator):
    r"""Join lines until one comes that begins the next event.

    In: text or bytes, with a line end or without, all from one stream. Out: the joined lines, without the last line end;
    the context is empty. An event is complete when the next one begins, when it has `completion_size` lines,
    `completion_timeout` after its first line, and at the end of the input. What is gathered is stored with each barrier
    and comes back after a crash or a stop. For files see `FileMultiLineSource`, too.
    Raises: ProcessingError, if an event is no text, or bytes come among text.

    Example:
        pipelines:
          - id: Example
            sources:
              - class: IteratorSource
                args: {iterator: ["12:00 all is well", "12:01 an error", "  at line 5", "  at line 9", "12:02 well again"]}
            processors:
              - {class: MultiLineAggregator, config: {begins: "^[0-9]"}}
            sink: {class: PPrintSink}
    """

    class Options(MultiLineOptions):
        """How events begin and end."""

    def __init__(
        self, app: BSPumpApplication, pipeline: Pipeline, id: str | None = None, config: Mapping[str, Any] | None = None
    ) -> None:
        """See `Aggregator`.

        Raises:
            ConfigError: `begins` is no pattern.
        """
        super().__init__(app, pipeline, None, id, config)
        self._begins = Regular(self.options.begins or "")

    def process(self, context: Context, event: Event) -> None:
        """Gather one line; send on those before it, if it begins the next event."""
        if isinstance(event, str):
            event = text = event.removesuffix("\n").removesuffix("\r")
        elif isinstance(event, bytes):
            event = event.removesuffix(b"\n").removesuffix(b"\r")
            text = event.decode(errors="replace")
        else:
            raise ProcessingError(f"expected a line of text, got {type(event).__name__}", detail=repr(event)[:80])
        if self._begins.search(text) is not None:
            self.complete()
        super().process(context, event)
