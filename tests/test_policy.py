from __future__ import annotations

import pytest

from bspump_like import ConfigError
from bspump_like.policy import ErrorPolicy, ErrorScope


@pytest.mark.parametrize("action", ["stop", "drop", "dead_letter"])
def test_a_word_is_a_policy(action):
    assert ErrorPolicy.parse(action) == ErrorPolicy(action)
    assert ErrorPolicy.parse(f" {action} ") == ErrorPolicy(action)
    assert ErrorPolicy.parse(ErrorPolicy(action)) == ErrorPolicy(action)


@pytest.mark.parametrize("value", [{"route": "Errors.*In"}, "route:Errors.*In", "route: Errors.*In"])
def test_a_route_names_where_the_event_goes(value):
    assert ErrorPolicy.parse(value) == ErrorPolicy("route", "Errors.*In")


def test_retry_has_defaults_and_says_what_comes_then():
    policy = ErrorPolicy.parse({"retry": {}})
    assert (policy.action, policy.retry.attempts, policy.retry.backoff, policy.retry.defer) == ("stop", 3, 1.0, False)
    policy = ErrorPolicy.parse({"retry": {"attempts": "5", "backoff": "200ms", "defer": "yes"}, "then": "drop"})
    assert (policy.action, policy.retry.attempts, policy.retry.backoff, policy.retry.defer) == ("drop", 5, 0.2, True)
    assert ErrorPolicy.parse({"retry": None, "then": {"route": "E"}}).route == "E"
    assert ErrorPolicy.parse({"retry": {}, "route": "E"}).action == "route"


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("dorp", "on_error has 'dorp' .*did you mean 'drop'"),
        ("route:", "on_error has 'route:'"),
        ({"rety": {}}, "unknown key 'rety' .*did you mean 'retry'"),
        ({"retry": {"atempts": 3}}, "unknown option 'atempts' .*did you mean 'attempts'"),
        ({"retry": {"attempts": 0}}, "option 'attempts' has 0: expected a number >= 1"),
        ({"retry": {"backoff": "soon"}}, "option 'backoff' has 'soon'"),
        ({"retry": {}, "then": "stopp"}, "did you mean 'stop'"),
        (7, "on_error has 7 .*use stop, drop, dead_letter"),
        (["drop"], "on_error has"),
    ],
)
def test_a_policy_that_is_none_says_what_was_meant(value, told):
    with pytest.raises(ConfigError, match=told):
        ErrorPolicy.parse(value)


def test_waits_double_up_to_the_longest():
    policy = ErrorPolicy.parse({"retry": {"backoff": 1, "max_backoff": 4}})
    waits = [policy.wait(attempt) for attempt in range(1, 6)]
    for wait, middle in zip(waits, [1, 2, 4, 4, 4], strict=True):
        assert 0.88 * middle <= wait <= 1.12 * middle


IDS = ["A", "B", "C", "D"]


@pytest.mark.parametrize(
    ("value", "span"),
    [
        ({}, (0, 3)),
        ({"from": "B"}, (1, 3)),
        ({"to": "C"}, (0, 2)),
        ({"from": "B", "to": "C"}, (1, 2)),
        ({"from": "C", "to": "C"}, (2, 2)),
    ],
)
def test_a_scope_spans_the_processors_between_its_ends(value, span):
    assert ErrorScope.parse({**value, "on_error": "drop"}).span(IDS) == span


def test_a_scope_takes_errors_by_the_names_of_their_classes():
    scope = ErrorScope.parse({"types": ["LookupError"], "on_error": "drop"})
    assert scope.takes(KeyError())
    assert not scope.takes(ValueError())
    assert ErrorScope.parse({"types": "ValueError", "on_error": "drop"}).takes(ValueError())
    assert ErrorScope.parse({"on_error": "drop"}).takes(ValueError())


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ({"from": "A"}, "has no 'on_error'"),
        ({"form": "A", "on_error": "drop"}, "'form' .*did you mean 'from'"),
        ({"on_error": "dorp"}, "did you mean 'drop'"),
    ],
)
def test_a_scope_that_is_none_says_what_was_meant(value, told):
    with pytest.raises(ConfigError, match=told):
        ErrorScope.parse(value)


@pytest.mark.parametrize("value", [{"from": "X"}, {"to": "X"}])
def test_a_scope_of_unknown_processors_is_told(value):
    with pytest.raises(ConfigError, match="names the processor 'X'"):
        ErrorScope.parse({**value, "on_error": "drop"}).span(IDS)


def test_a_scope_that_ends_before_it_begins_is_told():
    with pytest.raises(ConfigError, match="ends with 'A', which comes before 'C'"):
        ErrorScope.parse({"from": "C", "to": "A", "on_error": "drop"}).span(IDS)
