"""Pumps that write and read Avro and Parquet, killed: nothing is lost, nothing stands in a file twice."""

from __future__ import annotations

import pathlib
from collections.abc import Iterable
from typing import Any

import fastavro
import orjson
import pyarrow.parquet as pq

from tests.faults import definitions
from tests.faults.conftest import Make, Scale
from tests.faults.harness import Deaths, write_events


def killed(make: Make, scale: Scale, sink: definitions.Tree) -> pathlib.Path:
    """Kill a pump of numbered lines again and again; return its folder when all of them have been written."""
    tree = definitions.pump(definitions.pipeline("P", definitions.lines_source(), [definitions.PARSE], sink))
    pump = make(tree)
    write_events(pump.folder / "in.ndjson", scale.events)
    Deaths(pump, scale.events, scale.kills, scale.seed, lambda stored: None).run()
    return pump.folder


def test_a_killed_pump_writes_each_record_once_into_avro_files(make: Make, scale: Scale) -> None:
    sink = definitions.part("bspump.avro", "AvroSink", path="out{index}.avro", rotate_lines=999, atomic=True)
    files = sorted(killed(make, scale, sink).glob("out*"))
    rows = [read_avro(file) for file in files]
    assert {len(one) for one in rows[:-1]} == {999}
    assert ids(rows) == list(range(scale.events))


def test_a_killed_pump_writes_each_row_once_into_parquet_files(make: Make, scale: Scale) -> None:
    sink = definitions.part(
        "bspump.parquet", "ParquetSink", path="out{index}.parquet", rows_per_file=999, rows_in_chunk=100
    )
    files = sorted(killed(make, scale, sink).glob("out*"))
    assert {file.suffix for file in files} == {".parquet"}
    assert {pq.ParquetFile(file).metadata.num_rows for file in files[:-1]} == {999}
    assert ids(pq.read_table(file).to_pylist() for file in files) == list(range(scale.events))


def read_avro(path: pathlib.Path) -> list[Any]:
    with path.open("rb") as file:
        return list(fastavro.reader(file))


def ids(files: Iterable[list[Any]]) -> list[int]:
    return [row["id"] for rows in files for row in rows]


def dumped(make: Make, scale: Scale, source: definitions.Tree) -> Any:
    tree = definitions.pump(definitions.pipeline("P", source, [definitions.DUMP], definitions.lines_sink()))
    return make(tree)


def test_a_killed_pump_reads_each_record_of_avro_once(make: Make, scale: Scale) -> None:
    source = definitions.part("bspump.avro", "AvroSource", path="in.ndjson", post="move")
    pump = dumped(make, scale, source)
    schema = {"type": "record", "name": "R", "fields": [{"name": "id", "type": "long"}]}
    with (pump.folder / "in.ndjson").open("wb") as file:
        fastavro.writer(file, schema, [{"id": number} for number in range(scale.events)], sync_interval=200)
    finish(pump, scale)


def test_a_killed_pump_reads_each_row_of_parquet_once(make: Make, scale: Scale) -> None:
    import pyarrow as pa

    source = definitions.part("bspump.parquet", "ParquetSource", path="in.ndjson", batch_size=50)
    pump = dumped(make, scale, source)
    table = pa.table({"id": range(scale.events)})
    pq.write_table(table, pump.folder / "in.ndjson", row_group_size=777)
    finish(pump, scale)


def finish(pump: Any, scale: Scale) -> None:
    Deaths(pump, scale.events, scale.kills, scale.seed, lambda stored: None).run()
    assert [orjson.loads(line)["id"] for line in (pump.folder / "out.ndjson").read_bytes().splitlines()] == list(
        range(scale.events)
    )
