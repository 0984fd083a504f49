from __future__ import annotations

import pytest

from bspump_like import ConfigError, Pipeline, ProcessingError
from bspump_like.random import RandomDrop, RandomEnricher, RandomSource
from bspump_like.testing import CollectSink, run_pump


def generated(config, choice=None):
    sinks = []

    def build(app):
        pipeline = Pipeline(app, "P")
        sinks.append(CollectSink(app, pipeline))
        pipeline.build(RandomSource(app, pipeline, choice, config=config), sinks[0])
        app.pump_service.add_pipeline(pipeline)

    run_pump(build)
    return sinks[0].events


def test_as_many_events_as_wanted_between_the_bounds():
    events = generated({"number": 2500, "lower_bound": -3, "upper_bound": 3})
    assert len(events) == 2500
    assert set(events) == set(range(-3, 4))


def test_values_are_chosen_and_stand_in_a_field():
    events = generated({"number": "200", "field": "origin", "choice": ["EWR", "JFK"]})
    assert {event["origin"] for event in events} == {"EWR", "JFK"}
    assert set(generated({"number": 50}, choice=[7])) == {7}


def test_a_seed_repeats_the_sequence():
    config = {"number": 20, "seed": 5, "events_till_idle": 3, "event_idle_time": 0}
    assert generated(config) == generated(config) != generated({**config, "seed": 6})


def test_bounds_the_wrong_way_round_are_refused(make):
    with pytest.raises(ConfigError, match="'lower_bound' 5 above 'upper_bound' 1"):
        make(RandomSource, {"lower_bound": 5, "upper_bound": 1})


def test_numbers_beyond_the_bits_of_a_float_are_drawn(make):
    part = make(RandomEnricher, {"lower_bound": 0, "upper_bound": 10**30, "seed": 1})
    assert {part.process({}, {})["enriched_field"] % 2 for _ in range(50)} == {0, 1}


def test_a_field_is_added(make):
    event = make(RandomEnricher).process({}, {"id": 1})
    assert event["id"] == 1
    assert 0 <= event["enriched_field"] <= 1000
    assert make(RandomEnricher, {"field": "x"}, choice=["a"]).process({}, {}) == {"x": "a"}
    with pytest.raises(ProcessingError, match="expected a dict to enrich, got str"):
        make(RandomEnricher).process({}, "text")


@pytest.mark.parametrize("threshold", [0, 0.25, 1])
def test_a_share_is_dropped(make, threshold):
    part = make(RandomDrop, {"threshold": threshold, "seed": 1})
    kept = sum(part.process({}, number) is not None for number in range(10_000))
    assert abs(kept - 10_000 * (1 - threshold)) < 200
    assert threshold in (0.25,) or kept in (0, 10_000)
