"""`kill -9` at random moments: nothing is lost, and at most one barrier's worth comes again each time."""

from __future__ import annotations

import gzip
import itertools
import pathlib
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from typing import Any

import orjson
import pytest

from tests.faults import definitions
from tests.faults.conftest import Make, Scale
from tests.faults.harness import Deaths, Ledger, Progress, Pump, Stored, write_events

MOST = definitions.MOST_IN_FLIGHT + definitions.BATCH
"""Lines that may be ahead of the stored position: the batch that reaches the limit is still taken."""


def kill_and_count(pump: Pump, scale: Scale, ledgers: list[Ledger], final: pathlib.Path | None = None) -> None:
    """Kill a pump as often as the scale says, count, and print the figures."""
    began = time.monotonic()

    def check(stored: Stored) -> None:
        for ledger in ledgers:
            ledger.check(stored)

    deaths = Deaths(pump, scale.events, scale.kills, scale.seed, check)
    deaths.run()
    for ledger in ledgers:
        ledger.finish(final)
        # The last entry is of the run that nobody killed: it repeats what the last kill left.
        print(
            f"{ledger.name}: {scale.events} lines, {scale.kills} kills ({deaths.early} before a commit), lost 0, repeated "
            f"{ledger.repeated}, at most {max(ledger.repeated_at)} after one kill (bound {ledger.most * ledger.parts}), "
            f"{ledger.tails} tails cut off, "
            f"{time.monotonic() - began:.0f} s"
        )


def test_a_killed_file_to_file_pump_loses_nothing(make: Make, scale: Scale) -> None:
    pump = make(definitions.file_to_file())
    write_events(pump.folder / "in.ndjson", scale.events)
    kill_and_count(pump, scale, [Ledger(pump.folder / "out.ndjson", scale.events, most=MOST)])
    assert (pump.folder / "in.ndjson-processed").exists()


def test_killed_linked_pipelines_with_a_generator_lose_nothing(make: Make, scale: Scale) -> None:
    pump = make(definitions.linked())
    write_events(pump.folder / "in.ndjson", scale.events)
    files = [pump.folder / "out.ndjson", pump.folder / "copy.ndjson"]
    kill_and_count(pump, scale, [Ledger(file, scale.events, parts=2, most=MOST) for file in files])


def test_a_killed_pump_with_an_ordered_async_processor_loses_nothing(make: Make, scale: Scale) -> None:
    pump = make(definitions.ordered())
    write_events(pump.folder / "in.ndjson", scale.events)
    ledger = Ledger(pump.folder / "out.ndjson", scale.events, most=MOST)
    kill_and_count(pump, scale, [ledger])
    ids = [orjson.loads(line)["id"] for line in (pump.folder / "out.ndjson").read_bytes().splitlines()]
    steps_back = sum(two != one + 1 for one, two in itertools.pairwise(ids))
    assert steps_back == sum(count > 0 for count in ledger.repeated_at)


def test_a_killed_pump_with_branches_loses_nothing(make: Make, scale: Scale) -> None:
    pump = make(definitions.branched())
    write_events(pump.folder / "in.ndjson", scale.events)
    files = [pump.folder / "out.ndjson", pump.folder / "copy.ndjson"]
    kill_and_count(pump, scale, [Ledger(file, scale.events, most=MOST) for file in files])


def test_a_killed_pump_with_a_circle_loses_nothing(make: Make, scale: Scale) -> None:
    pump = make(definitions.circling())
    write_events(pump.folder / "in.ndjson", scale.events)
    kill_and_count(pump, scale, [Ledger(pump.folder / "out.ndjson", scale.events, most=MOST)])


@pytest.mark.parametrize("ending", ["gz", "zst"])
def test_a_killed_pump_leaves_no_torn_member_in_a_compressed_file(make: Make, scale: Scale, ending: str) -> None:
    pump = make(definitions.file_to_file(f"out.ndjson.{ending}"))
    write_events(pump.folder / "in.ndjson", scale.events)
    ledger = Ledger(pump.folder / f"out.ndjson.{ending}", scale.events, most=MOST, unpack=_UNPACK[ending])
    kill_and_count(pump, scale, [ledger])


def _unpack_zstd(data: bytes) -> bytes:
    import zstandard

    pieces = []
    while data:
        one = zstandard.ZstdDecompressor().decompressobj()
        pieces.append(one.decompress(data))
        assert one.eof, "a torn frame"
        data = one.unused_data
    return b"".join(pieces)


_UNPACK = {"gz": gzip.decompress, "zst": _unpack_zstd}


def test_a_killed_pump_shows_an_atomic_file_only_when_it_is_whole(make: Make, scale: Scale) -> None:
    pump = make(definitions.file_to_file(atomic=True))
    write_events(pump.folder / "in.ndjson", scale.events)
    final, ledger = (
        pump.folder / "out.ndjson",
        Ledger(pump.folder / "out.ndjson.part", scale.events, name="out.ndjson", most=MOST),
    )

    def check(stored: Stored) -> None:
        if final.exists():  # the end: the mark speaks of the file that would come next
            assert stored.line == scale.events
            return
        ledger.check(stored)

    Deaths(pump, scale.events, scale.kills, scale.seed, check).run()
    ids = [orjson.loads(line)["id"] for line in final.read_bytes().splitlines()]
    assert set(ids) == set(range(scale.events))
    assert len(ids) <= scale.events + ledger.repeated + MOST
    assert not ledger.path.exists()


def test_a_killed_pump_that_rotates_its_output_loses_nothing(make: Make, scale: Scale) -> None:
    pump = make(definitions.file_to_file("out-{index}.ndjson", rotate_lines=999))
    write_events(pump.folder / "in.ndjson", scale.events)
    deaths = Deaths(pump, scale.events, scale.kills, scale.seed, lambda stored: None)
    deaths.run()
    files = sorted(pump.folder.glob("out-*.ndjson"))
    counts = [len(path.read_bytes().splitlines()) for path in files]
    assert set(counts[:-1]) == {999}
    ids = [orjson.loads(line)["id"] for path in files for line in path.read_bytes().splitlines()]
    assert set(ids) == set(range(scale.events))
    assert len(ids) <= scale.events + scale.kills * MOST


@pytest.mark.parametrize("behind_generator", [False, True])
def test_figures_by_group_are_exact_after_kills(make: Make, scale: Scale, behind_generator: bool) -> None:
    pump = make(definitions.grouped(behind_generator=behind_generator))
    write_events(pump.folder / "in.ndjson", scale.events)
    Deaths(pump, scale.events, scale.kills, scale.seed, lambda stored: None).run()
    got = [orjson.loads(line) for line in (pump.folder / "out.ndjson").read_bytes().splitlines()]
    assert got == [_figures(group, scale.events, 2 if behind_generator else 1) for group in range(7)]


def _figures(group: int, events: int, copies: int) -> dict[str, Any]:
    ids = range(group, events, 7)
    return {
        "group": f"g{group}", "events": copies * len(ids), "sum": copies * sum(ids), "least": ids[0], "most": ids[-1],
        "mean": sum(ids) / len(ids),
    }  # fmt: skip


@pytest.mark.parametrize("key", [["id"], []])
def test_a_table_has_each_row_exactly_once_after_kills(make: Make, scale: Scale, key: list[str]) -> None:
    pump = make(definitions.rows(key=key))
    write_events(pump.folder / "in.ndjson", scale.events)

    def check(stored: Stored) -> None:
        if stored.line:
            with closing(sqlite3.connect(f"file:{pump.folder}/out.db?mode=ro", uri=True)) as db:
                assert (
                    db.execute("SELECT count(DISTINCT id) FROM events WHERE id < ?", (stored.line,)).fetchone()[0]
                    == stored.line
                )

    Deaths(pump, scale.events, scale.kills, scale.seed, check).run()
    with closing(sqlite3.connect(pump.folder / "out.db")) as db:
        ids = [row[0] for row in db.execute("SELECT id FROM events ORDER BY id")]
    assert ids == list(range(scale.events))


def test_a_kill_before_the_first_commit_leaves_nothing_in_a_file(make: Make) -> None:
    pump = make(definitions.file_to_file(source={"follow": True, "poll_interval": 0.01}))
    out = pump.folder / "out.ndjson"
    out.write_text('{"id":-1}\n')  # somebody else's, which stays
    kill_before_the_first_commit(pump, lambda: out.stat().st_size > 100)
    with out.open("r+b") as file:
        file.truncate(out.stat().st_size - 5)  # what a kill in the middle of a write leaves
    commit_all(pump)
    assert [orjson.loads(line)["id"] for line in out.read_bytes().splitlines()] == list(range(-1, 10))


def test_a_kill_before_the_first_commit_leaves_nothing_in_a_table(make: Make) -> None:
    tree = definitions.rows(key=[])
    tree["pipelines"][0]["sources"][0]["config"].update(follow=True, poll_interval=0.01)
    pump = make(tree)
    kill_before_the_first_commit(pump, lambda: rows_of(pump) == list(range(10)))
    commit_all(pump)
    assert rows_of(pump) == list(range(10))


def kill_before_the_first_commit(pump: Pump, written: Callable[[], bool]) -> None:
    """Kill a pump that has written ten events and could not commit them."""
    (pump.folder / "in.ndjson").touch()
    pump.start()
    pump.wait_for("the input is found", lambda: "in.ndjson" in pump.open_files())
    with closing(sqlite3.connect(pump.store, isolation_level=None)) as db:
        db.execute("BEGIN IMMEDIATE")  # nothing can be committed
        write_events(pump.folder / "in.ndjson", 10)
        pump.wait_for("the events are written", written)
        pump.kill()
    assert Stored.of(pump).line == 0


def commit_all(pump: Pump) -> None:
    """Start the pump and stop it when the ten events are committed."""
    pump.start()
    progress = Progress(pump.store)
    pump.wait_for("all is committed", lambda: progress.line() == 10)
    progress.close()
    assert pump.terminate() == 0


def rows_of(pump: Pump) -> list[int]:
    """Return the ids in the table, in the order in which they were written; none while there is no table."""
    if not (pump.folder / "out.db").exists():
        return []
    with closing(sqlite3.connect(f"file:{pump.folder}/out.db?mode=ro", uri=True)) as db:
        if db.execute("SELECT 1 FROM sqlite_master WHERE name = 'events'").fetchone() is None:
            return []
        return [row[0] for row in db.execute("SELECT id FROM events ORDER BY rowid")]
