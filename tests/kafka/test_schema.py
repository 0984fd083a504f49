"""Messages with schemas, with a registry of the tests that shows what it was asked; `test_registry.py` has a real one."""

from __future__ import annotations

import base64
import http.server
import json
import threading

import pytest
from google.protobuf import descriptor_pb2
from hypothesis import given
from hypothesis import strategies as st

from bspump_like import Pipeline
from bspump_like.kafka import SchemaDecoder, SchemaEncoder, SchemaRegistryConnection
from bspump_like.kafka.codecs import read_path, write_path
from bspump_like.testing import CollectSink, ListSource, run_pump

AVRO = {"type": "record", "name": "Flight", "fields": [{"name": "id", "type": "int"}, {"name": "to", "type": "string"}]}
JSON = {"type": "object", "properties": {"id": {"type": "integer"}}, "required": ["id"]}


def protobuf():
    """Return a compiled file with two messages, the second with one nested in it."""
    file = descriptor_pb2.FileDescriptorProto(name="f.proto", package="p", syntax="proto3")
    file.message_type.add(name="First").field.add(name="id", number=1, type=5, label=1)
    second = file.message_type.add(name="Second")
    second.nested_type.add(name="Inner").field.add(name="flight_name", number=1, type=9, label=1)
    return base64.b64encode(file.SerializeToString()).decode()


class Registry(http.server.BaseHTTPRequestHandler):
    """As much of Confluent's REST interface as clients need to read and register schemas."""

    def do_GET(self):
        path, _, query = self.path.partition("?")
        self.server.asked.append(self.path)
        if path.startswith("/schemas/ids/"):
            found = self.server.schemas.get(int(path.rsplit("/", 1)[1]))
            if found and found.get("schemaType") == "PROTOBUF" and query != "format=serialized":
                found = {**found, "schema": "// the source text"}
            self.answer(found, "Schema not found")
        elif path.endswith(("/versions/latest", "/versions/1")):
            id = self.server.subjects.get(path.split("/")[2])
            self.answer(id and {"id": id, "version": 1, **self.server.schemas[id]}, "Subject not found")

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        id = max(self.server.schemas, default=0) + 1
        self.server.schemas[id] = body
        self.server.subjects[self.path.split("/")[2]] = id
        self.answer({"id": id}, "")

    def answer(self, found, reason):
        body = json.dumps(found or {"error_code": 40403, "message": reason}).encode()
        self.send_response(200 if found else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def registry():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Registry)
    server.schemas = {
        1: {"schema": json.dumps(AVRO)},
        2: {"schemaType": "JSON", "schema": json.dumps(JSON)},
        3: {"schemaType": "PROTOBUF", "schema": protobuf()},
        4: {
            "schema": json.dumps({"type": "record", "name": "Trip", "fields": [{"name": "first", "type": "Flight"}]}),
            "references": [{"name": "Flight", "subject": "avro", "version": 1}],
        },
    }
    server.subjects = {"avro": 1, "json": 2, "protobuf": 3, "trip": 4}
    server.asked = []
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def through(registry, events, *parts, on_error="stop"):
    """Send events through parts made of (class, options); return the pipeline."""
    made = []

    def build(app):
        url = f"http://127.0.0.1:{registry.server_address[1]}"
        app.pump_service.add_connection(SchemaRegistryConnection(app, "R", {"url": url, "compiled_protobuf": True}))
        pipeline = Pipeline(app, "P", {"on_error": on_error})
        steps = [cls(app, pipeline, "R", config=config) for cls, config in parts]
        pipeline.build(ListSource(app, pipeline, events), *steps, CollectSink(app, pipeline))
        app.pump_service.add_pipeline(pipeline)
        made.append(pipeline)

    run_pump(build)
    return made[0]


def collected(pipeline):
    return pipeline.Processors[-1][-1].events


@pytest.mark.parametrize(
    ("subject", "event", "head"),
    [
        ("avro", {"id": 1, "to": "PRG"}, b"\0\0\0\0\1"),
        ("json", {"id": 1}, b"\0\0\0\0\2"),
        ("protobuf", {"id": 7}, b"\0\0\0\0\3\0"),
        ("trip", {"first": {"id": 1, "to": "PRG"}}, b"\0\0\0\0\4"),
    ],
)
def test_what_is_encoded_is_decoded(registry, subject, event, head):
    encoded = collected(through(registry, [event], (SchemaEncoder, {"subject": subject})))
    assert encoded[0].startswith(head)
    assert collected(through(registry, encoded, (SchemaDecoder, {}))) == [event]


def test_avro_is_that_of_the_specification(registry):
    (encoded,) = collected(through(registry, [{"id": 1, "to": "PRG"}], (SchemaEncoder, {"subject": "avro"})))
    assert encoded == b"\0\0\0\0\1" + b"\x02" + b"\x06PRG"


def test_protobuf_of_a_nested_message_has_its_path(registry):
    encoder = (SchemaEncoder, {"subject": "protobuf", "message": "p.Second.Inner"})
    (encoded,) = collected(through(registry, [{"flight_name": "QS1"}], encoder))
    assert encoded == b"\0\0\0\0\3" + b"\x04\x02\x00" + b"\x0a\x03QS1"
    assert collected(through(registry, [encoded], (SchemaDecoder, {}))) == [{"flight_name": "QS1"}]


def test_a_schema_is_registered_and_each_id_asked_for_once(registry, tmp_path):
    file = tmp_path / "schema.avsc"
    file.write_text(json.dumps(AVRO))
    events = [{"id": number, "to": "PRG"} for number in range(50)]
    encoder = (SchemaEncoder, {"subject": "new-value", "schema_file": str(file)})
    assert collected(through(registry, events, encoder, (SchemaDecoder, {}))) == events
    assert registry.subjects["new-value"] == 5
    assert registry.asked == ["/schemas/ids/5"]


def test_what_fits_no_schema_fails_by_the_policy(registry):
    bad = [b"", b"plain text", b"\0\0\0\0\x63rest", b"\0\0\0\0\1\x02", b'\0\0\0\0\2{"id":"x"}', b"\0\0\0\0\3\x02\x10"]
    pipeline = through(registry, [*bad, b'\0\0\0\0\2{"id":1}'], (SchemaDecoder, {}), on_error="dead_letter")
    assert collected(pipeline) == [{"id": 1}]
    assert pipeline.counters.dead_letters == len(bad)


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=6).map(tuple), st.binary(max_size=5))
def test_path_of_a_message_comes_back(path, rest):
    data = write_path(path) + rest
    found, start = read_path(data)
    assert found == path
    assert data[start:] == rest
