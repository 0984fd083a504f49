"""GrokParserProcessor: patterns put together from named ones, `%{IP:client} %{WORD:method}`, as Logstash has them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from ..config import nearest, option
from ..errors import ConfigError
from ..expression.regular import Regular
from .text_parser import TextParser, TextParserOptions

if TYPE_CHECKING:
    from ..application import BSPumpApplication
    from ..pipeline import Pipeline

NAMED: dict[str, str] = {
    "WORD": r"\w+", "NOTSPACE": r"\S+", "SPACE": r"\s*", "DATA": r".*?", "GREEDYDATA": r".*", "INT": r"[+-]?[0-9]+",
    "POSINT": r"[1-9][0-9]*", "NONNEGINT": r"[0-9]+", "NUMBER":
    r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?", "BASE16NUM": r"[+-]?(?:0x)?[0-9A-Fa-f]+",
    "QUOTEDSTRING": r"(?:\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*')", "UUID":
    r"[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}", "MAC": r"(?:[0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}", "IPV4":
    r"(?:(?:25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])\.){3}(?:25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])(?![0-9])", "IPV6":
    r"[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,7}(?:(?:\.[0-9]{1,3}){3})?(?:%\w+)?", "IP": r"(?:%{IPV6}|%{IPV4})",
    "HOSTNAME": r"[0-9A-Za-z](?:[0-9A-Za-z_.-]{0,252}[0-9A-Za-z])?", "IPORHOST": r"(?:%{IP}|%{HOSTNAME})", "HOSTPORT":
    r"%{IPORHOST}:%{POSINT}", "USERNAME": r"[0-9A-Za-z._-]+", "USER": r"%{USERNAME}", "EMAILADDRESS":
    r"[0-9A-Za-z.!#$%&'*+/=?^_`{|}~-]{1,64}@%{HOSTNAME}", "PATH": r"(?:/[^\s]*|[A-Za-z]:\\[^\s]*)", "URIPATH":
    r"/[^\s?#]*", "URIPATHPARAM": r"/[^\s#]*", "URI": r"[A-Za-z][0-9A-Za-z+.-]*://[^\s]+", "MONTH":
    r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*", "MONTHNUM": r"(?:0?[1-9]|1[0-2])", "MONTHDAY":
    r"(?:0[1-9]|[12][0-9]|3[01]|[1-9])", "YEAR": r"[0-9]{4}", "DAY": r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*", "TIME":
    r"(?:[01]?[0-9]|2[0-3]):[0-5][0-9](?::(?:[0-5][0-9]|60)(?:[.,][0-9]+)?)?", "TIMESTAMP_ISO8601":
    r"%{YEAR}-%{MONTHNUM}-%{MONTHDAY}[T ]%{TIME}(?:Z|[+-][0-9]{2}:?[0-9]{2})?", "HTTPDATE":
    r"%{MONTHDAY}/%{MONTH}/%{YEAR}:%{TIME} [+-][0-9]{4}", "SYSLOGTIMESTAMP": r"%{MONTH} +%{MONTHDAY} %{TIME}", "LOGLEVEL":
    r"(?i:trace|debug|info(?:rmation)?|notice|warn(?:ing)?|err(?:or)?|crit(?:ical)?|fatal|severe|alert|emerg(?:ency)?)",
    "COMMONAPACHELOG": r"%{IPORHOST:clientip} %{NOTSPACE:ident} %{NOTSPACE:auth} \[%{HTTPDATE:timestamp}\] "
                       r"\"(?:%{WORD:verb} %{NOTSPACE:request}(?: HTTP/%{NUMBER:httpversion})?|%{DATA:rawrequest})\" "
                       r"(?:%{INT:response:int}|-) (?:%{INT:bytes:int}|-)",
    "COMBINEDAPACHELOG": r"%{COMMONAPACHELOG} %{QUOTEDSTRING:referrer} %{QUOTEDSTRING:agent}",
}  # fmt: skip
"""Name -> pattern, which may name others; the names are those of Logstash, the patterns are not."""

_USE = re.compile(r"%\{(\w+)(?::([\w.@-]+)(?::(int|float))?)?\}")
_DEEPEST = 20
_LONGEST = 20_000


def _expressions(value: Any) -> list[str]:
    patterns = [value] if isinstance(value, str) else list(value)
    if not patterns or not all(isinstance(one, str) for one in patterns):
        raise ValueError("expected a pattern, or a list of them")
    return patterns


class GrokOptions(TextParserOptions):
    """The patterns."""

    match: Any = option(
        help="pattern, or several: the first that matches counts; %{NAME:field} or %{NAME:field:int}", parse=_expressions,
        example="%{IP:client} %{WORD:method} %{URIPATHPARAM:request} %{INT:bytes:int}",
    )  # fmt: skip
    patterns: dict[str, str] = option({}, "patterns of one's own by name", example={"ORDER": "[A-Z]{2}[0-9]{6}"})


class _Grok:
    """One pattern, translated: a regular expression, and what its groups are.

    Args:
        text: The pattern.
        named: Those that it may name.

    Raises:
        ValueError: It is none, or names one that is not there.
    """

    def __init__(self, text: str, named: Mapping[str, str]) -> None:
        self._named = named
        self._length = 0
        self._fields: list[tuple[str, Callable[[str], Any]]] = []
        self.regular = Regular(self._translated(text, 0))
        if not self._fields and "(?P<" not in text:
            raise ValueError(f"the pattern '{text}' names no field, such as %{{IP:client}}")

    def _translated(self, text: str, depth: int) -> str:
        if depth > _DEEPEST:
            raise ValueError("patterns name each other in a circle")
        return _USE.sub(lambda use: self._used(use, depth), text)

    def _used(self, use: re.Match[str], depth: int) -> str:
        name, field, kind = use.groups()
        if name not in self._named:
            raise ValueError(f"there is no pattern '{name}'; {nearest(name, list(self._named))}")
        self._length += len(self._named[name])
        if self._length > _LONGEST:
            raise ValueError(f"with the patterns that it names it has more than {_LONGEST} characters")
        if field is None:
            return f"(?:{self._translated(self._named[name], depth + 1)})"
        # Fields may come several times and be called anything; a group may not.
        self._fields.append((field, {"int": int, "float": float}.get(kind, str)))
        number = len(self._fields)
        return f"(?P<_{number}>{self._translated(self._named[name], depth + 1)})"

    def fields(self, text: str) -> dict[str, Any] | None:
        """Return the fields of a text; None when it does not match."""
        match = self.regular.search(text)
        if match is None:
            return None
        groups = match.groupdict()
        found = {name: value for name, value in groups.items() if name[:1] != "_"}
        for number, (field, kind) in enumerate(self._fields, 1):
            value = groups[f"_{number}"]
            if value is not None:
                found[field] = kind(value)
        return found


class GrokParserProcessor(TextParser):
    """Parse text by patterns of named patterns, as Logstash's grok.

    In: text, or a dict that has it in `field`. Out: a dict of the fields: text, or numbers where the pattern says `:int`
    or `:float`; a field that took no part is not there. Named groups of the regular expression are fields, too. A pattern
    matches anywhere in the text, unless it begins with `^`. Raises: ProcessingError, if no pattern matches.

    Names: COMBINEDAPACHELOG COMMONAPACHELOG DATA DAY EMAILADDRESS GREEDYDATA HOSTNAME HOSTPORT HTTPDATE INT IP IPORHOST IPV4 IPV6
    LOGLEVEL MAC MONTH MONTHDAY MONTHNUM NONNEGINT NOTSPACE NUMBER PATH POSINT QUOTEDSTRING SPACE SYSLOGTIMESTAMP TIME
    TIMESTAMP_ISO8601 URI URIPATH URIPATHPARAM USER USERNAME UUID WORD YEAR, and those in `patterns`.

    Example:
        pipelines:
          - id: Example
            sources:
              - {class: IteratorSource, args: {iterator: ["10.0.0.1 GET /a?b=c 200", "::1 POST /login 403"]}}
            processors:
              - class: GrokParserProcessor
                config: {match: "^%{IP:client} %{WORD:method} %{URIPATHPARAM:request} %{INT:status:int}"}
            sink: {class: PPrintSink}
    """

    class Options(GrokOptions):
        """The patterns."""

    def __init__(
        self, app: BSPumpApplication, pipeline: Pipeline, id: str | None = None, config: Mapping[str, Any] | None = None
    ) -> None:
        """See `TextParser`.

        Raises:
            ConfigError: A pattern is none, or names one that is not there.
        """
        super().__init__(app, pipeline, id, config)
        named = {**NAMED, **self.options.patterns}
        try:
            self._groks = [_Grok(text, named) for text in self.options.match or []]
        except ValueError as error:
            raise ConfigError(f"{self.locate_address()}: {error}") from error

    def parse(self, text: str) -> dict[str, Any]:
        """Return the fields."""
        for grok in self._groks:
            found = grok.fields(text)
            if found is not None:
                return found
        raise ValueError("the pattern does not match" if len(self._groks) == 1 else "no pattern matches")
