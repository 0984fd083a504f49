"""The base of processors that parse text: the event itself, or one of its fields."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from ..abc import Context, Event, Processor
from ..abc.processor import ConcurrencyOptions
from ..config import option
from ..errors import ProcessingError
from ..text_options import encoding_name

if TYPE_CHECKING:
    from ..application import BSPumpApplication
    from ..pipeline import Pipeline


class TextParserOptions(ConcurrencyOptions):
    """Where the text stands, and where the result goes."""

    field: str = option("", "field that has the text; empty: the event is the text")
    target: str = option(
        "", "field that gets the result; empty: the result is the event, or its fields are merged into the event"
    )
    encoding: str = option("utf-8", "encoding of bytes", parse=encoding_name)


class TextParser(Processor):
    """The base of processors that parse text: override `parse`.

    In: text, bytes, or with `field` a dict that has them there. Out: the result; with `field` the same dict, with the result in
    `target`, or merged into it.
    Raises: ProcessingError, with the reason and the text.

    Example:
        from bspump_like.common import TextParser

        class Shouted(TextParser):
            def parse(self, text):
                if not text.isupper():
                    raise ValueError("nobody shouts")
                return {"said": text.lower()}
    """

    to_override: ClassVar[tuple[str, ...]] = ("parse",)

    class Options(TextParserOptions):
        """Where the text stands, and where the result goes."""

    def __init__(
        self, app: BSPumpApplication, pipeline: Pipeline, id: str | None = None, config: Mapping[str, Any] | None = None
    ) -> None:
        """See `Processor`."""
        super().__init__(app, pipeline, id, config)
        self._field: str = self.options.field
        self._target: str = self.options.target
        self._encoding: str = self.options.encoding

    def parse(self, text: str) -> Any:
        """Return what a text says.

        Raises:
            ValueError: It cannot be parsed; the message says why.
        """
        raise NotImplementedError(f"{type(self).__name__} defines no parse(text)")

    def decode(self, data: bytes) -> str:
        """Return bytes as text; called for whatever is no text, so it raises AttributeError for what is no bytes either."""
        return data.decode(self._encoding)

    def process(self, context: Context, event: Event) -> Event:
        """Return the event, parsed."""
        field = self._field
        try:
            text = event[field] if field else event
            parsed = self.parse(text if text.__class__ is str else self.decode(text))
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise self._explained(event, error) from error
        if not field:
            return {self._target: parsed} if self._target else parsed
        if self._target:
            event[self._target] = parsed
        elif isinstance(parsed, dict):
            event.update(parsed)
        else:
            event[field] = parsed
        return event

    def _explained(self, event: Any, error: Exception) -> Exception:
        text = event
        if self._field:
            if not isinstance(event, Mapping):
                return ProcessingError(f"expected a dict with the field '{self._field}', got {type(event).__name__}")
            if self._field not in event:
                return ProcessingError(f"the event has no field '{self._field}'")
            text = event[self._field]
        if not isinstance(text, str | bytes | bytearray):
            return ProcessingError(f"expected text, got {type(text).__name__}")
        if isinstance(error, ValueError):
            return ProcessingError(str(error), detail=f"in {text[:100]!r}")
        return error
