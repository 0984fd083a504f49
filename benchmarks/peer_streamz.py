"""The five steps in streamz: a stream of `map` and `filter`, fed by `emit`."""

from __future__ import annotations

from typing import Any

import orjson
from streamz import Stream

from .chain import Keep
from .peer import report


def prepare(lines: list[bytes], users: dict[str, dict[str, Any]], keep: Keep, batch: int) -> Any:
    """Return what emits all lines."""

    def enrich(event: dict[str, Any]) -> dict[str, Any]:
        user = users[event["user"]]
        event["tenant"] = user["tenant"]
        event["country"] = user["country"]
        return event

    def derive(event: dict[str, Any]) -> dict[str, Any]:
        event["kilobytes"] = event["bytes"] / 1024
        event["slow"] = event["duration"] > 0.5
        return event

    source = Stream()
    kept = source.map(orjson.loads).filter(lambda event: event["level"] != "debug")
    kept.map(enrich).map(derive).map(orjson.dumps).sink(keep.append)

    def run() -> None:
        for line in lines:
            source.emit(line)

    return run


if __name__ == "__main__":
    report(prepare)
