"""When cron expressions are due, above all where the clock changes."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bspump_like.errors import ConfigError
from bspump_like.trigger.cron_schedule import CronSchedule, zone_of

PRAGUE = "Europe/Prague"


def at(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def due(schedule: CronSchedule, begin: str, end: str) -> list[str]:
    """Return all times strictly after `begin`, not after `end`, as the wall clock of the schedule's zone shows them."""
    times = []
    moment = schedule.next_after(at(begin))
    while moment <= at(end):
        times.append(datetime.fromtimestamp(moment, schedule.zone).isoformat())
        moment = schedule.next_after(moment)
    return times


def test_next_is_strictly_later():
    assert due(CronSchedule("0 12 * * *", "UTC"), "2026-01-01T12:00:00Z", "2026-01-02T12:00:00Z") == ["2026-01-02T12:00:00+00:00"]


def test_six_fields_have_seconds_first():
    times = due(CronSchedule("*/20 5 * * * *", "UTC"), "2026-01-01T00:00:00Z", "2026-01-01T01:00:00Z")
    assert times == [f"2026-01-01T00:05:{second}+00:00" for second in ("00", "20", "40")]


def test_time_zone_decides_what_midnight_is():
    assert due(CronSchedule("@daily", PRAGUE), "2026-01-01T12:00:00Z", "2026-01-02T12:00:00Z") == ["2026-01-02T00:00:00+01:00"]


@pytest.mark.parametrize(
    ("alias", "first"),
    [
        ("@hourly", "2026-01-01T01:00:00+00:00"),
        ("@daily", "2026-01-02T00:00:00+00:00"),
        ("@weekly", "2026-01-04T00:00:00+00:00"),
        ("@monthly", "2026-02-01T00:00:00+00:00"),
        ("@yearly", "2027-01-01T00:00:00+00:00"),
        ("@Yearly ", "2027-01-01T00:00:00+00:00"),
    ],
)
def test_aliases(alias, first):
    assert due(CronSchedule(alias, "UTC"), "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z")[0] == first


# On 2025-03-30 the clock in Prague went from 02:00 to 03:00, on 2025-10-26 from 03:00 back to 02:00.
SPRING = ("2025-03-30T00:00:00+01:00", "2025-03-31T00:00:00+02:00")
AUTUMN = ("2025-10-26T00:00:00+02:00", "2025-10-27T00:00:00+01:00")


@pytest.mark.parametrize("expression", ["30 2 * * *", "0 30 2 * * *"])
def test_job_in_the_skipped_hour_is_due_right_after_it(expression):
    assert due(CronSchedule(expression, PRAGUE), *SPRING) == ["2025-03-30T03:00:00+02:00"]


@pytest.mark.parametrize("expression", ["30 2 * * *", "0 30 2 * * *"])
def test_job_in_the_repeated_hour_is_due_once(expression):
    assert due(CronSchedule(expression, PRAGUE), *AUTUMN) == ["2025-10-26T02:30:00+02:00"]


@pytest.mark.parametrize("expression", ["30 2 * * *", "0 30 2 * * *"])
def test_start_within_the_second_showing_of_an_hour_finds_no_time_in_the_past(expression):
    schedule = CronSchedule(expression, PRAGUE)
    assert due(schedule, "2025-10-26T02:15:00+01:00", "2025-10-27T03:00:00+01:00") == ["2025-10-27T02:30:00+01:00"]


@pytest.mark.parametrize(("day", "hours"), [(SPRING, 23), (AUTUMN, 25)])
@pytest.mark.parametrize("expression", ["0 * * * *", "@hourly", "0 0 * * * *"])
def test_hourly_job_follows_elapsed_time(expression, day, hours):
    assert len(due(CronSchedule(expression, PRAGUE), *day)) == hours


def test_every_second_of_a_skipped_minute_is_due_as_one():
    assert due(CronSchedule("* 30 2 * * *", PRAGUE), *SPRING) == ["2025-03-30T03:00:00+02:00"]


def test_leap_day_is_found_years_ahead():
    assert due(CronSchedule("0 0 29 2 *", "UTC"), "2025-01-01T00:00:00Z", "2029-01-01T00:00:00Z") == ["2028-02-29T00:00:00+00:00"]


@pytest.mark.parametrize("expression", ["", "* * * *", "61 * * * *", "@often", "x * * * *", "0 0 31 2 *", "* * * * * * *"])
def test_bad_expression_is_refused_with_its_text(expression):
    with pytest.raises(ConfigError, match="cron expression") as caught:
        CronSchedule(expression, "UTC")
    assert repr(expression) in str(caught.value)


@pytest.mark.parametrize("name", ["Europe/Pargue", "../etc/passwd", "Europe"])
def test_unknown_zone_is_refused_with_its_name(name):
    with pytest.raises(ConfigError, match="no time zone"):
        CronSchedule("@daily", name)


def test_zone_of_the_machine_can_be_set_by_the_environment(monkeypatch):
    monkeypatch.setenv("TZ", ":America/New_York")
    assert str(zone_of(None)) == "America/New_York"


def test_zone_of_the_machine_knows_its_changes_of_the_clock(monkeypatch):
    monkeypatch.delenv("TZ", raising=False)
    zone = zone_of(None)
    assert datetime(2026, 1, 1, tzinfo=UTC).astimezone(zone).timestamp() == at("2026-01-01T00:00:00Z")


@given(
    minute=st.one_of(st.just("*"), st.just("*/7"), st.integers(0, 59).map(str)),
    hour=st.one_of(st.just("*"), st.just("1-3"), st.integers(0, 23).map(str)),
    seconds=st.sampled_from(["", "0 ", "*/30 "]),
    begin=st.datetimes(datetime(2025, 3, 29), datetime(2025, 10, 28), timezones=st.just(UTC)),
)
def test_times_only_ever_grow(minute, hour, seconds, begin):
    schedule = CronSchedule(f"{seconds}{minute} {hour} * * *", PRAGUE)
    times = [begin.timestamp()]
    for _ in range(5):
        times.append(schedule.next_after(times[-1]))
    assert all(before < after for before, after in itertools.pairwise(times))
