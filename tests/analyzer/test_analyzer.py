from __future__ import annotations

import asyncio

import pytest

from bspump_like import ConfigError, Pipeline, ProcessingError
from bspump_like.analyzer import (
    Analyzer,
    AnalyzingSource,
    GeoAnalyzer,
    LatchAnalyzer,
    SessionAnalyzer,
    ThresholdAnalyzer,
    TimeDriftAnalyzer,
    TimeWindowAnalyzer,
)
from bspump_like.common import InternalSource
from bspump_like.matrix import NamedMatrix
from bspump_like.testing import CollectSink, ListSource, run_pump


def analyze(events, make, alarms=False, during=None, **options):
    """Run events through an analyzer; return the application, the analyzer and what went on behind it."""
    made = {}

    def build(app):
        service = app.pump_service
        watch = Pipeline(app, "Watch")
        made["analyzer"] = make(app, watch)
        made["sink"] = CollectSink(app, watch)
        watch.build(ListSource(app, watch, events), made["analyzer"], made["sink"])
        service.add_pipeline(watch)
        if alarms:
            target = Pipeline(app, "Alarms")
            made["alarms"] = CollectSink(app, target)
            target.build(InternalSource(app, target), made["alarms"])
            service.add_pipeline(target)

    app = run_pump(build, during=during, **options)
    return app, made["analyzer"], made


class Hits(TimeWindowAnalyzer):
    def predicate(self, context, event):
        return "user" in event

    def evaluate(self, context, event):
        self.TimeWindow.advance(event["time"])
        row, column = self.TimeWindow.add_row(event["user"]), self.TimeWindow.get_column(event["time"])
        if column is not None:
            self.TimeWindow.Array[row, column] += 1

    def analyze(self):
        for row in (self.TimeWindow.Array.sum(axis=1) > 1).nonzero()[0]:
            self.send_alarm({"busy": self.TimeWindow.get_row_name(row)})


def test_events_are_chosen_evaluated_passed_on_and_analyzed_at_the_end():
    events = [{"user": "a", "time": 60}, {"user": "a", "time": 61}, {"user": "b", "time": 62}, {"time": 63}]
    app, hits, made = analyze(
        events,
        lambda app, pipeline: Hits(
            app, pipeline, analyze_on_clock=True, start_time=60, columns=3, config={"alarms": "Alarms"}
        ),
        alarms=True,
    )
    assert made["sink"].events == events
    assert app.pump_service.locate_matrix("HitsMatrix") is hits.TimeWindow
    assert hits.TimeWindow.Array[hits.TimeWindow.get_row_index("a")].tolist() == [0, 0, 2]
    assert made["alarms"].events == [{"busy": "a"}]


def test_the_clock_makes_it_look_again_and_again():
    class Clocked(Analyzer):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            self.looked = asyncio.Semaphore(0)

        async def analyze(self):
            self.looked.release()

    async def during(app):
        analyzer = app.pump_service.locate("Watch.Clocked")
        for _ in range(3):
            await analyzer.looked.acquire()
        app.stop()

    class Endless(InternalSource):
        passive = False

    def build(app):
        watch = Pipeline(app, "Watch")
        watch.build(
            InternalSource(app, watch),
            Clocked(app, watch, analyze_on_clock=True, config={"analyze_period": 0.01}),
            CollectSink(app, watch),
        )
        app.pump_service.add_pipeline(watch)

    app = run_pump(build, during=during)
    assert app.pump_service.locate("Watch.Clocked")._ticking is None


def test_sessions_and_places_have_their_matrices():
    class Visits(SessionAnalyzer):
        def evaluate(self, context, event):
            row = self.Sessions.add_row(event["session"])
            self.Sessions.Array[row]["hits"] += 1

    class Places(GeoAnalyzer):
        def predicate(self, context, event):
            return self.GeoMatrix.is_in_boundaries(*event["place"])

        def evaluate(self, context, event):
            self.GeoMatrix.Array[self.GeoMatrix.project_equirectangular(*event["place"])] += 1

    events = [{"session": "x", "place": (50.1, 14.4)}, {"session": "x", "place": (0, 0)}]
    _, visits, _ = analyze(events, lambda app, p: Visits(app, p, dtype=[("id", "U8"), ("hits", "i8")]))
    assert visits.Sessions.decode_row(visits.Sessions.get_row_index("x"))["hits"] == 2
    _, places, _ = analyze(events, lambda app, p: Places(app, p, dtype="i8", resolution=50, config={"max_lat": 60}))
    assert places.GeoMatrix.Array.sum() == 1
    assert places.GeoMatrix.Bbox["max_lat"] == 60


def test_a_matrix_that_is_there_already_is_taken_by_its_id():
    def make(app, pipeline):
        app.pump_service.add_matrix(NamedMatrix(app, dtype="i8", id="Shared"))
        return SessionAnalyzer(app, pipeline, matrix_id="Shared")

    app, analyzer, _ = analyze([], make)
    assert analyzer.Sessions is app.pump_service.locate_matrix("Shared")


class TestThresholdAnalyzer:
    EVENTS = [
        {"@timestamp": 1000, "server": "a", "latency": 20},
        {"@timestamp": 1060, "server": "a", "latency": 900},
        {"@timestamp": 1061, "server": "b", "latency": 30},
        {"@timestamp": 1062, "server": "c", "latency": -5},
        {"@timestamp": 1063, "server": "d", "latency": 700},
        {"@timestamp": 1123, "server": "d", "latency": 1},
        {"@timestamp": 1125, "nobody": True},
    ]

    def alarms(self, events=EVENTS, **config):
        config = {"event_attribute": "server", "event_value": "latency", "alarms": "Alarms", **config}
        _, _, made = analyze(events, lambda app, p: ThresholdAnalyzer(app, p, config=config), alarms=True)
        assert made["sink"].events == events
        return {(alarm["name"], alarm["kind"], alarm["occurrences"]) for alarm in made["alarms"].events}

    def test_says_who_is_above_below_or_outside(self):
        assert self.alarms(lower_bound=10, upper_bound=500) == {
            ("a", "above", 1),
            ("c", "below", 1),
            ("d", "outside", 2),
        }

    def test_waits_for_enough_anomalies(self):
        assert self.alarms(lower_bound=10, upper_bound=500, anomaly_occurrence=2) == {("d", "outside", 2)}

    def test_pieces_of_time_without_events_are_no_anomaly(self):
        assert self.alarms(lower_bound=0, upper_bound=1000) == {("c", "below", 1)}

    @pytest.mark.parametrize(("figure", "outcome"), [("last", 3.0), ("sum", 16.0), ("min", 3.0), ("max", 8.0)])
    def test_several_values_in_one_piece_of_time(self, figure, outcome):
        events = [{"@timestamp": 1000 + n, "server": "a", "latency": value} for n, value in enumerate([5, 8, 3])]
        config = {"event_attribute": "server", "event_value": "latency", "figure": figure}
        _, analyzer, _ = analyze(events, lambda app, p: ThresholdAnalyzer(app, p, config=config))
        assert analyzer.TimeWindow.Array["value"].max() == outcome

    def test_counts_events_without_a_value(self):
        assert self.alarms(event_value="", upper_bound=0.5, anomaly_occurrence=2) == {
            ("a", "above", 2),
            ("d", "above", 2),
        }

    def test_a_value_that_is_no_number_is_an_error_that_names_it(self):
        with pytest.raises(ProcessingError, match="field 'latency' has 'x', expected a number"):
            self.raised([{"@timestamp": 1, "server": "a", "latency": "x"}])

    def test_an_event_without_time_is_an_error_that_names_the_field(self):
        with pytest.raises(ProcessingError, match="no field '@timestamp'"):
            self.raised([{"server": "a", "latency": 1}])

    def raised(self, events):
        config = {"event_attribute": "server", "event_value": "latency", "on_error": "drop"}
        found = {}

        def make(app, pipeline):
            found["analyzer"] = ThresholdAnalyzer(app, pipeline, config=config)
            return found["analyzer"]

        analyze([], make)
        for event in events:
            found["analyzer"].process({}, event)

    def test_bounds_that_leave_nothing_are_refused(self, app):
        with pytest.raises(ConfigError, match="lower_bound 2.0 is above upper_bound 1.0"):
            ThresholdAnalyzer(
                app, Pipeline(app, "P"), config={"event_attribute": "a", "lower_bound": 2, "upper_bound": 1}
            )


class TestLatchAnalyzer:
    @pytest.mark.parametrize(
        ("query", "inclusive", "kept"),
        [
            (True, False, [1, 2, 3]),
            (False, False, []),
            ({"n": {"$gte": 2}}, False, [2, 3]),
            ({"n": {"$gte": 2}}, True, [1]),
        ],
    )
    def test_keeps_what_matches(self, query, inclusive, kept):
        events = [{"n": n} for n in (1, 2, 3)]
        _, latch, made = analyze(events, lambda app, p: LatchAnalyzer(app, p, query, inclusive=inclusive))
        assert [event["n"] for event in latch.Latch] == kept
        assert made["sink"].events == events

    def test_keeps_the_newest_and_has_them_after_a_restart(self, tmp_path):
        def make(app, pipeline):
            return LatchAnalyzer(app, pipeline, config={"latch_max_size": 2})

        analyze([{"n": n} for n in range(5)], make, store=str(tmp_path / "store.db"))
        _, latch, _ = analyze([], make, store=str(tmp_path / "store.db"))
        assert list(latch.Latch) == [{"n": 3}, {"n": 4}]

    def test_a_bad_query_is_refused(self, app):
        with pytest.raises(ConfigError, match=r"\$near"):
            LatchAnalyzer(app, Pipeline(app, "P"), {"n": {"$near": 1}})


class TestTimeDriftAnalyzer:
    def test_figures_of_the_ages(self):
        def make(app, pipeline):
            analyzer = TimeDriftAnalyzer(app, pipeline)
            analyzer.time = lambda: 1000.0
            return analyzer

        events = [{"@timestamp": 990}, {"@timestamp": "1970-01-01T00:16:34Z"}, {"@timestamp": 1002.0}, {"n": 1}]
        _, analyzer, _ = analyze(events, make)
        assert analyzer.figures == pytest.approx({"avg": 14 / 3, "median": 6, "stddev": 4.988876, "min": -2, "max": 10})

    def test_looks_at_one_event_in_so_many(self):
        events = [{"@timestamp": n} for n in range(10)]
        _, analyzer, _ = analyze(events, lambda app, p: TimeDriftAnalyzer(app, p, config={"sparse_count": 4}))
        assert len(analyzer.History) == 3


def test_a_matrix_is_analyzed_on_a_trigger_and_what_it_finds_becomes_events():
    class Busy(NamedMatrix):
        async def analyze(self):
            return [{"busy": self.get_row_name(row)} for row in (self.Array > 1).nonzero()[0]]

    made = {}

    def build(app):
        matrix = app.pump_service.add_matrix(Busy(app, dtype="i8", id="Busy"))
        matrix.update_rows(["a", "b", "a"], 1)
        pipeline = Pipeline(app, "P")
        made["sink"] = CollectSink(app, pipeline)
        pipeline.build(AnalyzingSource(app, pipeline, "Busy"), made["sink"])
        app.pump_service.add_pipeline(pipeline)

    run_pump(build)
    assert made["sink"].events == [{"busy": "a"}]
