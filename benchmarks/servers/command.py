"""The command line: which systems on which paths, how often, what becomes of the figures."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import pathlib
import shutil
import sys
import time
from collections.abc import Iterator

from benchmarks import report as machine
from benchmarks.results import replace_section
from tools.services.errors import ServiceUnavailable, StartFailed
from tools.services.process import exclusive

from . import report
from .cluster import Cluster, NotThere
from .latency import latency
from .measure import PARTITIONS, PLACE, POLL, Failed, throughput
from .nodes import BenchKafka, BenchSearch
from .report import Result
from .systems import PATHS, TO_NULL, System, systems

RESULTS = pathlib.Path(__file__).resolve().parent.parent / "RESULTS.md"
SMALL = 1000
EVENTS = {"null": 1_500_000, "cpu": 800_000, "kafka": 800_000, "elasticsearch": 300_000}
QUICK = {"null": 400_000, "cpu": 200_000, "kafka": 300_000, "elasticsearch": 100_000}

NOTE = """\
All systems do the same work on JSON web-access events of about 250 bytes in a topic with 4 partitions: parse, three texts
to numbers, derive one field; for Kafka and Elasticsearch serialise again. On the CPU-bound path they take apart browser,
network, time and path besides, by Python's standard library: there workers show what they bring. All deliver at least once
and commit offsets after delivery, but for those whose title says otherwise. Systems take turns; figures are medians over the
rounds (peers: {peers}). CPU is that of the whole process tree, from /proc; what it costs to start and to take {small:,} events is
measured apart and subtracted. `of the loop`: events per CPU second, against the loop, median of the ratios of a round.
`spread` is how far the dearest round is from the cheapest. The servers share the cores with the system, so events/s to
Elasticsearch is mostly what the node takes. Peak memory is that of the process tree, the sum of what is resident, looked
at every {poll:.0f} ms. Latency is measured at half of the events/s beside it, for {seconds:.0f} s (peers: half as long):
from the stamp that the producer puts into an event, to Kafka until a consumer of the output has it, to Elasticsearch
until a proxy before the node has handed on the answer to its bulk. Idle CPU is taken after that, without events, as long."""


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Return the options, checked and with their defaults."""
    keys = [system.key for system in systems()]
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.servers",
        description="Measure pumps on a real Kafka and Elasticsearch, which are started in var/services.",
        epilog=f"paths: {', '.join(PATHS)}; systems: {', '.join(keys)}. Peers are installed with: "
        "python -m benchmarks.servers.peers --install",
    )
    parser.add_argument(
        "--only", default="", metavar="LIST", help="paths, systems, or PATH/SYSTEM, joined by ',' (all)"
    )
    parser.add_argument("--rounds", type=int, metavar="N", help="rounds that count (3; quick: 1)")
    parser.add_argument("--peer-rounds", type=int, default=1, metavar="N", help="rounds in which peers take part (1)")
    parser.add_argument("--events", type=int, metavar="N", help="events in each run, on every path")
    parser.add_argument(
        "--limit", type=float, default=10.0, metavar="S", help="longest run of a slow system, seconds (10)"
    )
    parser.add_argument(
        "--at", type=float, metavar="RATE", help="measure latency at this many events/s, not at half of the most"
    )
    parser.add_argument("--no-latency", action="store_true", help="leave out latency and idling")
    parser.add_argument("--quick", action="store_true", help="fewer events, one round; peers only if they are named")
    parser.add_argument(
        "--tree", default="", metavar="FOLDER", help="measure the bspump_like in this folder, not the one here"
    )
    parser.add_argument("--keep", action="store_true", help="leave the servers running at the end")
    parser.add_argument(
        "--write", action="store_true", help=f"write the section of {RESULTS.parent.name}/{RESULTS.name}"
    )
    options = parser.parse_args(arguments)
    options.pairs = _pairs(options, parser)
    if options.write and (
        options.quick or options.only or options.tree or options.no_latency or options.events or options.at
    ):
        parser.error("--write keeps whole runs: leave out --quick, --only, --tree, --events, --at and --no-latency")
    options.rounds = options.rounds or (1 if options.quick else 3)
    options.counts = QUICK if options.quick else EVENTS
    if options.events:
        options.counts = dict.fromkeys(PATHS, options.events)
    return options


def _pairs(options: argparse.Namespace, parser: argparse.ArgumentParser) -> list[tuple[str, System]]:
    only: str = options.only
    every = [(path, system) for path in PATHS for system in systems(options.tree) if path in system.paths]
    chosen: set[tuple[str, str]] = set()
    for name in filter(None, (part.strip() for part in only.split(","))):
        found = {(path, one.key) for path, one in every if name in (path, one.key, f"{path}/{one.key}")}
        if not found:
            parser.error(f"there is no '{name}'; see the end of --help")
        chosen |= found
    if only:
        return [(path, one) for path, one in every if (path, one.key) in chosen]
    return [(path, one) for path, one in every if not (options.quick and one.peer)]


async def measure(options: argparse.Namespace) -> str:
    """Measure; return the text.

    Raises:
        NotThere: A server does not run.
    """
    results = [Result(system, path, reason=system.missing()) for path, system in options.pairs]
    seconds = 3.0 if options.quick else 6.0
    async with Cluster(*options.urls) as cluster:
        for count in {SMALL, *(options.counts[one.path] for one in results)}:
            _say(f"a topic of {count:,} events")
            await cluster.fill(_topic(count), PARTITIONS, count)
        for turn in range(1, options.rounds + 1):
            for result in results:
                if result.system.peer and turn > options.peer_rounds:
                    continue
                limit = options.limit * (0.6 if result.system.peer else 1.0)
                await _round(cluster, result, options.counts[result.path], limit, f"round {turn}")
        if not options.no_latency:
            for result in results:
                await _latency(cluster, result, seconds * (0.5 if result.system.peer else 1.0), options.at)
    note = NOTE.format(small=SMALL, poll=POLL * 1000, seconds=seconds, peers=min(options.rounds, options.peer_rounds))
    events = ", ".join(
        f"{options.counts[path]:,} to {path}" for path in PATHS if any(one.path == path for one in results)
    )
    head = f"{machine.headline(max(options.counts.values()), options.rounds)}. {options.versions}. Events: {events}."
    return "\n\n".join([head, note, report.tables(results), machine.load()])


async def _round(cluster: Cluster, result: Result, count: int, limit: float, when: str) -> None:
    if result.reason:
        return
    try:
        small, full = [
            await throughput(cluster, result.system, result.path, _topic(many), many, limit) for many in (SMALL, count)
        ]
    except Failed as error:
        _say(f"FAILED: {error}")
        result.reason = str(error)
        return
    result.small.append(small)
    result.full.append(full)
    cost = (full.cpu - small.cpu) / (full.events - small.events) * 1e6
    _say(
        f"{when}: {result.path}/{result.system.key}: {cost:.2f} CPU s per million, {full.rate:,.0f} events/s, "
        f"{full.peak / 2**20:,.0f} MB" + ("" if full.events == count else f", stopped after {full.events:,} events")
    )


async def _latency(cluster: Cluster, result: Result, seconds: float, rate: float | None) -> None:
    if not result.full or not (rate or result.rate) or result.path in TO_NULL or not result.system.timed:
        return
    try:
        result.latency = taken = await latency(cluster, result.system, result.path, rate or result.rate / 2, seconds)
    except Failed as error:
        _say(f"FAILED: {error}")
        result.reason = str(error)
        return
    _say(
        f"{result.path}/{result.system.key}: at {taken.rate:,.0f} events/s p50 {taken.median * 1e3:.0f} ms, "
        f"p99 {taken.p99 * 1e3:.0f} ms; idle {taken.idle:.2%}"
    )


@contextlib.contextmanager
def _servers(options: argparse.Namespace) -> Iterator[None]:
    """Run the servers, for one run at a time; their data stays, so that topics are filled only once."""
    kafka, search = BenchKafka(), BenchSearch()
    kafka.directory.mkdir(parents=True, exist_ok=True)
    with exclusive(kafka.directory / "alone"):
        shutil.rmtree(PLACE, ignore_errors=True)  # what failed runs have left
        try:
            for server in (kafka, search):
                server.start()
            options.urls = kafka.url, search.url
            options.versions = f"Kafka {kafka.version}, Elasticsearch {search.version}"
            yield
        finally:
            for server in () if options.keep else (kafka, search):
                server.stop()


def main(arguments: list[str] | None = None) -> int:
    """Measure, print, and write if asked; return the exit code."""
    options = parse(arguments)
    logging.disable(logging.CRITICAL)  # clients complain of topics that are a moment old, or gone
    began = time.monotonic()
    try:
        with _servers(options):
            text = asyncio.run(measure(options))
    except (NotThere, ServiceUnavailable, StartFailed) as error:
        print(error, file=sys.stderr)
        return 1
    print(text)
    _say(f"{time.monotonic() - began:.0f} s")
    if options.write:
        replace_section(RESULTS, "Real servers", text)
    return 0


def _topic(count: int) -> str:
    return f"bench-events-{count}"


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
