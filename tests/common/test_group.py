from __future__ import annotations

import collections
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bspump_like import ConfigError, Pipeline, ProcessingError
from bspump_like.common import GroupByAggregator
from bspump_like.common.figures import compile_update, parse_figures
from bspump_like.testing import CollectSink, ListSource, fresh_application, run_pump
from tests.common.stopping import StoppedSource

FIGURES = {
    "n": "count",
    "known": {"count": "d"},
    "sum": {"sum": "d"},
    "mean": {"mean": "d"},
    "low": {"min": "d"},
    "high": {"max": "d"},
    "first": {"first": "d"},
    "last": {"last": "d"},
    "late": {"share_above": ["d", 15]},
    "spread": {"stddev": "d"},
}

events = st.lists(
    st.fixed_dictionaries(
        {"k": st.sampled_from(["a", "b", None, 1, 2.5])},
        optional={"l": st.booleans(), "d": st.none() | st.integers(-1000, 1000)},
    ),
    max_size=60,
)


def naive(rows, by):
    groups = collections.defaultdict(list)
    for row in rows:
        groups[tuple(row.get(field) for field in by)].append(row.get("d"))
    return {key: naive_figures(values) for key, values in groups.items()}


def naive_figures(values):
    known = [value for value in values if value is not None]
    return {
        "n": len(values),
        "known": len(known),
        "sum": sum(known) if known else None,
        "mean": sum(known) / len(known) if known else None,
        "low": min(known, default=None),
        "high": max(known, default=None),
        "first": known[0] if known else None,
        "last": known[-1] if known else None,
        "late": sum(value > 15 for value in known) / len(known) if known else None,
        "spread": pytest.approx(statistics.stdev(known)) if len(known) > 1 else None,
    }


def aggregator(app, by, figures=None):
    return GroupByAggregator(app, Pipeline(app, "P"), config={"by": by, "figures": figures or FIGURES})


@pytest.fixture(scope="module")
def module_app():
    with fresh_application() as app:
        yield app


@pytest.mark.parametrize("by", [[], ["k"], ["k", "l"]])
def test_figures_agree_with_a_naive_model(module_app, by):
    @given(events)
    def check(rows):
        part = aggregator(module_app, by)
        for row in rows:
            part.process({}, row)
        found = {tuple(row[field] for field in by): {name: row[name] for name in FIGURES} for row in part.rows()}
        assert found == naive(rows, by)

    check()


def test_a_snapshot_restored_goes_on_as_if_nothing_had_happened(module_app):
    @given(events, events)
    def check(before, after):
        for by in ([], ["k"], ["k", "l"]):
            whole, first, second = (aggregator(module_app, by) for _ in range(3))
            for row in before:
                whole.process({}, row)
                first.process({}, row)
            state = first.snapshot()
            for row in after:
                first.process({}, row)  # must not change the snapshot
                whole.process({}, row)
            second.restore(state)
            for row in after:
                second.process({}, row)
            assert second.rows() == whole.rows() == first.rows()

    check()


def test_rows_come_sorted_by_the_group_at_the_end_of_the_input(pump):
    config = {"by": ["k"], "figures": {"n": "count", "mean": {"mean": "d"}}}
    rows = [{"k": "b", "d": 1}, {"k": "a", "d": 2}, {"k": "b", "d": 2}, {"k": None, "d": None}]
    assert pump(rows, (GroupByAggregator, config)) == [
        {"k": None, "n": 1, "mean": None}, {"k": "a", "n": 1, "mean": 2.0}, {"k": "b", "n": 2, "mean": 1.5},
    ]  # fmt: skip


def test_many_groups_all_arrive(pump):
    rows = [{"k": number} for number in range(2500)]
    found = pump(rows, (GroupByAggregator, {"by": ["k"], "figures": {"n": "count"}}))
    assert [row["k"] for row in found] == list(range(2500))


def test_an_event_that_fails_midway_counts_nowhere(make):
    part = make(GroupByAggregator, {"by": ["k"], "figures": {"n": "count", "a": {"sum": "a"}, "b": {"sum": "b"}}})
    part.process({}, {"k": 1, "a": 1, "b": 1})
    with pytest.raises(ProcessingError, match="cannot be counted.*'b': 'x'"):
        part.process({}, {"k": 1, "a": 1, "b": "x"})
    with pytest.raises(ProcessingError, match="expected a dict to count"):
        part.process({}, "text")
    assert part.rows() == [{"k": 1, "n": 1, "a": 1, "b": 1}]


def test_sums_of_ints_stay_exact(make):
    part = make(GroupByAggregator, {"figures": {"sum": {"sum": "v"}}})
    for _ in range(3):
        part.process({}, {"v": 2**60 + 1})
    assert part.rows() == [{"sum": 3 * 2**60 + 3}]


def test_a_snapshot_of_other_figures_is_refused(make):
    state = make(GroupByAggregator, {"figures": {"n": "count"}}).snapshot()
    with pytest.raises(ProcessingError, match="declared differently"):
        make(GroupByAggregator, {"figures": {"m": "count"}}).restore(state)


@pytest.mark.parametrize(
    ("declared", "told"),
    [
        ({"meen": "d"}, "unknown kind 'meen', did you mean 'mean'"),
        ("counts", "expected count or"),
        ({"share_above": "d"}, "share_above takes a field and a number"),
        ({"mean": ["d"]}, "mean takes the name of a field"),
    ],
)
def test_mistakes_are_told(make, declared, told):
    with pytest.raises(ConfigError, match=told):
        make(GroupByAggregator, {"figures": {"x": declared}})


def test_names_of_fields_are_never_part_of_generated_code():
    groups = {}
    name = "'); raise SystemExit #"
    update = compile_update([name, "k"], list(parse_figures({name: {"sum": name}}).values()), groups)
    update({name: 2, "k": 1})
    assert groups == {(2, 1): (1, 2)}


def test_groups_survive_a_stop_midway_and_nothing_is_counted_twice(tmp_path):
    rows = [{"k": number % 3, "d": number} for number in range(60)]
    sinks = []

    def build(app):
        pipeline = Pipeline(app, "P")
        source = (ListSource if sinks else StoppedSource)(app, pipeline, rows, id="S", config={"batch_size": 7})
        group = GroupByAggregator(app, pipeline, config={"by": ["k"], "figures": {"n": "count", "sum": {"sum": "d"}}})
        sinks.append(CollectSink(app, pipeline))
        pipeline.build(source, group, sinks[-1])
        app.pump_service.add_pipeline(pipeline)

    store = str(tmp_path / "store.db")
    run_pump(build, store=store)
    run_pump(build, store=store)
    assert sinks[0].events == []
    assert sinks[1].events == [
        {"k": k, "n": 20, "sum": sum(row["d"] for row in rows if row["k"] == k)} for k in range(3)
    ]  # fmt: skip
