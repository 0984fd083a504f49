"""Functions that make ids: hashes, random ids; and of addresses."""

from __future__ import annotations

import functools
import hashlib
import ipaddress
import uuid
import zlib
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from ..access import shown
from .conversion import as_bytes, written
from .table import function, needs_text

GROUP = "Ids and addresses"
_ALGORITHMS = ("md5", "sha1", "sha256", "sha512", "blake2b")


@function(
    "hash(x, algorithm=\"sha256\")", f"the hash of a text or bytes in hexadecimal: {', '.join(_ALGORITHMS)}",
    'hash("a", "md5") -> "0cc175b9c0f1b6a831c399e269772661"', GROUP, kind="text",
)  # fmt: skip
def _hash(value: Any, algorithm: str = "sha256") -> str:
    if algorithm not in _ALGORITHMS:
        raise ValueError(f"the algorithm {shown(algorithm)} is none of {', '.join(_ALGORITHMS)}")
    return hashlib.new(algorithm, as_bytes(value, "hash"), usedforsecurity=False).hexdigest()


@function(
    "bucket(x, count)", "a number from 0 to count - 1, always the same for the same value (CRC-32 of its text)",
    'bucket("user-1", 16) -> 4', GROUP, kind="number",
)  # fmt: skip
def _bucket(value: Any, count: int) -> int:
    return zlib.crc32(written(value).encode()) % count


@function("uuid()", "a new random id", "len(uuid()) -> 36", GROUP, kind="text", nullable=False)
def _uuid() -> str:
    return str(uuid.uuid4())


def _networks(constants: list[Any]) -> tuple[Callable[..., Any], list[int]] | None:
    if ... in constants[1:]:
        return None
    return functools.partial(_address_in, [_network(one) for one in constants[1:]]), [0]


@function(
    "ip_in(address, network, ...)", "whether an IP address is in one of the networks; false for null",
    'ip_in("10.1.2.3", "10.0.0.0/8", "192.168.0.0/16") -> true', GROUP, kind="flag", nullable=False, prepare=_networks,
)  # fmt: skip
def _ip_in(address: Any, *networks: Any) -> bool:
    return _address_in([_network(one) for one in networks], address)


def _network(text: Any) -> Any:
    return ipaddress.ip_network(needs_text(text, "ip_in"), strict=False)


def _address_in(networks: list[Any], address: Any) -> bool:
    found = ipaddress.ip_address(needs_text(address, "ip_in"))
    return any(found in network for network in networks)


@function(
    "parse_url(text)", "a dict of the parts of a URL: scheme, host, port, path, query (text), fragment; null where there is none",
    'parse_url("https://a.cz:81/b?c=1").port -> 81', GROUP,
)  # fmt: skip
def _parse_url(text: Any) -> dict[str, Any] | None:
    parts = urlsplit(needs_text(text, "parse_url"))
    found = {
        "scheme": parts.scheme, "host": parts.hostname, "port": parts.port, "path": parts.path, "query": parts.query,
        "fragment": parts.fragment,
    }  # fmt: skip
    return {name: part if part != "" else None for name, part in found.items()}


@function(
    "parse_query(text)", "a dict of the arguments in the query of a URL; of several with one name the last",
    'parse_query("a=1&b=x%20y").b -> "x y"', GROUP,
)  # fmt: skip
def _parse_query(text: Any) -> dict[str, str]:
    return dict(parse_qsl(needs_text(text, "parse_query"), keep_blank_values=True, max_num_fields=1000))


@function("unquote(text)", "the text with %xx replaced, as in URLs", 'unquote("a%20b") -> "a b"', GROUP, kind="text")
def _unquote(text: Any) -> str:
    return unquote(needs_text(text, "unquote"))
