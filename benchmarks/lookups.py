"""Measure lookups: `python benchmarks/lookups.py --help`."""

from __future__ import annotations

import argparse
import contextlib
import logging
import pathlib
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import orjson

sys.path[0] = str(pathlib.Path(__file__).resolve().parent.parent)  # started as a file: the package lies one folder up

from benchmarks import chain, pump, report  # noqa: E402
from benchmarks.measure import Row, Taken, Workload, measure  # noqa: E402
from benchmarks.workload import make_events, make_users  # noqa: E402
from bspump_like import DictionaryLookup, Pipeline, Processor  # noqa: E402
from bspump_like.common import AsyncLookupEnricher, LookupEnricher  # noqa: E402
from bspump_like.sqlite import SQLiteLookup  # noqa: E402
from bspump_like.testing import fresh_application  # noqa: E402

RESULTS = pathlib.Path(__file__).parent / "LOOKUPS.md"
KEYS = 1_000_000
COUNTRY: dict[str, str] = {}
"""The same keys with text as values; filled by `main`."""

NOTE = """\
Parse JSON (orjson), enrich from a dictionary lookup of 1,000,000 keys asked at random, dump JSON. `ratio` is against the row
named in the title: a loop written by hand, and the same pump with a processor written by hand around a bare `dict.get`.
The rows `call` are one processor alone, its `process(context, event)` called in a loop. How rows are measured: see RESULTS.md.
"""


class FieldsByHand(Processor):
    """Two fields of a row, the shortest way."""

    table: dict[str, Any]

    def process(self, context: Any, event: Any) -> Any:
        """Take them."""
        user = self.table.get(event["user"])
        if user is not None:
            event["tenant"] = user["tenant"]
            event["country"] = user["country"]
        return event


class ValueByHand(Processor):
    """A value, the shortest way."""

    table: dict[str, Any]

    def process(self, context: Any, event: Any) -> Any:
        """Take it."""
        user = self.table.get(event["user"])
        if user is not None:
            event["account"] = user
        return event


def _hand_fields(lines: Iterable[bytes], table: dict[str, Any], keep: Callable[[bytes], object]) -> None:
    loads, dumps, get = orjson.loads, orjson.dumps, table.get
    for line in lines:
        event = loads(line)
        user = get(event["user"])
        if user is not None:
            event["tenant"] = user["tenant"]
            event["country"] = user["country"]
        keep(dumps(event))


def _hand_value(lines: Iterable[bytes], table: dict[str, Any], keep: Callable[[bytes], object]) -> None:
    loads, dumps, get = orjson.loads, orjson.dumps, table.get
    for line in lines:
        event = loads(line)
        user = get(event["user"])
        if user is not None:
            event["account"] = user
        keep(dumps(event))


ASKED = """\
The same pump with the table of 1,000,000 rows in an SQLite file and `AsyncLookupEnricher`: what is in the cache is taken at once,
the other keys of a batch are one SELECT. Against the dictionary lookup.
"""

MEMORY = """\
Rows of four columns (16 hexadecimal digits as key) from a CSV file; answers are asked for at random. `own` is memory that the
process has written to; what is mapped from a file is shared by all processes, and the system drops it when it needs room.
"""

FORMS: dict[str, tuple[str, Any, type[Processor], Mapping[str, Any], bool]] = {
    "fields": (
        "two fields of a row",
        _hand_fields,
        FieldsByHand,
        {"fields": {"tenant": "tenant", "country": "country"}},
        True,
    ),
    "value": ("a value that is text", _hand_value, ValueByHand, {"target": "account"}, False),
    "row": ("a row as a whole", _hand_value, ValueByHand, {"target": "account", "copy_value": False}, True),
    "copy": (
        "a row as a whole, which the enricher copies and the others do not",
        _hand_value,
        ValueByHand,
        {"target": "account"},
        True,
    ),
}
"""What is taken -> title, loop, processor, options of the enricher, whether values are rows."""


def _enricher(app: Any, pipeline: Pipeline, table: dict[str, Any], config: Mapping[str, Any]) -> LookupEnricher:
    lookup = DictionaryLookup(app, "Users", lazy=True)
    lookup.set(table)
    app.pump_service.add_lookup(lookup)
    return LookupEnricher(app, pipeline, config={"lookup": "Users", "key": "user", **config})


def _table(workload: Workload, rows: bool) -> dict[str, Any]:
    return workload.users if rows else COUNTRY


def _pump(middle: Callable[[Any, Pipeline, Workload], Processor]) -> Callable[[Workload], Taken]:
    def build(app: Any, workload: Workload, keep: Any, clock: pump.Clock) -> Sequence[Pipeline]:
        pipeline = Pipeline(app, "Chain")
        pipeline.build(
            pump.part(pump.Batches, app, pipeline, lines=workload.lines, clock=clock),
            pump.Parse(app, pipeline),
            middle(app, pipeline, workload),
            pump.Dump(app, pipeline),
            pump.part(pump.End, app, pipeline, keep=keep, clock=clock),
        )
        return [pipeline]

    return lambda workload: pump.run(build, workload)


def _called(middle: Callable[[Any, Pipeline, Workload], Processor]) -> Callable[[Workload], Taken]:
    def run(workload: Workload) -> Taken:
        events = [orjson.loads(line) for line in workload.lines]
        with fresh_application() as app:
            process = middle(app, Pipeline(app, "Chain"), workload).process
            context: dict[str, Any] = {}
            began = time.process_time()
            for event in events:
                process(context, event)
            return Taken(time.process_time() - began)

    return run


def _looped(loop: Any, rows: bool) -> Callable[[Workload], Taken]:
    def run(workload: Workload) -> Taken:
        keep = chain.new_keep()
        table = _table(workload, rows)
        began = time.process_time()
        loop(workload.lines, table, keep.append)
        return Taken(time.process_time() - began, keep)

    return run


def rows(form: str) -> list[Row]:
    """Return the rows of a form."""
    title, loop, by_hand, config, has_rows = FORMS[form]

    def hand(app: Any, pipeline: Pipeline, workload: Workload) -> Processor:
        processor: Processor = pump.part(by_hand, app, pipeline, table=_table(workload, has_rows))
        return processor

    def ours(app: Any, pipeline: Pipeline, workload: Workload) -> Processor:
        return _enricher(app, pipeline, _table(workload, has_rows), config)

    return [
        Row(f"{form}-loop", f"{title}: loop by hand", _looped(loop, has_rows), base=f"{form}-loop"),
        Row(f"{form}-hand", " pump, processor by hand (to the loop)", _pump(hand), base=f"{form}-loop"),
        Row(f"{form}-enrich", " pump, LookupEnricher (to the loop)", _pump(ours), base=f"{form}-loop"),
        Row(f"{form}-ratio", " pump, LookupEnricher (to the processor by hand)", _pump(ours), base=f"{form}-hand", target=0.9),
        Row(f"{form}-call-hand", " call, processor by hand", _called(hand), base=f"{form}-call-hand"),
        Row(f"{form}-call", " call, LookupEnricher", _called(ours), base=f"{form}-call-hand", plain=f"{form}-call-hand"),
    ]  # fmt: skip


def asked_rows() -> list[Row]:
    """Return the rows of a lookup that asks a database."""
    config = {"lookup": "Users", "key": "user", "fields": {"tenant": "tenant", "country": "country"}}

    def asking(**options: Any) -> Callable[[Workload], Taken]:
        def middle(app: Any, pipeline: Pipeline, workload: Workload) -> Processor:
            path = pathlib.Path(workload.folder, "users.db")
            if not path.exists():
                _write(path, workload.users)
            made = {"path": str(path), "table": "users", "key": "id", **options}
            app.pump_service.add_lookup(SQLiteLookup(app, "Users", made))
            return AsyncLookupEnricher(app, pipeline, config=config)

        return _pump(middle)

    def ours(app: Any, pipeline: Pipeline, workload: Workload) -> Processor:
        return _enricher(app, pipeline, workload.users, {"fields": config["fields"]})

    return [
        Row("dict", "LookupEnricher, dictionary lookup", _pump(ours), base="dict"),
        Row("cached", "AsyncLookupEnricher, all answers cached", asking(preload=True, cache_size=KEYS), base="dict"),
        Row("asked", "AsyncLookupEnricher, all answers from SQLite", asking(cache_size=1), base="dict"),
    ]


def _write(path: pathlib.Path, users: Mapping[str, Mapping[str, Any]]) -> None:
    with contextlib.closing(sqlite3.connect(path)) as database, database:
        database.execute("CREATE TABLE users (id TEXT PRIMARY KEY, tenant TEXT, country TEXT)")
        rows = ((id, user["tenant"], user["country"]) for id, user in users.items())
        database.executemany("INSERT INTO users VALUES (?, ?, ?)", rows)


def _memory(keys: int) -> str:
    """Measure each kind of table in a process of its own, which has nothing else in it."""
    command = [sys.executable, "-m", "benchmarks.lookup_memory"]
    lines = [
        "| table | load, s of CPU | own memory, bytes a key | with what is mapped | ns an answer |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    with tempfile.TemporaryDirectory() as folder:
        for kind in ("made", "FileLookup", "CompactLookup", "CompactLookup again"):
            _say(f"memory: {kind}")
            done = subprocess.run([*command, kind, str(keys), folder], capture_output=True, text=True, check=True)
            lines += done.stdout.splitlines()
    return "\n".join(lines)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def main(arguments: list[str] | None = None) -> int:
    """Measure, print, and write if asked; return the exit code."""
    parser = argparse.ArgumentParser(prog="python benchmarks/lookups.py", description="Measure enriching from lookups.")
    parser.add_argument(
        "--forms",
        default=",".join([*FORMS, "asked"]),
        help=f"what is taken of the table, joined by ',' ({','.join(FORMS)},asked)",
    )
    parser.add_argument("--events", type=int, default=200_000, help="events in each repetition (200000)")
    parser.add_argument("--repeat", type=int, default=5, help="rounds that count (5)")
    parser.add_argument(
        "--keys", type=int, default=1_000_000, help="rows of the tables whose memory is measured, 0: none (1000000)"
    )
    parser.add_argument("--write", action="store_true", help=f"write {RESULTS.parent.name}/{RESULTS.name}")
    options = parser.parse_args(arguments)
    logging.disable(logging.WARNING)
    parts = ["# Lookups", report.headline(options.events, options.repeat), NOTE.strip()]
    with tempfile.TemporaryDirectory() as folder:
        workload = Workload(make_events(options.events, KEYS), make_users(KEYS), folder)
        COUNTRY.update((key, user["country"]) for key, user in workload.users.items())
        # Form by form: the rows of one must make the same results.
        forms = options.forms.split(",")
        parts += [report.table(measure(rows(form), workload, options.repeat, _say)) for form in forms if form in FORMS]
        if "asked" in forms:
            table = report.table(measure(asked_rows(), workload, options.repeat, _say))
            parts += ["## Answers of a database", ASKED.strip(), table]
    if options.keys:
        parts += [f"## Memory of a table of {options.keys:,} rows", MEMORY.strip(), _memory(options.keys)]
    parts.append(report.load())
    text = "\n\n".join(parts) + "\n"
    print(text)
    if options.write:
        RESULTS.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
