"""DeclarativeGenerator: the events that a declaration makes of one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..abc import Context, Event, Generator
from ..errors import ProcessingError
from ..expression.access import shown
from .builder import Library
from .processor import DeclarationOptions, Declared, compiled

if TYPE_CHECKING:
    from ..application import BSPumpApplication
    from ..pipeline import Pipeline


class DeclarativeGenerator(Declared, Generator):
    """Send on each item of the list that a declaration makes of an event, in order; None sends nothing.

    In: what the declaration reads. Out: the items. Raises: ProcessingError, if it makes no list, or cannot be computed.

    Example:
        pipelines:
          - id: Words
            sources:
              - class: IteratorSource
                args: {iterator: [{text: one two}, {text: three}]}
            processors:
              - class: DeclarativeGenerator
                config: {declaration: '!SPLIT {what: !ITEM EVENT text, delimiter: " "}'}
            sink: {class: PrintSink}
    """

    class Options(DeclarationOptions):
        """The declaration."""

    def __init__(
        self, app: BSPumpApplication, pipeline: Pipeline, declaration: str | None = None, id: str | None = None,
        config: Mapping[str, Any] | None = None, library: Library | None = None,
    ) -> None:  # fmt: skip
        """See `Generator`.

        Args:
            app: The application.
            pipeline: The pipeline.
            declaration: YAML with tags; the option `declaration` when left out.
            id: Name within the pipeline.
            config: Options.
            library: What `!INCLUDE` finds: name -> text, or a folder; the option `library` when left out.

        Raises:
            ConfigError: The declaration is none; names line and column.
        """
        super().__init__(app, pipeline, id, config)
        self.lookups = set()
        self._run = compiled(self, app, declaration, library)

    def generate(self, context: Context, event: Event, depth: int) -> None:
        """Send on the items."""
        items = self._run(context, event)
        if items is None:
            return
        if not isinstance(items, list | tuple):
            raise ProcessingError(f"the declaration makes {shown(items)}, and a list of events is needed")
        for item in items:
            self.Pipeline.inject(context, item, depth)
