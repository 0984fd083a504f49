"""The links of a chain of events, for the part that makes it and the part that checks it.

The hash of an event is the digest of: its salt, and the event as compact JSON with sorted keys, the hash of the event before it
included, its own not. It is written as the salt and the digest in hexadecimal digits, so that whoever has the event can check it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import orjson

from ..abc.processor import ConcurrencyOptions
from ..config import nearest, option
from ..errors import ProcessingError


def _algorithm(value: Any) -> str:
    name = str(value).lower().replace("-", "_")
    known = {one for one in hashlib.algorithms_guaranteed if not one.startswith("shake")}
    if name not in known:
        raise ValueError(f"there is no such hash function; {nearest(name, known)}")
    return name


class ChainOptions(ConcurrencyOptions):
    """Options of both."""

    algorithm: str = option(
        "SHA256", "hash function of Python's hashlib: SHA256, SHA512, BLAKE2b, SHA3_256, ...", parse=_algorithm
    )
    hash_key: str = option("_id", "field for the hash of the event")
    prev_hash_key: str = option("_prev_id", "field for the hash of the event before it")
    salt_length: int = option(3, "bytes of salt in each hash; 0: none", ge=0, le=64)


def link(event: Mapping[str, Any], salt: bytes, options: Any) -> str:
    """Return the hash of an event that bears the hash of the one before it.

    Args:
        event: The event; its own hash does not count.
        salt: What is mixed in.
        options: A `ChainOptions`.

    Raises:
        ProcessingError: JSON cannot say the event.
    """
    key = options.hash_key
    try:
        data = orjson.dumps(
            {name: value for name, value in event.items() if name != key} if key in event else event,
            option=orjson.OPT_SORT_KEYS,
        )
    except TypeError as error:
        raise ProcessingError(
            "the event cannot be hashed", detail=str(error), hint="JSON must be able to say it"
        ) from error
    return salt.hex() + hashlib.new(options.algorithm, salt + data, usedforsecurity=True).hexdigest()
