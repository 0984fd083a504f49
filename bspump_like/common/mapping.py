"""Keys, values and items of mappings: as one list, or as one event each."""

from __future__ import annotations

from ..abc import Context, Event, Generator, Processor


class MappingKeysProcessor(Processor):
    """Turn a mapping into the list of its keys.

    In: mapping. Out: list. Raises: AttributeError, if the event is not a mapping.

    Example:
        pipelines:
          - id: Example
            sources:
              - {class: IteratorSource, args: {iterator: [{origin: EWR, delay: 4}]}}
            processors:
              - {class: MappingKeysProcessor}
            sink: {class: PrintSink}
    """

    def process(self, context: Context, event: Event) -> Event:
        """Return the keys."""
        return list(event.keys())


class MappingValuesProcessor(Processor):
    """Turn a mapping into the list of its values.

    In: mapping. Out: list. Raises: AttributeError, if the event is not a mapping.

    Example:
        pipelines:
          - id: Example
            sources:
              - {class: IteratorSource, args: {iterator: [{origin: EWR, delay: 4}]}}
            processors:
              - {class: MappingValuesProcessor}
            sink: {class: PrintSink}
    """

    def process(self, context: Context, event: Event) -> Event:
        """Return the values."""
        return list(event.values())


class MappingItemsProcessor(Processor):
    """Turn a mapping into the list of its (key, value) tuples.

    In: mapping. Out: list of tuples. Raises: AttributeError, if the event is not a mapping.

    Example:
        pipelines:
          - id: Example
            sources:
              - {class: IteratorSource, args: {iterator: [{origin: EWR, delay: 4}]}}
            processors:
              - {class: MappingItemsProcessor}
            sink: {class: PrintSink}
    """

    def process(self, context: Context, event: Event) -> Event:
        """Return the items."""
        return list(event.items())


class MappingKeysGenerator(Generator):
    """Send on each key of a mapping as an event of its own, in order.

    In: mapping. Out: its keys. Raises: AttributeError, if the event is not a mapping.

    Example:
        pipelines:
          - id: Example
            sources:
              - {class: IteratorSource, args: {iterator: [{origin: EWR, delay: 4}]}}
            processors:
              - {class: MappingKeysGenerator}
            sink: {class: PrintSink}
    """

    def generate(self, context: Context, event: Event, depth: int) -> None:
        """Inject the keys."""
        for key in event.keys():  # noqa: SIM118 - a list is no mapping and must fail
            self.Pipeline.inject(context, key, depth)


class MappingValuesGenerator(Generator):
    """Send on each value of a mapping as an event of its own, in order.

    In: mapping. Out: its values. Raises: AttributeError, if the event is not a mapping.

    Example:
        pipelines:
          - id: Example
            sources:
              - {class: IteratorSource, args: {iterator: [{origin: EWR, delay: 4}]}}
            processors:
              - {class: MappingValuesGenerator}
            sink: {class: PrintSink}
    """

    def generate(self, context: Context, event: Event, depth: int) -> None:
        """Inject the values."""
        for value in event.values():
            self.Pipeline.inject(context, value, depth)


class MappingItemsGenerator(Generator):
    """Send on each (key, value) tuple of a mapping as an event of its own, in order.

    In: mapping. Out: tuples. Raises: AttributeError, if the event is not a mapping.

    Example:
        pipelines:
          - id: Example
            sources:
              - {class: IteratorSource, args: {iterator: [{origin: EWR, delay: 4}]}}
            processors:
              - {class: MappingItemsGenerator}
            sink: {class: PrintSink}
    """

    def generate(self, context: Context, event: Event, depth: int) -> None:
        """Inject the items."""
        for item in event.items():
            self.Pipeline.inject(context, item, depth)
