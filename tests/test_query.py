"""Queries: what MongoDB's manual says of each operator."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bspump_like.query import compile_query

ROW = {
    "status": 503, "path": "/api/users", "user": {"name": "ann", "groups": ["admin", "dev"]}, "none": None, "ok": True,
    "tries": [{"at": 1, "code": 500}, {"at": 2, "code": 200}], "times": [3, 8, 15], "ratio": 0.5,
}  # fmt: skip

HITS = [
    {},
    {"status": 503},
    {"status": {"$gte": 500, "$lt": 600}},
    {"status": {"$in": [500, 503]}},
    {"status": {"$nin": [200, 204]}},
    {"nope": {"$nin": [200]}},
    {"status": {"$ne": 200}},
    {"nope": {"$ne": 200}},
    {"status": {"$not": {"$lt": 500}}},
    {"path": {"$regex": "^/API", "$options": "i"}},
    {"path": re.compile("users$")},
    {"path": {"$in": [re.compile("^/api"), "x"]}},
    {"path": {"$not": re.compile("^/static")}},
    {"user.name": "ann"},
    {"user": {"name": "ann", "groups": ["admin", "dev"]}},
    {"user.groups": "dev"},
    {"user.groups": ["admin", "dev"]},
    {"user.groups": {"$all": ["dev", "admin"]}},
    {"user.groups": {"$size": 2}},
    {"user.groups.1": "dev"},
    {"tries.code": 200},
    {"tries.0.code": 500},
    {"tries": {"$elemMatch": {"at": 2, "code": {"$lt": 300}}}},
    {"times": {"$elemMatch": {"$gt": 5, "$lt": 10}}},
    {"times": {"$gt": 10}},
    {"none": None},
    {"nope": None},
    {"none": {"$exists": True}},
    {"nope": {"$exists": False}},
    {"ok": True},
    {"ok": {"$type": "bool"}},
    {"status": {"$type": ["string", "int"]}},
    {"ratio": {"$type": "double"}},
    {"status": {"$mod": [100, 3]}},
    {"$and": [{"status": 503}, {"ok": True}]},
    {"$or": [{"status": 200}, {"ok": True}]},
    {"$nor": [{"status": 200}, {"ok": False}]},
]
MISSES = [
    {"status": 200},
    {"status": "503"},
    {"status": {"$gt": "5"}},
    {"path": {"$gt": 5}},
    {"ok": 1},
    {"status": {"$in": []}},
    {"status": 503, "ok": False},
    {"tries": {"$elemMatch": {"at": 1, "code": 200}}},
    {"user.groups": {"$all": []}},
    {"user.groups": ["dev", "admin"]},
    {"user.groups.7": "dev"},
    {"status.x": 1},
    {"status": {"$type": "bool"}},
    {"ok": {"$type": "int"}},
    {"ok": {"$mod": [1, 0]}},
    {"path": {"$mod": [2, 0]}},
    {"status": {"$regex": "5"}},
    {"times": {"$not": {"$gt": 10}}},
    {"none": {"$exists": False}},
]


@pytest.mark.parametrize("query", HITS, ids=repr)
def test_a_query_that_matches(query):
    assert compile_query(query)(ROW)


@pytest.mark.parametrize("query", MISSES, ids=repr)
def test_a_query_that_does_not_match(query):
    assert not compile_query(query)(ROW)


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"a": {"$gtt": 1}}, r"no operator \$gtt; did you mean '\$gt'"),
        ({"$xor": []}, r"no operator \$xor outside of a field"),
        ({"$or": {}}, r"\$or takes a list"),
        ({"a": {"$in": 5}}, r"\$in cannot take 5: it takes a list"),
        ({"a": {"$regex": "("}}, r"\$regex cannot take '\('"),
        ({"a": {"$type": "strnig"}}, r"\$type cannot take 'strnig'"),
        ({"a": {"$mod": [0, 1]}}, "the divisor is 0"),
        ([], "a query is a dict"),
    ],
)
def test_what_is_no_query_is_said(query, message):
    with pytest.raises(ValueError, match=message):
        compile_query(query)


values = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["a", "b"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("xy"), inner, max_size=2),
    max_leaves=5,
)
scalars = st.integers(-3, 3) | st.sampled_from(["a", "b"])


@given(st.dictionaries(st.sampled_from("xy"), values, max_size=2), st.sampled_from(["x", "y", "x.y", "x.0"]), scalars)
def test_opposites_are_opposites(event, path, value):
    for one, other in (("$eq", "$ne"), ("$in", "$nin")):
        wanted = [value] if one == "$in" else value
        assert compile_query({path: {one: wanted}})(event) != compile_query({path: {other: wanted}})(event)
    hit = compile_query({path: {"$gt": value}})(event)
    assert hit != compile_query({path: {"$not": {"$gt": value}}})(event)
    assert hit != compile_query({"$nor": [{path: {"$gt": value}}]})(event)
    assert compile_query({path: {"$gte": value, "$type": "number"}})(event) in (True, False)


@given(values, st.sampled_from(HITS + MISSES))
def test_no_event_makes_a_query_fail(event, query):
    assert compile_query(query)(event) in (True, False)
