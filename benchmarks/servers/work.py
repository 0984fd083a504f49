"""The events, and the work that every system does on each of them.

Runs in the environments of the peers too: it needs the standard library and orjson only.
"""

from __future__ import annotations

import argparse
import bisect
import dataclasses
import datetime
import ipaddress
import json
import pathlib
import random
import re
from typing import Any

import orjson

_PATHS = (
    "/",
    "/index.html",
    "/cart",
    "/checkout",
    "/products",
    "/products/42",
    "/api/orders",
    "/api/users/7",
    "/login",
)
_STATUSES = ("200",) * 8 + ("201", "301", "304", "401", "404", "404", "500", "503")
_AGENTS = (
    "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Version/17.4 Safari/605.1.15",
    "curl/8.5.0",
)


@dataclasses.dataclass(frozen=True)
class Job:
    """What a system is to do; its process gets it as a file of JSON.

    Attributes:
        path: `null`, `cpu`, `kafka` or `elasticsearch`: where events go; `cpu` is null with more work for each.
        kafka: Address of a broker.
        search: URL of an Elasticsearch node.
        topic: Where events come from.
        partitions: Of both topics.
        group: Consumer group of this run alone.
        output: Topic or index where events go; empty for null and cpu.
        folder: A folder of this run alone.
        workers: Processes.
    """

    path: str
    kafka: str
    search: str
    topic: str
    partitions: int
    group: str
    output: str
    folder: str
    workers: int = 1

    def write(self) -> pathlib.Path:
        """Write the file, return where it is."""
        path = pathlib.Path(self.folder) / "job.json"
        path.write_text(json.dumps(dataclasses.asdict(self)), encoding="utf-8")
        return path


def read_job(path: str) -> Job:
    """Return the job of a file."""
    return Job(**json.loads(pathlib.Path(path).read_text(encoding="utf-8")))


def job_of_arguments() -> Job:
    """Return the job whose file the command line names."""
    parser = argparse.ArgumentParser()
    parser.add_argument("job")
    return read_job(parser.parse_known_args()[0].job)


def make_events(count: int, sent: int = 0) -> list[bytes]:
    """Return `count` web accesses as JSON, 180 to 260 bytes each; the same in every run but for `sent`, the stamp."""
    chance = random.Random(20_261_121)
    return [_event(number, chance, sent) for number in range(count)]


def _event(number: int, chance: random.Random, sent: int) -> bytes:
    day, rest = divmod(number, 86_400_000)
    second, milli = divmod(rest, 1000)
    return orjson.dumps(
        {
            "id": number,
            "sent": sent,
            "@timestamp": f"2026-11-{day + 1:02}T{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}.{milli:03}Z",
            "client": f"198.51.100.{chance.randrange(254) + 1}",
            "method": "POST" if chance.random() < 0.1 else "GET",
            "path": chance.choice(_PATHS),
            "status": chance.choice(_STATUSES),
            "bytes": str(chance.randrange(90_000)),
            "micros": str(chance.randrange(700_000)),
            "agent": chance.choice(_AGENTS),
        }
    )


def transform(event: dict[str, Any]) -> dict[str, Any]:
    """Do the work between parsing and serialising: three texts become numbers, and a class is derived, all in place."""
    status = event["status"]
    event["class"] = status[0] + "xx"
    event["status"] = int(status)
    event["bytes"] = int(event["bytes"])
    event["micros"] = int(event["micros"])
    return event


_BROWSER = re.compile(r"(Firefox|Safari|curl)/([0-9.]+)")
_NETWORKS = [
    int(network.network_address)
    for half in ipaddress.ip_network("198.51.100.0/24").subnets()
    for network in half.subnets(4)
]


def dissect(event: dict[str, Any]) -> dict[str, Any]:
    """Do what pumps for web accesses are mostly busy with: browser, network, local time and parts of the path, in place."""
    transform(event)
    moment = datetime.datetime.fromisoformat(event["@timestamp"])
    event["hour"], event["weekday"], event["time"] = moment.hour, moment.weekday(), moment.timestamp()
    browser = _BROWSER.search(event["agent"])
    if browser is not None:
        event["browser"], event["version"] = browser.groups()
    event["network"] = bisect.bisect(_NETWORKS, int(ipaddress.ip_address(event["client"])))
    event["section"] = event["path"].split("/")[1]
    return event


WORK = {"cpu": dissect}
"""Path -> the work, where it is another than `transform`."""

INDEX = {
    "settings": {"number_of_shards": 1, "number_of_replicas": 0, "refresh_interval": "30s"},
    "mappings": {
        "dynamic": False,
        "properties": {
            "@timestamp": {"type": "date"},
            "client": {"type": "keyword"},
            "path": {"type": "keyword"},
            "status": {"type": "short"},
            "bytes": {"type": "integer"},
            "id": {"type": "long"},
        },
    },
}
"""The index of a run; half of the fields are indexed, so that the node, which has the same two cores, has less to do."""
