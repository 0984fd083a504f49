"""Splitting, gathering by option, limiting, delaying, logging, validating."""

from __future__ import annotations

import pytest

from bspump_like import ConfigError, Reject
from bspump_like.common import (
    Aggregator,
    DelayProcessor,
    LogProcessor,
    RateLimit,
    SplitGenerator,
    ValidateProcessor,
)

ORDER = {"order": 7, "items": [{"name": "bread"}, {"name": "salt", "order": 1}, "loose"]}


@pytest.mark.parametrize(
    ("config", "event", "parts"),
    [
        ({}, [1, [2], 3], [1, [2], 3]),
        ({"delimiter": ","}, "a,b,,c", ["a", "b", "", "c"]),
        ({"delimiter": "\n"}, b"a\nb", [b"a", b"b"]),
        ({"field": "items"}, ORDER, [
            {"order": 7, "name": "bread"}, {"order": 1, "name": "salt"}, {"order": 7, "items": "loose"},
        ]),
        ({"field": "items", "target": "item", "index": "n", "keep": "no"}, {"items": [5, 6]}, [
            {"item": 5, "n": 0}, {"item": 6, "n": 1},
        ]),
        ({"field": "tags", "delimiter": " "}, {"id": 1, "tags": "x y"}, [{"id": 1, "tags": "x"}, {"id": 1, "tags": "y"}]),
        ({"field": "items"}, {"items": []}, []),
        ({"field": "items"}, {"id": 1}, []),
        ({"field": "items", "empty": "keep"}, {"id": 1, "items": None}, [{"id": 1, "items": None}]),
    ],
)  # fmt: skip
def test_an_event_is_split(pump, config, event, parts):
    assert pump([event], (SplitGenerator, config)) == parts


@pytest.mark.parametrize("event", ["text", {"items": "text"}, {"items": {"a": 1}}, {"items": 5}])
def test_what_is_no_list_fails_and_the_rest_goes_on(pump, event):
    events = [event, {"items": [1]}]
    got = pump(events, (SplitGenerator, {"field": "items"}), pipeline={"on_error": "drop"})
    assert got == [{"items": 1}]


@pytest.mark.parametrize(
    ("strategy", "made"),
    [("events", [["a", "b"], ["c"]]), ("text", ["a, b", "c"]), ("pairs", [[({}, "a"), ({}, "b")], [({}, "c")]])],
)
def test_a_definition_names_what_is_gathered(pump, strategy, made):
    config = {"completion_size": 2, "strategy": strategy, "delimiter": ", "}
    assert pump(["a", "b", "c"], (Aggregator, config)) == made


class Clock:
    """The loop's clock and its timers, by hand; everything else is the loop."""

    def __init__(self, loop):
        self.now, self.timers, self._loop = 100.0, [], loop

    def time(self):
        return self.now

    def call_later(self, delay, function):
        self.timers.append((self.now + delay, function))
        return self._loop.call_later(1e6, lambda: None)

    def advance(self, seconds):
        self.now += seconds
        due, self.timers = [t for t in self.timers if t[0] <= self.now], [t for t in self.timers if t[0] > self.now]
        for _, function in due:
            function()


@pytest.fixture
def limited(make, app):
    def made(**config):
        part = make(RateLimit, config)
        part.Loop = clock = Clock(app.Loop)
        part._filled = clock.now
        return part, clock

    return made


def test_what_is_too_much_is_dropped(limited):
    part, clock = limited(rate=10, burst=3, excess="drop")
    assert [part.process({}, number) for number in range(5)] == [0, 1, 2, None, None]
    clock.advance(0.25)
    assert [part.process({}, number) for number in range(4)] == [0, 1, None, None]
    clock.advance(100)
    assert [part.process({}, number) for number in range(4)] == [0, 1, 2, None]


def test_a_pipeline_waits_until_what_it_owes_is_paid(limited):
    part, clock = limited(rate=10, burst=3)
    assert [part.process({}, number) for number in range(8)] == list(range(8))  # a batch is not cut
    assert list(part.Pipeline.get_throttles()) == [part]
    clock.advance(0.5)
    assert list(part.Pipeline.get_throttles()) == [part]  # five were owed, and the next one needs a token
    clock.advance(0.11)
    assert not list(part.Pipeline.get_throttles())
    assert part.process({}, "on") == "on"


def test_all_events_pass_a_limit_in_a_pump(pump):
    assert pump(list(range(50)), (RateLimit, {"rate": 2000, "burst": 1})) == list(range(50))


def test_events_are_delayed_in_order(pump):
    assert pump(list(range(30)), (DelayProcessor, {"delay": "1ms", "concurrency": 3})) == list(range(30))


def test_some_events_are_logged(pump, caplog):
    config = {"message": "passed", "every": 10, "level": "warning", "most": 8}
    events = [{"number": number} for number in range(25)]
    assert pump(events, (LogProcessor, config)) == events
    lines = [record.getMessage() for record in caplog.records if "passed" in record.getMessage()]
    assert lines == ["LogProcessor: passed {'number"] * 3


SCHEMA = {"type": "object", "required": ["id"], "properties": {"id": {"type": "integer"}}}


def test_events_that_fit_the_schema_pass(make, tmp_path):
    file = tmp_path / "schema.json"
    file.write_text('{"type": "object", "required": ["id"], "properties": {"id": {"type": "integer"}}}')
    for config in ({"schema": SCHEMA}, {"schema_file": str(file)}):
        part = make(ValidateProcessor, config)
        event = {"id": 1}
        assert part.process({}, event) is event
        with pytest.raises(Reject, match=r"'x' is not of type 'integer': at \$\.id"):
            part.process({}, {"id": "x"})
        with pytest.raises(Reject, match="'id' is a required property"):
            part.process({}, {})


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({}, "needs either 'schema' or 'schema_file'"),
        ({"schema": SCHEMA, "schema_file": "x"}, "needs either"),
        ({"schema": {"type": "integr"}}, "no JSON Schema"),
        ({"schema_file": "/nowhere.json"}, "No such file"),
    ],
)
def test_a_schema_that_cannot_be_used_is_said(make, config, message):
    with pytest.raises(ConfigError, match=message):
        make(ValidateProcessor, config)


def test_nothing_is_loaded_for_a_schema(make):
    part = make(ValidateProcessor, {"schema": {"$ref": "file:///etc/passwd"}})
    with pytest.raises(Exception, match="Unresolvable|file:///etc/passwd"):
        part.process({}, {})
