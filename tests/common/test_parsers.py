"""Processors that parse text."""

from __future__ import annotations

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bspump_like import ConfigError, ProcessingError
from bspump_like.common import (
    CSVDumperProcessor,
    CSVParserProcessor,
    KeyValueParserProcessor,
    PatternParserProcessor,
    SyslogParserProcessor,
    TextParser,
    XMLDumperProcessor,
    XMLParserProcessor,
)
from bspump_like.common.key_value import KeyValueParserProcessor as KeyValue


class Upper(TextParser):
    def parse(self, text):
        if text == "bad":
            raise ValueError("it is bad")
        return {"text": text.upper()}


def test_the_text_is_the_event_or_a_field_and_the_result_goes_where_it_should(make):
    assert make(Upper).process({}, "a") == {"text": "A"}
    assert make(Upper, {"encoding": "iso-8859-2"}).process({}, b"\xe8") == {"text": "Č"}
    assert make(Upper, {"target": "t"}).process({}, "a") == {"t": {"text": "A"}}
    assert make(Upper, {"field": "f"}).process({}, {"f": "a", "g": 1}) == {"f": "a", "g": 1, "text": "A"}
    assert make(Upper, {"field": "f", "target": "f"}).process({}, {"f": b"a"}) == {"f": {"text": "A"}}


@pytest.mark.parametrize(
    ("config", "event", "message"),
    [
        ({}, "bad", "it is bad: in 'bad'"),
        ({}, 5, "expected text, got int"),
        ({}, b"\xff", "can't decode byte 0xff"),
        ({"field": "f"}, "text", "expected a dict with the field 'f', got str"),
        ({"field": "f"}, {}, "the event has no field 'f'"),
        ({"field": "f"}, {"f": None}, "expected text, got NoneType"),
    ],
)
def test_what_cannot_be_parsed_is_said(make, config, event, message):
    with pytest.raises(ProcessingError, match=message):
        make(Upper, config).process({}, event)


@pytest.mark.parametrize(
    ("config", "text", "found"),
    [
        ({}, 'level=info msg="it works" took=3ms', {"level": "info", "msg": "it works", "took": "3ms"}),
        ({}, r'a="say \"hi\"" b= c', {"a": 'say "hi"', "b": "", "c": True}),
        ({}, 'a="" b==c', {"a": "", "b": "=c"}),
        ({"flags": "no"}, "x a=1 y", {"a": "1"}),
        ({"separator": ":", "delimiter": ","}, "a:1, b:two words,c:3:4", {"a": "1", "b": "two words", "c": "3:4"}),
        ({"delimiter": "&"}, "q=a b&lang=cs&q=c", {"q": "c", "lang": "cs"}),
        ({"separator": "->"}, "a->b c-d->e", {"a": "b", "c-d": "e"}),
    ],
)
def test_pairs_of_keys_and_values(make, config, text, found):
    assert make(KeyValueParserProcessor, config).process({}, text) == found


def test_text_without_a_pair_fails(make):
    with pytest.raises(ProcessingError, match="no pair of key and value with '=' between"):
        make(KeyValueParserProcessor).process({}, "just words")


words = st.text(st.sampled_from('ab c"\\='), max_size=8)


@given(st.dictionaries(st.sampled_from(["k1", "k2", "k3"]), words, min_size=1))
def test_quoted_values_come_back_whatever_is_in_them(pairs):
    quoted = {key: value.replace("\\", "\\\\").replace('"', '\\"') for key, value in pairs.items()}
    text = " ".join(f'{key}="{value}"' for key, value in quoted.items())
    part = KeyValue.__new__(KeyValue)  # its pattern alone; there is no pump in this test
    KeyValue.prepare(part, "=", "", flags=True)
    assert part.parse(text) == pairs


def test_named_groups_are_fields(make):
    pattern = r"(?P<method>[A-Z]+) (?P<path>\S+)( (?P<status>[0-9]+))?"
    part = make(PatternParserProcessor, {"pattern": pattern})
    assert part.process({}, "GET /a 200") == {"method": "GET", "path": "/a", "status": "200"}
    assert part.process({}, "... GET /a") == {"method": "GET", "path": "/a", "status": None}
    with pytest.raises(ProcessingError, match="the pattern does not match: in 'get /a'"):
        part.process({}, "get /a")
    with pytest.raises(ProcessingError, match="does not match"):
        make(PatternParserProcessor, {"pattern": pattern, "whole": True}).process({}, "... GET /a")


def test_the_first_pattern_that_matches_counts(make):
    part = make(PatternParserProcessor, {"pattern": ["(?P<number>^[0-9]+$)", "(?P<word>[a-z]+)"]})
    assert [part.process({}, text) for text in ("12", "a12")] == [{"number": "12"}, {"word": "a"}]
    with pytest.raises(ProcessingError, match="no pattern matches"):
        part.process({}, "---")


@pytest.mark.parametrize(
    ("pattern", "message"), [("[0-9]+", "has no named group"), ("(?P<a>", "is no pattern"), ([], "expected a pattern")]
)
def test_patterns_that_are_none_are_said(make, pattern, message):
    with pytest.raises(ConfigError, match=message):
        make(PatternParserProcessor, {"pattern": pattern})


def test_a_row_of_csv(make):
    part = make(CSVParserProcessor, {"columns": "origin dest delay"})
    assert part.process({}, 'EWR,"Bob ""Hope"",\nCA",4\n') == {"origin": "EWR", "dest": 'Bob "Hope",\nCA', "delay": "4"}
    assert part.process({}, "EWR") == {"origin": "EWR", "dest": None, "delay": None}
    for text, message in (("a,b,c,d", "4 fields for 3 columns"), ("a\nb", "one row of CSV, got 2"), ("", "got 0")):
        with pytest.raises(ProcessingError, match=message):
            part.process({}, text)


def test_a_row_of_csv_is_written_and_read_again(make):
    config = {"columns": ["a", "b"], "delimiter": "tab", "quotechar": "'"}
    row = make(CSVDumperProcessor, config).process({}, {"b": "it's\ta 'b'", "a": 1, "c": 2})
    assert row == "1\t'it''s\ta ''b'''"
    assert make(CSVParserProcessor, config).process({}, row) == {"a": "1", "b": "it's\ta 'b'"}
    with pytest.raises(ProcessingError, match="expected a dict as a row, got str"):
        make(CSVDumperProcessor, config).process({}, "text")
    with pytest.raises(ConfigError, match="for 'delimiter' and for 'quotechar'"):
        make(CSVDumperProcessor, {"columns": "a", "delimiter": "|", "quotechar": "|"})


XML = "<order id='7'><item>bread</item><item>salt</item><note/></order>"


def test_xml_becomes_dicts_and_xml_again(make):
    event = make(XMLParserProcessor).process({}, XML)
    assert event == {"order": {"@id": "7", "item": ["bread", "salt"], "note": None}}
    text = make(XMLDumperProcessor).process({}, event)
    assert make(XMLParserProcessor).process({}, text) == event
    assert make(XMLDumperProcessor, {"root": "r"}).process({}, {"a": "<&>"}).endswith("<r><a>&lt;&amp;&gt;</a></r>")


def test_xml_says_its_encoding_itself(make):
    document = "<?xml version='1.0' encoding='iso-8859-2'?><a>č</a>".encode("iso-8859-2")
    assert make(XMLParserProcessor, {"lists": "a"}).process({}, document) == {"a": ["č"]}


BOMB = '<!DOCTYPE a [<!ENTITY b "bbbbbbbb"><!ENTITY c "&b;&b;&b;&b;">]><a>&c;</a>'
READER = '<!DOCTYPE a [<!ENTITY f SYSTEM "file:///etc/passwd">]><a>&f;</a>'


@pytest.mark.parametrize(("text", "message"), [("<a>", "not XML"), (BOMB, "entities"), (READER, "entities")])
def test_what_is_no_xml_or_declares_entities_fails(make, text, message):
    with pytest.raises(ProcessingError, match=message):
        make(XMLParserProcessor).process({}, text)


@pytest.mark.parametrize("event", [{"a": 1, "b": 2}, {"a b": 1}, "text"])
def test_what_cannot_be_xml_fails(make, event):
    with pytest.raises(ProcessingError, match="cannot be XML|expected a dict for XML"):
        make(XMLDumperProcessor).process({}, event)


def test_a_new_message_of_syslog(make):
    text = (
        "<165>1 2003-10-11T22:14:15.003Z mymachine.example.com evntslog - ID47 "
        '[exampleSDID@32473 iut="3" eventSource="App\\"lication\\]"][two@1] \ufeffAn event\nin two lines'
    )  # RFC 5424, section 6.5, with escapes
    assert make(SyslogParserProcessor).process({}, text) == {
        "facility": 20, "severity": 5, "hostname": "mymachine.example.com", "app": "evntslog", "pid": None, "msgid": "ID47",
        "timestamp": datetime.datetime(2003, 10, 11, 22, 14, 15, 3000, tzinfo=datetime.UTC),
        "data": {"exampleSDID@32473": {"iut": "3", "eventSource": 'App"lication]'}, "two@1": {}},
        "message": "An event\nin two lines",
    }  # fmt: skip


def test_an_old_message_of_syslog_gets_the_year_that_fits(make):
    part = make(SyslogParserProcessor, {"timezone": "Europe/Prague"})
    now = datetime.datetime.fromtimestamp(part.time(), datetime.UTC)
    past = now - datetime.timedelta(days=100)
    event = part.process({}, f"<34>{past:%b} {past.day:2d} 12:00:00 host su[42]: 'su root' failed")
    moment = event.pop("timestamp")
    assert abs(moment - past) < datetime.timedelta(days=1.5)
    assert str(moment.tzinfo) == "Europe/Prague"
    assert event == {
        "facility": 4, "severity": 2, "hostname": "host", "app": "su", "pid": "42", "message": "'su root' failed",
    }  # fmt: skip
    future = now + datetime.timedelta(days=100)
    assert part.process({}, f"<0>{future:%b} {future.day:2d} 12:00:00 h no tag here")["timestamp"] < now
    assert part.process({}, "<0>Feb 29 12:00:00 h x: y")["timestamp"].day == 29


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("hello", "no message of syslog"),
        ("<999>1 - - - - - -", "no priority 999"),
        ("<1>1 yesterday h a p m - x", "yesterday"),
        ('<1>1 - h a p m [id a="1" x', "structured data without an end"),
        ("<1>1 - h a p m [] x", "structured data without a name"),
        ("<1>Foo 11 22:14:15 h x: y", "no month Foo"),
        ("<1>Feb 30 22:14:15 h x: y", "no Feb 30"),
    ],
)
def test_what_is_no_syslog_is_said(make, text, message):
    with pytest.raises(ProcessingError, match=message):
        make(SyslogParserProcessor).process({}, text)
