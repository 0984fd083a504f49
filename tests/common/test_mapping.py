from __future__ import annotations

import pytest

from bspump_like.common import (
    FlattenDictProcessor,
    IteratorGenerator,
    MappingItemsGenerator,
    MappingItemsProcessor,
    MappingKeysGenerator,
    MappingKeysProcessor,
    MappingTransformator,
    MappingValuesGenerator,
    MappingValuesProcessor,
)


def test_processors_return_lists(make):
    event = {"a": 1, "b": 2}
    assert make(MappingKeysProcessor).process({}, event) == ["a", "b"]
    assert make(MappingValuesProcessor).process({}, event) == [1, 2]
    assert make(MappingItemsProcessor).process({}, event) == [("a", 1), ("b", 2)]


@pytest.mark.parametrize(
    ("generator", "events", "expected"),
    [
        (MappingKeysGenerator, [{"a": 1, "b": 2}, {"c": 3}], ["a", "b", "c"]),
        (MappingValuesGenerator, [{"a": 1, "b": 2}, {"c": 3}], [1, 2, 3]),
        (MappingItemsGenerator, [{"a": 1}, {"c": 3}], [("a", 1), ("c", 3)]),
        (IteratorGenerator, [[1, 2], "xy"], [1, 2, "x", "y"]),
    ],
)
def test_generators_send_each_in_order(pump, generator, events, expected):
    assert pump(events, generator) == expected


def test_flatten_joins_names_and_keeps_lists_and_empty_dicts(make):
    event = {"a": {"b": {"c": 1}, "d": [{"e": 2}]}, "f": {}, "g": None}
    assert make(FlattenDictProcessor).process({}, event) == {"a.b.c": 1, "a.d": [{"e": 2}], "f": {}, "g": None}
    assert make(FlattenDictProcessor, {"separator": "_"}).process({}, {"a": {"b": 1}}) == {"a_b": 1}


class Shortened(MappingTransformator):
    def build(self, app):
        return {"price": lambda key, value: ("p", float(value)), "secret": lambda key, value: None}


def test_transformator_transforms_leaves_out_and_keeps(make):
    assert make(Shortened).process({}, {"price": "1.5", "secret": 1, "other": 2}) == {"p": 1.5, "other": 2}
