"""The input of all rows: JSON events of about 250 bytes and the users they are enriched from; the same in every run."""

from __future__ import annotations

import random
from typing import Any

import orjson

USERS = 10_000
LEVELS = ("debug", *["info"] * 6, "warning", "warning", "error")
"""One event in ten is `debug`, which the filter drops."""


def make_users(users: int = USERS) -> dict[str, dict[str, Any]]:
    """Return the table to enrich from: user id -> tenant and country."""
    return {
        f"user-{number:05}": {"tenant": f"tenant-{number % 97:02}", "country": ("cz", "de", "fr", "us")[number % 4]}
        for number in range(users)
    }


def make_events(count: int, users: int = USERS) -> list[bytes]:
    """Return `count` access log records as JSON, 225 to 255 bytes each; the first n are the same for every count >= n."""
    chance = random.Random(20_240_229)
    return [_record(number, chance, users) for number in range(count)]


def _record(number: int, chance: random.Random, users: int) -> bytes:
    path = f"/api/v1/items/{chance.randrange(100_000)}"
    return orjson.dumps(
        {
            "id": number,
            "time": 1_700_000_000 + number * 0.001,
            "host": f"web-{chance.randrange(40):02}",
            "level": LEVELS[chance.randrange(10)],
            "user": f"user-{chance.randrange(users):05}",
            "method": "GET",
            "path": path,
            "status": 200,
            "bytes": chance.randrange(200, 90_000),
            "duration": round(chance.random(), 4),
            "message": f"GET {path} answered by the upstream cache in the second attempt",
        }
    )
