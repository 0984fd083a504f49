"""Functions of text."""

from __future__ import annotations

from typing import Any

from ..access import contains, shown
from .table import bounded, function, needs_text

GROUP = "Text"
_TEXT: dict[str, Any] = {"kind": "text"}
_WIDEST = 10_000


function("lower(text)", "the text in small letters", 'lower(code) -> "bos"', GROUP, **_TEXT)(str.lower)


function("upper(text)", "the text in capital letters", 'upper("bos") -> "BOS"', GROUP, **_TEXT)(str.upper)


function(
    "strip(text, characters=white space)", "the text without these characters at both ends", 'strip("  a b ") -> "a b"',
    GROUP, **_TEXT,
)(str.strip)  # fmt: skip


function(
    "starts_with(text, begin)", "whether the text begins so; false for null", 'starts_with(path, "/api") -> true', GROUP,
    kind="flag", nullable=False,
)(str.startswith)  # fmt: skip


function(
    "ends_with(text, end)", "whether the text ends so; false for null", 'ends_with(path, ".html") -> false', GROUP,
    kind="flag", nullable=False,
)(str.endswith)  # fmt: skip


@function(
    "contains(text, part)", "whether the part is in the text, or the item in the list; `part in text` is the same; false for "
    "null", 'contains(path, "items") -> true', GROUP, takes_none=True, kind="flag", nullable=False,
)  # fmt: skip
def _contains(text: Any, part: Any) -> bool:
    return contains(text, part)


@function(
    "replace(text, old, new)", "the text with each `old` replaced", 'replace("a.b.c", ".", "-") -> "a-b-c"', GROUP, grows=True,
    **_TEXT,
)  # fmt: skip
def _replace(text: Any, old: Any, new: Any) -> str:
    old, new = needs_text(old, "replace"), needs_text(new, "replace")
    if len(new) > len(old):
        bounded(len(text) + needs_text(text, "replace").count(old) * (len(new) - len(old)))
    return needs_text(text, "replace").replace(old, new)


@function(
    "split(text, separator=white space, most=all)", "the list of parts between separators; of `most` cuts the last part is the "
    "rest", 'split("a,b,c", ",", 1) -> ["a", "b,c"]', GROUP,
)  # fmt: skip
def _split(text: Any, separator: str | None = None, most: int = -1) -> list[str]:
    return needs_text(text, "split").split(separator, most)


@function(
    "join(list, separator)", "one text of the items of a list, without those that are null", 'join(["a", null, 1], "-") -> "a-1"',
    GROUP, grows=True, **_TEXT,
)  # fmt: skip
def _join(items: Any, separator: Any) -> str:
    if not isinstance(items, list | tuple):
        raise TypeError(f"join takes a list, not {shown(items)}")
    texts = [item if isinstance(item, str) else str(item) for item in items if item is not None]
    bounded(sum(map(len, texts)) + len(texts) * len(needs_text(separator, "join")))
    return separator.join(texts)  # type: ignore[no-any-return]


@function(
    "pad_left(text, width, fill=\" \")", "the text with `fill` before it, up to a width", 'pad_left("7", 3, "0") -> "007"', GROUP,
    grows=True, **_TEXT,
)  # fmt: skip
def _pad_left(text: Any, width: int, fill: str = " ") -> str:
    return needs_text(text, "pad_left").rjust(_width(width), fill)


@function(
    "pad_right(text, width, fill=\" \")", "the text with `fill` behind it, up to a width", 'pad_right("a", 3, ".") -> "a.."',
    GROUP, grows=True, **_TEXT,
)  # fmt: skip
def _pad_right(text: Any, width: int, fill: str = " ") -> str:
    return needs_text(text, "pad_right").ljust(_width(width), fill)


def _width(width: int) -> int:
    if width > _WIDEST:
        raise ValueError(f"the width {width} is larger than {_WIDEST}")
    return width


function(
    "remove_prefix(text, begin)", "the text without `begin`, if it begins so", 'remove_prefix("www.a.cz", "www.") -> "a.cz"',
    GROUP, **_TEXT,
)(str.removeprefix)  # fmt: skip


function(
    "remove_suffix(text, end)", "the text without `end`, if it ends so", 'remove_suffix("a.txt", ".txt") -> "a"', GROUP, **_TEXT,
)(str.removesuffix)  # fmt: skip
