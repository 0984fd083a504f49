from __future__ import annotations

import pytest

from bspump_like import Outcome, Pipeline, ProcessingError, Processor, Sink
from bspump_like.chain import Depth
from bspump_like.common import IteratorGenerator
from bspump_like.metrics import Profile
from bspump_like.settlement import KEY, Tracker
from bspump_like.testing import CollectSink, ListSource, fresh_application, run_pump
from tests.pumping import step


@pytest.fixture
def pipeline():
    with fresh_application() as app:
        yield Pipeline(app, "P")


class Reported:
    """What `failed` was told; `halts` is its answer."""

    def __init__(self, halts=False):
        self.calls, self.halts = [], halts

    def __call__(self, index, error, context, inputs):
        self.calls.append((index, str(error), inputs))
        return self.halts


def depth(pipeline, *parts, end=None, failed=None):
    made = [part(pipeline.App, pipeline) for part in parts]
    return Depth(made, 0, end, failed or Reported(), Profile()), made


def test_events_go_through_one_after_the_other_each_with_its_own_context(pipeline):
    order = []
    one, (_, _, sink) = depth(
        pipeline,
        step(lambda e: order.append(("a", e)) or e + 1),
        step(lambda e: order.append(("b", e)) or e * 10),
        CollectSink,
    )
    assert one.run_events([1, 2]) == 0
    assert sink.events == [20, 30]
    assert order == [("a", 1), ("b", 2), ("a", 2), ("b", 3)]
    assert sink.contexts[0] is not sink.contexts[1]


def test_none_drops_an_event_and_is_counted(pipeline):
    one, (_, sink) = depth(pipeline, step(lambda e: e if e % 2 else None), CollectSink)
    assert one.run_events(range(10)) == 5
    assert sink.events == [1, 3, 5, 7, 9]


def test_pairs_keep_their_contexts(pipeline):
    one, (sink,) = depth(pipeline, CollectSink)
    contexts = [{"n": 1}, {"n": 2}]
    one.run_pairs(zip(contexts, "ab", strict=True))
    assert sink.contexts[0] is contexts[0]
    assert sink.contexts[1] is contexts[1]


@pytest.mark.parametrize("profiled", [False, True])
@pytest.mark.parametrize("at", [0, 1, 2, 3])
def test_an_error_names_the_processor_and_the_inputs_up_to_it(pipeline, at, profiled):
    def failing(number):
        def function(event):
            if number == at:
                raise ValueError("no")
            return event + 1

        return step(function)

    class Fails(Sink):
        def process(self, context, event):
            raise ValueError("no")

    reported = Reported()
    one, _ = depth(pipeline, *map(failing, range(3)), Fails, failed=reported)
    one.function("pairs", profiled=profiled)([({}, 0)])
    assert reported.calls == [(at, "no", tuple(range(at + 1)))]


@pytest.mark.parametrize("start", [1, 2])
def test_a_run_may_start_in_the_middle_and_errors_count_from_the_beginning(pipeline, start):
    def fail(event):
        raise ValueError("no")

    reported = Reported()
    one, _ = depth(pipeline, step(lambda e: e + 1), step(lambda e: e + 1), step(fail), CollectSink, failed=reported)
    one.push({}, 5, start=start)
    assert reported.calls == [(2, "no", (None,) * start + tuple(range(5, 8 - start)))]


def test_an_error_in_code_called_by_a_processor_is_the_processors(pipeline):
    cached = ValueError("always the same object")

    def deep(event):
        raise cached

    reported = Reported()
    one, _ = depth(pipeline, step(lambda e: e), step(lambda e: deep(e)), CollectSink, failed=reported)
    one.run_events([1, 2])
    assert [index for index, _, _ in reported.calls] == [1, 1]


def test_a_halt_leaves_the_rest_of_the_batch_untouched(pipeline):
    def fail(event):
        if event == 3:
            raise ValueError(event)
        return event

    one, (_, sink) = depth(pipeline, step(fail), CollectSink, failed=Reported(halts=True))
    batch = iter(range(10))
    one.run_events(batch)
    assert sink.events == [0, 1, 2]
    assert list(batch) == [4, 5, 6, 7, 8, 9]


def test_an_asynchronous_last_processor_gets_events_through_end(pipeline):
    taken = []
    one, _ = depth(pipeline, step(lambda e: e + 1), step(lambda e: e), end=lambda context, event: taken.append(event))
    one.run_events([1, 2])
    assert taken == [2, 3]


def test_a_depth_that_ends_with_a_generator_is_not_the_last(pipeline):
    one, _ = depth(pipeline, step(lambda e: e), IteratorGenerator)
    assert not one.is_last


@pytest.mark.parametrize("parts", [(), (step(lambda e: e),)])
def test_an_event_that_leaves_a_chain_without_a_sink_is_an_error(pipeline, parts):
    reported = Reported()
    one, _ = depth(pipeline, *parts, failed=reported)
    one.run_events(["lost"])
    [(index, message, _)] = reported.calls
    assert index == 0
    assert "has no sink" in message
    assert "'lost'" in message


def test_tracked_events_note_their_ends(pipeline):
    one, _ = depth(pipeline, step(lambda e: e if e else None), CollectSink)
    settled = []
    contexts = [{}, {}]
    for context in contexts:
        context[KEY] = Tracker(context, settled.append)
    one.function("pairs", tracked=True)(zip(contexts, [0, 7], strict=True))
    assert [context[KEY].outcome for context in contexts] == [Outcome.DROPPED, Outcome.PROCESSED]
    assert contexts[1][KEY].result == 7


def test_functions_are_generated_once(pipeline):
    one, _ = depth(pipeline, step(lambda e: e), CollectSink)
    assert one.function("pairs") is one.run_pairs
    assert one.function("pairs", start=1) is one.function("pairs", start=1)


def test_profiling_takes_the_time_of_every_processor(pipeline):
    profile = Profile()
    parts = [step(lambda e: e, id="A")(pipeline.App, pipeline), CollectSink(pipeline.App, pipeline, "S")]
    one = Depth(parts, 0, None, Reported(), profile)
    one.function("pairs", profiled=True)([({}, 1), ({}, 2)])
    assert {name: one["run"] for name, one in profile.as_dict().items()} == {"A": 2, "S": 2}


def test_a_processor_of_many_steps_runs_whole(pipeline):
    one, made = depth(pipeline, *[step(lambda e: e + 1)] * 40, CollectSink)
    one.run_events([0])
    assert made[-1].events == [40]
    assert isinstance(made[0], Processor)


class TestEventFunction:
    """A processor whose `process` only calls a function of the event."""

    class Double(Processor):
        event_function = staticmethod(lambda event: event * 2)

        def process(self, context, event):
            return event * 2

        def explain(self, event, error):
            return ProcessingError(f"cannot double {event!r}")

    class DoubleAgain(Double):
        def process(self, context, event):
            return f"again {super().process(context, event)}"

    def outcome(self, cls, events, **config):
        made = {}

        def build(app):
            pipeline = Pipeline(app, "P", config=config)
            made["sink"] = CollectSink(app, pipeline)
            pipeline.build(ListSource(app, pipeline, events), cls(app, pipeline), made["sink"])
            app.pump_service.add_pipeline(pipeline)

        app = run_pump(build)
        return made["sink"].events, app.pump_service.Pipelines["P"].counters

    def test_gives_what_process_gives(self):
        assert self.outcome(self.Double, [1, "a"])[0] == [2, "aa"]

    def test_does_not_stand_in_for_a_process_of_a_subclass(self):
        assert self.outcome(self.DoubleAgain, [1])[0] == ["again 2"]

    def test_what_it_raises_is_explained(self, caplog):
        events, counters = self.outcome(self.Double, [1, {}, 3], on_error="drop")
        assert (events, counters.errors) == ([2, 6], 1)
        assert "cannot double {}" in caplog.text
