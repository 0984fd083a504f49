"""DeclarativeProcessor: what a declaration makes of an event."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ..abc import Context, Event, Processor
from ..abc.processor import ConcurrencyOptions
from ..config import option
from ..errors import ConfigError, Problem
from .builder import Library, compile_declaration

if TYPE_CHECKING:
    from ..application import BSPumpApplication
    from ..pipeline import Pipeline


class DeclarationOptions(ConcurrencyOptions):
    """Options of parts that a declaration describes."""

    declaration: str = option(
        "", "the declaration, YAML with tags; must be set unless it is given in code", example="!EVENT"
    )
    library: str = option(
        "", "folder with the declarations that !INCLUDE names, below that of the definition or in [pumpbuilder] include",
        refers="folder",
    )  # fmt: skip


class Declared:
    """What parts that a declaration describes have in common."""

    lookups: set[str]
    """Ids of the lookups that the declaration asks, those that are written down."""

    def asked_lookups(self) -> Iterator[tuple[str, tuple[str | int, ...]]]:
        """Yield the id of each lookup that the declaration asks, and the keys in `config` that lead to it."""
        for id in sorted(self.lookups):
            yield id, ("declaration",)


class DeclarativeProcessor(Declared, Processor):
    """Turn an event into what a declaration makes of it; None drops it.

    Declarations are YAML in which tags are functions, as in BSPump: `!ADD`, `!ITEM EVENT name`, `!IF`, `!DICT` ... They become
    one function of the language that the other expressions are written in; docs/how-to/expressions.md lists the tags.

    In: what the declaration reads. Out: its value. Raises: ProcessingError, if it cannot be computed; names expression and
    values.

    Example:
        pipelines:
          - id: Gains
            sources:
              - class: IteratorSource
                args: {iterator: [{dep: 7, arr: 2}, {dep: 1, arr: 4}]}
            processors:
              - class: DeclarativeProcessor
                config:
                  declaration: |
                    !DICT
                    with: !EVENT
                    set:
                      gain: !SUB [!ITEM EVENT dep, !ITEM EVENT arr]
            sink: {class: PrintSink}
    """

    class Options(DeclarationOptions):
        """The declaration."""

    def __init__(
        self, app: BSPumpApplication, pipeline: Pipeline, declaration: str | None = None, library: Library | None = None,
        id: str | None = None, config: Mapping[str, Any] | None = None,
    ) -> None:  # fmt: skip
        """See `Processor`.

        Args:
            app: The application.
            pipeline: The pipeline.
            declaration: YAML with tags; the option `declaration` when left out.
            library: What `!INCLUDE` finds: name -> text, or a folder; the option `library` when left out.
            id: Name within the pipeline.
            config: Options.

        Raises:
            ConfigError: The declaration is none; names line and column.
        """
        super().__init__(app, pipeline, id, config)
        self.lookups = set()
        self._run = compiled(self, app, declaration, library)
        if type(self).process is DeclarativeProcessor.process:
            # Called for every event: without a method around it that calls it.
            self.process = self._run  # type: ignore[method-assign]

    async def initialize(self) -> None:
        """Do nothing: the declaration is compiled when the processor is made. Kept for code that awaits it."""

    def process(self, context: Context, event: Event) -> Event:
        """Return the value of the declaration."""
        return self._run(context, event)


def compiled(part: Any, app: BSPumpApplication, declaration: str | None, library: Library | None) -> Any:
    """Return the function of a part with `DeclarationOptions`.

    Raises:
        ConfigError: Its declaration is none.
    """
    text = part.options.declaration if declaration is None else declaration
    where = f"pipeline {part.Pipeline.Id}, {part.Id}"
    if text == "":
        raise ConfigError([Problem("option 'declaration' must be set", ("declaration",), where=where)])
    try:
        return compile_declaration(
            text, app=app, library=library or part.options.library or None, source="declaration", lookups=part.lookups
        )
    except ConfigError as error:
        path = ("declaration",) if declaration is None else ()
        raise ConfigError([Problem(one.message, path, where=where) for one in error.problems]) from None
