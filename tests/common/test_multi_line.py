from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bspump_like import ConfigError, Pipeline, ProcessingError
from bspump_like.common import MultiLineAggregator
from bspump_like.testing import CollectSink, ListSource, fresh_application, run_pump
from tests.common.stopping import StoppedSource

LOG = ["1 one", "2 two\n", "  at a\r\n", "  at b", "3 three"]
CONFIG = {"begins": "^[0-9]", "completion_timeout": 0}


@pytest.mark.parametrize("events", [LOG, [line.encode() for line in LOG]], ids=["text", "bytes"])
def test_lines_are_joined_until_the_next_event_begins(pump, events):
    got = pump(events, (MultiLineAggregator, CONFIG))
    assert [one if isinstance(one, str) else one.decode() for one in got] == [
        "1 one",
        "2 two\n  at a\n  at b",
        "3 three",
    ]


def test_an_event_that_is_too_long_is_cut(pump):
    got = pump(LOG, (MultiLineAggregator, {**CONFIG, "completion_size": 2, "delimiter": "|"}))
    assert got == ["1 one", "2 two|  at a", "  at b", "3 three"]


def test_what_is_gathered_survives_a_stop(tmp_path):
    lines = ["1 begin", *["  more"] * 23, "2 end"]

    def run(source):
        sinks = []

        def build(app):
            pipeline = Pipeline(app, "P")
            sinks.append(CollectSink(app, pipeline))
            made = source(app, pipeline, lines, id="S", config={"batch_size": 8})
            pipeline.build(made, MultiLineAggregator(app, pipeline, config=CONFIG), sinks[0])
            app.pump_service.add_pipeline(pipeline)

        run_pump(build, store=str(tmp_path / "store.db"))
        return sinks[0].events

    assert run(StoppedSource) == []
    assert run(ListSource) == ["\n".join(lines[:-1]), "2 end"]


def test_what_is_no_text_fails(make):
    with pytest.raises(ProcessingError, match="expected a line of text, got dict"):
        make(MultiLineAggregator, CONFIG).process({}, {})
    for config, message in (({}, "'begins' must be set"), ({"begins": "("}, "is no pattern")):
        with pytest.raises(ConfigError, match=message):
            make(MultiLineAggregator, config)


def test_every_line_comes_out_once_and_in_order():
    with fresh_application() as app:
        pipeline = Pipeline(app, "P")
        sink = CollectSink(app, pipeline)
        part = MultiLineAggregator(app, pipeline, config=CONFIG)
        pipeline.build(ListSource(app, pipeline, []), part, sink)
        pipeline.prepare()

        @given(st.lists(st.sampled_from(["1 a", "2 b", "  c", ""]), max_size=30))
        def run(lines):
            sink.events.clear()
            for line in lines:
                part.process({}, line)
            part.complete()
            assert "\n".join(sink.events) == "\n".join(lines)
            assert all(event[:1] in "12" for event in sink.events[1:])

        run()
