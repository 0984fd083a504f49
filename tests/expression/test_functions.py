"""Every function by its own example, what it does with None, and what it refuses."""

from __future__ import annotations

import datetime

import pytest

from bspump_like.errors import ProcessingError
from bspump_like.expression import ExpressionError, compile_expression
from bspump_like.expression.functions import FUNCTIONS, GROUPS

EVENT = {"name": "Ann", "code": "BOS", "path": "/api/v1/items/17", "dest": "BOS", "list": [None]}
NAMES = {"lookup": lambda id, key: {"name": "Boston"}}
FOR_NONE = {
    "coalesce": 0, "exists": False, "starts_with": False, "ends_with": False, "contains": False, "match": False, "ip_in": False,
    "type": "null", "json": "null", "merge": {},
}  # fmt: skip
"""What those return for None that do not return None."""


def value_of(text, event=EVENT):
    return compile_expression(text, names=NAMES)({}, event)


@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=list(FUNCTIONS))
def test_example_of_the_function(function):
    expression, _, value = function.example.partition(" -> ")
    expected = value_of(value)
    got = value_of(expression)
    assert got == expected
    assert type(got) is type(expected)
    assert function.name in expression
    assert function.group in GROUPS


OF_A_VALUE = [one for one in FUNCTIONS.values() if one.takes[1] and not one.provided]


@pytest.mark.parametrize("function", OF_A_VALUE, ids=lambda one: one.name)
def test_none_gives_none_unless_it_says_otherwise(function):
    expression, _, _ = function.example.partition(" -> ")
    arguments = {"min": "", "max": "", "coalesce": ", 0", "merge": ", null"}.get(function.name)
    if arguments is None:
        whole = compile_arguments(expression, function.name)
        arguments = "".join(f", {one}" for one in whole[1:])
    assert value_of(f"{function.name}(missing{arguments})") == FOR_NONE.get(function.name)


def compile_arguments(expression, name):
    """Return the texts of the arguments with which an example calls its function."""
    import ast

    call = next(n for n in ast.walk(ast.parse(expression.replace("null", "None"), mode="eval")) if isinstance(n, ast.Call))
    assert call.func.id == name or name in expression
    return [ast.unparse(argument) for argument in call.args]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("format_time(1700000000, format, zone)", "2023 23"),
        ("parse_time('2023 23', format, zone)", 1672528980.0),
        ("time_part(1700000000, part, zone)", 23),
        ("ip_in('10.1.2.3', network)", True),
    ],
)
def test_what_is_prepared_of_constants_can_be_computed(text, value):
    event = {"format": "%Y %M" if "parse" in text else "%Y %H", "zone": "Europe/Prague", "part": "hour", "network": "10.0.0.0/8"}
    assert value_of(text, event) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("strip('xxaxx', 'x')", "a"),
        ("split('a b  c')", ["a", "b", "c"]),
        ("round(2.5)", 2),
        ("round(1234, 0 - 2)", 1200),
        ("int('x', 0 - 1)", -1),
        ("int(2.9)", 2),
        ("int(missing, 3)", 3),
        ("float(missing, 3)", 3),
        ("null in [null]", True),
        ("contains(list, missing)", True),
        ("float('x', null)", None),
        ("bool(' Yes ')", True),
        ("bool(0)", False),
        ("bool([1])", True),
        ("min(missing)", None),
        ("max([])", None),
        ("parse_time('14.11.2023 23:13', '%d.%m.%Y %H:%M', 'Europe/Prague')", 1699999980.0),
        ("parse_time('2023-11-14T22:13:20')", 1700000000.0),
        ("parse_time('2023-11-14T23:13:20', null, 'Europe/Prague')", 1700000000.0),
        ("parse_time(1700000000)", 1700000000.0),
        ("format_time('2023-11-14T22:13:20Z', '%H:%M', 'Europe/Prague')", "23:13"),
        ("format_time(1700000000.25, '%S.%f')", "20.250000"),
        ("time_part('2023-11-14', 'weekday')", 2),
        ("extract('a=1', '(?P<k>.)=(?P<v>.)', 'v')", "1"),
        ("extract('a=1', '.=.')", "a=1"),
        ("extract('a', '(b)')", None),
        ("parse('x', '(?P<a>y)')", None),
        ("extract_all('a=1,b=2', '(.)=.')", ["a", "b"]),
        ("replace_all('a.b', '[.]', '\\\\1')", "a\\1b"),
        ("split_at('a1b2c', '[0-9]', 1)", ["a", "b2c"]),
        ("parse_url('/only/path').host", None),
        ("get({'a': 1}, 'b.c')", None),
        ("pluck([{'a': 1}, {}], 'a')", [1, None]),
        ("pick({'a': 1}, 'b')", {}),
        ("first([])", None),
        ("len({'a': 1})", 1),
        ("type(event)", "dict"),
        ("type(1.5) + type('x') + type(true)", "numbertextbool"),
        ("hash('a') == hash('a', 'sha256')", True),
        ("ip_in('::1', '::/64')", True),
    ],
)
def test_value_of_a_function(text, value):
    assert value_of(text) == value


def test_format_time_of_events_that_follow_each_other():
    compute = compile_expression("format_time(time, '%H:%M:%S')")
    times = [1700000000, 1700000000.9, 1700000001.1, 1700000000.5, True, 1.0, 1, None, "1970-01-01T00:00:01Z", -0.5, 0]
    expected = [
        "22:13:20", "22:13:20", "22:13:21", "22:13:20", "00:00:01", "00:00:01", "00:00:01", None, "00:00:01",
        "23:59:59", "00:00:00",
    ]  # fmt: skip
    assert [compute({}, {"time": time}) for time in times] == expected


def test_a_datetime_is_a_time():
    moment = datetime.datetime(2023, 11, 14, 22, 13, 20, tzinfo=datetime.UTC)
    assert value_of("parse_time(at)", {"at": moment}) == 1700000000.0


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("match(path, code)", "the pattern must be written down"),
        ("match(path, '(')", "'(' is no pattern"),
        ("match(path, 'a' + 'b')", "must be written down"),
        ("format_time(1, '%999999999d')", "is no format of a time"),
        ("format_time(1, '%Q')", "is no format of a time"),
        ("format_time(1, '%Y', 'Europe/Prag')", "there is no time zone"),
        ("format_time(1, '%Y', '../../etc/passwd')", "there is no time zone"),
        ("time_part(1, 'hours')", "no part of a time; there are year"),
        ("ip_in('1.1.1.1', '1.1.1.0/40')", "1.1.1.0/40"),
        ("lower()", "lower takes 1 arguments, not 0"),
        ("round(1, 2, 3)", "round takes 1 to 2 arguments"),
    ],
)
def test_refused_when_compiled(text, says):
    with pytest.raises(ExpressionError) as caught:
        value_of(text)
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("lower(17)", "text is needed, not int"),
        ("round('a')", "round takes a number, not 'a'"),
        ("int('x')", "invalid literal"),
        ("int([])", "[] is no number"),
        ("bool('maybe')", "'maybe' is neither true nor false"),
        ("hash('a', 'crc')", "'crc' is none of md5"),
        ("parse_json('{')", "parse_json('{')"),
        ("parse_base64('*')", "'*' is no base 64"),
        ("sqrt(0 - 1)", "math domain error"),
        ("extract('a', '(a)', 2)", "the pattern has no group 2"),
        ("join('abc', '-')", "join takes a list, not 'abc'"),
        ("get(17, 'a')", "17 has no fields, and 'a' is asked for"),
        ("pow(0 - 1, 0.5)", "is no real number"),
        ("sort([1, 'a'])", "not supported"),
    ],
)
def test_failure_says_what_does_not_fit(text, says):
    with pytest.raises(ProcessingError) as caught:
        value_of(text)
    assert says in str(caught.value)


def test_lookup_is_refused_where_no_pump_provides_it():
    with pytest.raises(ExpressionError, match="not available here"):
        compile_expression("lookup('Airports', dest)")
