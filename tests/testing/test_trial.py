"""The testing kit, used the way a user would."""

from __future__ import annotations

import asyncio
import time

import pytest

from bspump_like import (
    BSPumpApplication,
    Drop,
    Generator,
    MappingLookup,
    Outcome,
    Pipeline,
    Processor,
    Sink,
    TriggerSource,
    option,
)
from bspump_like.abc.cached_lookup import CachedLookup
from bspump_like.abc.clock import wall_time
from bspump_like.common import (
    AsyncLookupEnricher,
    DeriveProcessor,
    InternalSource,
    LookupEnricher,
    NullSink,
    RouterSink,
    TeeProcessor,
)
from bspump_like.testing import ListSource, MemoryStore, PumpTestCase, PumpTimeout, Trial
from bspump_like.trigger import CronTrigger, PeriodicTrigger

DEFINITION = {
    "lookups": [{"id": "Airlines", "class": "FileLookup", "config": {"path": "not-there.csv", "key": "code", "value": "name"}}],
    "pipelines": [{
        "id": "Flights",
        "sources": [{"class": "FileCSVSource", "config": {"path": "not-there.csv", "post": "noop"}}],
        "processors": [
            {"class": "CastProcessor", "config": {"fields": {"delay": "int"}, "on_error": "dead_letter"}},
            {"class": "FilterProcessor", "config": {"where": {"delay": {"gt": 0}}}},
            {"class": "LookupEnricher", "config": {"lookup": "Airlines", "key": "carrier", "target": "airline"}},
        ],
        "sink": {"class": "FileLineSink", "config": {"path": "not-there/at-all.txt"}},
    }],
}  # fmt: skip


class Double(Processor):
    class Options(Processor.Options):
        factor: int = option(2, "times")

    def process(self, context, event):
        if event == 13:
            raise ValueError("no 13")
        if event == 0:
            raise Drop("nothing")
        return event * self.options.factor


class Slow(Processor):
    async def process(self, context, event):
        await asyncio.sleep(0)
        return event


class Each(Generator):
    async def generate(self, context, event, depth):
        for item in event:
            if item is None:
                raise ValueError("a hole")
            await self.Pipeline.inject(context, item, depth)


class Lines(Sink):
    def process(self, context, event):
        pass


class Doubling(Pipeline):
    """Numbers, doubled."""

    def __init__(self, app, id=None, config=None):
        super().__init__(app, id, config)
        self.build(ListSource(app, self, [1, 2, 3]), Double(app, self), NullSink(app, self))


def chain(*parts, config=None, source=lambda app, p: ListSource(app, p, [])):
    def build(app):
        pipeline = Pipeline(app, "P", config)
        pipeline.build(source(app, pipeline), *(part(app, pipeline) for part in parts), Lines(app, pipeline))
        app.pump_service.add_pipeline(pipeline)

    return build


def test_a_pump_that_is_not_touched_runs_as_it_is(pump):
    trial = pump(Doubling).run()

    assert trial.outputs("Doubling") == [2, 4, 6]
    assert trial.exit_code == 0
    assert trial.calls("Doubling.Double")[0].event == 1
    assert trial.store.position("Doubling.*ListSource") == {"list": 3}


def test_a_definition_is_isolated_from_files_and_tried(pump):
    trial = pump(DEFINITION)
    trial.isolate()
    trial.mock("lookup:Airlines", table={"UA": "United"})
    bad = {"carrier": "XX", "delay": "?"}
    fed = trial.feed("Flights", {"carrier": "UA", "delay": "5"}, {"carrier": "UA", "delay": "-1"}, bad)
    trial.run()

    assert trial.outputs("Flights") == [{"carrier": "UA", "delay": 5, "airline": "United"}]
    assert [one.outcome for one in fed] == [Outcome.PROCESSED, Outcome.DROPPED, Outcome.FAILED]
    assert fed[0].result == {"carrier": "UA", "delay": 5, "airline": "United"}
    assert [(letter.processor, letter.event) for letter in trial.dead_letters] == [("CastProcessor", bad)]
    assert [(failure.address, failure.event["delay"]) for failure in trial.errors] == [("Flights.CastProcessor", "?")]
    assert trial.exit_code == 0


def test_step_by_step_each_feed_shows_what_came_of_it(pump):
    trial = pump(chain(Double, Slow))
    trial.feed("P")
    trial.start()

    assert trial.feed("P", 1)[0].result == 2
    assert trial.outputs("P") == [2]
    assert trial.feed("P", 0)[0].outcome is Outcome.DROPPED
    assert trial.feed("P", 4, contexts=[{"from": "here"}])[0].result == 8
    assert trial.contexts("P") == [{}, {"from": "here"}]
    assert trial.last_input("P.Slow") == 8
    assert trial.recorder("P.Double").dropped == []
    assert trial.run().exit_code == 0


def test_an_event_that_halts_the_pipeline_is_shown_where_it_stands(pump):
    trial = pump(chain(Double))
    fed = trial.feed("P", 1, 13, 2)
    trial.run()

    assert trial.exit_code == 1
    assert [one.outcome for one in fed] == [Outcome.PROCESSED, Outcome.FAILED, Outcome.FAILED]
    assert list(trial.halted) == ["P"]
    assert "no 13" in trial.halted["P"]
    assert str(trial.errors[0].error) == "no 13"
    assert trial.dead_letters == []


def test_halted_step_by_step_it_does_not_wait(pump):
    trial = pump(chain(Double))
    trial.feed("P")
    trial.start()

    (fed,) = trial.feed("P", 13)
    assert fed.outcome is None
    assert list(trial.halted) == ["P"]
    trial.stop()
    assert trial.exit_code == 1


def test_a_mocked_processor_answers_as_it_was_told(pump):
    trial = pump(chain(Double, Slow, config={"on_error": "drop"}))
    mocked = trial.mock("P.Double", outputs=[5, ValueError("later"), None, 7])
    slow = trial.mock("P.Slow", output=lambda event: -event)
    fed = trial.feed("P", 1, 2, 3, 4, 5)
    trial.run()

    assert trial.outputs("P") == [-5, -7, -7]
    assert mocked.events == [1, 2, 3, 4, 5]
    assert slow.last_input == 7
    assert fed[1].outcome is Outcome.FAILED
    assert mocked.dropped == [3]


def test_a_mocked_error_meets_the_policy_of_the_part(pump):
    trial = pump(chain(lambda app, p: Double(app, p, config={"on_error": "dead_letter"})))
    trial.mock("P.Double", error="the server is away")
    trial.feed("P", 1)
    trial.run()

    (letter,) = trial.dead_letters
    assert (letter.error, letter.error_type, letter.event) == ("the server is away", "ProcessingError", 1)


def test_a_mocked_generator_sends_on_each_item(pump):
    trial = pump(chain(Each))
    trial.mock("P.Each", output=lambda event: [event, event + 1])
    trial.feed("P", 1)

    assert trial.run().outputs("P") == [1, 2]


def test_an_error_of_a_generator_is_seen(pump):
    trial = pump(chain(Each, config={"on_error": "drop"}))
    trial.feed("P", [1, None])
    trial.run()

    assert [str(failure.error) for failure in trial.errors] == ["a hole"]
    assert trial.calls("P.Each")[0].event == [1, None]


def test_inputs_are_shown_as_they_were(pump):
    class Change(Processor):
        def process(self, context, event):
            event["changed"] = True
            return event

    trial = pump(chain(Change))
    given = {"a": 1}
    trial.feed("P", given)
    trial.run()

    assert trial.last_input("P.Change") == {"a": 1}
    assert trial.outputs("P.Change") == [{"a": 1, "changed": True}]
    assert given == {"a": 1}


class Ranges(MappingLookup):
    """A lookup that is no dictionary."""

    async def load(self):
        raise AssertionError("a mocked lookup loads nothing")

    def __getitem__(self, key):
        raise AssertionError("and is not asked itself")

    def __iter__(self):
        return iter(())

    def __len__(self):
        return 0


class Remote(CachedLookup):
    """A lookup that asks a server."""

    async def find(self, keys):
        raise AssertionError("nor is the server")


@pytest.mark.parametrize(("lookup", "enricher"), [(Ranges, LookupEnricher), (Remote, AsyncLookupEnricher)])
def test_any_lookup_can_hold_a_table(pump, lookup, enricher):
    def build(app):
        app.pump_service.add_lookup(lookup(app, "L"))
        chain(lambda app, p: enricher(app, p, config={"lookup": "L", "key": "k", "target": "v"}))(app)

    trial = pump(build)
    trial.mock("lookup:L", table={"a": 1})
    trial.feed("P", {"k": "a"}, {"k": "b"}, {"k": "a"})
    trial.run()

    assert trial.outputs("P") == [{"k": "a", "v": 1}, {"k": "b"}, {"k": "a", "v": 1}]
    assert trial.recorder("P").events == trial.outputs(f"P.{enricher.__name__}")
    assert "a" in trial["lookup:L"] or lookup is Remote


def test_an_event_may_enter_in_the_middle(pump):
    trial = pump(chain(Double, Slow))
    (fed,) = trial.feed("P.Slow", 13)
    trial.run()

    assert trial.calls("P.Double") == []
    assert trial.outputs("P") == [13]
    assert fed.outcome is Outcome.PROCESSED


class Split(RouterSink):
    def process(self, context, event):
        self.route(context, event, "Even" if event % 2 == 0 else "Odd")


def linked(app):
    for id, source, sink in (("Main", ListSource, Split), ("Even", InternalSource, Lines), ("Odd", InternalSource, Lines)):
        pipeline = Pipeline(app, id)
        source = source(app, pipeline, [1, 2, 3]) if source is ListSource else source(app, pipeline)
        pipeline.build(source, *([TeeProcessor(app, pipeline)] if id == "Even" else []), sink(app, pipeline))
        app.pump_service.add_pipeline(pipeline)


def test_linked_pipelines_stay_linked_when_isolated(isolated_pump):
    trial = isolated_pump(linked)
    fed = trial.feed("Main", 1, 2, 4)
    trial.run()

    assert (trial.outputs("Even"), trial.outputs("Odd")) == ([2, 4], [1])
    assert [one.result for one in fed] == [1, 2, 4]
    assert trial.exit_code == 0


def test_a_pipeline_that_others_feed_can_be_fed_itself(isolated_pump):
    trial = isolated_pump(linked)
    (fed,) = trial.feed("Even", 3)
    trial.run()

    assert trial.outputs("Even") == [3]
    assert trial.contexts("Even") == [{"ancestor": {}}]
    assert fed.outcome is Outcome.PROCESSED


class Ticking(TriggerSource):
    async def cycle(self):
        await self.deliver([self.time()])


NEW_YEAR = 1767225600.0


def test_the_clock_moves_from_timer_to_timer(pump):
    source = lambda app, p: Ticking(app, p).on(PeriodicTrigger(app, 60))  # noqa: E731
    trial = pump(chain(source=source), clock="2026-01-01T00:00:00Z").start()

    trial.advance(30)
    assert trial.outputs("P") == []
    trial.advance(151)
    assert [round(at - NEW_YEAR) for at in trial.outputs("P")] == [60, 120, 180]
    assert trial.clock.now == NEW_YEAR + 181
    trial.advance(86400)
    assert len(trial.outputs("P")) == 3 + 1440


def test_cron_and_expressions_go_by_the_clock_of_the_test(pump):
    source = lambda app, p: Ticking(app, p).on(CronTrigger(app, "30 6 * * *", timezone="UTC"))  # noqa: E731
    stamp = lambda app, p: DeriveProcessor(app, p, config={"fields": {"at": "now()"}})  # noqa: E731

    class Dict(Processor):
        def process(self, context, event):
            return {"cycle": event}

    trial = pump(chain(Dict, stamp, source=source), clock="2026-01-01T06:00:00Z").start()
    trial.advance(3 * 86400)

    half_past = [NEW_YEAR + 6.5 * 3600 + day * 86400 for day in range(3)]
    assert [round(event["at"]) for event in trial.outputs("P")] == half_past
    assert [round(event["cycle"]) for event in trial.outputs("P")] == half_past
    trial.close()
    assert abs(wall_time() - time.time()) < 60, "the next pump has the machine's clock again"


def test_an_event_that_is_deferred_is_tried_again_when_the_clock_says_so(pump):
    policy = {"on_error": {"retry": {"attempts": 3, "backoff": 600, "max_backoff": 600, "defer": True}, "then": "dead_letter"}}
    trial = pump(chain(Double, config=policy), clock=NEW_YEAR)
    trial.mock("P.Double", outputs=[TimeoutError("away"), TimeoutError("away"), 5])
    trial.feed("P")
    trial.start()
    (fed,) = trial.feed("P", 1)

    assert fed.outcome is Outcome.DEFERRED
    trial.advance(300)
    assert trial.outputs("P") == []
    trial.advance(1800)
    assert trial.outputs("P") == [5]
    assert trial.dead_letters == []


class Whole(BSPumpApplication):
    """A program of somebody: the pump is built by its application."""

    def __init__(self):
        super().__init__()
        self.pump_service.add_pipeline(Doubling(self))


def test_a_whole_application_can_be_tried(pump, monkeypatch):
    monkeypatch.setattr("sys.argv", ["pytest", "--what-the-runner-takes"])
    trial = pump(Whole, clock=NEW_YEAR).run()

    assert isinstance(trial.app, Whole)
    assert trial.outputs("Doubling") == [2, 4, 6]
    assert trial["Doubling"].time() == NEW_YEAR


def test_a_fixed_clock_stands_still(pump):
    class Stamp(Processor):
        def process(self, context, event):
            return self.time()

    trial = pump(chain(Stamp), clock=NEW_YEAR)
    trial.feed("P", 1, 2)
    assert trial.run().outputs("P") == [NEW_YEAR, NEW_YEAR]


@pytest.mark.parametrize(("start", "said"), [("soon", "'soon' is no time"), ("2026-01-01T00:00:00", "has no zone")])
def test_a_clock_says_what_it_cannot_read(pump, start, said):
    with pytest.raises(Exception, match=said):
        pump(Doubling, clock=start)


def test_a_second_run_goes_on_with_the_store_of_the_first(pump):
    first = pump(Doubling).run()
    again = pump(Doubling, store=first.store).run()

    assert again.outputs("Doubling") == []
    assert first.outputs("Doubling") == [2, 4, 6]


def test_a_store_that_fails_commits_later(pump):
    store = MemoryStore()
    store.refuse(1)
    trial = pump(Doubling, store=store).run()

    assert trial.exit_code == 0
    assert store.position("Doubling.*ListSource") == {"list": 3}


def test_a_store_on_disk_keeps_dead_letters(pump, tmp_path):
    trial = pump(chain(Double, config={"on_error": "dead_letter"}), store=str(tmp_path / "store.db"))
    trial.feed("P", 13)
    trial.run()

    assert [letter.event for letter in trial.dead_letters] == [13]


def test_it_says_what_is_near_a_wrong_address(pump):
    trial = pump(DEFINITION)
    with pytest.raises(KeyError, match=r"nothing at 'Flights.CastProcesor' \(did you mean 'Flights.CastProcessor'"):
        trial.mock("Flights.CastProcesor")
    with pytest.raises(KeyError, match="did you mean 'lookup:Airlines'"):
        trial.mock("lookup:Airline")


def test_what_comes_too_late_is_refused(pump):
    trial = pump(Doubling).start()
    for late in (lambda: trial.mock("Doubling.Double"), lambda: trial.feed("Doubling", 1), trial.start):
        with pytest.raises(RuntimeError, match="the pump has started"):
            late()


def test_inside_of_an_event_loop_it_says_what_to_do(pump):
    async def test():
        pump(Doubling)

    with pytest.raises(RuntimeError, match="use it in a plain test function"):
        asyncio.run(test())


def test_a_pump_that_does_not_end_is_a_failure(pump):
    class Endless(TriggerSource):
        async def cycle(self):
            await asyncio.Event().wait()

    trial = pump(chain(source=Endless)).start()
    with pytest.raises(PumpTimeout, match=r"waited 0.1 s for the end of the input; P: running"):
        trial.run(timeout=0.1)
    assert trial.exit_code == 0, "it was stopped"


def test_a_pump_that_cannot_be_built_says_why(pump):
    with pytest.raises(Exception, match="unknown class 'CastProcesor'"):
        pump({"pipelines": [{"id": "P", "source": {"class": "IteratorSource", "args": {"iterator": [1]}},
                             "processors": [{"class": "CastProcesor"}], "sink": {"class": "NullSink"}}]})  # fmt: skip


class TestWithUnittest(PumpTestCase):
    def test_a_trial_ends_with_its_test(self):
        trial = self.try_pump(Doubling).start()
        assert isinstance(trial, Trial)
        self.doCleanups()
        assert trial.exit_code == 0
