from __future__ import annotations

import datetime

import pytest

from bspump_like import ConfigError, ProcessingError
from bspump_like.common import TimeZoneNormalizer


def test_local_time_becomes_utc(make):
    part = make(TimeZoneNormalizer, {"timezone": "Europe/Prague"})
    summer = part.process({}, {"@timestamp": datetime.datetime(2024, 7, 1, 12)})
    winter = part.normalize(datetime.datetime(2024, 1, 1, 12))
    assert summer == {"@timestamp": datetime.datetime(2024, 7, 1, 10, tzinfo=datetime.UTC)}
    assert winter == datetime.datetime(2024, 1, 1, 11, tzinfo=datetime.UTC)


def test_a_time_with_a_zone_keeps_its_moment(make):
    moment = datetime.datetime(2024, 7, 1, 12, tzinfo=datetime.timezone(datetime.timedelta(hours=5)))
    assert make(TimeZoneNormalizer).normalize(moment) == moment


def test_events_without_the_field_pass_and_other_types_fail(make):
    part = make(TimeZoneNormalizer, {"field": "at"})
    assert part.process({}, {"x": 1}) == {"x": 1}
    with pytest.raises(ProcessingError, match="field 'at' has '2024', expected a datetime"):
        part.process({}, {"at": "2024"})


def test_an_unknown_zone_is_a_mistake_of_the_configuration(make):
    with pytest.raises(ConfigError, match="there is no such time zone"):
        make(TimeZoneNormalizer, {"timezone": "Middle/Earth"})
