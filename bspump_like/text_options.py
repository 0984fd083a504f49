"""What options of parts that read or write text may be: `option(parse=encoding_name)`."""

from __future__ import annotations

import codecs
from typing import Any


def encoding_name(name: Any) -> str:
    """Return the canonical name of a text encoding.

    Raises:
        ValueError: There is none of this name.
    """
    try:
        return codecs.lookup(str(name)).name
    except LookupError:
        raise ValueError("there is no such text encoding") from None


def optional_encoding(name: Any) -> str:
    """Return the name of a text encoding as it is; empty is none.

    Raises:
        ValueError: There is none of this name.
    """
    if name:
        encoding_name(name)
    return str(name)


def character(value: Any) -> str:
    r"""Return one character; `tab` and `\\t` are a tabulator.

    Raises:
        ValueError: It is more or less than one.
    """
    text = {"tab": "\t", "\\t": "\t"}.get(str(value), str(value))
    if len(text) != 1:
        raise ValueError("expected one character, or tab")
    return text


def optional_character(value: Any) -> str:
    """Return one character, see `character`; empty is none.

    Raises:
        ValueError: It is more than one.
    """
    return character(value) if value else ""
