"""Names that Kafka knows, checked when a definition is read and not when a broker refuses them."""

from __future__ import annotations

import re
from typing import Any

_TOPIC = re.compile(r"[A-Za-z0-9._-]{1,249}")
_SERVER = re.compile(r"(\[[0-9A-Fa-f:.%]+\]|[^\s:/\[\]]+)(:(?P<port>[0-9]{1,5}))?")
_PORTS = range(1, 65536)


def check_topic(name: str) -> str:
    """Return the name of a topic.

    Raises:
        ValueError: No topic can have it.
    """
    if not _TOPIC.fullmatch(name) or name in (".", ".."):
        raise ValueError(f"'{name}' cannot be a topic: use up to 249 letters, digits, '.', '_' and '-'")
    return name


def parse_topics(value: Any) -> list[str]:
    """Return topics of text with commas or blanks between them, or of a list: names, TOPIC:PARTITION, ^PATTERN.

    Raises:
        ValueError: There is none, or no topic can have such a name.
    """
    parts = re.split(r"[,\s]+", value) if isinstance(value, str) else [str(part) for part in value]
    found = [part for part in parts if part]
    if not found:
        raise ValueError("expected the name of a topic")
    for part in found:
        if not part.startswith("^"):
            name, _, partition = part.partition(":")
            check_topic(name)
            if ":" in part and not partition.isdecimal():
                raise ValueError(f"'{part}' names no partition: expected TOPIC:NUMBER")
    return found


def parse_servers(value: Any) -> str:
    """Return brokers as the client takes them, HOST:PORT, of text with commas between them, or of a list.

    The port is 9092 when it is left out.

    Raises:
        ValueError: One of them is no address.
    """
    parts = value.split(",") if isinstance(value, str) else [str(part) for part in value]
    found = [_server(part.strip()) for part in parts if part.strip()]
    if not found:
        raise ValueError("expected HOST:PORT of a broker, several separated by commas")
    return ",".join(found)


def _server(text: str) -> str:
    if "://" in text:
        raise ValueError(f"'{text}' is a URL: expected HOST:PORT, '{text.partition('://')[2].rstrip('/')}'")
    match = _SERVER.fullmatch(text)
    if match is None or (match["port"] and int(match["port"]) not in _PORTS):
        raise ValueError(f"'{text}' is no address of a broker: expected HOST:PORT, such as kafka1:9092 or [::1]:9092")
    return text if match["port"] else f"{text}:9092"
