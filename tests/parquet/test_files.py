"""ParquetSink and ParquetSource in running pumps."""

from __future__ import annotations

import asyncio
import datetime
import decimal
import os
import resource
import signal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bspump_like import Pipeline
from bspump_like.errors import ConfigError, DeliveryError, ProcessingError
from bspump_like.parquet import ParquetSink, ParquetSource
from bspump_like.testing import ListSource, fresh_application
from tests.common.stopping import StoppedSource

SCHEMA = {"id": "int64", "text": "string"}


def events(count: int, start: int = 0) -> list[dict[str, Any]]:
    return [{"id": number, "text": f"n{number}"} for number in range(start, count)]


def of(items: Any, kind: Any = ListSource) -> Any:
    def source(app: Any, pipeline: Any, config: Any) -> Any:
        return kind(app, pipeline, items, id="S", config={"batch_size": 8})

    return source


def content(path: Path) -> list[Any]:
    rows: list[Any] = pq.read_table(path).to_pylist()
    return rows


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir() if not path.name.startswith("store"))


def test_the_names_of_the_contract_work(pump: Any, tmp_path: Path) -> None:
    config = {
        "file_name_template": str(tmp_path / "sink{index}.parquet"), "rows_in_chunk": 4, "rows_per_file": 10,
        "rollover_mechanism": "rows", "schema": SCHEMA,
    }  # fmt: skip
    pump.run(of(events(25)), {}, ParquetSink, config)
    files = [tmp_path / f"sink00000{number}.parquet" for number in (1, 2, 3)]
    assert [content(file) for file in files] == [events(10), events(20, 10), events(25, 20)]
    assert names(tmp_path) == [file.name for file in files]
    metadata = pq.ParquetFile(files[0]).metadata
    assert [metadata.row_group(number).num_rows for number in range(metadata.num_row_groups)] == [4, 4, 2]


def test_rows_wait_in_a_journal_and_the_next_run_goes_on_with_it(pump: Any, tmp_path: Path) -> None:
    out = {"path": str(tmp_path / "o.parquet"), "rollover_mechanism": "none", "schema": SCHEMA}
    pump.run(of(events(25), StoppedSource), {}, ParquetSink, out)
    assert names(tmp_path) == ["o.parquet.part"]
    pump.run(of(events(25)), {}, ParquetSink, out)
    assert content(tmp_path / "o.parquet") == events(25)
    assert names(tmp_path) == ["o.parquet"]


def after_a_stop(pump: Any, tmp_path: Path, **more: Any) -> dict[str, Any]:
    """Run until 16 of 25 rows are committed, ten of them in a file; return the options of the sink."""
    out = {"path": str(tmp_path / "o{index}.parquet"), "rows_per_file": 10, "schema": SCHEMA, **more}
    pump.run(of(events(25), StoppedSource), {}, ParquetSink, out)
    assert names(tmp_path) == ["o000001.parquet", "o000002.parquet.part"]
    return out


def expect(tmp_path: Path) -> None:
    files = [tmp_path / f"o00000{number}.parquet" for number in (1, 2, 3)]
    assert [content(file) for file in files] == [events(10), events(20, 10), events(25, 20)]
    assert names(tmp_path) == [file.name for file in files]


def complete(part: Path, more: list[dict[str, Any]], *, keep: bool) -> None:
    """Do what a sink does after the barrier that is stored: append rows, make the file, and be killed."""
    with part.open("rb") as file:
        schema = pa.ipc.read_schema(file)
    batch = pa.RecordBatch.from_pylist(more, schema=schema)
    with part.open("ab") as file:
        file.write(batch.serialize())
    with pa.OSFile(str(part)) as source, pa.ipc.open_stream(source) as reader:
        pq.write_table(reader.read_all(), part.with_suffix(""))
    if not keep:
        part.unlink()


@pytest.mark.parametrize("keep", [True, False])
def test_a_file_completed_behind_the_last_mark_is_taken_back(pump: Any, tmp_path: Path, keep: bool) -> None:
    out = after_a_stop(pump, tmp_path)
    complete(tmp_path / "o000002.parquet.part", events(20, 16), keep=keep)
    pump.run(of(events(25)), {}, ParquetSink, out)
    expect(tmp_path)


def test_files_begun_behind_the_last_mark_are_taken_back(pump: Any, tmp_path: Path) -> None:
    out = after_a_stop(pump, tmp_path)
    complete(tmp_path / "o000002.parquet.part", events(20, 16), keep=False)
    pq.write_table(pa.table({"id": [20]}), tmp_path / "o000003.parquet")
    (tmp_path / "o000004.parquet.part").write_bytes(b"begun")
    pump.run(of(events(25)), {}, ParquetSink, out)
    expect(tmp_path)


def test_a_torn_tail_of_the_journal_is_cut_off(pump: Any, tmp_path: Path) -> None:
    out = after_a_stop(pump, tmp_path)
    with (tmp_path / "o000002.parquet.part").open("ab") as file:
        file.write(b"\xff\xff\xff\xff torn")
    pump.run(of(events(25)), {}, ParquetSink, out)
    expect(tmp_path)


def test_a_journal_without_a_mark_loses_no_row(pump: Any, tmp_path: Path) -> None:
    out = {"path": str(tmp_path / "o.parquet"), "rows_per_file": 100, "schema": SCHEMA, "rollover_mechanism": "none"}
    pump.run(of(events(25), StoppedSource), {}, ParquetSink, out)
    part = tmp_path / "o.parquet.part"
    with part.open("ab") as file:
        file.write(part.read_bytes()[-200:])
    pump.store = ":memory:"
    pump.run(of(events(18, 16)), {}, ParquetSink, out)
    assert content(tmp_path / "o.parquet") == events(18)


def test_a_journal_without_a_mark_and_without_more_rows_becomes_a_file(pump: Any, tmp_path: Path) -> None:
    out = {"path": str(tmp_path / "o.parquet"), "schema": SCHEMA, "rollover_mechanism": "none"}
    pump.run(of(events(25), StoppedSource), {}, ParquetSink, out)
    pump.store = ":memory:"
    pump.run(of([]), {}, ParquetSink, out)
    assert content(tmp_path / "o.parquet") == events(16)


@pytest.mark.parametrize(
    ("rows", "group", "limit"), [(2000, 1000, 60_001), (300, 1, 60_001)], ids=["the journal", "the Parquet file"]
)
def test_a_disk_that_refuses_is_said_and_nothing_is_lost(
    pump: Any, tmp_path: Path, caplog: Any, rows: int, group: int, limit: int
) -> None:
    """The limit on file sizes stands for the full disk; a row group for each row makes the Parquet file the larger one."""
    items = [{"id": number, "text": os.urandom(40).hex()} for number in range(rows)]
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

    async def raise_limit(app: Any) -> None:
        while "cannot write" not in caplog.text:  # noqa: ASYNC110 - it watches the log
            await asyncio.sleep(0.01)
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    pump.store = ":memory:"
    out = {"path": str(tmp_path / "o"), "rollover_mechanism": "none", "rows_in_chunk": group, "schema": SCHEMA}
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
        pump.run(of(items), {}, ParquetSink, out, during=raise_limit)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)
    assert content(tmp_path / "o") == items
    assert names(tmp_path) == ["o"]


def test_names_and_rotation_by_hand(tmp_path: Path) -> None:
    with fresh_application() as app:
        sink = ParquetSink(
            app, Pipeline(app, "Q"), config={"path": str(tmp_path / "o{index}.parquet"), "schema": SCHEMA}
        )

        async def go() -> None:
            await sink.on_start()
            for number in range(3):
                assert sink.build_filename("-open") == str(tmp_path / f"o00000{number + 1}.parquet-open")
                sink.process({}, {"id": number})
                await sink.rotate_async()
                assert content(tmp_path / f"o00000{number + 1}.parquet") == [{"id": number, "text": None}]
            sink.rotate(str(tmp_path / "other.parquet"))
            sink.process({}, {"id": 7})
            await sink.on_end_of_input()
            await sink.flush()
            await sink.on_stop()

        app.Loop.run_until_complete(go())
    assert content(tmp_path / "other-000001.parquet") == [{"id": 7, "text": None}]
    assert len(names(tmp_path)) == 4


def test_what_is_refused_is_not_forgotten_with_many_files(pump: Any, tmp_path: Path) -> None:
    class ByEvent(ParquetSink):
        def get_file_name(self, context: Any, event: Any) -> str:
            return str(tmp_path / f"{event['text']}.parquet")

    rows = [{"id": number if number % 3 else "bad", "text": f"n{number}"} for number in range(12)]
    out = {"path": "", "schema": SCHEMA, "max_open_files": 2, "rollover_mechanism": "none"}
    pump.run(of(rows), {}, ByEvent, out, pipeline={"on_error": "dead_letter"})
    assert pump.sink.Pipeline.counters.as_dict()["dead_letters"] == 4
    written = [row for name in names(tmp_path) for row in content(tmp_path / name)]
    assert sorted(row["id"] for row in written) == [1, 2, 4, 5, 7, 8, 10, 11]


def test_no_row_makes_no_file(pump: Any, tmp_path: Path) -> None:
    pump.run(of([]), {}, ParquetSink, {"path": str(tmp_path / "o.parquet"), "schema": SCHEMA})
    assert names(tmp_path) == []


def test_a_second_run_without_an_index_says_that_the_file_is_there(pump: Any, tmp_path: Path) -> None:
    out = {"path": str(tmp_path / "o.parquet"), "rollover_mechanism": "none", "schema": SCHEMA}
    pump.run(of(events(3)), {}, ParquetSink, out)
    with fresh_application() as app:
        sink = ParquetSink(app, Pipeline(app, "Q"), config=out)
        with pytest.raises(ConfigError, match="it exists already.*mode: overwrite"):
            app.Loop.run_until_complete(sink.on_start())
    pump.store = ":memory:"
    pump.run(of(events(2)), {}, ParquetSink, {**out, "mode": "overwrite"})
    assert content(tmp_path / "o.parquet") == events(2)


def test_what_does_not_fit_is_rejected_alone(pump: Any, tmp_path: Path, caplog: Any) -> None:
    bad = [{"id": "x"}, {"id": 1, "more": 2}, "no dict"]
    out = {"path": str(tmp_path / "o.parquet"), "schema": SCHEMA, "rollover_mechanism": "none"}
    pump.run(of([*events(2), *bad, *events(3, 2)]), {}, ParquetSink, out, pipeline={"on_error": "dead_letter"})
    assert content(tmp_path / "o.parquet") == events(3)
    assert pump.sink.Pipeline.counters.as_dict()["errors"] == 3


@pytest.mark.parametrize(
    ("event", "message"),
    [({"id": "x"}, "column 'id' is int64 and has 'x'"), ({"id": 1, "more": 2}, "there is no column 'more'")],
)
def test_the_error_names_column_and_value(tmp_path: Path, event: Any, message: str) -> None:
    with fresh_application() as app:
        sink = ParquetSink(app, Pipeline(app, "Q"), config={"path": str(tmp_path / "o.parquet"), "schema": SCHEMA})
        rejected = []
        sink.Pipeline.reject = lambda *what: rejected.append(what)
        sink.process({"c": 1}, event)
        app.Loop.run_until_complete(sink.flush())
        app.Loop.run_until_complete(sink.on_stop())
    [(part, context, refused, error)] = rejected
    assert (part, context, refused) == (sink, {"c": 1}, event)
    assert isinstance(error, ProcessingError)
    assert message in str(error)


def test_fields_without_a_column_may_be_dropped(pump: Any, tmp_path: Path) -> None:
    out = {
        "path": str(tmp_path / "o.parquet"),
        "schema": SCHEMA,
        "unknown_fields": "drop",
        "rollover_mechanism": "none",
    }
    pump.run(of([{"id": 1, "more": 2}]), {}, ParquetSink, out)
    assert content(tmp_path / "o.parquet") == [{"id": 1, "text": None}]


RICH = {
    "a": 1, "b": 1.5, "c": "x", "d": True, "e": [1, None], "f": {"g": "h"}, "i": b"\x00",
    "j": datetime.datetime(2026, 11, 21, tzinfo=datetime.UTC), "k": datetime.date(2026, 11, 21),
    "l": decimal.Decimal("1.25"), "m": None,
}  # fmt: skip


def test_without_a_schema_the_first_rows_make_one(pump: Any, tmp_path: Path) -> None:
    rows = [{"a": None}, RICH, dict.fromkeys(RICH), {"z": 1.0}, {"z": 2}]
    pump.run(of(rows), {}, ParquetSink, {"path": str(tmp_path / "o.parquet"), "rollover_mechanism": "none"})
    expected = [dict.fromkeys([*RICH, "z"]) | row for row in rows]
    assert content(tmp_path / "o.parquet") == expected
    pump.store = ":memory:"
    assert pump.run(ParquetSource, {"path": str(tmp_path / "*.parquet"), "post": "noop"}) == expected


def test_rows_that_contradict_each_other_make_no_schema(tmp_path: Path) -> None:
    with fresh_application() as app:
        sink = ParquetSink(app, Pipeline(app, "Q"), config={"path": str(tmp_path / "o.parquet")})
        sink.process({}, {"a": 1})
        sink.process({}, {"a": "x"})
        with pytest.raises(DeliveryError, match=r"the column 'a' has int and str.*set 'schema'") as caught:
            app.Loop.run_until_complete(sink.flush())
        assert not caught.value.retriable
        app.Loop.run_until_complete(sink.on_stop())


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        ({"a": "intt"}, "column 'a' has the type 'intt': there is no such type"),
        ([1], "a schema has columns"),
        ({"a": {"type": ["string", "int"]}}, "expected one type besides null"),
        ({"a": ["string", "int"]}, "a list has one type"),
    ],
)
def test_a_schema_that_cannot_be_used_is_said_at_once(make: Any, schema: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make(ParquetSink, {"schema": schema})


def test_types_have_the_names_of_arrow_and_everyday_ones(make: Any) -> None:
    declared = {
        "a": "integer", "b": "timestamp[us, UTC]", "c": "decimal128(9, 2)", "d": ["string"], "e": {"f": "double"},
        "g": {"type": ["string", "null"]}, "h": "datetime", "i": "timestamp[ms]",
    }  # fmt: skip
    found = make(ParquetSink, {"schema": declared}).Schema
    assert [str(field.type) for field in found] == [
        "int64", "timestamp[us, tz=UTC]", "decimal128(9, 2)", "list<item: string>", "struct<f: double>", "string",
        "timestamp[us, tz=UTC]", "timestamp[ms]",
    ]  # fmt: skip


def write(path: Path, count: int, group: int) -> None:
    pq.write_table(pa.Table.from_pylist(events(count)), path, row_group_size=group)


def named(kind: Any) -> Any:
    """Return a source of one name, so that the second run goes on where the first was."""
    return lambda app, pipeline, config: kind(app, pipeline, id="S", config=config)


class Half(ParquetSource):
    """Waits for ever when 15 rows have been handed over; the pump is stopped."""

    async def deliver(self, events: Any, position: Any = None, contexts: Any = None) -> None:
        await super().deliver(events, position, contexts)
        if events and events[-1]["id"] == 14:
            self.App.stop()
            await asyncio.Event().wait()


@pytest.mark.parametrize("group", [100, 15, 7])
def test_reading_resumes_at_the_row(pump: Any, tmp_path: Path, group: int) -> None:
    write(tmp_path / "o.parquet", 40, group)
    source = {"path": str(tmp_path / "*.parquet"), "batch_size": 5}
    if group == 7:
        source["batch_size"] = 1
    assert pump.run(named(Half), source) == events(15)
    assert names(tmp_path) == ["o.parquet-locked"]
    assert pump.run(named(ParquetSource), source) == events(40, 15)
    assert names(tmp_path) == ["o.parquet-processed"]


def test_a_file_that_was_read_is_read_again_only_when_it_is_replaced(pump: Any, tmp_path: Path) -> None:
    write(tmp_path / "o.parquet", 4, 2)
    source = {"path": str(tmp_path / "*.parquet"), "post": "noop"}
    assert pump.run(ParquetSource, source) == events(4)
    assert pump.run(ParquetSource, source) == []
    write(tmp_path / "new", 6, 2)
    os.rename(tmp_path / "new", tmp_path / "o.parquet")
    assert pump.run(ParquetSource, source) == events(6)


def test_only_the_columns_that_are_asked_for_are_read(pump: Any, tmp_path: Path) -> None:
    write(tmp_path / "o.parquet", 2, 10)
    source = {"path": str(tmp_path / "*.parquet"), "columns": "text"}
    assert pump.run(ParquetSource, source) == [{"text": "n0"}, {"text": "n1"}]
    assert pump.sink.contexts[0] == {"filename": str(tmp_path / "o.parquet")}


@pytest.mark.parametrize("columns", [[], ["nope"]])
def test_what_cannot_be_read_fails_and_the_rest_goes_on(pump: Any, tmp_path: Path, caplog: Any, columns: Any) -> None:
    if columns:
        write(tmp_path / "a.parquet", 2, 10)
    else:
        (tmp_path / "a.parquet").write_bytes(b"PAR1 and no more")
    pq.write_table(pa.table({"nope": [1]}), tmp_path / "b.parquet")
    assert pump.run(ParquetSource, {"path": str(tmp_path / "*.parquet"), "columns": columns}) == [{"nope": 1}]
    assert names(tmp_path) == ["a.parquet-failed", "b.parquet-processed"]
    assert ("has no column 'nope'" if columns else "cannot be read as Parquet") in caplog.text


def test_a_period_completes_files(pump: Any, tmp_path: Path) -> None:
    async def until_there(app: Any) -> None:
        while not (tmp_path / "o000001.parquet").exists():  # noqa: ASYNC110 - it watches a directory
            await asyncio.sleep(0.01)
        app.stop()

    class Idle(ListSource):
        async def read(self) -> Any:
            if self._next:
                await asyncio.Event().wait()
            return await super().read()

    out = {"path": str(tmp_path / "o{index}.parquet"), "rollover_mechanism": "time", "writing_period": "50ms"}
    pump.run(of(events(1), Idle), {}, ParquetSink, out, during=until_there)
    assert content(tmp_path / "o000001.parquet") == events(1)
