"""Every tag, by what its documentation says of it."""

from __future__ import annotations

import time

import pytest

from bspump_like.declarative import DeclarationError, compile_declaration
from bspump_like.declarative.builder import known_tags
from bspump_like.errors import ProcessingError
from bspump_like.expression.reading import RESERVED

EVENT = {
    "a": 7, "b": 2, "text": "Hello World", "none": None, "list": [1, 2, 3], "dict": {"x": {"y": 5}}, "ip": "10.1.2.3",
    "csv": "a;b;c", "time": 1700000000, "arg": "field", "kwargs": "field", "event": "field",
}  # fmt: skip

CASES = [
    # Arithmetic
    ("!ADD [1, 2, !ITEM EVENT a]", 10),
    ("!ADD ['x', !ITEM EVENT text]", "xHello World"),
    ("!ADD [!ITEM EVENT a, !ITEM EVENT missing]", None),
    ("!SUB [10, 2, 3]", 5),
    ("!MUL [2, 3, 4]", 24),
    ("!DIV [!ITEM EVENT a, 2]", 3.5),
    ("!MOD [!ITEM EVENT a, 4]", 3),
    ("!POW [2, 3]", 8),
    # Logic
    ("!AND [true, !ITEM EVENT a]", True),
    ("!AND [true, !ITEM EVENT missing, !DIV [1, 0]]", False),
    ("!OR [false, !ITEM EVENT a, !DIV [1, 0]]", True),
    ("!OR [false]", False),
    ("!NOT [!ITEM EVENT none]", True),
    ("!NOT {what: 1}", False),
    ("!NOT\n- 0", True),
    # Comparison
    ("!LT [2, !ITEM EVENT a, 8]", True),
    ("!LT [2, !ITEM EVENT a, 7]", False),
    ("!LT [2, !ITEM EVENT missing]", False),
    ("!LE [7, !ITEM EVENT a]", True),
    ("!EQ [!ITEM EVENT a, 7, 7]", True),
    ("!EQ [!ITEM EVENT none, null]", True),
    ("!NE [!ITEM EVENT a, 8]", True),
    ("!GE [!ITEM EVENT a, 7]", True),
    ("!GT [!ITEM EVENT a, 7]", False),
    ("!IS [!ITEM EVENT none, null, !ITEM EVENT missing]", True),
    ("!IS [1, 1.0]", False),
    ("!IS [!ITEM EVENT a, 7]", True),
    ("!ISNOT [!ITEM EVENT a, null]", True),
    ("!ISNOT [null, null]", False),
    # What is done when
    ("!IF {test: !GT [!ITEM EVENT a, 5], then: large, else: small}", "large"),
    ("!IF {test: !GT [!ITEM EVENT a, 50], then: !DIV [1, 0], else: small}", "small"),
    ("!IF {test: 1}", True),
    ("!IF {test: 0}", False),
    ("!WHEN [{test: !EQ [!ITEM EVENT a, 34], then: exact}, {test: !LT [4, !ITEM EVENT a, 10], then: range}, {else: no}]",
     "range"),
    ("!WHEN [{test: !IN {what: !ITEM EVENT a, where: [75, 7]}, then: set}, {else: unknown}]", "set"),
    ("!WHEN [{test: false, then: a}, {else: unknown}]", "unknown"),
    ("!WHEN [{test: false, then: a}]", False),
    ("!FOR {each: !ITEM EVENT list, do: !MUL [!ARG , 2]}", [2, 4, 6]),
    ("!FOR {each: !ITEM EVENT dict, do: !ARG }", ["x"]),
    ("!FOR {each: !ITEM EVENT none, do: !ARG }", None),
    ("!FIRST [!ITEM EVENT none, !ITEM EVENT b, !DIV [1, 0]]", 2),
    ("!FIRST [!ITEM EVENT none]", None),
    ("!MAP {what: !ITEM EVENT a, in: {7: seven, 20: !DIV [1, 0]}, else: none}", "seven"),
    ("!MAP {what: !ITEM EVENT b, in: {7: seven}, else: !ITEM EVENT text}", "Hello World"),
    ("!MAP {what: !ITEM EVENT list, in: {7: seven}}", None),
    ("!MAP {value: !ITEM EVENT a, map: {7: seven}}", "seven"),
    ("!DEBUG {what: !ITEM EVENT a}", 7),
    # Data
    ("!DICT {}", {}),
    ("!DICT {set: {n: !ITEM EVENT a, m: text}}", {"n": 7, "m": "text"}),
    ("!DICT {with: !ITEM EVENT dict, set: {z: 1}, unset: [x]}", {"z": 1}),
    ("!DICT {with: !ITEM EVENT dict, del: [x]}", {}),
    ("!DICT {with: {a: 1, b: x}, add: {a: 2, b: y}}", {"a": 3, "b": "xy"}),
    ("!DICT {with: {a: X}, modify: {a: !LOWER , b: !LOWER }}", {"a": "x"}),
    ("!DICT {with: {a: 1}, modify: {a: !ADD [!ARG , !ITEM EVENT b]}}", {"a": 3}),
    ("!DICT {with: {a: 1}, update: !ITEM EVENT dict}", {"a": 1, "x": {"y": 5}}),
    ("!DICT {with: {a: 1}, update: !ITEM EVENT none}", {"a": 1}),
    ("!DICT {with: !ITEM EVENT none, set: {a: 1}}", None),
    ("!DICT {with: {a: 1}, mandatory: [a, b]}", None),
    ("!DICT {with: {a: 1}, mandatory: [a]}", {"a": 1}),
    ("!TUPLE [first, !ITEM EVENT a]", ("first", 7)),
    ("!TUPLE []", ()),
    ("!LIST [first, !ITEM EVENT a]", ["first", 7]),
    ("!ITEM EVENT a", 7),
    ("!ITEM EVENT missing", None),
    ("!ITEM CONTEXT k.v", "flat"),
    ("!ITEM {with: !ITEM EVENT dict, item: x, default: 0}", {"y": 5}),
    ("!ITEM {with: !ITEM EVENT dict, item: q, default: 0}", 0),
    ("!ITEM {with: !ITEM EVENT list, item: 1}", 2),
    ("!ITEM {with: !ITEM EVENT list, item: 9, default: x}", "x"),
    ("!ITEM {with: !EVENT , item: a}", 7),
    ("!ITEM {with: !ITEM EVENT none, item: a, default: 3}", 3),
    ("!DICT.PARSE {what: 'a=1 b=x=y junk', type: kvs}", {"a": "1", "b": "x=y"}),
    ("!DICT.PARSE {what: 'a=\"1 2\", b=\"x\\\"y\"', type: kvdqs}", {"a": "1 2", "b": 'x"y'}),
    ("!DICT.PARSE {what: 'a=1&b=x%20y&c=', type: qs, unset: [c], set: {d: !ITEM ARG a}}", {"a": "1", "b": "x y", "d": "1"}),
    ("!DICT.PARSE {what: !ITEM EVENT none, type: qs}", None),
    # Text
    ("!STARTSWITH {what: !ITEM EVENT text, prefix: Hell}", True),
    ("!STARTSWITH {value: !ITEM EVENT text, prefix: [x, He]}", True),
    ("!STARTSWITH {what: !ITEM EVENT none, prefix: x}", False),
    ("!ENDSWITH {what: !ITEM EVENT text, postfix: world}", False),
    ("!CONTAINS {what: !ITEM EVENT text, substring: 'o W'}", True),
    ("!CONTAINS {string: !ITEM EVENT text, contains: [x, y]}", False),
    ("!CUT {what: !ITEM EVENT csv, delimiter: ';', field: 0}", "a"),
    ("!CUT {what: !ITEM EVENT csv, delimiter: ';', field: 2}", "c"),
    ("!CUT {what: !ITEM EVENT csv, delimiter: ';', field: 3}", None),
    ("!LOWER {what: !ITEM EVENT text}", "hello world"),
    ("!UPPER {what: !ITEM EVENT text}", "HELLO WORLD"),
    ("!LOWER ABC", "abc"),
    ("!SUBSTRING {what: !ITEM EVENT text, from: 6}", "World"),
    ("!SUBSTRING {what: !ITEM EVENT text, to: 5}", "Hello"),
    ("!JOIN {items: [a, !ITEM EVENT none, 1]}", "a  1"),
    ("!JOIN {items: [a, !ITEM EVENT none, b], delimiter: '-', miss: '?'}", "a-?-b"),
    ("!JOIN {items: [a, !ITEM EVENT none], miss: null}", None),
    ("!JOIN {items: !ITEM EVENT list, char: ','}", "1,2,3"),
    ("!SPLIT {what: !ITEM EVENT csv, delimiter: ';'}", ["a", "b", "c"]),
    ("!SPLIT {what: !ITEM EVENT csv, delimiter: ';', maxsplit: 1}", ["a", "b;c"]),
    # Patterns
    ("!REGEX {what: !ITEM EVENT text, regex: '^Hello'}", True),
    ("!REGEX {what: !ITEM EVENT text, regex: x, miss: !ITEM EVENT a}", 7),
    ("!REGEX {what: !ITEM EVENT text, regex: o, hit: yes it is}", "yes it is"),
    ("!REGEX {what: !ITEM EVENT none, regex: o}", False),
    ("!REGEX.PARSE {what: !ITEM EVENT text, regex: '(\\w+) (\\w+)'}", ["Hello", "World"]),
    ("!REGEX.PARSE {what: !ITEM EVENT text, regex: '(\\w+) (\\w+)', items: [x, y], set: {z: !ITEM ARG x}, unset: [y]}",
     {"x": "Hello", "z": "Hello"}),
    ("!REGEX.PARSE {what: 'n 12', regex: '(\\w) (\\d+)', items: [x, n: !CAST int]}", {"x": "n", "n": 12}),
    ("!REGEX.PARSE {what: 'v ab', regex: 'v (.*)', items: [v: [!CAST int, !UPPER ]]}", {"v": "AB"}),
    ("!REGEX.PARSE {what: !ITEM EVENT text, regex: '(x)', miss: !ITEM EVENT a}", 7),
    ("!REGEX.PARSE {what: !ITEM EVENT text, regex: '(x)'}", None),
    ("!REGEX.REPLACE {what: a1b22, regex: '[0-9]+', by: '#'}", "a#b#"),
    ("!REGEX_REPLACE {value: a1b2, regex: '([a-z])([0-9])', replace: '\\2\\1'}", "1a2b"),
    ("!REGEX.SPLIT {what: 'a, b;c', regex: '[,;] *'}", ["a", "b", "c"]),
    ("!REGEX.SPLIT {what: 'a, b;c', regex: '[,;] *', max: 1}", ["a", "b;c"]),
    ("!REGEX.FINDALL {what: a1b22, regex: '[0-9]+'}", ["1", "22"]),
    # What there is
    ("!EVENT", EVENT),
    ("!EVENT a", 7),
    ("!CONTEXT", {"k.v": "flat"}),
    ("!ARG", None),
    ("!ARGS", [None]),
    ("!KWARGS", None),
    ("!KWARG x", None),
    ("!VALUE 7", "7"),
    ("!VALUE [1, !ITEM EVENT b]", [1, 2]),
    ("!LOOKUP.GET {in: People, what: !ITEM EVENT a}", "Ann"),
    ("!LOOKUP {lookup: People, key: 8}", None),
    ("!LOOKUP.CONTAINS {in: People, what: 7}", True),
    ("!LOOKUP.CONTAINS {in: People, what: 8}", False),
    ("!IN {what: 2, where: !ITEM EVENT list}", True),
    ("!IN {is: x, expr: !ITEM EVENT dict}", True),
    ("!IN {what: 5, where: [1, 2]}", False),
    ("!CONTEXT.SET {set: {seen: !ITEM EVENT a}, what: !ITEM EVENT b}", 2),
    # Types and addresses
    ("!CAST {what: '12', type: int}", 12),
    ("!CAST {what: x, type: int, default: 0}", 0),
    ("!CAST {what: x, type: float}", None),
    ("!CAST {what: !ITEM EVENT none, type: str, default: d}", "d"),
    ("!CAST {what: !ITEM EVENT dict, type: list}", ["x"]),
    ("!IP.PARSE 10.1.2.3", 0xFFFF0A010203),
    ("!IP.PARSE {what: !ITEM EVENT ip}", 0xFFFF0A010203),
    ("!IP.PARSE '::1'", 1),
    ("!IP.PARSE '0x0a010203'", 0xFFFF0A010203),
    ("!IP.PARSE [!ITEM EVENT none]", None),
    ("!IP.FORMAT {what: !IP.PARSE 10.1.2.3}", "10.1.2.3"),
    ("!IP.FORMAT {what: 167838211, format: ipv6}", "::ffff:10.1.2.3"),
    ("!IP.FORMAT {what: !IP.PARSE 'fe80::1'}", "fe80::1"),
    ("!IP.INSUBNET {what: !ITEM EVENT ip, subnet: 10.0.0.0/8}", True),
    ("!IP.INSUBNET {what: !IP.PARSE 10.1.2.3, subnet: [192.168.0.0/16, 10.2.0.0/16]}", False),
    ("!IP.INSUBNET {what: 'fe80::1', subnet: 'fe80::/10'}", True),
    ("!IP.INSUBNET {what: !ITEM EVENT none, subnet: 10.0.0.0/8}", False),
    ("!HASH {what: a, type: md5}", "0cc175b9c0f1b6a831c399e269772661"),
    # Time
    ("!NOW", 1234.5),
    ("!DATETIME.FORMAT {with: !ITEM EVENT time, format: '%Y-%m-%d %H', timezone: Europe/Prague}", "2023-11-14 23"),
    ("!DATETIME.FORMAT {format: '%H:%M'}", "00:20"),
    ("!DATETIME.PARSE {what: '2023-11-14 22:13:20', format: '%Y-%m-%d %H:%M:%S'}", 1700000000.0),
    ("!DATETIME.PARSE {what: '2023-11-14T22:13:20Z', format: RFC3339}", 1700000000.0),
    ("!DATETIME.PARSE {what: '2023-11-14 23:13', format: '%Y-%m-%d %H:%M', timezone: Europe/Prague}", 1699999980.0),
    ("!DATETIME.GET {with: !ITEM EVENT time, what: isoweekday}", 2),
    ("!DATETIME.GET {value: !ITEM EVENT time, what: hour, timezone: Europe/Prague}", 23),
    ("!DATETIME.GET {with: !ITEM EVENT none, what: hour}", None),
    # Plain data
    ("{1: a, b: !ITEM EVENT b}", {1: "a", "b": 2}),
    ("[1, [!ITEM EVENT a]]", [1, [7]]),
    ("plain", "plain"),
    ("2023-01-01", __import__("datetime").date(2023, 1, 1)),
]  # fmt: skip
PUMP = {"lookup": lambda id, key: {("People", 7): "Ann"}.get((id, key)), "now": lambda: 1234.5}


def compiled(text, **more):
    from bspump_like.declarative.loader import load
    from bspump_like.declarative.translate import Translator

    (node,) = load(text, **more)
    return Translator(PUMP).function(node)


@pytest.mark.parametrize(("text", "value"), CASES, ids=[case[0] for case in CASES])
def test_value_of_a_declaration(text, value):
    event = {**EVENT}
    got = compiled(text)({"k.v": "flat"}, event)
    assert got == value
    assert type(got) is type(value)
    assert event == EVENT


def test_every_tag_has_its_case():
    shown = "".join(text.replace("_", ".") for text, _ in CASES)
    assert [name for name in known_tags() if f"!{name}" not in shown and name not in ("INCLUDE", "CONFIG")] == []


def test_context_set_changes_the_context():
    context = {}
    assert compiled("!CONTEXT.SET {set: {seen: !ITEM EVENT a}}")(context, EVENT) is None
    assert context == {"seen": 7}


def test_dates_without_a_year_mean_this_one():
    value = compiled("!DATETIME.PARSE {what: !ARG , format: '%b %d %H:%M:%S', flags: Y}")({}, {}, "Mar 17 10:00:00")
    assert time.gmtime(value)[:4] == (time.gmtime().tm_year, 3, 17, 10)


def test_arguments_of_the_call():
    assert compiled("[!ARG , !ITEM ARG a, !KWARG k, !ITEM KWARGS k]")({}, {}, {"a": 1}, {"k": 2}) == [{"a": 1}, 1, 2, 2]


def test_fields_may_be_called_like_parts_of_the_language():
    for name in (*RESERVED, "arg", "kwargs", "lookup", "__class__", "a b", "a.b"):
        assert compiled(f"!ITEM EVENT {name}")({}, {name: 5}) == 5


def test_many_cases():
    cases = "\n".join(f"- {{test: !EQ [!ITEM EVENT n, {n}], then: v{n}}}" for n in range(150))
    function = compiled(f"!WHEN\n{cases}\n- else: none")
    assert [function({}, {"n": n}) for n in (0, 149, 150)] == ["v0", "v149", "none"]


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("!AD [1, 2]", 1, "there is no expression '!AD'; did you mean"),
        ("!ADD\n- 1\n- !ITEM EVNT a", 3, "'EVNT a' is no item; write !ITEM EVENT name"),
        ("!ADD 5", 1, "!ADD is written with a list"),
        ("!IF {test: 1, than: 2}", 1, "!IF has no argument 'than'; did you mean 'then'?"),
        ("!IF {then: 2}", 1, "!IF needs the argument 'test'"),
        ("!IF 5", 1, "!IF is written with arguments: test, then, else"),
        ("!REGEX {what: a, regex: '('}", 1, "'(' is no pattern"),
        ("!REGEX {what: a,\n regex: !EVENT }", 2, "a plain value is expected here, not !EVENT"),
        ("!CAST {what: 1, type: object}", 1, "'object' is no type to cast to; there are int"),
        ("!DICT.PARSE {what: a, type: kv}", 1, "'kv' is no type of text; there are kvs"),
        ("!DATETIME.GET {what: hours}", 1, "'hours' is no part of a time"),
        ("!DATETIME.FORMAT {format: '%9999999d'}", 1, "is no format of a time"),
        ("!WHEN\n- else: 1\n- {test: 1}", 2, "'else' stands by itself"),
        ("!LT [1]", 1, "compares at least two values"),
        ("a: [", 1, "not YAML"),
        ("!!python/object/apply:os.system ['id']", 1, "is no tag of a declaration"),
        ("!CONFIG key", 1, "there is no configuration value 'key'"),
        ("!INCLUDE other", 1, "there is no library"),
        ("!FUNCTION x", 1, "there is no expression '!FUNCTION'"),
        ("{? [1]\n: 2}", 1, "a key must be a text or a number"),
    ],
)
def test_mistakes_name_the_line(text, line, says):
    with pytest.raises(DeclarationError) as caught:
        compile_declaration(text)
    assert caught.value.line == line
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("!ADD [!ITEM EVENT a, !ITEM EVENT text]", "a = 7, text = 'Hello World'"),
        ("!FOR {each: !ITEM EVENT a, do: !ARG }", "!FOR goes through a list, not 7"),
        ("!DICT {with: {a: 1}, add: {b: 1}}", "'add' is to add to 'b', which is not there"),
        ("!DICT {with: !ITEM EVENT a}", "'with' needs a dict, not 7"),
        ("!REGEX {what: !ITEM EVENT a, regex: x}", "a pattern is looked for in text, not in 7"),
        ("!IP.PARSE 10.1.2", "'10.1.2' does not appear to be an IPv4 or IPv6 address"),
        ("!IP.FORMAT {what: !IP.PARSE 'fe80::1', format: ipv4}", "fe80::1 is no address of IPv4"),
        ("!MUL [!ITEM EVENT text, 1000000000]", "bad operand type for unary +: 'str'"),
        ("!POW [9, 999999999]", "bits"),
    ],
)
def test_failure_names_expression_and_values(text, says):
    with pytest.raises(ProcessingError) as caught:
        compiled(text)({}, EVENT)
    assert says in str(caught.value)


def test_what_grows_without_end_is_refused():
    anchors = "\n".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10) if n else '1'}]" for n in range(9))
    with pytest.raises(DeclarationError, match="more than 5000 parts"):
        compile_declaration(anchors)
    loop = "!ITEM EVENT list"
    for _ in range(4):
        loop = f"!FOR {{each: !ITEM EVENT list, do: {loop}}}"
    with pytest.raises(DeclarationError, match="more than 3 loops"):
        compile_declaration(loop)
    with pytest.raises(DeclarationError):
        compile_declaration("&a [*a]")
    with pytest.raises(DeclarationError, match="levels"):
        compile_declaration("!NOT [" * 60 + "1" + "]" * 60)
