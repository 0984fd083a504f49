"""Expressions and templates as options of components, and conditions that are declared by fields."""

from __future__ import annotations

import orjson
import pytest

from bspump_like.config import Options, option
from bspump_like.errors import ConfigError, ProcessingError
from bspump_like.expression import Expression, OptionalTemplate, Template, compile_condition


class Declared(Options):
    """Options as a sink would declare them."""

    when: Expression = option("", "which events")
    maybe: Expression | None = option(None, "which events")
    index: Template = option("events-{{ kind }}", "name of the index")
    key: OptionalTemplate = option("", "key of the message")


def test_an_option_is_its_text_and_compiles():
    options = Declared.parse({"when": "a > 1", "maybe": "b", "key": "{{ user }}"})
    assert (options.when, options.index, options.key) == ("a > 1", "events-{{ kind }}", "{{ user }}")
    assert orjson.dumps([options.when]) == b'["a > 1"]'
    assert options.when.compile()({}, {"a": 2}) is True
    assert options.maybe.compile()({}, {"b": 3}) == 3
    assert options.index.compile()({}, {"kind": "x"}) == "events-x"
    with pytest.raises(ProcessingError, match="a value is missing"):
        options.index.compile()({}, {})
    assert options.key.compile()({}, {"user": 5}) == "5"
    assert options.key.compile()({}, {}) is None


def test_a_default_that_is_empty_is_left_out():
    options = Declared.parse({})
    assert options.when == ""
    assert options.when.lookups == frozenset()
    assert options.maybe is None
    assert options.key.constant
    assert not options.index.constant


def test_what_yaml_reads_as_a_flag_or_a_number_is_an_expression():
    assert Declared.parse({"when": True}).when.compile()({}, {}) is True
    assert Declared.parse({"when": 5}).when.compile()({}, {}) == 5
    assert Declared.parse({"index": 5}).index.compile()({}, {}) == "5"


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"when": "a >"}, "option 'when' has 'a >': column 4: the expression ends too early"),
        ({"when": ["a"]}, "option 'when' has .*expected the text of an expression, got list"),
        ({"index": "x-{{ kin"}, "option 'index' has .*column 3: '{{' is not closed"),
        ({"index": {}}, "expected the text of a template, got dict"),
        ({"key": "{{ lowr(a) }}"}, "column 4: there is no function 'lowr'; did you mean 'lower'"),
    ],
)
def test_a_mistake_is_reported_with_its_option_and_column(values, told):
    with pytest.raises(ConfigError, match=told):
        Declared.parse(values)


def test_lookups_are_known_before_the_pump_runs():
    assert Expression("lookup('A', x).y + lookup('B', lookup('C', x))").lookups == {"A", "B", "C"}
    assert Template("{{ lookup('A', x) }}-{{ x }}").lookups == {"A"}
    with pytest.raises(ConfigError, match="not available here"):
        Expression("lookup('A', x)").compile()


@pytest.mark.parametrize(
    ("where", "event", "holds"),
    [
        ({}, {}, True),
        ("a > 1", {"a": 2}, True),
        ({"a": 1, "b": {"gt": 1, "le": 3}}, {"a": 1, "b": 3}, True),
        ({"a": 1, "b": {"gt": 1, "le": 3}}, {"a": 1}, False),
        ({"a.b": [1, None]}, {}, True),
        ({"x": {"regex": "^a"}, "y": "missing"}, {"x": "ab"}, True),
        ({"x": {"in": ["a", 1.5]}}, {"x": 1.5}, True),
    ],
)
def test_a_condition_is_an_expression_or_fields(where, event, holds):
    assert compile_condition(where)({}, event) is holds


@pytest.mark.parametrize(
    ("where", "told"),
    [
        (5, "expected an expression, or field names"),
        ({1: 2}, "1 is no name of a field"),
        ({"a": {"regex": "("}}, "field 'a', condition 'regex': '\\(' is no pattern"),
        ({"a": {"in": [[1]]}}, "field 'a', condition 'in'"),
        ({"a": {"foo": 1}}, "unknown condition 'foo'"),
        ({"a": {"exists": "yes"}}, "'exists' expects true or false"),
    ],
)
def test_what_is_no_condition_is_refused(where, told):
    with pytest.raises(ValueError, match=told):
        compile_condition(where)
