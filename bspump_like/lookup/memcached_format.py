"""How keys and values look on a memcached server.

Source of the limits: memcached's `doc/protocol.txt`, "Keys" and "Expiration times".
"""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Iterator
from typing import Any

import orjson

MOST_BYTES = 250
"""Bytes of the longest key."""
HASHED = b"sha256:"
"""Stands before the hash of a key that is too long, or has characters that memcached does not take."""

_TEXT = 16
"""The flag of text in pymemcache, python-memcached and pylibmc."""
_BYTES = 32
"""Our flag of bytes that are to come back as bytes, even if they look like JSON or text."""
_LONGEST = 30 * 24 * 3600  # seconds; what is more counts as a UNIX time


def key_on_server(key: Any, prefix: bytes = b"") -> bytes:
    """Return the key that memcached sees.

    Args:
        key: Text, as UTF-8; bytes; a whole number, in decimals; a tuple of these, as a JSON list. One that memcached would
            not take (empty, longer than 250 bytes, with spaces or control characters) becomes `sha256:` and its hash.
        prefix: Goes before it.

    Raises:
        TypeError: A key of another type.
        ValueError: Text that is no UTF-8, or a number that JSON has not.
    """
    if isinstance(key, str):
        plain = key.encode()
    elif isinstance(key, bytes):
        plain = key
    elif isinstance(key, int) and not isinstance(key, bool):
        plain = b"%d" % key
    elif isinstance(key, tuple):
        plain = orjson.dumps(key)
    else:
        raise TypeError(f"memcached has text as keys, not {type(key).__name__}: {key!r}")
    if is_refused(plain) or len(prefix) + len(plain) > MOST_BYTES:
        plain = HASHED + hashlib.sha256(plain).hexdigest().encode()
    return prefix + plain


def is_refused(plain: bytes) -> bool:
    """Tell whether memcached has no such key: it is empty, or has a space or a control character."""
    return not plain or min(plain) <= 0x20 or 0x7F in plain


def spellings(key: Any) -> Iterator[Any]:
    """Return the keys that are the same on the server: 7, "7" and b"7"."""
    yield key
    if isinstance(key, bytes):
        try:
            key = key.decode()
        except UnicodeDecodeError:
            return
        yield key
    if isinstance(key, int | tuple):
        key = (b"%d" % key if isinstance(key, int) else orjson.dumps(key)).decode()
        yield key
    yield key.encode()
    if key.removeprefix("-").isdecimal() and key.isascii() and len(key) < 20 and str(int(key)) == key:
        yield int(key)


def encoded(key: Any, value: Any) -> tuple[bytes, int]:
    """Return a value as it is stored, and its flags: bytes as they are, everything else as JSON.

    Raises:
        TypeError: JSON has no such value.
    """
    if isinstance(value, bytes):
        return value, _BYTES
    try:
        return orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS), 0
    except TypeError as error:
        raise TypeError(f"the value of {key!r} cannot be stored as JSON: {error}") from error


def decoded(data: bytes, flags: int) -> Any:
    """Return a value of ours or of another writer: JSON, else text, else bytes. A pickle is bytes, too: it is never loaded."""
    if flags == _BYTES:
        return data
    try:
        return data.decode() if flags == _TEXT else orjson.loads(data)
    except ValueError:  # neither UTF-8 nor JSON
        pass
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data


def expiry(seconds: float) -> int:
    """Return the seconds until a value expires as memcached wants them: whole ones, and beyond 30 days as UNIX time."""
    whole = math.ceil(seconds)
    return whole if whole <= _LONGEST else int(time.time()) + whole
