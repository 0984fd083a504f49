from __future__ import annotations

import pytest

from bspump_like import ConfigError, ProcessingError
from bspump_like.common import GrokParserProcessor
from bspump_like.common.grok import NAMED, _Grok


def parsed(make, match, text, **config):
    return make(GrokParserProcessor, {"match": match, **config}).process({}, text)


ACCESS = (
    '127.0.0.1 - frank [10/Oct/2000:13:55:36 -0700] "GET /apache_pb.gif?x=1 HTTP/1.0" 200 2326 '
    '"http://www.example.com/start.html" "Mozilla/4.08 [en] (Win98; I ;Nav)"'
)  # the example of the documentation of Apache's mod_log_config


def test_an_access_log_of_a_web_server(make):
    assert parsed(make, "%{COMBINEDAPACHELOG}", ACCESS) == {
        "clientip": "127.0.0.1", "ident": "-", "auth": "frank", "timestamp": "10/Oct/2000:13:55:36 -0700", "verb": "GET",
        "request": "/apache_pb.gif?x=1", "httpversion": "1.0", "response": 200, "bytes": 2326,
        "referrer": '"http://www.example.com/start.html"', "agent": '"Mozilla/4.08 [en] (Win98; I ;Nav)"',
    }  # fmt: skip
    assert "bytes" not in parsed(make, "%{COMMONAPACHELOG}", ACCESS.replace("2326", "-"))


def test_numbers_own_patterns_and_named_groups(make):
    found = parsed(
        make, ["^never (?P<x>x)$", r"%{ORDER:order.id} (?P<what>\w+) %{NUMBER:price:float}"], "AB123456 bread 1.25!",
        patterns={"ORDER": "[A-Z]{2}[0-9]{6}"},
    )  # fmt: skip
    assert found == {"order.id": "AB123456", "what": "bread", "price": 1.25}


def test_a_field_that_comes_twice_has_what_took_part(make):
    match = "(?:a=%{INT:n:int}|b=%{INT:n:int})"
    assert [parsed(make, match, text) for text in ("a=1", "b=2")] == [{"n": 1}, {"n": 2}]


EXAMPLES = {
    "IP": ["10.0.0.255", "::1", "2001:db8::ff00:42:8329", "::ffff:10.0.0.1"],
    "IPV4": ["0.0.0.0", "255.255.255.255"],
    "HOSTNAME": ["localhost", "a-b.example.com"],
    "HOSTPORT": ["localhost:80"],
    "TIMESTAMP_ISO8601": ["2026-11-21T10:20:22Z", "2026-11-21 10:20:22,123", "2026-1-2T10:20+01:00"],
    "HTTPDATE": ["10/Oct/2000:13:55:36 -0700"],
    "SYSLOGTIMESTAMP": ["Oct 11 22:14:15", "Oct  1 22:14:15"],
    "LOGLEVEL": ["INFO", "warning", "Err", "emergency"],
    "UUID": ["6ba7b810-9dad-11d1-80b4-00c04fd430c8"],
    "MAC": ["00:1b:63:84:45:e6"],
    "QUOTEDSTRING": ['"a \\"b\\" c"', "'x'"],
    "NUMBER": ["-1", "1.5e-3", ".5", "10."],
    "EMAILADDRESS": ["a.b+c@example.com"],
    "URI": ["https://user@example.com:80/path?q=1#top"],
    "PATH": ["/var/log/x.log", "C:\\x\\y"],
    "DAY": ["Mon", "Wednesday"],
    "BASE16NUM": ["0xFF", "-a0"],
}
OTHERS = {
    "IPV4": ["256.1.1.1", "1.2.3"], "UUID": ["6ba7b810"], "LOGLEVEL": ["verbose"], "TIMESTAMP_ISO8601": ["2026-13-21T10:20:22Z"],
    "TIME": ["24:00:00", "10:61"], "MAC": ["00:1b:63"], "EMAILADDRESS": ["a@"], "POSINT": ["0", "-1"],
}  # fmt: skip


@pytest.mark.parametrize(("name", "text"), [(name, text) for name, texts in EXAMPLES.items() for text in texts])
def test_a_named_pattern_takes_the_whole_of_what_it_is_for(name, text):
    assert _Grok(f"^%{{{name}:it}}$", NAMED).fields(text) == {"it": text}


@pytest.mark.parametrize(("name", "text"), [(name, text) for name, texts in OTHERS.items() for text in texts])
def test_a_named_pattern_does_not_take_others(name, text):
    assert _Grok(f"^%{{{name}:it}}$", NAMED).fields(text) is None


@pytest.mark.parametrize("name", sorted(NAMED))
def test_every_named_pattern_can_be_compiled(name):
    assert _Grok(f"%{{{name}:it}}", NAMED).regular.pattern


DOUBLING = {f"A{number}": f"%{{A{number + 1}}}%{{A{number + 1}}}" for number in range(19)} | {"A19": "x"}


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"match": "%{IPX:a}"}, "no pattern 'IPX'; did you mean 'IP"),
        ({"match": "plain"}, "names no field"),
        ({"match": "%{A:a}", "patterns": {"A": "x%{B}", "B": "%{A}"}}, "in a circle"),
        ({"match": "%{INT:a} ("}, "is no pattern"),
        ({"match": "%{A0:a}", "patterns": DOUBLING}, "has more than 20000 characters"),
        ({"match": []}, "expected a pattern"),
    ],
)
def test_patterns_that_are_none_are_said(make, config, message):
    with pytest.raises(ConfigError, match=message):
        make(GrokParserProcessor, config)


def test_text_that_does_not_match_fails(make):
    with pytest.raises(ProcessingError, match="the pattern does not match: in 'nothing'"):
        parsed(make, "%{INT:a}", "nothing")
