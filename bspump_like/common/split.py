"""SplitGenerator: one event becomes several."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal

from ..abc import Context, Event, Generator, ProcessorOptions
from ..config import option
from ..errors import ProcessingError

if TYPE_CHECKING:
    from ..application import BSPumpApplication
    from ..pipeline import Pipeline


class SplitOptions(ProcessorOptions):
    """What is split, and what goes along."""

    field: str = option("", "field that has the list; empty: the event is the list")
    target: str = option("", "with 'field': the field that gets the item; empty: an item that is a dict is merged, any other "
                         "takes the place of the list")  # fmt: skip
    keep: bool = option(True, "with 'field': every part has the other fields of the event, too")
    delimiter: str = option("", "text that is split, instead of a list: what stands between two parts", example=",")
    index: str = option("", "field, or with no 'field' key of the context, for the number of the part, from 0")
    empty: Literal["drop", "keep"] = option("drop", "what becomes of an event whose list is empty or missing")


class SplitGenerator(Generator):
    """Send on every item of a list as an event of its own, in order; with the rest of the event, if the list is in a field.

    In: a list, a dict with a list in `field`, or text with a `delimiter`. Out: one event for each item. They share the context,
    and dicts within the other fields.
    Raises: ProcessingError, if there is something else; nothing of the event is sent on then.

    Example:
        pipelines:
          - id: Example
            sources:
              - class: IteratorSource
                args: {iterator: [{order: 7, items: [{name: bread}, {name: salt}]}, {order: 8, items: []}]}
            processors:
              - {class: SplitGenerator, config: {field: items, index: position}}
            sink: {class: PPrintSink}
    """

    class Options(SplitOptions):
        """What is split, and what goes along."""

    def __init__(
        self, app: BSPumpApplication, pipeline: Pipeline, id: str | None = None, config: Mapping[str, Any] | None = None
    ) -> None:
        """See `Generator`."""
        super().__init__(app, pipeline, id, config)
        self._field: str = self.options.field
        self._index: str = self.options.index

    def generate(self, context: Context, event: Event, depth: int) -> None:
        """Send on the parts."""
        inject, index = self.Pipeline.inject, self._index
        if not self._field:
            for number, item in enumerate(self._items(event)):
                inject({**context, index: number} if index else context, item, depth)
            return
        if not isinstance(event, Mapping):
            raise ProcessingError(f"expected a dict with the field '{self._field}', got {type(event).__name__}")
        items = self._items(event.get(self._field))
        if not items and self.options.empty == "keep":
            inject(context, event, depth)
        rest = {key: value for key, value in event.items() if key != self._field} if self.options.keep else {}
        target = self.options.target
        for number, item in enumerate(items):
            part = (
                {**rest, **item} if not target and isinstance(item, Mapping) else {**rest, target or self._field: item}
            )
            if index:
                part[index] = number
            inject(context, part, depth)

    def _items(self, value: Any) -> list[Any]:
        if value is None:
            return []
        delimiter = self.options.delimiter
        if delimiter and isinstance(value, str):
            return value.split(delimiter) if value else []
        if delimiter and isinstance(value, bytes):
            return value.split(delimiter.encode()) if value else []
        if isinstance(value, str | bytes | Mapping) or not isinstance(value, Iterable):
            hint = "set 'delimiter' to split text" if isinstance(value, str | bytes) else ""
            raise ProcessingError(f"expected a list to split, got {type(value).__name__}", hint=hint)
        return list(value)
