"""Iterators: a source that reads one, and a generator that takes events apart."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from ..abc import Context, Event, Generator, SourceOptions, TriggerSource
from ..config import option
from ..errors import ConfigError, Problem

if TYPE_CHECKING:
    from ..application import BSPumpApplication
    from ..pipeline import Pipeline


class IteratorSource(TriggerSource):
    """Send on every item of an iterable.

    Out: the items, in order. A list is sent anew in each cycle, an iterator goes on where it was. There is no position: after
    a restart it begins at the beginning. An ordinary iterator is read on the event loop and must not block; an asynchronous
    one may wait, and its items are sent one by one.

    Example:
        pipelines:
          - id: Example
            sources:
              - {class: IteratorSource, args: {iterator: [1, two, {three: 3}]}}
            sink: {class: PrintSink}
    """

    class Options(SourceOptions):
        """The size of batches."""

        batch: int = option(100, "items taken from the iterator at once; 1 for an iterator that is slow", ge=1)

    def __init__(
        self, app: BSPumpApplication, pipeline: Pipeline, iterator: Iterable[Any] | AsyncIterable[Any],
        id: str | None = None, config: Mapping[str, Any] | None = None,
    ) -> None:  # fmt: skip
        """See `TriggerSource`.

        Args:
            app: The application.
            pipeline: The pipeline.
            iterator: What to send: anything a `for` or an `async for` takes.
            id: Name within the pipeline.
            config: Options.

        Raises:
            ConfigError: `iterator` can be iterated over in no way.
        """
        super().__init__(app, pipeline, id, config)
        given: Any = iterator
        if not isinstance(given, Iterable | AsyncIterable) and not hasattr(given, "__getitem__"):
            problem = f"'iterator' is {given!r}, and must be a list of events"
            raise ConfigError([Problem(problem, ("args", "iterator"), f"pipeline {pipeline.Id}, {self.Id}")])
        self.Iterator = iterator

    async def cycle(self, *args: Any, **kwargs: Any) -> None:
        """Send on what the iterator has."""
        if isinstance(self.Iterator, AsyncIterable):
            async for item in self.Iterator:
                await self.process(item)
            return
        iterator = iter(self.Iterator)
        while batch := list(itertools.islice(iterator, self.options.batch)):
            await self.deliver(batch)


class IteratorGenerator(Generator):
    """Send on each item of an event as an event of its own, in order.

    In: anything that can be iterated over. Out: its items. Raises: TypeError, if the event cannot be.

    Example:
        pipelines:
          - id: Example
            sources:
              - {class: IteratorSource, args: {iterator: [[1, 2], [3]]}}
            processors:
              - {class: IteratorGenerator}
            sink: {class: PrintSink}
    """

    def generate(self, context: Context, event: Event, depth: int) -> None:
        """Inject the items."""
        for item in event:
            self.Pipeline.inject(context, item, depth)
