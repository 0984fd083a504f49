"""Names of topics and brokers, checked before anything is asked of a broker."""

from __future__ import annotations

import re

import pytest

from bspump_like.kafka.names import check_topic, parse_servers, parse_topics


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ("a", "a:9092"), ("a:1", "a:1"), (" a:1 , b:2,", "a:1,b:2"), (["a:1", "b"], "a:1,b:9092"), ("[::1]:9093", "[::1]:9093"),
        ("[::1]", "[::1]:9092"), ("10.0.0.1:65535", "10.0.0.1:65535"), ("kafka-0.kafka.svc:9092", "kafka-0.kafka.svc:9092"),
    ],
)  # fmt: skip
def test_addresses_of_brokers(given, found):
    assert parse_servers(given) == found


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("", "expected HOST:PORT of a broker"),
        ("kafka://a:9092/", "'kafka://a:9092/' is a URL: expected HOST:PORT, 'a:9092'"),
        ("a:b", "'a:b' is no address of a broker"),
        ("a:70000", "'a:70000' is no address"),
        ("a:0", "'a:0' is no address"),
        (":9092", "':9092' is no address"),
        ("::1", "'::1' is no address"),
        ("a:9092 b:9092", "'a:9092 b:9092' is no address"),
    ],
)
def test_what_is_no_address_is_told(given, told):
    with pytest.raises(ValueError, match=re.escape(told)):
        parse_servers(given)


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ("a", ["a"]), ("a,b c", ["a", "b", "c"]), (["a", "b"], ["a", "b"]), ("a:0,a:12", ["a:0", "a:12"]),
        ("^a.*[0-9]$", ["^a.*[0-9]$"]),
        ("A.b_c-9", ["A.b_c-9"]),
    ],
)  # fmt: skip
def test_topics_to_read(given, found):
    assert parse_topics(given) == found


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("", "expected the name of a topic"),
        ("ä", "'ä' cannot be a topic"),
        ("a/b", "'a/b' cannot be a topic"),
        ("..", "'..' cannot be a topic"),
        ("a" * 250, "'aaa"),
        ("a:", "'a:' names no partition"),
        ("a:x", "'a:x' names no partition"),
        ("access*", "'access*' cannot be a topic"),
    ],
)
def test_what_no_topic_can_be_called_is_told(given, told):
    with pytest.raises(ValueError, match=re.escape(told)):
        parse_topics(given)


def test_a_name_may_have_249_characters():
    assert check_topic("a" * 249) == "a" * 249
