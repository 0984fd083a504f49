"""Functions of text."""

from __future__ import annotations

from typing import Any

from ..access import contains, shown
from .table import bounded, function, needs_text

GROUP = "Text"
_TEXT: dict[str, Any] = {"kind": "text"}
_WIDEST = 10_000


@function("lower(text)", "the text in small letters", 'lower(code) -> "bos"', GROUP, fast=str.lower, **_TEXT)
def _lower(text: Any) -> str | None:
    return None if text is None else needs_text(text, "lower").lower()


@function("upper(text)", "the text in capital letters", 'upper("bos") -> "BOS"', GROUP, fast=str.upper, **_TEXT)
def _upper(text: Any) -> str | None:
    return None if text is None else needs_text(text, "upper").upper()


@function(
    "strip(text, characters=white space)", "the text without these characters at both ends", 'strip("  a b ") -> "a b"', GROUP,
    fast=str.strip, **_TEXT,
)  # fmt: skip
def _strip(text: Any, characters: str | None = None) -> str | None:
    return None if text is None else needs_text(text, "strip").strip(characters)


@function(
    "starts_with(text, begin)", "whether the text begins so; false for None", 'starts_with(path, "/api") -> true', GROUP,
    kind="flag", nullable=False, fast=str.startswith,
)  # fmt: skip
def _starts_with(text: Any, begin: Any) -> bool:
    return text is not None and begin is not None and needs_text(text, "starts_with").startswith(begin)


@function(
    "ends_with(text, end)", "whether the text ends so; false for None", 'ends_with(path, ".html") -> false', GROUP,
    kind="flag", nullable=False, fast=str.endswith,
)  # fmt: skip
def _ends_with(text: Any, end: Any) -> bool:
    return text is not None and end is not None and needs_text(text, "ends_with").endswith(end)


@function(
    "contains(text, part)", "whether the part is in the text, or the item in the list; `part in text` is the same; false for "
    "None", 'contains(path, "items") -> true', GROUP, kind="flag", nullable=False,
)  # fmt: skip
def _contains(text: Any, part: Any) -> bool:
    return contains(text, part)


@function(
    "replace(text, old, new)", "the text with each `old` replaced", 'replace("a.b.c", ".", "-") -> "a-b-c"', GROUP, grows=True,
    **_TEXT,
)  # fmt: skip
def _replace(text: Any, old: Any, new: Any) -> str | None:
    if text is None:
        return None
    old, new = needs_text(old, "replace"), needs_text(new, "replace")
    if len(new) > len(old):
        bounded(len(text) + needs_text(text, "replace").count(old) * (len(new) - len(old)))
    return needs_text(text, "replace").replace(old, new)


@function(
    "split(text, separator=white space, most=all)", "the list of parts between separators; of `most` cuts the last part is the "
    "rest", 'split("a,b,c", ",", 1) -> ["a", "b,c"]', GROUP,
)  # fmt: skip
def _split(text: Any, separator: str | None = None, most: int = -1) -> list[str] | None:
    return None if text is None else needs_text(text, "split").split(separator, most)


@function(
    "join(list, separator)", "one text of the items of a list, without those that are None", 'join(["a", null, 1], "-") -> "a-1"',
    GROUP, grows=True, **_TEXT,
)  # fmt: skip
def _join(items: Any, separator: Any) -> str | None:
    if items is None:
        return None
    if not isinstance(items, list | tuple):
        raise TypeError(f"join takes a list, not {shown(items)}")
    texts = [item if isinstance(item, str) else str(item) for item in items if item is not None]
    bounded(sum(map(len, texts)) + len(texts) * len(needs_text(separator, "join")))
    return separator.join(texts)  # type: ignore[no-any-return]


@function(
    "pad_left(text, width, fill=\" \")", "the text with `fill` before it, up to a width", 'pad_left("7", 3, "0") -> "007"', GROUP,
    grows=True, **_TEXT,
)  # fmt: skip
def _pad_left(text: Any, width: int, fill: str = " ") -> str | None:
    return None if text is None else needs_text(text, "pad_left").rjust(_width(width), fill)


@function(
    "pad_right(text, width, fill=\" \")", "the text with `fill` behind it, up to a width", 'pad_right("a", 3, ".") -> "a.."',
    GROUP, grows=True, **_TEXT,
)  # fmt: skip
def _pad_right(text: Any, width: int, fill: str = " ") -> str | None:
    return None if text is None else needs_text(text, "pad_right").ljust(_width(width), fill)


def _width(width: int) -> int:
    if width > _WIDEST:
        raise ValueError(f"the width {width} is larger than {_WIDEST}")
    return width


@function(
    "remove_prefix(text, begin)", "the text without `begin`, if it begins so", 'remove_prefix("www.a.cz", "www.") -> "a.cz"',
    GROUP, fast=str.removeprefix, **_TEXT,
)  # fmt: skip
def _remove_prefix(text: Any, begin: str) -> str | None:
    return None if text is None else needs_text(text, "remove_prefix").removeprefix(begin)


@function(
    "remove_suffix(text, end)", "the text without `end`, if it ends so", 'remove_suffix("a.txt", ".txt") -> "a"', GROUP,
    fast=str.removesuffix, **_TEXT,
)  # fmt: skip
def _remove_suffix(text: Any, end: str) -> str | None:
    return None if text is None else needs_text(text, "remove_suffix").removesuffix(end)
