"""Expressions and templates: what they compute, and what they refuse with which column."""

from __future__ import annotations

import collections
import types

import pytest

from bspump_like.errors import ConfigError, ProcessingError
from bspump_like.expression import ExpressionError, compile_expression, compile_template

EVENT = {
    "level": "info", "bytes": 5000, "duration": 0.7, "host": "web-1", "nothing": None, "deep": {"er": {"value": 3}},
    "list": [1, 2], "@timestamp": 17, "flag": True, "zero": 0,
}  # fmt: skip


def value_of(text, event=EVENT, context=None, **names):
    return compile_expression(text, names=names)(context if context is not None else {}, event)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("level != 'debug'", True),
        ("bytes / 1000", 5.0),
        ("bytes // 1000 * 2 - 1", 9),
        ("-bytes % 7", -5000 % 7),
        ("level + '-' + host", "info-web-1"),
        ("duration > 0.5 and host in ['web-1', 'web-2']", True),
        ("host not in ['web-1', 'web-2']", False),
        ("'web' in host", True),
        ("1 in list", True),
        ("0 < duration <= 0.7", True),
        ("duration == 0.7 == duration", True),
        ("not flag or zero", 0),
        ("'big' if bytes > 1000 else 'small'", "big"),
        ("deep.er.value + 1", 4),
        ("deep['er'].value", 3),
        ("event.deep.er.value", 3),
        ("event['@timestamp']", 17),
        ("list[0] + list[-1]", 3),
        ("host[0:3]", "web"),
        ("host[:3] + host[3:]", "web-1"),
        ("{'a': bytes, 'b': [level, true]}", {"a": 5000, "b": ["info", True]}),
        ("[true, false, null, True, None]", [True, False, None, True, None]),
        ("(\n  bytes  # of the answer\n  + 1\n)", 5001),
        (" bytes + 1", 5001),
        ("bytes +\n1", 5001),
        (r"'\d'", r"\d"),
    ],
)
def test_value_of_an_expression(text, value):
    assert value_of(text) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("missing", None),
        ("missing + 1", None),
        ("1 + missing * 2", None),
        ("-missing", None),
        ("nothing / 2", None),
        ("missing > 1", False),
        ("missing < 1", False),
        ("1 < missing < 3", False),
        ("not missing > 1", True),
        ("missing == null", True),
        ("missing != 5", True),
        ("missing is null", True),
        ("missing is not None", False),
        ("zero is not null", True),
        ("missing in [1, 2]", False),
        ("missing in [1, null]", True),
        ("1 in missing", False),
        ("1 not in missing", True),
        ("missing in host", False),
        ("missing.a.b", None),
        ("nothing.a", None),
        ("missing[0]", None),
        ("list[7]", None),
        ("list[missing]", None),
        ("missing[1:2]", None),
        ("coalesce(missing, nothing, host, 1)", "web-1"),
        ("coalesce(missing, nothing)", None),
        ("exists(zero) and not exists(nothing) and not exists(missing)", True),
        ("context.key", None),
    ],
)
def test_what_is_missing_is_none(text, value):
    assert value_of(text) == value


def test_the_context_has_its_own_names():
    assert value_of("context.key + level", context={"key": "k-", "level": "no"}) == "k-info"


def test_given_names_win_over_fields_and_functions():
    assert value_of("twice(level) + host", twice=lambda text: text * 2, host="!") == "infoinfo!"
    assert value_of("coalesce(1, 2)", coalesce=lambda *values: values[-1]) == 2


def test_names_of_functions_can_be_fields():
    assert value_of("exists + 1", {"exists": 1}) == 2


@pytest.mark.parametrize("make", [types.MappingProxyType, collections.ChainMap, collections.OrderedDict])
def test_any_mapping_can_be_an_event(make):
    assert value_of("a - b", make({"a": 3, "b": 1})) == 2


def test_reading_does_not_fill_a_defaultdict():
    event = collections.defaultdict(int, a=1)
    assert value_of("a + b + c", event) is None
    assert dict(event) == {"a": 1}


@pytest.mark.parametrize(
    ("text", "column", "says"),
    [
        ("a +", 4, "ends too early"),
        ("(a", 3, "ends too early"),
        ("delay > 5 minutes", 1, "an operator or a ',' is missing in 'delay > 5 minutes'"),
        ("len(é b)", 5, "an operator or a ',' is missing in 'é b'"),
        ("a)", 2, "')' is not expected"),
        ("a) + (b", 2, "')' is not expected"),
        ("')' + a) + (b", 8, "')' is not expected"),
        ("a, b", 1, "write [a, b]"),
        ("a for a in b", 1, "no loops"),
        ("a && b", 3, "write 'and'"),
        ("a = b", 3, "write '=='"),
        ("a ** 2", 3, "use pow(x, y)"),
        ("(a) << 2", 5, "'<<' is not an operator"),
        ("a | b", 3, "write 'or'"),
        ("@timestamp > 1", 1, 'event["@..."]'),
        ("1 + coalese(a, 1)", 5, "did you mean 'coalesce'?"),
        ("exists()", 1, "exists takes 1 arguments, not 0"),
        ("exists(x=1)", 10, "arguments of functions have no names"),
        ("a.lower()", 1, "write lower(...)"),
        ("x + [y for y in z]", 5, "no loops"),
        ("a is 5", 6, "write '=='"),
        ("a < b == c", 1, "join them with 'and'"),
        ("a[::2]", 5, "no step"),
        ("a.__class__", 1, "no name of a field"),
        ("b'x'", 1, "no bytes"),
        ("1j", 1, "no complex"),
        ("...", 1, "no ellipsis"),
        ("é + lambda: 1", 5, "'lambda'"),
    ],
)
def test_refusal_names_the_column(text, column, says):
    with pytest.raises(ExpressionError) as caught:
        compile_expression(text)
    assert caught.value.column == column
    assert says in str(caught.value)


def test_refusal_shows_the_place():
    with pytest.raises(ExpressionError) as caught:
        compile_expression("bytes > 1 and\nlvel ** 2")
    assert str(caught.value).splitlines()[1:] == ["    lvel ** 2", "         ^"]


def test_refusal_is_a_configuration_error_and_a_value_error():
    with pytest.raises(ConfigError) as caught:
        compile_expression("a +")
    assert isinstance(caught.value, ValueError)
    assert "column 4" in caught.value.problems[0].message


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("host > 3", "host = 'web-1'"),
        ("bytes / zero", "division by zero with bytes = 5000, zero = 0"),
        ("host - 1", "unsupported operand"),
        ("host.name", "'web-1' has no fields, and 'name' is asked for"),
        ("deep[list]", "unhashable"),
        ("list['a' + 'b']", "'ab' is no place in a list"),
        ("zero[0]", "0 has no items"),
        ("1 in zero", "0 contains nothing"),
    ],
)
def test_failure_names_expression_and_values(text, says):
    with pytest.raises(ProcessingError) as caught:
        value_of(text)
    assert f"`{text}`" in str(caught.value)
    assert says in str(caught.value)


def test_failure_says_that_the_event_is_no_dict():
    for text in ("a", "a + b"):
        with pytest.raises(ProcessingError, match="the event is bytes"):
            value_of(text, b"{}")


def test_the_whole_event_can_be_anything():
    assert value_of("event + '!'", "text") == "text!"


def test_an_error_of_a_given_function_goes_through():
    def refuse(value):
        raise ProcessingError(f"no {value}")

    with pytest.raises(ProcessingError, match="^no info$"):
        value_of("refuse(level)", refuse=refuse)


# Templates


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("plain", "plain"),
        ("", ""),
        ("access-{{ host }}", "access-web-1"),
        ("{{host}}{{ bytes }}", "web-15000"),
        ("{{ flag }} {{ duration }} {{ list }}", "true 0.7 [1,2]"),
        ('{ "a": "{{ level }}" }', '{ "a": "info" }'),
        ("{{ '}}' + \"{{\" }}", "}}{{"),
        ("{{ {'a': {'b': 1}} }}", '{"a":{"b":1}}'),
        ("{{ 'a\\'}}' }}", "a'}}"),
        ("{{ coalesce(missing, '-') }}", "-"),
        ("{{ context.x }}", "y"),
    ],
)
def test_text_of_a_template(text, written):
    assert compile_template(text)({"x": "y"}, EVENT) == written


def test_a_missing_value_is_refused_made_none_or_left_out():
    with pytest.raises(ProcessingError, match="a value is missing"):
        compile_template("a-{{ missing }}")({}, EVENT)
    assert compile_template("a-{{ missing }}", missing="none")({}, EVENT) is None
    assert compile_template("a-{{ host }}", missing="none")({}, EVENT) == "a-web-1"
    assert compile_template("a-{{ missing }}{{ zero }}", missing="empty")({}, EVENT) == "a-0"


@pytest.mark.parametrize(
    ("text", "column", "says"),
    [
        ("ab {{ host", 4, "not closed"),
        ("ab {{ 'x}}", 4, "not closed"),
        ("ab {{ }} x", 6, "no expression between"),
        ("é {{ host + }} x", 12, "ends too early"),
        ("{{ host }} {{ exist(host) }}", 15, "did you mean 'exists'?"),
        ("{{ a\n }} b {{ c ** 2 }}", 17, "pow"),
    ],
)
def test_template_names_the_column(text, column, says):
    with pytest.raises(ExpressionError) as caught:
        compile_template(text)
    assert caught.value.column == column
    assert says in str(caught.value)
