"""Patterns: what they match, and that no text makes one run for long."""

from __future__ import annotations

import re
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bspump_like.errors import ConfigError, MissingDependency, ProcessingError
from bspump_like.expression import compile_expression
from bspump_like.expression.backtracking import cost_of
from bspump_like.expression.regular import Regular

ENDLESS = [
    "(a+)+b", "(a*)*b", "(x+x+)+y", r"^(\w+\s?)*$", "(|a)*b", "(?:a?b?)*c", "(.*?,){11}P", r"(a)\1", "a?" * 40 + "a" * 40,
    "(?:x|y{2,3})+z", "(a?){40}a{40}", "(?:a|ab|b)*c$", "((a{1,9}){1,9}){1,9}b",
]  # fmt: skip
POLYNOMIAL = {
    "a*a*a*b": 4, ".*error.*": 2, "(.*)=(.*)": 2, r"\s+$": 2, "^.*foo.*bar": 2, "[a-z]{1,1000}[a-z]{1,1000}$": 3,
    r"^(?:[a-z]+\.)+[a-z]+$": 2, r"[0-9]+x": 2, "([^,]*,){11}P": 2,
}  # fmt: skip
LINEAR = [
    "^N1", "error|fail", r"^\d+$", r"^(\S+) \S+ \[([^\]]+)\] (\w+)$", "^(?:(?:a|b)+,)+$", "^[0-9]{1,3}(,[0-9]{3})*$", "", "^a*$",
]  # fmt: skip


@pytest.mark.parametrize("pattern", ENDLESS)
def test_a_pattern_that_can_take_for_ever_is_stopped(pattern):
    assert cost_of(pattern).longest(10**7) == 0
    texts = ["a" * 60 + "!", "x" * 60, "word " * 30 + "!", "," * 5000, "y" * 5000, "ab" * 3000, "1,2,3,4,5,6,7,8,9,10,11,12,13"]
    regular = Regular(pattern)
    for text in texts:
        try:
            regular.search(text)
        except ValueError as error:
            assert "takes more than" in str(error)  # noqa: PT017 - both outcomes are right


@pytest.mark.parametrize(("pattern", "degree"), POLYNOMIAL.items())
def test_the_degree_of_a_pattern_bounds_the_texts_that_go_to_re(pattern, degree):
    cost = cost_of(pattern)
    assert cost.degree == degree
    assert cost.longest(10**7) <= 10 ** (7 / degree) + 1


@pytest.mark.parametrize("pattern", LINEAR)
def test_a_harmless_pattern_runs_at_full_speed_for_any_text(pattern):
    assert cost_of(pattern).longest(10**7) > 10**6


def test_a_long_text_gives_what_a_short_one_gives():
    regular = Regular("(.*)=(.*);")
    short, long = "key=value;", "k" * 5000 + "=" + "v" * 5000 + ";"
    assert regular.search(short).groups() == ("key", "value")
    assert regular.search(long).groups() == ("k" * 5000, "v" * 5000)
    assert [found[0] for found in regular.finditer("a=b;\n" * 2000)] == ["a=b;"] * 2000


@pytest.mark.parametrize("pattern", ["(", "[a", "a{2,1}", "(?P<a>x)(?P<a>y)", "\\", "a" * 3000, "(" * 1500 + ")" * 1500])
def test_what_is_no_pattern_is_refused(pattern):
    with pytest.raises(ValueError, match="pattern"):
        Regular(pattern)


def test_without_the_package_only_patterns_that_could_take_long_are_refused(monkeypatch):
    monkeypatch.setitem(sys.modules, "regex", None)
    assert Regular("(.*)=(.*)").search("a=b")
    with pytest.raises(MissingDependency, match=r"'regex' is not installed .*bspump_like\[regex\]"):
        Regular("(a+)+b")
    with pytest.raises(ConfigError, match="not installed"):
        compile_expression("match(x, '(a+)+b')")
    with pytest.raises(ProcessingError, match="not installed"):
        compile_expression("match(x, '(.*)=(.*);')")({}, {"x": "a" * 5000})


_PIECES = st.sampled_from(["a", "b", "[ab]", ".", "a*", "b+", "a?", "(?:a|b)", "(ab)*", "^", "$", r"\w", "a{1,2}", "(?:b|)"])


@given(st.lists(_PIECES, max_size=6).map("".join), st.text("ab\n", max_size=12))
def test_a_pattern_matches_as_re_does(pattern, text):
    found, expected = Regular(pattern).search(text), re.search(pattern, text)
    assert (found and (found.span(), found.groups())) == (expected and (expected.span(), expected.groups()))
