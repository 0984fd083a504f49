"""KeyValueParserProcessor: `key=value key2="a value"`, as many logs have it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..config import option
from .text_parser import TextParser, TextParserOptions

if TYPE_CHECKING:
    from ..application import BSPumpApplication
    from ..pipeline import Pipeline


_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


class KeyValueOptions(TextParserOptions):
    """What stands between."""

    separator: str = option("=", "what stands between key and value", example=":")
    delimiter: str = option("", "character between pairs; empty: white space", example="&")
    flags: bool = option(True, "a word without a value becomes true; no: it is passed over")


class KeyValueParserProcessor(TextParser):
    """Parse pairs of keys and values, such as logfmt.

    In: text like `level=info msg="it works" took=3ms`, or a dict that has it in `field`. Out: a dict of text; a value in double
    quotes may hold anything, with a backslash before a quote. Of keys that come several times the last counts.
    Raises: ProcessingError, if there is no pair at all.

    Example:
        pipelines:
          - id: Example
            sources:
              - {class: IteratorSource, args: {iterator: ['level=info msg="it works" took=3ms', 'level=warn retry']}}
            processors:
              - {class: KeyValueParserProcessor}
            sink: {class: PPrintSink}
    """

    class Options(KeyValueOptions):
        """What stands between."""

    def __init__(
        self, app: BSPumpApplication, pipeline: Pipeline, id: str | None = None, config: Mapping[str, Any] | None = None
    ) -> None:
        """See `TextParser`."""
        super().__init__(app, pipeline, id, config)
        self.prepare(self.options.separator, self.options.delimiter, flags=self.options.flags)

    def prepare(self, separator: str, delimiter: str, *, flags: bool) -> None:
        """Make the pattern of a pair."""
        between, stop = re.escape(separator), re.escape(delimiter) or r"\s"
        # No alternative can take what another one takes: time grows with the length of the text and no faster.
        self._pair = re.compile(
            rf'((?:(?!{between}|{stop}).)+)(?:({between})(?:"((?:[^"\\]|\\.)*)"|([^{stop}]*)))?', re.DOTALL
        )
        self._separator, self._flags = separator, flags

    def parse(self, text: str) -> dict[str, Any]:
        """Return the pairs."""
        found: dict[str, Any] = {}
        pairs = 0
        for key, separator, quoted, plain in self._pair.findall(text):
            if separator:
                pairs += 1
                found[key.strip()] = _ESCAPED.sub(r"\1", quoted) if quoted else plain
            elif self._flags:
                found[key.strip()] = True
        if not pairs:
            raise ValueError(f"there is no pair of key and value with '{self._separator}' between them")
        return found
