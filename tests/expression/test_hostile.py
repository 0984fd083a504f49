"""Ways to get out of the language, to take for ever, or to fill the memory: each is refused, fails, or is harmless."""

from __future__ import annotations

import pytest

from bspump_like.errors import ProcessingError
from bspump_like.expression import ExpressionError, compile_assignments, compile_expression, compile_template

EVENT = {
    "text": "a" * 1000, "number": 2**62, "list": list(range(1000)), "dict": {"a": 1}, "class": str, "function": print,
    "object": ValueError("x"), "large": 10**4000, "nothing": None,
}  # fmt: skip

REFUSED = [
    "__import__('os').system('id')",
    "__import__('os')",
    "eval('1')",
    "exec('1')",
    "open('/etc/passwd')",
    "compile('1', '', 'eval')",
    "getattr(text, 'format')",
    "globals()",
    "vars()",
    "().__class__.__bases__[0].__subclasses__()",
    "text.__class__",
    "event.__class__",
    "text.format(event)",
    "'{0.__class__}'.format(event)",
    "f'{event.__class__}'",
    "(lambda: 1)()",
    "[x for x in list]",
    "[[[x for x in list] for y in list] for z in list]",
    "{x for x in list}",
    "{x: 1 for x in list}",
    "sum(x for x in list)",
    "(x := 5)",
    "await x",
    "(yield 1)",
    "*list",
    "[*list, *list]",
    "{**dict, **dict}",
    "print(*list)",
    "lower(text=1)",
    "9**9**9",
    "1 << 10**9",
    "1 >> 5",
    "~number",
    "a @ b",
    "a if b",
    "import os",
    "x = 1",
    "del x",
    "1; 2",
    "x\ny",
    "99999999999999999999999999",
    "1e3j",
    "b'bytes'",
    "...",
    "'%s' ** 2",
    "function()",
    "text.upper()",
    "event['function'](1)",
    "lower(text)(1)",
    "(lower)(text).x()",
    "-" * 5000 + "1",
    "(" * 500 + "1" + ")" * 500,
    "[" * 300 + "]" * 300,
    "not " * 3000 + "x",
    "+".join(["x"] * 2000),
    "a" * 20_000,
    "[" + "1," * 2000 + "]",
    "x" + ".y" * 200,
    "x if y else " * 2000 + "z",
    "match(text, text)",
    "match(text, '(a')",
    "match(text, '" + "a?" * 2000 + "')",
    "format_time(1, '%1000000000d')",
    "format_time(1, '%" + "Y" * 300 + "')",
    "format_time(1, '%Y', '/etc/passwd')",
    "\0",
    "x\0",
    "\ud800",
    "'\\N{'",
    "",
    "   \n",
    "# only a comment",
]

FAILS = [
    "'a' * 1000000000",
    "text * 1000000000",
    "1000000000 * text",
    "list * 1000000",
    "[0] * 1000000000",
    "text % number",
    "'%1000000000d' % 1",
    "'%(a)s' % dict",
    "pad_left('x', 1000000000)",
    "pad_right('x', 1000000000)",
    "replace(text, '', text + text + text + text + text)",
    "replace_all(text, '', text + text + text + text + text)",
    "join(list, text + text + text + text + text)",
    "pow(9, 999999999)",
    "pow(number, 1000)",
    "pow(pow(9, 1000), 1000)",
    "round(1.5, 0 - 999999999)",
    "round(number, 0 - 999999999)",
    "str(large * large)",
    "int('9' + str(large) + str(large))",
    "parse_time('x' + text)",
    "parse_time(number)",
    "format_time(number, '%Y')",
    "time_part(1e300, 'year')",
    "parse_json('[' + text)",
    "function.x",
    "event['class'].mro",
    "object.args",
    "object[0]",
    "event['class'][0]",
    "'x' in function",
    "hash(text, 'crc32')",
    "hash(object)",
    "bucket(text, 0)",
    "1 / 0",
    "sqrt(0 - 1)",
    "list < 5",
    "dict[list]",
    "lower(event['class'])",
    "len(function)",
    "keys(event['class'])",
    "parse_url('http://[')",
]
HARMLESS = {
    "event['__class__']": None,
    "event['__init__']": None,
    "context['__class__']": None,
    "dict['__class__']": None,
    "nothing.format": None,
    "_private": None,
    "text[0:100000000000][0]": "a",
    "list[99999999999999]": None,
    "split(text, 'a', 5)[9]": None,
    "type(object)": "ValueError",
}


@pytest.mark.parametrize("text", REFUSED, ids=lambda text: ascii(text)[:40])
def test_refused_when_compiled(text):
    with pytest.raises(ExpressionError):
        compile_expression(text)


@pytest.mark.parametrize("text", REFUSED, ids=lambda text: ascii(text)[:40])
def test_refused_in_a_template_and_as_an_assignment(text):
    if "}}" not in text:
        with pytest.raises(ExpressionError):
            compile_template(f"a {{{{ {text} }}}} b")
    with pytest.raises(ExpressionError):
        compile_assignments({"x": text})


@pytest.mark.parametrize("text", FAILS, ids=lambda text: text[:40])
def test_fails_when_computed(text):
    with pytest.raises(ProcessingError):
        compile_expression(text)({}, dict(EVENT))


@pytest.mark.parametrize(("text", "value"), HARMLESS.items(), ids=lambda text: str(text)[:40])
def test_answers_with_something_harmless(text, value):
    assert compile_expression(text)({}, dict(EVENT)) == value


def test_what_a_definition_says_never_stands_in_the_generated_text():
    """Names and values of any characters are bound: none of them can end a literal, or the line."""
    for name in ("x\"] or __import__('os') #", "'", "\\", "\n", "{", "}", "\u2028", "c0", "t0", "event", "run"):
        function = compile_expression(f"event[{name!r}] == {name!r} and {{{name!r}: 1}}[{name!r}]")
        assert function({}, {name: name}) == 1
        constants = [one for one in function.__code__.co_consts if isinstance(one, str)]
        assert name not in constants
        assert compile_template(f"{{{{ event[{name!r}] }}}}{name}")({}, {name: "v"}) == f"v{name}"
        event = {}
        compile_assignments({name: "1"})({}, event)
        assert event == {name: 1}


def test_names_of_variables_of_ours_can_be_fields():
    for name in ("c0", "t0", "v0", "r0", "run", "explain", "error", "context0"):
        assert compile_expression(f"{name} + {name} * 2 - ({name} if {name} else 0)")({}, {name: 3}) == 6


def test_the_generated_function_has_no_builtins_that_a_definition_reaches():
    function = compile_expression("len(text) + number")
    reached = set(function.__code__.co_names) - {"get", "event", "context"}
    ours = {name for name in reached if name[0] == "c" and name[1:].isdigit()}
    assert reached - ours <= {"BSPumpError", "Exception", "explain"}
