from __future__ import annotations

import datetime

import pytest

from bspump_like import ProcessingError
from bspump_like.common import (
    CySimdJsonParser,
    DictToJsonBytesParser,
    JSONDumperProcessor,
    JSONParserProcessor,
    StdDictToJsonParser,
    StdJsonToDictParser,
)


@pytest.mark.parametrize("parser", [JSONParserProcessor, StdJsonToDictParser, CySimdJsonParser])
@pytest.mark.parametrize("text", [b'{"a": [1, 2.5, null]}', '{"a": [1, 2.5, null]}'])
def test_every_parser_takes_bytes_and_text(make, parser, text):
    assert make(parser).process({}, text) == {"a": [1, 2.5, None]}


def test_a_mistake_is_told_with_its_place_and_surroundings(make):
    with pytest.raises(ProcessingError, match=r"not JSON: .*line 1 column.*near .*'\{\"a\": oops\}'"):
        make(JSONParserProcessor).process({}, b'{"a": oops}')


def test_something_that_is_no_text_is_named_by_its_type(make):
    with pytest.raises(ProcessingError, match="expected JSON as bytes or str, got dict"):
        make(JSONParserProcessor).process({}, {"a": 1})


def test_dumpers_return_what_the_contract_says(make):
    event = {"a": "č", 1: datetime.date(2024, 2, 29)}
    text = '{"a":"č","1":"2024-02-29"}'
    assert make(StdDictToJsonParser).process({}, event) == text
    assert make(JSONDumperProcessor).process({}, event) == text.encode()
    assert make(DictToJsonBytesParser).process({}, event) == text.encode()
    assert make(DictToJsonBytesParser, {"encoding": "utf-16"}).process({}, event) == text.encode("utf-16")


@pytest.mark.parametrize("dumper", [StdDictToJsonParser, JSONDumperProcessor, DictToJsonBytesParser])
def test_a_value_without_json_form_is_named(make, dumper):
    with pytest.raises(ProcessingError, match="no JSON form.*complex"):
        make(dumper).process({}, {"a": 1j})


def test_an_unknown_encoding_is_a_mistake_of_the_configuration(make):
    with pytest.raises(Exception, match="option 'encoding' has 'utf-99': there is no such text encoding"):
        make(DictToJsonBytesParser, {"encoding": "utf-99"})


def test_json_goes_through_a_pump(pump):
    assert pump([b'{"n": 1}', b"null", b'{"n": 2}'], JSONParserProcessor, StdDictToJsonParser) == ['{"n":1}', '{"n":2}']
