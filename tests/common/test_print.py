from __future__ import annotations

import io

import pytest

from bspump_like import Pipeline
from bspump_like.common import (
    NullSink,
    PPrintContextProcessor,
    PPrintProcessor,
    PPrintSink,
    PrintContextProcessor,
    PrintProcessor,
    PrintSink,
)
from bspump_like.errors import DeliveryError
from bspump_like.testing import ListSource, run_pump


@pytest.mark.parametrize("sink", [PrintSink, PPrintSink])
def test_sinks_print_every_event_in_order_to_standard_output(capsys, sink):
    def build(app):
        pipeline = Pipeline(app, "P")
        pipeline.build(ListSource(app, pipeline, range(25)), sink(app, pipeline))
        app.pump_service.add_pipeline(pipeline)

    run_pump(build)
    assert capsys.readouterr().out.split() == [str(number) for number in range(25)]


@pytest.mark.parametrize(
    ("part", "shown"),
    [
        (PrintProcessor, "{'b': 1, 'a': 2}\n"),
        (PPrintProcessor, "{'a': 2, 'b': 1}\n"),
        (PrintContextProcessor, "{'key': 'k'}\n"),
        (PPrintContextProcessor, "{'key': 'k'}\n"),
    ],
)
def test_processors_print_at_once_and_pass_the_event_on(make, part, shown):
    stream, event = io.StringIO(), {"b": 1, "a": 2}
    assert make(part, stream=stream).process({"key": "k"}, event) is event
    assert stream.getvalue() == shown


def test_a_sink_writes_nothing_before_the_flush_and_keeps_lines_that_are_refused(app, make):
    stream = io.StringIO()
    sink = make(PrintSink, stream=stream)
    sink.process({}, "one")
    assert stream.getvalue() == ""
    app.Loop.run_until_complete(sink.flush())
    assert stream.getvalue() == "one\n"

    closed = io.StringIO()
    closed.close()
    sink.Stream = closed
    sink.process({}, "two")
    with pytest.raises(DeliveryError, match="cannot write to its stream"):
        app.Loop.run_until_complete(sink.flush())
    sink.process({}, "three")
    sink.Stream = stream
    app.Loop.run_until_complete(sink.flush())
    assert stream.getvalue() == "one\ntwo\nthree\n"


def test_null_sink_takes_anything(make):
    assert make(NullSink).process({}, object()) is None
