from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bspump_like import Pipeline, ProcessingError
from bspump_like.common import DeduplicateProcessor, InternalSource
from bspump_like.testing import CollectSink, ListSource, fresh_application, run_pump


def passed(events, store=":memory:", **config):
    """Return what passes, and what was sent to `Again`."""
    made = {}

    def build(app):
        pipeline, again = Pipeline(app, "P"), Pipeline(app, "Again")
        made["sink"], made["again"] = CollectSink(app, pipeline), CollectSink(app, again)
        part = DeduplicateProcessor(app, pipeline, config={"key": "id", **config})
        pipeline.build(ListSource(app, pipeline, events), part, made["sink"])
        again.build(InternalSource(app, again), made["again"])
        app.pump_service.add_pipelines(pipeline, again)

    run_pump(build, store=store)
    return [event["n"] for event in made["sink"].events], [event["n"] for event in made["again"].events]


def numbered(ids):
    return [{"id": id, "n": number} for number, id in enumerate(ids)]


def test_an_event_passes_once():
    assert passed(numbered("abacb")) == ([0, 1, 3], [])


def test_duplicates_can_go_elsewhere():
    assert passed(numbered("abacb"), duplicates="Again") == ([0, 1, 3], [2, 4])


def test_a_duplicate_that_goes_elsewhere_has_the_context_it_came_with_as_ancestor():
    class Marked(DeduplicateProcessor):
        def process(self, context, event):
            context["seen"] = event["n"]
            return super().process(context, event)

    made = {}

    def build(app):
        pipeline, again = Pipeline(app, "P"), Pipeline(app, "Again")
        made["again"] = CollectSink(app, again)
        part = Marked(app, pipeline, config={"key": "id", "duplicates": "Again"})
        pipeline.build(ListSource(app, pipeline, numbered("aa")), part, CollectSink(app, pipeline))
        again.build(InternalSource(app, again), made["again"])
        app.pump_service.add_pipelines(pipeline, again)

    run_pump(build)
    assert made["again"].contexts == [{"ancestor": {"seen": 1}}]


def test_an_event_without_an_id_passes():
    assert passed([{"n": 0}, {"n": 1}, {"id": None, "n": 2}]) == ([0, 1, 2], [])


def test_several_values_make_an_id():
    events = [{"a": 1, "b": 2, "n": 0}, {"a": 2, "b": 1, "n": 1}, {"a": 1, "b": 2, "n": 2}]
    assert passed(events, key="[a, b]") == ([0, 1], [])


def test_an_id_that_cannot_be_one_is_refused():
    with fresh_application() as app:
        part = DeduplicateProcessor(app, Pipeline(app, "P"), config={"key": "id"})
        with pytest.raises(ProcessingError, match="cannot be an id"):
            part.process({}, {"id": {"a": 1}})


def test_a_restart_remembers(tmp_path):
    store = str(tmp_path / "store.db")
    first = numbered("abac")
    assert passed(first, store) == ([0, 1, 3], [])
    assert passed([*first, {"id": "a", "n": 4}, {"id": "d", "n": 5}, {"id": "c", "n": 6}], store) == ([5], [])


@settings(max_examples=50, deadline=None)
@given(ids=st.lists(st.integers(0, 60), max_size=300), capacity=st.integers(1, 40))
def test_ids_are_remembered_as_long_as_promised_and_not_much_longer(ids, capacity):
    with fresh_application() as app:
        part = DeduplicateProcessor(app, Pipeline(app, "P"), config={"key": "event", "capacity": capacity})
        passed = []
        for id in ids:
            went_on = part.process({}, id) is not None
            newest = list(dict.fromkeys(reversed(passed)))
            assert not (went_on and id in newest[:capacity])
            assert went_on or id in newest[: capacity + 1]
            if went_on:
                passed.append(id)


def test_ids_are_forgotten_after_a_time():
    with fresh_application() as app:
        part = DeduplicateProcessor(app, Pipeline(app, "P"), config={"key": "event", "capacity": 64, "ttl": 10})
        now = 1000.0
        part.time = lambda: now
        assert part.process({}, "a") is not None
        now += 9
        app.Loop.run_until_complete(part.flush())
        assert part.process({}, "a") is None
        now += 2
        app.Loop.run_until_complete(part.flush())
        assert part.process({}, "a") is not None
