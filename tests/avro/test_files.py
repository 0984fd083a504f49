"""AvroSink and AvroSource in running pumps: what is in the files, after the end, after a crash, and from the middle."""

from __future__ import annotations

import asyncio
import datetime
import json
from pathlib import Path
from typing import Any

import fastavro
import pytest

from bspump_like import Pipeline
from bspump_like.avro import AvroSink, AvroSource
from bspump_like.avro.container import Header, encode_block
from bspump_like.errors import ConfigError, DeliveryError, ProcessingError
from bspump_like.testing import ListSource, fresh_application
from tests.common.stopping import StoppedSource

FIELDS = [{"name": "id", "type": "long"}, {"name": "text", "type": ["null", "string"], "default": None}]
SCHEMA = {"type": "record", "name": "R", "fields": FIELDS}


def events(count: int, start: int = 0) -> list[dict[str, Any]]:
    return [{"id": number, "text": f"n{number}"} for number in range(start, count)]


def of(items: Any, kind: Any = ListSource) -> Any:
    def source(app: Any, pipeline: Any, config: Any) -> Any:
        return kind(app, pipeline, items, id="S", config={"batch_size": 8})

    return source


def content(path: Path) -> list[Any]:
    with path.open("rb") as file:
        return list(fastavro.reader(file))


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir() if not path.name.startswith("store"))


@pytest.mark.parametrize("compression", ["null", "deflate", "xz"])
def test_a_second_run_appends_blocks_of_the_codec_that_is_there(pump: Any, tmp_path: Path, compression: str) -> None:
    out = {"path": str(tmp_path / "o.avro"), "schema": SCHEMA}
    pump.run(of(events(20)), {}, AvroSink, {**out, "compression": compression})
    pump.store = ":memory:"
    pump.run(of(events(30, 20)), {}, AvroSink, out)
    assert content(tmp_path / "o.avro") == events(30)
    pump.run(of(events(1)), {}, AvroSink, {**out, "mode": "overwrite"})
    assert content(tmp_path / "o.avro") == events(1)


def test_the_names_of_the_contract_work(pump: Any, tmp_path: Path) -> None:
    schema_file = tmp_path / "s.avsc"
    schema_file.write_text(json.dumps(SCHEMA))
    config = {
        "file_name_template": str(tmp_path / "sink{index}.avro"), "events_per_file": 10, "events_per_chunk": 3,
        "rollover_mechanism": "rows", "schema_file": str(schema_file),
    }  # fmt: skip
    pump.run(of(events(25)), {}, AvroSink, config)
    files = [tmp_path / f"sink00000{number}.avro" for number in (1, 2, 3)]
    assert [content(file) for file in files] == [events(10), events(20, 10), events(25, 20)]
    with files[0].open("rb") as file:
        assert max(block.num_records for block in fastavro.block_reader(file)) == 3


def test_a_torn_block_is_cut_off_with_and_without_a_mark(pump: Any, tmp_path: Path) -> None:
    file = tmp_path / "o.avro"
    out = {"path": str(file), "schema": SCHEMA}
    pump.run(of(events(10)), {}, AvroSink, out)
    for store in (pump.store, ":memory:"):
        pump.store = store
        with file.open("ab") as f:
            f.write(encode_block([b"\x02\x00"] * 50, Header(None, "deflate", b"x" * 16, 0))[:-20])
        begin = len(content_by_blocks(file))
        pump.run(of(events(begin + 5) if store != ":memory:" else events(begin + 5, begin)), {}, AvroSink, out)
        assert content(file) == events(begin + 5)


def content_by_blocks(file: Path) -> list[Any]:
    got: list[Any] = []
    with file.open("rb") as f:
        try:
            for block in fastavro.block_reader(f):
                got += list(block)
        except (EOFError, ValueError):
            return got
    return got


def test_files_completed_behind_the_last_mark_are_taken_back(pump: Any, tmp_path: Path) -> None:
    out = {"path": str(tmp_path / "o{index}.avro"), "schema": SCHEMA, "rotate_lines": 10, "atomic": True}
    pump.run(of(events(100), StoppedSource), {}, AvroSink, out)  # stops when 16 are committed
    assert names(tmp_path) == ["o000001.avro", "o000002.avro.part"]
    (tmp_path / "o000002.avro.part").rename(tmp_path / "o000002.avro")
    pump.run(of(events(20)), {}, AvroSink, out)
    assert [content(tmp_path / f"o00000{index}.avro") for index in (1, 2)] == [events(10), events(20, 10)]
    assert names(tmp_path) == ["o000001.avro", "o000002.avro"]


def test_an_event_that_does_not_fit_fails_alone_and_says_where(pump: Any, tmp_path: Path, caplog: Any) -> None:
    out = {"path": str(tmp_path / "o.avro"), "schema": SCHEMA}
    bad = [{"id": "x"}, {"id": 1, "more": 2}, {"text": "no id"}]
    pump.run(of([*events(2), *bad, *events(3, 2)]), {}, AvroSink, out, pipeline={"on_error": "drop"})
    assert content(tmp_path / "o.avro") == events(3)
    assert "R.id is <x> of type <class 'str'> expected long" in caplog.text
    with fresh_application() as app:
        sink = AvroSink(app, Pipeline(app, "Q"), config=out)
        with pytest.raises(ProcessingError, match="more fields than the schema specifies: more"):
            sink.process({}, bad[1])
    pump.store = ":memory:"
    pump.run(of([{"id": 7, "more": 2}]), {}, AvroSink, {**out, "mode": "overwrite", "unknown_fields": "drop"})
    assert content(tmp_path / "o.avro") == [{"id": 7, "text": None}]


def test_without_a_schema_the_first_event_makes_one(pump: Any, tmp_path: Path) -> None:
    first = {
        "a": 1, "b": 1.5, "c": "x", "d": None, "e": [1, None], "f": {"g": True}, "h": b"\x00",
        "i": datetime.datetime(2026, 11, 21, tzinfo=datetime.UTC), "j": datetime.date(2026, 11, 21),
    }  # fmt: skip
    second = dict.fromkeys(first)
    pump.run(of([first, second]), {}, AvroSink, {"path": str(tmp_path / "o.avro")})
    assert content(tmp_path / "o.avro") == [first, second]


def test_without_a_record_there_is_a_file_of_the_schema_or_none(pump: Any, tmp_path: Path) -> None:
    pump.run(of([]), {}, AvroSink, {"path": str(tmp_path / "o.avro"), "schema": SCHEMA, "atomic": True})
    assert content(tmp_path / "o.avro") == []
    pump.store = ":memory:"
    pump.run(of([]), {}, AvroSink, {"path": str(tmp_path / "p.avro"), "atomic": True})
    assert names(tmp_path) == ["o.avro"]
    (tmp_path / "q.avro").touch()
    assert pump.run(AvroSource, {"path": str(tmp_path / "*.avro"), "post": "move"}) == []
    assert names(tmp_path) == ["o.avro-processed", "q.avro-processed"]


def test_records_of_another_schema_are_not_appended(pump: Any, tmp_path: Path) -> None:
    out = {"path": str(tmp_path / "o.avro")}
    pump.run(of([{"a": 1}]), {}, AvroSink, out)
    before = (tmp_path / "o.avro").read_bytes()
    pump.store = ":memory:"

    with fresh_application() as app:
        sink = AvroSink(app, Pipeline(app, "Q"), config=out)
        sink.process({}, {"b": "x"})
        with pytest.raises(DeliveryError, match=r"it has another schema \(put \{index\} into 'path'"):
            app.Loop.run_until_complete(sink.flush())
        app.Loop.run_until_complete(sink.on_stop())
    assert (tmp_path / "o.avro").read_bytes() == before


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"schema": {"type": "recrod"}}, "no Avro schema"),
        ({"schema": "not json"}, "the schema is no JSON"),
        ({"schema_file": "/nowhere/s.avsc"}, "No such file"),
        ({"schema": SCHEMA, "schema_file": "x"}, "both 'schema' and 'schema_file'"),
        ({"schema": {"type": "record", "name": "R", "fields": [{"name": "a", "type": "strnig"}]}}, "unknown type 'strnig'"),
        ({"compression": "brotli"}, "expected one of 'null'"),
    ],
)  # fmt: skip
def test_a_schema_that_cannot_be_used_is_said_at_once(make: Any, config: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make(AvroSink, config)


def test_reading_resumes_at_a_block(pump: Any, tmp_path: Path) -> None:
    out = {"path": str(tmp_path / "o.avro"), "schema": SCHEMA, "events_per_chunk": 4}
    pump.run(of(events(40)), {}, AvroSink, out)
    pump.store = str(tmp_path / "store2.db")
    source = {"path": str(tmp_path / "*.avro")}
    got = pump.run(named(Half), source)
    assert got == events(16)
    assert pump.run(named(AvroSource), source) == events(40, 16)
    assert pump.run(named(AvroSource), source) == []
    with (tmp_path / "o.avro").open("ab") as file:
        grow(file)
    assert pump.run(named(AvroSource), source) == events(41, 40)


def grow(file: Any) -> None:
    with open(file.name, "r+b") as whole:
        fastavro.writer(whole, SCHEMA, events(41, 40))


def named(kind: Any) -> Any:
    """Return a source of one name, so that the second run goes on where the first was."""
    return lambda app, pipeline, config: kind(app, pipeline, id="S", config=config)


class Half(AvroSource):
    """Stops the pump when 16 records are committed."""

    async def deliver(self, events: Any, position: Any = None, contexts: Any = None) -> None:
        await super().deliver(events, position, contexts)
        if events and events[-1]["id"] == 15:
            self.App.stop()
            await asyncio.Event().wait()


def test_a_readers_schema_resolves(pump: Any, tmp_path: Path) -> None:
    pump.run(of(events(3)), {}, AvroSink, {"path": str(tmp_path / "o.avro"), "schema": SCHEMA})
    wanted = {"type": "record", "name": "R", "fields": [
        {"name": "id", "type": "double"}, {"name": "new", "type": "string", "default": "?"},
    ]}  # fmt: skip
    pump.store = ":memory:"
    got = pump.run(AvroSource, {"path": str(tmp_path / "*.avro"), "schema": wanted})
    assert got == [{"id": float(number), "new": "?"} for number in range(3)]
    wanted["fields"].append({"name": "needed", "type": "string"})
    assert pump.run(AvroSource, {"path": str(tmp_path / "*.avro"), "schema": wanted, "post": "move"}) == []
    assert names(tmp_path) == ["o.avro-failed"]


def test_a_damaged_file_fails_behind_its_last_whole_block(pump: Any, tmp_path: Path) -> None:
    pump.run(of(events(16)), {}, AvroSink, {"path": str(tmp_path / "o.avro"), "schema": SCHEMA, "events_per_chunk": 8})
    whole = (tmp_path / "o.avro").read_bytes()
    (tmp_path / "o.avro").write_bytes(whole[:-3])
    pump.store = ":memory:"
    assert pump.run(AvroSource, {"path": str(tmp_path / "*.avro"), "post": "move"}) == events(8)
    assert names(tmp_path) == ["o.avro-failed"]
