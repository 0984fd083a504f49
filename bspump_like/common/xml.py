"""XML in events: XMLParserProcessor and XMLDumperProcessor."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from xml.parsers import expat

from ..abc import Context, Event, Processor
from ..abc.processor import ConcurrencyOptions
from ..config import option
from ..errors import ProcessingError, needs
from .text_parser import TextParser, TextParserOptions

if TYPE_CHECKING:
    from ..application import BSPumpApplication
    from ..pipeline import Pipeline


def _xmltodict() -> Any:
    with needs("xml"):
        import xmltodict
    return xmltodict


class XMLParserOptions(TextParserOptions):
    """What becomes of what XML has and dicts have not."""

    lists: list[str] = option([], "elements that are always lists, also when there is one", example=["item"])
    attributes: str = option("@", "what stands before the name of an attribute")
    text: str = option("#text", "name for the text of an element that has attributes, too")
    namespaces: bool = option(False, "names bear the address of their namespace, address:name")


class XMLParserProcessor(TextParser):
    """Parse an XML document.

    In: text, bytes in the encoding that the document names, or a dict that has them in `field`. Out: nested dicts of text: an
    element that comes several times is a list, attributes have `@` before their name, an empty element is None.
    Raises: ProcessingError, if it is no XML, or declares entities, with which a small document can become endless or read files.

    Example:
        pipelines:
          - id: Example
            sources:
              - class: IteratorSource
                args: {iterator: ["<order id='7'><item>bread</item><item>salt</item></order>"]}
            processors:
              - {class: XMLParserProcessor, config: {lists: [item]}}
            sink: {class: PPrintSink}
    """

    class Options(XMLParserOptions):
        """How elements become dicts."""

    def __init__(
        self, app: BSPumpApplication, pipeline: Pipeline, id: str | None = None, config: Mapping[str, Any] | None = None
    ) -> None:
        """See `TextParser`.

        Raises:
            MissingDependency: xmltodict is not installed.
        """
        super().__init__(app, pipeline, id, config)
        o = self.options
        self._parse = _xmltodict().parse
        self._arguments = {
            "force_list": tuple(o.lists) or None, "attr_prefix": o.attributes, "cdata_key": o.text,
            "process_namespaces": o.namespaces, "disable_entities": True,
        }  # fmt: skip

    def decode(self, data: bytes) -> Any:
        """Return the bytes as they are: the document says what their encoding is."""
        return bytes(data)

    def parse(self, text: str | bytes) -> Any:
        """Return the document."""
        try:
            return self._parse(text, **self._arguments)
        except expat.ExpatError as error:
            raise ValueError(f"not XML: {error}") from error


class XMLDumperOptions(ConcurrencyOptions):
    """How dicts become elements."""

    root: str = option(
        "", "name of an element around everything; empty: the one key of the event is it", example="order"
    )
    attributes: str = option("@", "what stands before the name of an attribute")
    text: str = option("#text", "name for the text of an element that has attributes, too")
    pretty: bool = option(False, "line ends and indentation between elements")


class XMLDumperProcessor(Processor):
    """Turn nested dicts into an XML document, as `XMLParserProcessor` reads it.

    In: dict; of one key, unless `root` names the element around. Out: text.
    Raises: ProcessingError, if it has several keys and no `root`, or a key is no name of an element.

    Example:
        pipelines:
          - id: Example
            sources:
              - {class: IteratorSource, args: {iterator: [{"@id": "7", item: [bread, salt]}]}}
            processors:
              - {class: XMLDumperProcessor, config: {root: order}}
            sink: {class: PrintSink}
    """

    class Options(XMLDumperOptions):
        """How dicts become elements."""

    def __init__(
        self, app: BSPumpApplication, pipeline: Pipeline, id: str | None = None, config: Mapping[str, Any] | None = None
    ) -> None:
        """See `Processor`.

        Raises:
            MissingDependency: xmltodict is not installed.
        """
        super().__init__(app, pipeline, id, config)
        o = self.options
        self._root: str = o.root
        self._unparse = _xmltodict().unparse
        self._arguments = {"attr_prefix": o.attributes, "cdata_key": o.text, "pretty": o.pretty}

    def process(self, context: Context, event: Event) -> Event:
        """Return the document."""
        if not isinstance(event, Mapping):
            raise ProcessingError(f"expected a dict for XML, got {type(event).__name__}")
        try:
            return self._unparse({self._root: event} if self._root else event, **self._arguments)
        except (ValueError, TypeError, AttributeError) as error:
            raise ProcessingError(
                "the event cannot be XML", detail=str(error), hint="set 'root', or rename keys"
            ) from error
