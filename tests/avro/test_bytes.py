"""AvroSerializer and AvroDeserializer."""

from __future__ import annotations

import io

import fastavro
import pytest

from bspump_like import Pipeline
from bspump_like.avro import AvroDeserializer, AvroSerializer
from bspump_like.errors import ConfigError, ProcessingError
from bspump_like.testing import CollectSink, ListSource, run_pump
from tests.common.stopping import StoppedSource

SCHEMA = {"type": "record", "name": "R", "fields": [{"name": "id", "type": "long"}]}
EVENTS = [{"id": number} for number in range(25)]


def run(events, *parts, store=":memory:", source=ListSource, pipeline=None):
    sinks = []

    def build(app):
        p = Pipeline(app, "P", config=pipeline)
        sinks.append(CollectSink(app, p))
        made = [part(app, p, config=config) for part, config in parts]
        p.build(source(app, p, events, id="S"), *made, sinks[0])
        app.pump_service.add_pipeline(p)

    run_pump(build, store=store)
    return sinks[0].events


def test_events_are_gathered_into_containers_of_so_many():
    made = run(EVENTS, (AvroSerializer, {"schema": SCHEMA}))
    assert [list(fastavro.reader(io.BytesIO(one))) for one in made] == [EVENTS[:10], EVENTS[10:20], EVENTS[20:]]
    made = run(EVENTS, (AvroSerializer, {"max_block_size": "13"}))
    assert [len(list(fastavro.reader(io.BytesIO(one)))) for one in made] == [13, 12]


def test_containers_become_the_events_again():
    parts = (AvroSerializer, {"compression": "deflate"}), (AvroDeserializer, {})
    assert run(EVENTS, *parts) == EVENTS


def test_bare_records_go_both_ways_one_by_one():
    config = {"schema": SCHEMA, "form": "record"}
    assert run(EVENTS, (AvroSerializer, config))[3] == b"\x06"
    assert run(EVENTS, (AvroSerializer, config), (AvroDeserializer, config)) == EVENTS


def test_what_is_gathered_survives_a_stop(tmp_path):
    store = str(tmp_path / "store.db")
    part = AvroSerializer, {"max_block_size": 100, "schema": SCHEMA, "completion_timeout": 0}
    assert run(EVENTS, part, store=store, source=StoppedSource) == []
    assert [list(fastavro.reader(io.BytesIO(one))) for one in run(EVENTS, part, store=store)] == [EVENTS]


@pytest.mark.parametrize("garbage", [b"", b"nothing", b"Obj\x01", 5])
def test_what_is_no_container_fails_and_nothing_of_it_goes_on(make, garbage):
    part = make(AvroDeserializer)
    with pytest.raises(ProcessingError):
        part.generate({}, garbage, 1)


def test_a_record_that_is_too_short_fails(make):
    schema = {"type": "record", "name": "R", "fields": [{"name": "a", "type": "string"}]}
    with pytest.raises(ProcessingError, match="no record of the schema"):
        make(AvroDeserializer, {"form": "record", "schema": schema}).generate({}, b"\x50ab", 1)


def test_bare_records_need_a_schema(make):
    with pytest.raises(ConfigError, match="needs a schema for bare records"):
        make(AvroDeserializer, {"form": "record"})
