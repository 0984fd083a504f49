"""Tags of time, which is seconds since 1970, UTC, and of IP addresses, which are 128-bit integers, IPv4 mapped."""

from __future__ import annotations

import ast
import datetime
import functools
import ipaddress
import time
from collections.abc import Callable
from typing import Any

from ..expression.access import shown
from ..expression.functions.time import moment, zone_of
from .loader import Node
from .translate import Translator, tag

_ISO = ("RFC3339", "iso8601", "ISO8601")
_COMPONENTS: dict[str, Callable[[datetime.datetime], Any]] = {
    "year": lambda at: at.year, "month": lambda at: at.month, "day": lambda at: at.day, "hour": lambda at: at.hour,
    "minute": lambda at: at.minute, "second": lambda at: at.second, "microsecond": lambda at: at.microsecond,
    "timestamp": lambda at: at.timestamp(), "weekday": lambda at: at.weekday(), "isoweekday": lambda at: at.isoweekday(),
}  # fmt: skip


@tag("NOW")
def _now(to: Translator, node: Node) -> ast.expr:
    return to.standard("now")


@tag("DATETIME.FORMAT")
def _format(to: Translator, node: Node) -> ast.expr:
    arguments = to.arguments(node, "with|what|value", "format!", "timezone")
    at = to.tree(arguments["with"]) if "with" in arguments else to.standard("now")
    trees = [at, to.constant(_rfc(to.plain(arguments["format"])))]
    return to.standard("format_time", *trees, to.optional(arguments, "timezone", "UTC"))


@tag("DATETIME.PARSE")
def _parse(to: Translator, node: Node) -> ast.expr:
    arguments = to.arguments(node, "what|with|value!", "format", "timezone", "flags")
    format = to.plain(arguments["format"]) if "format" in arguments else None
    format = None if format in _ISO else format
    text = to.tree(arguments["what"])
    if "Y" in str(to.plain(arguments["flags"]) if "flags" in arguments else ""):
        text, format = to.call(_with_year, text), f"%Y {format}"
    return to.standard("parse_time", text, to.constant(format), to.optional(arguments, "timezone", "UTC"))


def _with_year(value: Any) -> Any:
    """Return a text with the current year before it: what names no year means this one."""
    return f"{time.gmtime().tm_year} {value}" if isinstance(value, str) else value


def _rfc(format: Any) -> Any:
    return "%Y-%m-%dT%H:%M:%S%z" if format in _ISO else format


@tag("DATETIME.GET")
def _get(to: Translator, node: Node) -> ast.expr:
    arguments = to.arguments(node, "with|value", "what!", "timezone")
    name = to.plain(arguments["what"])
    take = _COMPONENTS.get(name)
    if take is None:
        raise arguments["what"].error(f"'{name}' is no part of a time", f"there are {', '.join(_COMPONENTS)}")

    def taken(value: Any, zone: Any) -> Any:
        return None if value is None else take(moment(value, zone_of(zone)))

    at = to.tree(arguments["with"]) if "with" in arguments else to.standard("now")
    return to.call(taken, at, to.optional(arguments, "timezone", "UTC"))


# Addresses

_MAPPED = 0xFFFF << 32


def _address(value: Any) -> int:
    """Return the integer of an address: text, a number, or a number as text, also in hexadecimal."""
    if isinstance(value, str):
        text = value.strip()
        if text.isdigit() or text.lower().startswith("0x"):
            value = int(text, 0)
        else:
            found = ipaddress.ip_address(text)
            return int(found) | _MAPPED if found.version == 4 else int(found)
    if not isinstance(value, int) or not 0 <= value < 1 << 128:
        raise ValueError(f"{shown(value)} is no IP address")
    return value | _MAPPED if value < 1 << 32 else value


@tag("IP.PARSE")
def _parse_address(to: Translator, node: Node) -> ast.expr:
    if isinstance(node.value, list) and len(node.value) == 1:
        tree = to.tree(node.value[0])
    else:
        tree = to.tree(to.arguments(node, "what|value!", default="what")["what"])
    return to.call(lambda value: None if value is None else _address(value), tree)


@tag("IP.FORMAT")
def _format_address(to: Translator, node: Node) -> ast.expr:
    arguments = to.arguments(node, "what|value!", "format", default="what")
    format = to.plain(arguments["format"]) if "format" in arguments else "auto"
    if format not in ("auto", "ipv4", "ipv6"):
        raise arguments["format"].error(f"'{format}' is no format of an address", "there are auto, ipv4, ipv6")

    def formatted(value: Any) -> str | None:
        if value is None:
            return None
        address = ipaddress.IPv6Address(_address(value))
        if format == "ipv4" and address.ipv4_mapped is None:
            raise ValueError(f"{address} is no address of IPv4")
        if address.ipv4_mapped is None:
            return str(address)
        return f"::ffff:{address.ipv4_mapped}" if format == "ipv6" else str(address.ipv4_mapped)

    return to.call(formatted, to.tree(arguments["what"]))


@functools.lru_cache(maxsize=1024)
def _network(text: str) -> tuple[int, int]:
    """Return network and mask, for 128 bits."""
    found = ipaddress.ip_network(text, strict=False)
    if found.version == 4:
        return int(found.network_address) | _MAPPED, int(found.netmask) | ((1 << 96) - 1) << 32
    return int(found.network_address), int(found.netmask)


@tag("IP.INSUBNET")
def _in_network(to: Translator, node: Node) -> ast.expr:
    arguments = to.arguments(node, "what|value!", "subnet!")

    def inside(value: Any, networks: Any) -> bool:
        if value is None or networks is None:
            return False
        address = _address(value)
        several = networks if isinstance(networks, list | tuple) else [networks]
        return any(address & mask == network for network, mask in map(_network, several))

    return to.call(inside, to.tree(arguments["what"]), to.tree(arguments["subnet"]))
