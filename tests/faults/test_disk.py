"""A full disk and an unwritable output stop the pump with a sentence, and it resumes when mended: nothing lost, nothing torn."""

from __future__ import annotations

import gzip
import os
import pathlib
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing

import orjson
import pytest

from tests.faults import definitions
from tests.faults.conftest import Make
from tests.faults.harness import Ledger, Progress, Pump, Stored, write_events

MOST = definitions.MOST_IN_FLIGHT + definitions.BATCH
EVENTS = 40_000  # about 4 MB of output


class Disk:
    """A small file system of its own, 16 MB, of which `fill` takes all but a little."""

    def __init__(self, path: pathlib.Path) -> None:
        self.path = path
        self._filler = path / "filler"

    def fill(self, *, leave: int = 0) -> None:
        """Write a file until only `leave` bytes are free."""
        free = os.statvfs(self.path).f_bavail * os.statvfs(self.path).f_frsize
        with self._filler.open("ab", buffering=0) as file:
            for _ in range(max(0, free - leave) // 4096):
                file.write(b"\0" * 4096)

    def free(self) -> None:
        """Remove that file."""
        self._filler.unlink()


@pytest.fixture
def disk(tmp_path: pathlib.Path) -> Iterator[Disk]:
    path = tmp_path / "disk"
    path.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(path)], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"cannot mount a small tmpfs (needs root): {mounted.stderr.strip()}")
    yield Disk(path)
    subprocess.run(["umount", "--lazy", str(path)], check=True)


def blocked(pump: Pump, sentence: str) -> None:
    """Wait until the pump has said a sentence."""
    pump.wait_for(sentence, lambda: sentence in pump.log())


def finished(pump: Pump) -> None:
    """Wait until the pump has come to its end by itself."""
    assert pump.process is not None
    assert pump.process.wait(60) == 0, pump.log()[-3000:]
    assert "Traceback" not in pump.log(), pump.log()[-4000:]


@pytest.mark.parametrize("name", ["out.ndjson", "out.ndjson.gz"])
def test_a_full_disk_stops_the_pump_with_one_sentence_until_there_is_space(make: Make, disk: Disk, name: str) -> None:
    out = disk.path / name
    pump = make(definitions.file_to_file(str(out)))
    write_events(pump.folder / "in.ndjson", EVENTS)
    disk.fill(leave=200_000)
    pump.start()
    blocked(pump, f"cannot write {out}: No space left on device (free space on its file system)")
    line, memory = _line(pump), pump.resident()
    assert 0 < line < EVENTS
    # Each try cuts the file back. The store has not moved since, and memory has not grown.
    tried = out.stat().st_mtime_ns
    pump.wait_for("it has tried again", lambda: out.stat().st_mtime_ns != tried)
    assert _line(pump) == line
    assert pump.resident() < memory + 20_000_000
    disk.free()
    finished(pump)
    assert pump.log().count("No space left on device") == 1
    assert "delivery works again" in pump.log()
    _each_once(out, pump, name)


def test_a_pump_killed_on_a_full_disk_goes_on_when_there_is_space(make: Make, disk: Disk) -> None:
    out = disk.path / "out.ndjson"
    pump = make(definitions.file_to_file(str(out)))
    write_events(pump.folder / "in.ndjson", EVENTS)
    disk.fill(leave=200_000)
    ledger = Ledger(out, EVENTS, most=MOST, name=str(out))
    for _ in range(3):
        pump.start()
        said = pump.log().count("No space left")
        pump.wait_for("no space is left", lambda said=said: pump.log().count("No space left") > said)
        pump.kill()
        ledger.check(Stored.of(pump))
    disk.free()
    assert pump.run() == 0
    ledger.check(Stored.of(pump))
    ledger.finish()


def test_a_disk_that_is_full_for_the_last_barrier_does_not_keep_the_pump_from_ending(make: Make, disk: Disk) -> None:
    out = disk.path / "out.ndjson"
    pump = make(definitions.file_to_file(str(out)))
    write_events(pump.folder / "in.ndjson", 400)  # less than may be in flight: the input ends before the first barrier
    disk.fill()
    pump.start()
    blocked(pump, "No space left on device")
    disk.free()
    finished(pump)
    _each_once(out, pump, "out.ndjson", 400)


def test_figures_are_not_sent_twice_when_the_disk_is_full_at_the_end(make: Make, disk: Disk) -> None:
    tree = definitions.grouped(behind_generator=False)
    tree["pipelines"][0]["sink"]["config"]["path"] = str(disk.path / "out.ndjson")
    pump = make(tree)
    write_events(pump.folder / "in.ndjson", 7000)
    disk.fill()
    pump.start()
    blocked(pump, "No space left on device")
    disk.free()
    finished(pump)
    rows = [orjson.loads(line) for line in (disk.path / "out.ndjson").read_bytes().splitlines()]
    assert [(row["group"], row["events"]) for row in rows] == [(f"g{n}", 1000) for n in range(7)]


def test_a_stop_on_a_full_disk_says_what_is_left(make: Make, disk: Disk) -> None:
    out = disk.path / "out.ndjson"
    pump = make(definitions.file_to_file(str(out)), {"bspump": {"stop_timeout": 1}})
    write_events(pump.folder / "in.ndjson", EVENTS)
    disk.fill(leave=200_000)
    pump.start()
    blocked(pump, "No space left on device")
    assert pump.terminate() == 1
    assert f"the time to stop is over; cannot write {out}: No space left on device" in pump.log()
    ledger = Ledger(out, EVENTS, most=MOST, name=str(out))
    ledger.check(Stored.of(pump))
    assert ledger.ahead == 0
    disk.free()
    assert pump.run() == 0
    ledger.check(Stored.of(pump))
    ledger.finish()


def test_a_table_on_a_full_disk_has_each_row_once_when_there_is_space(make: Make, disk: Disk) -> None:
    tree = definitions.rows(key=[])
    tree["pipelines"][0]["sink"]["config"]["path"] = str(disk.path / "out.db")
    pump = make(tree)
    write_events(pump.folder / "in.ndjson", EVENTS)
    disk.fill(leave=300_000)
    pump.start()
    blocked(pump, f"cannot write '{disk.path / 'out.db'}'")
    assert "free space on the disk" in pump.log(), pump.log()
    disk.free()
    finished(pump)
    with closing(sqlite3.connect(disk.path / "out.db")) as db:
        assert [row[0] for row in db.execute("SELECT id FROM events ORDER BY id")] == list(range(EVENTS))


def test_a_store_on_a_full_disk_stops_the_pump_with_one_sentence_until_there_is_space(make: Make, disk: Disk) -> None:
    pump = make(definitions.file_to_file())
    pump.store = disk.path / "store.db"
    write_events(pump.folder / "in.ndjson", EVENTS)
    disk.fill(leave=300_000)
    pump.start()
    sentence = f"cannot write the store {pump.store}: database or disk is full (free space"
    blocked(pump, sentence)
    assert 0 < _line(pump) < EVENTS
    disk.free()
    finished(pump)
    assert pump.log().count(sentence) == 1
    _each_once(pump.folder / "out.ndjson", pump, "out.ndjson")


def test_a_pump_killed_while_its_store_is_full_repeats_one_barrier_at_most(make: Make, disk: Disk) -> None:
    pump = make(definitions.file_to_file())
    pump.store = disk.path / "store.db"
    write_events(pump.folder / "in.ndjson", EVENTS)
    disk.fill(leave=300_000)
    pump.start()
    blocked(pump, "cannot write the store")
    pump.kill()
    ledger = Ledger(pump.folder / "out.ndjson", EVENTS, most=MOST)
    ledger.check(Stored.of(pump))
    disk.free()
    assert pump.run() == 0
    ledger.check(Stored.of(pump))
    ledger.finish()


def test_a_store_that_cannot_be_made_is_said_at_the_start(make: Make, disk: Disk) -> None:
    pump = make(definitions.file_to_file())
    pump.store = disk.path / "store.db"
    write_events(pump.folder / "in.ndjson", 10)
    disk.fill()
    assert pump.run() == 2
    assert f"cannot start: cannot open the store {pump.store}: database or disk is full" in pump.log()
    assert "Traceback" not in pump.log()
    disk.free()
    assert pump.run() == 0
    _each_once(pump.folder / "out.ndjson", pump, "out.ndjson", 10)


def test_an_output_directory_that_is_missing_is_said_at_the_start(make: Make) -> None:
    pump = make(definitions.file_to_file("gone/out.ndjson"))
    write_events(pump.folder / "in.ndjson", 10)
    assert pump.run() == 2
    assert "cannot write gone/out.ndjson: No such file or directory (create the directory gone)" in pump.log()
    (pump.folder / "gone").touch()
    assert pump.run() == 2
    assert "cannot write gone/out.ndjson: Not a directory (gone is no directory: correct 'path')" in pump.log()
    assert "Traceback" not in pump.log()
    (pump.folder / "gone").unlink()
    (pump.folder / "gone").mkdir()
    assert pump.run() == 0
    _each_once(pump.folder / "gone/out.ndjson", pump, "gone/out.ndjson", 10)


@pytest.mark.parametrize("replaced", [False, True])
def test_an_output_directory_that_goes_away_stops_the_pump_until_it_is_back(make: Make, replaced: bool) -> None:
    pump = make(definitions.file_to_file("out/out.ndjson", source={"follow": True, "poll_interval": 0.01}))
    out, events = pump.folder / "out", pump.folder / "in.ndjson"
    out.mkdir()
    write_events(events, 1000)
    pump.start()
    _wait_for_line(pump, 1000)
    out.rename(pump.folder / "kept")
    if replaced:
        out.touch()
    with events.open("ab") as file:
        file.write(write_events(pump.folder / "more", 1000, start=1000).read_bytes())
    blocked(pump, "cannot write out/out.ndjson: ")
    if replaced:
        out.unlink()
    out.mkdir()
    _wait_for_line(pump, 2000)
    assert pump.terminate() == 0
    assert _ids(pump.folder / "kept/out.ndjson") == list(range(1000))
    assert _ids(pump.folder / "out/out.ndjson") == list(range(1000, 2000))


def test_an_atomic_file_whose_directory_goes_away_is_whole_when_it_is_back(make: Make) -> None:
    pump = make(definitions.file_to_file("out/out.ndjson", atomic=True))
    out = pump.folder / "out"
    out.mkdir()
    write_events(pump.folder / "in.ndjson", EVENTS)
    pump.brake(EVENTS // 2)
    pump.start()
    pump.wait_for("it is under way", lambda: _line(pump) > 0)
    out.rename(pump.folder / "kept")
    pump.release()
    blocked(pump, "cannot write out/out.ndjson.part: No such file or directory (create the directory out)")
    (pump.folder / "kept").rename(out)
    finished(pump)
    assert _ids(out / "out.ndjson") == list(range(EVENTS))


def test_an_output_file_that_is_deleted_is_made_anew(make: Make) -> None:
    pump = make(definitions.file_to_file(source={"follow": True, "poll_interval": 0.01}))
    out, events = pump.folder / "out.ndjson", pump.folder / "in.ndjson"
    write_events(events, 1000)
    pump.start()
    _wait_for_line(pump, 1000)
    out.unlink()
    with events.open("ab") as file:
        file.write(write_events(pump.folder / "more", 1000, start=1000).read_bytes())
    _wait_for_line(pump, 2000)
    assert pump.terminate() == 0
    assert _ids(out) == list(range(1000, 2000))


def test_rotation_into_a_directory_that_is_gone_waits_for_it(make: Make) -> None:
    pump = make(definitions.file_to_file("out/{index}.ndjson", rotate_lines=1000))
    write_events(pump.folder / "in.ndjson", EVENTS)
    out = pump.folder / "out"
    out.mkdir()
    pump.brake(EVENTS // 2)
    pump.start()
    pump.wait_for("some files are there", lambda: len(list(out.iterdir())) > 3)
    out.rename(pump.folder / "kept")
    pump.release()
    blocked(pump, "No such file or directory (create the directory out)")
    shutil.copytree(pump.folder / "kept", out)
    finished(pump)
    ids = [id for path in sorted(out.iterdir()) for id in _ids(path)]
    assert set(ids) == set(range(EVENTS))
    assert len(ids) <= EVENTS + MOST


def _line(pump: Pump) -> int:
    progress = Progress(pump.store)
    try:
        return progress.line()
    finally:
        progress.close()


def _wait_for_line(pump: Pump, line: int) -> None:
    progress = Progress(pump.store)
    pump.wait_for(f"{line} lines are committed", lambda: progress.line() == line)
    progress.close()


def _ids(path: pathlib.Path) -> list[int]:
    return [orjson.loads(line)["id"] for line in path.read_bytes().splitlines()]


def _each_once(path: pathlib.Path, pump: Pump, name: str, count: int = EVENTS) -> None:
    data = gzip.decompress(path.read_bytes()) if name.endswith(".gz") else path.read_bytes()
    assert [orjson.loads(line)["id"] for line in data.splitlines()] == list(range(count))
