"""Random expressions: against Python's own `eval` where all fields are there, against the rules for None where not."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bspump_like.errors import ProcessingError
from bspump_like.expression import compile_assignments, compile_expression, compile_template

NUMBERS = ("n", "m", "small")
TEXTS = ("s", "t")
FIELDS = (*NUMBERS, *TEXTS, "flag", "items")

numbers = st.integers(-100, 100) | st.floats(-1e6, 1e6, allow_nan=False).map(lambda number: round(number, 3))
texts = st.text("ab é\"'\\{}\n", max_size=4)
events = st.fixed_dictionaries(
    {"n": numbers, "m": numbers, "small": st.integers(-3, 3), "s": texts, "t": texts, "flag": st.booleans(),
     "items": st.lists(st.integers(-3, 3), max_size=4)}
)  # fmt: skip


def joined(form: str, *parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.tuples(*parts).map(lambda one: form.format(*one))


def layer(kinds: dict[str, st.SearchStrategy[str]]) -> dict[str, st.SearchStrategy[str]]:
    """Return expressions of each kind, of parts that are one level less deep."""
    number, text, flag = kinds["number"], kinds["text"], kinds["flag"]
    sign = st.sampled_from(["+", "-", "*", "/", "//", "%"])
    order = st.sampled_from(["<", "<=", ">", ">="])
    return {
        "number": st.one_of(
            number, joined("({} {} {})", number, sign, number), joined("(-{})", number),
            joined("({} if {} else {})", number, flag, number), joined("len({})", text),
        ),
        "text": st.one_of(
            text, joined("({} + {})", text, text), joined("{}[{}:{}]", text, st.integers(-3, 3), st.integers(-3, 3)),
            joined("({} if {} else {})", text, flag, text),
        ),
        "flag": st.one_of(
            flag, joined("({} {} {})", number, order, number), joined("({} {} {} {} {})", number, order, number, order, number),
            joined("({} {} {})", text, order, text), joined("({} == {})", number, text), joined("({} != {})", text, text),
            joined("(not {})", flag), joined("({} and {})", flag, flag), joined("({} or {} or {})", flag, flag, flag),
            joined("({} in [1, 2, -3])", number), joined("({} not in items)", number), joined("({} in {})", text, text),
        ),
    }  # fmt: skip


def expressions() -> st.SearchStrategy[str]:
    kinds = {
        "number": st.sampled_from(NUMBERS) | numbers.map(repr),
        "text": st.sampled_from(TEXTS) | texts.map(repr),
        "flag": st.sampled_from(["flag", "True", "False"]),
    }
    for _ in range(3):
        kinds = layer(kinds)
    return st.one_of(*kinds.values())


def same(one: Any, other: Any) -> bool:
    return type(one) is type(other) and (one == other or (isinstance(one, float) and math.isnan(one) and math.isnan(other)))


@given(expressions(), events)
def test_an_expression_is_what_python_makes_of_it(text, event):
    compute = compile_expression(text)
    before = repr(event)
    try:
        expected = eval(text, {"__builtins__": {}, "len": len}, event)
    except ArithmeticError:
        with pytest.raises(ProcessingError):
            compute({}, event)
        return
    assert same(compute({}, event), expected)
    assert repr(event) == before


@given(expressions(), expressions(), events)
def test_assignments_are_what_python_makes_of_them_one_by_one(first, second, event):
    run = compile_assignments({"n": first, "x": second, "y": "x"})
    changed = {**event}
    try:
        changed["n"] = eval(first, {"__builtins__": {}, "len": len}, changed)
        changed["x"] = eval(second, {"__builtins__": {}, "len": len}, changed)
        changed["y"] = changed["x"]
    except (ArithmeticError, TypeError):  # n may have become a text
        with pytest.raises(ProcessingError):
            run({}, {**event})
        return
    if isinstance(changed["n"], str) and "*" in second:
        return  # a text times a number is Python's, not ours
    got = run({}, {**event})
    assert all(same(got[name], changed[name]) for name in changed)


@given(st.lists(st.text("ab é\"'\\\n}") | st.sampled_from(FIELDS).map(lambda name: f"{{{{ {name} }}}}"), max_size=5), events)
def test_a_template_is_its_parts_one_behind_the_other(parts, event):
    written = "".join(compile_template(part)({}, event) for part in parts)
    assert compile_template("".join(parts))({}, event) == written


# What may be missing


class Case(NamedTuple):
    """An expression and what it should be, by the rules: None spreads through arithmetic, no order holds for it."""

    text: str
    expected: Callable[[dict[str, Any]], Any]


def of(name: str) -> Case:
    return Case(name, lambda event: event.get(name))


def arithmetic(sign: str, function: Callable[[Any, Any], Any]) -> Callable[[tuple[Case, Case]], Case]:
    def made(parts: tuple[Case, Case]) -> Case:
        one, other = parts

        def expected(event: dict[str, Any]) -> Any:
            values = one.expected(event), other.expected(event)
            return None if None in values else function(*values)

        return Case(f"({one.text} {sign} {other.text})", expected)

    return made


def comparison(sign: str, function: Callable[[Any, Any], Any]) -> Callable[[tuple[Case, Case]], Case]:
    def made(parts: tuple[Case, Case]) -> Case:
        one, other = parts

        def expected(event: dict[str, Any]) -> Any:
            values = one.expected(event), other.expected(event)
            return None not in values and function(*values)

        return Case(f"({one.text} {sign} {other.text} if true else 0)", expected)

    return made


def equality(parts: tuple[Case, Case]) -> Case:
    one, other = parts
    return Case(f"({one.text} == {other.text})", lambda event: one.expected(event) == other.expected(event))


def coalesce(parts: tuple[Case, Case]) -> Case:
    one, other = parts

    def expected(event: dict[str, Any]) -> Any:
        value = one.expected(event)
        return other.expected(event) if value is None else value

    return Case(f"coalesce({one.text}, {other.text})", expected)


def conditional(parts: tuple[Case, Case, Case]) -> Case:
    test, one, other = parts

    def expected(event: dict[str, Any]) -> Any:
        return one.expected(event) if test.expected(event) else other.expected(event)

    return Case(f"({one.text} if {test.text} else {other.text})", expected)


def absolute(part: Case) -> Case:
    def expected(event: dict[str, Any]) -> Any:
        value = part.expected(event)
        return None if value is None else abs(value)

    return Case(f"abs({part.text})", expected)


def deeper(cases: st.SearchStrategy[Case]) -> st.SearchStrategy[Case]:
    two = st.tuples(cases, cases)
    return st.one_of(
        two.map(arithmetic("+", operator.add)), two.map(arithmetic("*", operator.mul)), two.map(arithmetic("-", operator.sub)),
        two.map(comparison("<", operator.lt)), two.map(comparison(">=", operator.ge)), two.map(equality), two.map(coalesce),
        st.tuples(cases, cases, cases).map(conditional), cases.map(absolute),
        cases.map(lambda one: Case(f"({one.text} is null)", lambda event: one.expected(event) is None)),
    )  # fmt: skip


CASES = st.recursive(
    st.sampled_from(["a", "b", "c"]).map(of) | st.integers(-5, 5).map(lambda n: Case(f"({n})", lambda event: n)),
    deeper,
    max_leaves=8,
)


@given(CASES, st.dictionaries(st.sampled_from(["a", "b", "c"]), st.none() | st.integers(-5, 5)))
def test_none_follows_the_rules(case, event):
    assert same(compile_expression(case.text)({}, event), case.expected(event))
