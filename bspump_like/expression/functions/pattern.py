"""Functions with regular expressions. Patterns are constants, compiled once; no text makes one run for long."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..regular import Regular
from .table import bounded, function, needs_text

GROUP = "Patterns"

Use = Callable[..., Any]
"""Takes the compiled pattern, then the text and the other arguments."""


def pattern_function(usage: str, help: str, example: str, **more: Any) -> Callable[[Use], Use]:
    """Put a function into the table whose second argument is a pattern; see `function`."""

    def register(use: Use) -> Use:
        def prepare(constants: list[Any]) -> tuple[Use, list[int]]:
            pattern = constants[1]
            if not isinstance(pattern, str):
                raise ValueError("the pattern must be written down as a text")
            regular = Regular(pattern)
            return lambda text, *others: use(regular, text, *others), [0, *range(2, len(constants))]

        function(usage, help, example, GROUP, prepare=prepare, **more)(use)
        return use

    return register


@pattern_function(
    "match(text, pattern)", "whether the pattern is somewhere in the text; ^ and $ are its ends; false for null",
    'match(path, "^/api/v[0-9]+/") -> true', kind="flag", nullable=False,
)  # fmt: skip
def _match(regular: Regular, text: Any) -> bool:
    return regular.search(needs_text(text, "match")) is not None


@pattern_function(
    "extract(text, pattern, group=1)", "what a group of the pattern matched, by number or name; without groups the whole match; "
    "null if nothing", 'extract(path, "items/([0-9]+)") -> "17"',
)  # fmt: skip
def _extract(regular: Regular, text: Any, group: Any = None) -> Any:
    found = regular.search(needs_text(text, "extract"))
    if found is None:
        return None
    try:
        return found[(1 if regular.groups else 0) if group is None else group]
    except IndexError:
        raise ValueError(f"the pattern has no group {group!r}") from None


@pattern_function(
    "parse(text, pattern)", "a dict of what the named groups `(?P<name>...)` matched; null if nothing",
    'parse("GET /a", "(?P<method>[A-Z]+) (?P<path>.+)") -> {"method": "GET", "path": "/a"}',
)  # fmt: skip
def _parse(regular: Regular, text: Any) -> dict[str, Any] | None:
    found = regular.search(needs_text(text, "parse"))
    return None if found is None else found.groupdict()


@pattern_function(
    "extract_all(text, pattern)", "the list of all matches; of a pattern with groups what the first one matched",
    'extract_all("a1b22", "[0-9]+") -> ["1", "22"]',
)  # fmt: skip
def _extract_all(regular: Regular, text: Any) -> list[Any]:
    group = 1 if regular.groups else 0
    return [found[group] for found in regular.finditer(needs_text(text, "extract_all"))]


@pattern_function(
    "replace_all(text, pattern, by)", "the text with every match replaced by a text",
    'replace_all("a1b22", "[0-9]+", "#") -> "a#b#"',
    kind="text", grows=True,
)  # fmt: skip
def _replace_all(regular: Regular, text: Any, by: Any) -> str:
    by = needs_text(by, "replace_all")
    parts: list[str] = []
    at = 0
    for found in regular.finditer(needs_text(text, "replace_all")):
        parts += [text[at : found.start()], by]
        at = found.end()
    bounded(len(text) + len(parts) // 2 * len(by))
    return "".join([*parts, text[at:]])


@pattern_function(
    "split_at(text, pattern, most=all)", "the list of parts between matches", 'split_at("a, b;c", "[,;] *") -> ["a", "b", "c"]',
)  # fmt: skip
def _split_at(regular: Regular, text: Any, most: int = 0) -> list[str]:
    parts: list[str] = []
    at = 0
    for found in regular.finditer(needs_text(text, "split_at")):
        if most and len(parts) >= most:
            break
        parts.append(text[at : found.start()])
        at = found.end()
    return [*parts, text[at:]]
