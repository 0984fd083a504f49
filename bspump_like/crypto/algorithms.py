"""Hash functions by name: those of Python's hashlib, and xxHash where no adversary is to be feared."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable
from typing import Any

from ..config import Options, nearest, option
from ..errors import needs

_LENGTH = {"shake_128": None, "shake_256": None, "blake2b": 64, "blake2s": 32}
"""Functions whose digest may have any length -> the greatest one."""

_FAST = ("xxh32", "xxh64", "xxh3_64", "xxh3_128")
_KNOWN = frozenset({
    "md5", "sha1", "sha224", "sha256", "sha384", "sha512", "sha3_224", "sha3_256", "sha3_384", "sha3_512", *_LENGTH, *_FAST,
})  # fmt: skip

Digest = Callable[[bytes], bytes]


def _named(value: Any) -> str:
    name = str(value).lower().replace("-", "_")
    name = {"sha_1": "sha1", "sha_224": "sha224", "sha_256": "sha256", "sha_384": "sha384", "sha_512": "sha512"}.get(
        name, name
    )
    if name not in _KNOWN:
        raise ValueError(f"there is no such hash function; {nearest(name, _KNOWN)}")
    return name


class HashOptions(Options):
    """Which hash function, and how its digest is written."""

    algorithm: str = option(
        "sha256",
        "hash function: md5, sha1, sha256, sha512, sha3_256, blake2b, shake_128, xxh3_64, xxh3_128, ...",
        parse=_named,
    )
    digest_size: int = option(64, "bytes of the digest, for blake2b, blake2s and shake", ge=1, le=1024)


def digest_of(options: Any) -> Digest:
    """Return a function that hashes bytes.

    Args:
        options: A `HashOptions`.

    Raises:
        MissingDependency: xxhash is not installed.
    """
    name: str = options.algorithm
    if name in _FAST:
        with needs("hash"):
            import xxhash
        fast: Digest = getattr(xxhash, f"{name}_digest")
        return fast
    size: int = options.digest_size
    if name.startswith("shake"):
        shake: Any = getattr(hashlib, name)
        return lambda data: bytes(shake(data).digest(size))
    if name.startswith("blake"):
        blake: Any = getattr(hashlib, name)
        size = min(size, _LENGTH[name] or size)
        return lambda data: bytes(blake(data, digest_size=size).digest())
    make: Any = getattr(hashlib, name)  # md5 and sha1 too: old systems compare by them; whoever names them knows why
    return lambda data: bytes(make(data, usedforsecurity=False).digest())


def keyed_digest_of(options: Any, key: bytes) -> Digest:
    """Return a function that hashes bytes with a key (HMAC, RFC 2104).

    Raises:
        ValueError: The function is none for HMAC.
    """
    name: str = options.algorithm
    if name in _FAST or name.startswith("shake"):
        raise ValueError(f"{name} cannot be keyed; use sha256 or blake2b")
    return lambda data: hmac.digest(key, data, name)


FORMS: dict[str, Callable[[bytes], Any]] = {
    "bytes": lambda digest: digest,
    "hex": bytes.hex,
    "base64": lambda digest: base64.b64encode(digest).decode(),
    "int": lambda digest: int.from_bytes(digest, "big"),
}
"""How a digest is written."""
