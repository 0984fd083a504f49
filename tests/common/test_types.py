from __future__ import annotations

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bspump_like import ConfigError, ProcessingError, Reject
from bspump_like.casting import cast_of
from bspump_like.common import CastProcessor


def test_fields_get_their_types_in_place(make):
    part = make(
        CastProcessor, {"fields": {"i": "int", "f": "float", "s": "str", "b": "bool", "t": "datetime", "d": "date"}}
    )
    event = {"i": " 7", "f": "1e3", "s": 5, "b": "Yes", "t": "2013-01-01T10:00:00Z", "d": "2013-01-02", "other": "x"}
    assert part.process({}, event) is event
    assert event == {
        "i": 7, "f": 1000.0, "s": "5", "b": True, "t": datetime.datetime(2013, 1, 1, 10, tzinfo=datetime.UTC),
        "d": datetime.date(2013, 1, 2), "other": "x",
    }  # fmt: skip


def test_null_values_become_none_and_missing_fields_stay_missing(make):
    part = make(CastProcessor, {"fields": {"a": "int", "b": "str", "c": "int", "d": "int"}})
    assert part.process({}, {"a": "NA", "b": "", "d": None}) == {"a": None, "b": None, "d": None}
    assert make(CastProcessor, {"fields": {"a": "str"}, "null_values": ["-"]}).process({}, {"a": "NA"}) == {"a": "NA"}


def test_unlisted_fields_can_be_dropped(make):
    part = make(CastProcessor, {"fields": {"a": "int"}, "drop_unlisted": True})
    assert part.process({}, {"a": "1", "b": "2"}) == {"a": 1}


@pytest.mark.parametrize(
    ("wanted", "value", "told"),
    [
        ("int", "12x", "field 'a' has '12x', which is no int"),
        ("int", 7.5, "which is no int: has a fraction"),
        ("float", [1], "which is no float"),
        ("bool", "perhaps", "expected yes or no"),
        ("datetime", "yesterday", "which is no datetime"),
        ({"type": "date", "format": "%d.%m.%Y"}, "2013-01-02", "which is no date"),
    ],
)
def test_a_value_that_does_not_fit_is_named_and_leaves_the_event_as_it_was(make, wanted, value, told):
    part = make(CastProcessor, {"fields": {"ok": "int", "a": wanted}})
    event = {"ok": "1", "a": value}
    with pytest.raises(ProcessingError, match=told):
        part.process({}, event)
    assert event == {"ok": "1", "a": value}


def test_a_format_reads_other_dates(make):
    part = make(CastProcessor, {"fields": {"a": {"type": "date", "format": "%d.%m.%Y"}}})
    assert part.process({}, {"a": "2.1.2013"}) == {"a": datetime.date(2013, 1, 2)}


def test_an_unknown_type_names_the_nearest(make):
    with pytest.raises(ConfigError, match="field 'a': unknown type 'itn', did you mean 'int'"):
        make(CastProcessor, {"fields": {"a": "itn"}})


def test_an_event_that_is_no_dict_is_told(make):
    with pytest.raises(ProcessingError, match="expected a dict with fields to cast, got int"):
        make(CastProcessor, {"fields": {"a": "int"}}).process({}, 5)


@given(st.integers())
def test_text_of_an_int_comes_back_as_it(value):
    assert cast_of("int")(str(value)) == value


@given(st.floats(allow_nan=False))
def test_text_of_a_float_comes_back_as_it(value):
    assert cast_of("float")(repr(value)) == value


@given(st.datetimes(timezones=st.none() | st.just(datetime.UTC)))
def test_text_of_a_datetime_comes_back_as_it(value):
    assert cast_of("datetime")(value.isoformat()) == value
    assert cast_of("date")(value.date().isoformat()) == value.date()


@given(st.booleans(), st.sampled_from([str, str.upper, str.title]))
def test_text_of_a_bool_comes_back_as_it(value, spell):
    assert cast_of("bool")(spell(str(value))) is value


@pytest.mark.parametrize("drop_unlisted", [False, True])
def test_missing_says_what_becomes_of_an_event_that_lacks_a_field(make, drop_unlisted):
    def cast(missing, event):
        config = {"fields": {"b": "int", "a": "int"}, "missing": missing, "drop_unlisted": drop_unlisted}
        return make(CastProcessor, config).process({}, event)

    assert cast("skip", {"a": "1"}) == {"a": 1}
    assert cast("null", {"a": "1"}) == {"a": 1, "b": None}
    assert cast("drop", {"a": "1"}) is None
    assert cast("reject", {"a": "1", "b": "2"}) == {"a": 1, "b": 2}
    event = {"a": "1", "bb": "2"}
    with pytest.raises(Reject, match=r"the event has no field 'b': it has a, bb$"):
        cast("reject", event)
    assert event == {"a": "1", "bb": "2"}
    for missing in ("skip", "null", "drop", "reject"):
        with pytest.raises(ProcessingError, match="field 'a' has 'x', which is no int"):
            cast(missing, {"a": "x", "b": "1"})
        with pytest.raises(ProcessingError, match="expected a dict"):
            cast(missing, 5)
