"""Messages with schemas, with a real registry: Apicurio's, which speaks Confluent's interface."""

from __future__ import annotations

import json
import urllib.request
import uuid

import pytest

from bspump_like import Pipeline
from bspump_like.kafka import SchemaDecoder, SchemaEncoder, SchemaRegistryConnection
from bspump_like.testing import CollectSink, ListSource, run_pump

pytestmark = pytest.mark.service

AVRO = {"type": "record", "name": "Flight", "fields": [{"name": "id", "type": "int"}, {"name": "to", "type": "string"}]}
JSON = {"type": "object", "properties": {"id": {"type": "integer"}}, "required": ["id"]}
PROTOBUF = """
syntax = "proto3";
package p;
import "google/protobuf/timestamp.proto";
message First { int32 id = 1; google.protobuf.Timestamp at = 2; }
message Second { message Inner { string flight_name = 1; } }
"""


class Registry:
    """Subjects that no other test uses, registered from outside of the pump."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.prefix = uuid.uuid4().hex[:10]

    def subject(self, short: str) -> str:
        return f"{short}-{self.prefix}"

    def register(self, short: str, schema: str, kind: str = "AVRO", references: tuple[dict, ...] = ()) -> int:
        body = {"schema": schema, "schemaType": kind, "references": references}
        request = urllib.request.Request(
            f"{self.url}/subjects/{self.subject(short)}/versions", json.dumps(body).encode(),
            {"Content-Type": "application/json"},
        )  # fmt: skip
        with urllib.request.urlopen(request, timeout=30) as answer:
            return int(json.load(answer)["id"])


@pytest.fixture
def registry(schema_registry):
    return Registry(schema_registry.url)


def through(registry, events, *parts, on_error="stop"):
    """Send events through parts made of (class, options); return the pipeline."""
    made = []

    def build(app):
        app.pump_service.add_connection(SchemaRegistryConnection(app, "R", {"url": registry.url}))
        pipeline = Pipeline(app, "P", {"on_error": on_error})
        steps = [cls(app, pipeline, "R", config=config) for cls, config in parts]
        pipeline.build(ListSource(app, pipeline, events), *steps, CollectSink(app, pipeline))
        app.pump_service.add_pipeline(pipeline)
        made.append(pipeline)

    run_pump(build)
    return made[0]


def collected(pipeline):
    return pipeline.Processors[-1][-1].events


def head(id: int) -> bytes:
    return b"\0" + id.to_bytes(4)


@pytest.mark.parametrize(
    ("kind", "schema", "message", "event"),
    [
        ("AVRO", json.dumps(AVRO), "", {"id": 1, "to": "PRG"}),
        ("JSON", json.dumps(JSON), "", {"id": 1, "more": [1.5]}),
        ("PROTOBUF", PROTOBUF, "", {"id": 7, "at": "2026-01-31T12:00:00Z"}),
        ("PROTOBUF", PROTOBUF, "p.Second.Inner", {"flight_name": "QS1"}),
    ],
    ids=["avro", "json", "protobuf", "nested"],
)
def test_what_is_encoded_is_decoded(registry, kind, schema, message, event):
    id = registry.register("one", schema, kind)
    encoder = {"subject": registry.subject("one"), "message": message}
    (encoded,) = collected(through(registry, [event], (SchemaEncoder, encoder)))
    assert encoded.startswith(head(id))
    assert collected(through(registry, [encoded], (SchemaDecoder, {}))) == [event]


def test_protobuf_has_the_path_of_its_message(registry):
    id = registry.register("path", PROTOBUF, "PROTOBUF")
    encoder = (SchemaEncoder, {"subject": registry.subject("path"), "message": "p.Second.Inner"})
    (encoded,) = collected(through(registry, [{"flight_name": "QS1"}], encoder))
    assert encoded == head(id) + b"\4\2\0" + b"\n\3QS1"


@pytest.mark.parametrize(
    ("kind", "base", "name", "schema", "event"),
    [
        (
            "AVRO", json.dumps(AVRO), "Flight",
            json.dumps({"type": "record", "name": "Trip", "fields": [{"name": "first", "type": "Flight"}]}),
            {"first": {"id": 1, "to": "PRG"}},
        ),
        (
            "PROTOBUF", PROTOBUF, "flights/first.proto",
            'syntax = "proto3"; import "flights/first.proto"; message Trip { p.First first = 1; }',
            {"first": {"id": 3}},
        ),
    ],
    ids=["avro", "protobuf"],
)  # fmt: skip
def test_schemas_that_a_schema_refers_to_are_asked_for(registry, kind, base, name, schema, event):
    registry.register("base", base, kind)
    reference = {"name": name, "subject": registry.subject("base"), "version": 1}
    registry.register("trip", schema, kind, (reference,))
    encoder = (SchemaEncoder, {"subject": registry.subject("trip")})
    assert collected(through(registry, [event], encoder, (SchemaDecoder, {}))) == [event]


def test_a_schema_of_a_file_is_registered(registry, tmp_path):
    file = tmp_path / "schema.avsc"
    file.write_text(json.dumps(AVRO))
    events = [{"id": number, "to": "PRG"} for number in range(50)]
    encoder = (SchemaEncoder, {"subject": registry.subject("new"), "schema_file": str(file)})
    encoded = collected(through(registry, events, encoder))
    assert collected(through(registry, encoded, (SchemaDecoder, {}))) == events
    assert encoded[0].startswith(head(registry.register("new", json.dumps(AVRO))))


def test_what_has_no_schema_fails_by_the_policy(registry):
    avro, kind = registry.register("avro", json.dumps(AVRO)), registry.register("json", json.dumps(JSON), "JSON")
    bad = [b"", b"plain text", head(2**30) + b"rest", head(avro) + b"\2", head(kind) + b'{"id":"x"}']
    pipeline = through(registry, [*bad, head(kind) + b'{"id":1}'], (SchemaDecoder, {}), on_error="dead_letter")
    assert collected(pipeline) == [{"id": 1}]
    assert pipeline.counters.dead_letters == len(bad)


def test_a_subject_that_is_not_there_is_said(registry):
    pipeline = through(registry, [{}], (SchemaEncoder, {"subject": "nowhere"}), on_error="dead_letter")
    assert pipeline.counters.dead_letters == 1
