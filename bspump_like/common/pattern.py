"""PatternParserProcessor: the named groups of a regular expression."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..config import option
from ..expression.regular import Regular
from .text_parser import TextParser, TextParserOptions

if TYPE_CHECKING:
    from ..application import BSPumpApplication
    from ..pipeline import Pipeline


def _patterns(value: Any) -> list[str]:
    patterns = [value] if isinstance(value, str) else list(value)
    for pattern in patterns:
        Regular(pattern)
        if "(?P<" not in pattern:
            raise ValueError(f"the pattern {pattern!r} has no named group, such as (?P<status>[0-9]+)")
    if not patterns:
        raise ValueError("expected a pattern, or a list of them")
    return patterns


class PatternOptions(TextParserOptions):
    """The patterns."""

    pattern: Any = option(
        help="regular expression with named groups, or several: the first that matches counts", parse=_patterns,
        example='(?P<address>\\S+) \\S+ \\S+ \\[(?P<time>[^]]+)\\] "(?P<request>[^"]*)" (?P<status>[0-9]+)',
    )  # fmt: skip
    whole: bool = option(False, "the pattern must match all of the text, not only a part")


class PatternParserProcessor(TextParser):
    r"""Parse text by a regular expression: its named groups are the fields.

    In: text, or a dict that has it in `field`. Out: a dict of text; a group that took no part is None. A pattern that
    would take long for a text, by its nature, is stopped. Raises: ProcessingError, if no pattern matches.

    Example:
        pipelines:
          - id: Example
            sources:
              - {class: IteratorSource, args: {iterator: ["GET /index.html 200", "POST /login 403"]}}
            processors:
              - class: PatternParserProcessor
                config: {pattern: '(?P<method>[A-Z]+) (?P<path>\S+) (?P<status>[0-9]+)'}
            sink: {class: PPrintSink}
    """

    class Options(PatternOptions):
        """The patterns."""

    def __init__(
        self, app: BSPumpApplication, pipeline: Pipeline, id: str | None = None, config: Mapping[str, Any] | None = None
    ) -> None:
        """See `TextParser`.

        Raises:
            ConfigError: A pattern is none, or has no named group.
        """
        super().__init__(app, pipeline, id, config)
        around = r"\A(?:{})\Z" if self.options.whole else "{}"
        self._regulars = [Regular(around.replace("{}", pattern)) for pattern in self.options.pattern or []]

    def parse(self, text: str) -> dict[str, Any]:
        """Return the groups."""
        for regular in self._regulars:
            match = regular.search(text)
            if match is not None:
                return dict(match.groupdict())
        raise ValueError("the pattern does not match" if len(self._regulars) == 1 else "no pattern matches")
