"""AttributeFilter: some fields of an event."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from ..abc import Context, Event, Processor
from ..abc.processor import ConcurrencyOptions
from ..config import nearest, option
from ..errors import ConfigError, Problem, ProcessingError

if TYPE_CHECKING:
    from ..application import BSPumpApplication
    from ..pipeline import Pipeline


class AttributeFilterOptions(ConcurrencyOptions):
    """Options of the filter."""

    lookup: str = option("", "id of a lookup whose keys are the fields", refers="lookup")
    fields: list[str] = option([], "the fields, in place of a lookup", example=["password", "token"])
    inclusive: bool = option(False, "yes: keep only these fields; no: leave them out")


class AttributeFilter(Processor):
    """Leave out the fields of an event that a lookup has; with `inclusive` leave out those that it has not.

    In: dict. Out: a new dict without these fields. Override `get_fields` for fields that depend on the event, and `predicate` for
    events that pass as they are.
    Raises: ProcessingError, if the event is no dict.

    Example:
        pipelines:
          - id: Example
            sources:
              - {class: IteratorSource, args: {iterator: [{user: ann, password: s3cret}, {user: bob}]}}
            processors:
              - {class: AttributeFilter, config: {fields: [password, token]}}
            sink: {class: PPrintSink}
    """

    class Options(AttributeFilterOptions):
        """Which fields."""

    def __init__(
        self, app: BSPumpApplication, pipeline: Pipeline, lookup: Any = None, inclusive: bool | None = None,
        id: str | None = None, config: Mapping[str, Any] | None = None,
    ) -> None:  # fmt: skip
        """See `Processor`.

        Args:
            app: The application.
            pipeline: The pipeline.
            lookup: The lookup, its id, or any collection of fields; the options `lookup` or `fields` when left out.
            inclusive: Keep only these fields; the option when left out.
            id: Name within the pipeline.
            config: Options.

        Raises:
            ConfigError: There are both a lookup and fields.
        """
        super().__init__(app, pipeline, id, config)
        if self.options.fields and (self.options.lookup or lookup is not None):
            raise ConfigError(f"{self.locate_address()} has both a lookup and 'fields'", hint="keep one of them")
        wanted = self.options.lookup or None if lookup is None else lookup
        self.Inclusive: bool = self.options.inclusive if inclusive is None else inclusive
        self.Lookup: Collection[Any] = (
            frozenset(self.options.fields) if wanted is None or isinstance(wanted, str) else wanted
        )
        self._wanted = wanted

    async def on_start(self) -> None:
        """Find the lookup.

        Raises:
            ConfigError: There is none of this id.
        """
        if not isinstance(self._wanted, str):
            return
        service = self.App.pump_service
        try:
            self.Lookup = service.locate_lookup(self._wanted)
        except KeyError:
            hint = nearest(self._wanted, list(service.Lookups)) or "the pump has no lookups"
            problem = Problem(f"there is no lookup '{self._wanted}'", ("lookup",), self.locate_address(), hint)
            raise ConfigError([problem]) from None

    def predicate(self, event: Event) -> bool:
        """Return whether fields of this event are left out at all."""
        return True

    def get_fields(self, event: Event) -> Collection[Any]:
        """Return the fields, as something that answers `in`."""
        return self.Lookup

    def filter_fields(self, event: Event) -> Event:
        """Return the event without the fields."""
        fields, inclusive = self.get_fields(event), self.Inclusive
        return {name: value for name, value in event.items() if (name in fields) is inclusive}

    def process(self, context: Context, event: Event) -> Event:
        """Return the event without the fields."""
        if not isinstance(event, Mapping):
            raise ProcessingError(f"expected a dict to take fields from, got {type(event).__name__}")
        return self.filter_fields(event) if self.predicate(event) else event
