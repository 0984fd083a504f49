"""RandomEnricher: a field with a random value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..abc import Context, Event, Processor
from ..abc.processor import ConcurrencyOptions
from ..config import option
from ..errors import ProcessingError
from .values import ValueOptions, drawing

if TYPE_CHECKING:
    from ..application import BSPumpApplication
    from ..pipeline import Pipeline


class RandomEnricherOptions(ValueOptions, ConcurrencyOptions):
    """Field and values."""

    field: str = option("enriched_field", "field that gets the value")


class RandomEnricher(Processor):
    """Put a random value into a field, in place: a whole number between two bounds, or one of several values.

    In: dict. Out: the same dict. Raises: ProcessingError, if the event takes no fields.

    Example:
        pipelines:
          - id: Example
            sources:
              - {class: IteratorSource, args: {iterator: [{id: 1}, {id: 2}]}}
            processors:
              - {class: RandomEnricher, config: {field: origin, choice: [EWR, JFK, LGA]}}
            sink: {class: PPrintSink}
    """

    class Options(RandomEnricherOptions):
        """Field and values."""

    def __init__(
        self, app: BSPumpApplication, pipeline: Pipeline, choice: Sequence[Any] | None = None, id: str | None = None,
        config: Mapping[str, Any] | None = None,
    ) -> None:  # fmt: skip
        """See `Processor`.

        Args:
            app: The application.
            pipeline: The pipeline.
            choice: Values to choose from; the option when left out.
            id: Name within the pipeline.
            config: Options.

        Raises:
            ConfigError: The bounds are the wrong way round.
        """
        super().__init__(app, pipeline, id, config)
        self.Field: str = self.options.field
        self._draw = drawing(self.options, choice, self.locate_address())

    def generate_random(self, context: Context, event: Event) -> Any:
        """Return the value for an event; override it for others."""
        return self._draw()

    def process(self, context: Context, event: Event) -> Event:
        """Return the event with the field."""
        try:
            event[self.Field] = self.generate_random(context, event)
        except TypeError as error:
            raise ProcessingError(
                f"expected a dict to enrich, got {type(event).__name__}", detail=str(error)
            ) from error
        return event
