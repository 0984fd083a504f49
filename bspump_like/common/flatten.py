"""FlattenDictProcessor: nested dicts to one level."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..abc import Context, Event, Processor
from ..abc.processor import ConcurrencyOptions
from ..config import option

if TYPE_CHECKING:
    from ..application import BSPumpApplication
    from ..pipeline import Pipeline


class FlattenDictProcessor(Processor):
    """Turn `{"a": {"b": 1}}` into `{"a.b": 1}`.

    In: dict. Out: a new dict whose values are no dicts, save empty ones, which are kept. Lists stay as they are. When two
    values come to one name the later wins. Raises: AttributeError, if the event is not a dict.

    Example:
        pipelines:
          - id: Example
            sources:
              - {class: IteratorSource, args: {iterator: [{id: 1, user: {name: ann, home: {city: Brno}}}]}}
            processors:
              - {class: FlattenDictProcessor}
            sink: {class: PPrintSink}
    """

    class Options(ConcurrencyOptions):
        """The separator."""

        separator: str = option(".", "text between the names of two levels", example="_")

    def __init__(
        self, app: BSPumpApplication, pipeline: Pipeline, id: str | None = None, config: Mapping[str, Any] | None = None
    ) -> None:
        """See `Processor`."""
        super().__init__(app, pipeline, id, config)
        self.Separator: str = self.options.separator

    def process(self, context: Context, event: Event) -> Event:
        """Return the flat dict."""
        return self.flatten(event)

    def flatten(self, nested_dict: Mapping[str, Any]) -> dict[str, Any]:
        """Return a flat dict with the values of `nested_dict`, in their order."""
        flat: dict[str, Any] = {}
        self._into(flat, "", nested_dict)
        return flat

    def _into(self, flat: dict[str, Any], prefix: str, nested: Mapping[str, Any]) -> None:
        separator = self.Separator
        for key, value in nested.items():
            name = f"{prefix}{key}"
            if isinstance(value, dict) and value:
                self._into(flat, name + separator, value)
            else:
                flat[name] = value
