"""Splitters against the plain way to do the same: whatever the blocks, the same records, with the byte behind each."""

from __future__ import annotations

import csv
import io
import itertools
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bspump_like.file.csv import CSVSplitter
from bspump_like.file.json import ArraySplitter, NDJSONSplitter
from bspump_like.file.line import LineSplitter, MultiLineSplitter
from bspump_like.file.reading import Chunk, Splitter

DIALECT = {"dialect": "excel"}
VALUES = st.text(st.characters(codec="utf-8", exclude_characters="\r\0"), max_size=8)
BORDERS = st.lists(st.integers(0, 300), max_size=8)


def split(splitter: Splitter, data: bytes, borders: list[int]) -> list[Chunk]:
    """Feed `data` in blocks that end at `borders`."""
    places = sorted({0, len(data), *(border for border in borders if border < len(data))})
    chunks = []
    for begin, end in itertools.pairwise(places):
        chunks += splitter.feed(data[begin:end])
    return chunks + splitter.finish()


def resumed(new: Callable[[], Splitter], data: bytes, chunk: Chunk) -> list[Any]:
    """Return the events behind a chunk, read by a splitter that begins there."""
    splitter = new()

    class Stream:
        begin, line, at = chunk.offset, chunk.line, 0

        def skip_to(self, offset: int) -> None:
            self.at = offset

        def read_block(self, size: int) -> bytes:
            block = data[self.at : self.at + size]
            self.at += len(block)
            return block

    stream: Any = Stream()
    splitter.start(stream)
    chunks = splitter.feed(data[stream.at :]) if stream.at < len(data) else []
    return [event for one in chunks + splitter.finish() for event in one.events]


def check(new: Callable[[], Splitter], data: bytes, borders: list[int], expected: list[Any]) -> None:
    splitter = new()
    chunks = split(splitter, data, borders)
    assert splitter.failure is None
    assert [event for chunk in chunks for event in chunk.events] == expected
    for number, chunk in list(enumerate(chunks))[:3]:
        behind = [event for later in chunks[number + 1 :] for event in later.events]
        assert resumed(new, data, chunk) == behind


@settings(max_examples=30, deadline=None)
@given(st.binary(max_size=300).map(lambda data: data.replace(b"\0", b"\n")), st.integers(1, 4), BORDERS)
def test_lines(data: bytes, batch: int, borders: list[int]) -> None:
    check(lambda: LineSplitter("f", batch, 1 << 20), data, borders, io.BytesIO(data).readlines())


@settings(max_examples=30, deadline=None)
@given(st.lists(st.sampled_from([b"# a", b"b", b"# ", b"#c", b""]), max_size=20), st.integers(1, 4), BORDERS)
def test_events_of_several_lines(lines: list[bytes], batch: int, borders: list[int]) -> None:
    data = b"\n".join(lines)
    expected: list[bytes] = []
    for line in io.BytesIO(data):
        if line.startswith(b"# ") or not expected:
            expected.append(b"")
        expected[-1] += line
    check(lambda: MultiLineSplitter("f", batch, 1 << 20, b"# "), data, borders, expected)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.lists(VALUES, min_size=2, max_size=4), min_size=1, max_size=10), st.integers(1, 4), BORDERS)
def test_csv_with_line_ends_in_quotes(rows: list[list[str]], batch: int, borders: list[int]) -> None:
    text = io.StringIO(newline="")
    csv.writer(text, quoting=csv.QUOTE_ALL).writerows([["a", "b", "c"], *rows])
    data = text.getvalue().encode()
    expected = list(csv.DictReader(io.StringIO(text.getvalue(), newline="")))
    check(lambda: CSVSplitter("f", batch, 1 << 20, "utf-8", DIALECT, None), data, borders, expected)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | VALUES,
    lambda value: st.lists(value, max_size=3) | st.dictionaries(VALUES, value),
)


@settings(max_examples=30, deadline=None)
@given(st.lists(JSON, max_size=8), st.sampled_from([None, 1]), st.booleans(), st.integers(1, 4), BORDERS)
def test_elements_of_a_json_array(
    values: list[Any], indent: int | None, ascii: bool, batch: int, borders: list[int]
) -> None:
    data = b" \n" + json.dumps(values, indent=indent, ensure_ascii=ascii).encode() + b"\n"
    check(lambda: ArraySplitter("f", batch, 1 << 20), data, borders, values)


@settings(max_examples=30, deadline=None)
@given(st.lists(JSON, max_size=8), st.integers(1, 4), BORDERS)
def test_json_lines(values: list[Any], batch: int, borders: list[int]) -> None:
    data = b"\n\n".join(json.dumps(value).encode() for value in values)
    check(lambda: NDJSONSplitter("f", batch, 1 << 20), data, borders, values)


@pytest.mark.parametrize(
    ("splitter", "data", "good", "message"),
    [
        (LineSplitter("f", 2, 5), b"1\n2\n3\n4444444\n5\n", [b"1\n", b"2\n", b"3\n"], "f, line 4: longer than 5 bytes"),
        (LineSplitter("f", 2, 5), b"1\n22222222", [b"1\n"], "f, line 2"),
        (LineSplitter("f", 2, 5, "ascii"), b"1\n2\n3\n\xff\n5\n", ["1\n", "2\n", "3\n"], "f, line 4: not ascii"),
        (MultiLineSplitter("f", 2, 5, b"#"), b"#1\n#2\n#33333\n#4", [b"#1\n", b"#2\n"], "f, line 3"),
        (NDJSONSplitter("f", 2, 50), b"1\n2\n\n{\n5\n", [1, 2], "f, line 4: no JSON"),
        (ArraySplitter("f", 2, 50), b"[1,2,\n3,}]", [1, 2, 3], "no JSON array"),
        (ArraySplitter("f", 2, 50), b"[1,2", [1, 2], "not closed"),
        (ArraySplitter("f", 2, 50), b'{"a": 1}', [], "begins with no"),
        (ArraySplitter("f", 2, 50), b"[1] 2", [1], "behind the array"),
        (CSVSplitter("f", 2, 9, "utf-8", DIALECT, ["a"]), b'1\n2\n"3\n4\n5\n6\n7\n8\n', [{"a": "1"}, {"a": "2"}], "line 3"),
        (CSVSplitter("f", 2, 99, "utf-8", DIALECT, ["a"]), b"1\n2\n\xff\n", [], "not utf-8"),
    ],
)  # fmt: skip
def test_what_stands_before_bad_content_is_handed_out(
    splitter: Any, data: bytes, good: list[Any], message: str
) -> None:
    chunks = splitter.feed(data)
    if splitter.failure is None:
        chunks += splitter.finish()
    assert [event for chunk in chunks for event in chunk.events] == good
    assert message in str(splitter.failure)


def test_lines_lose_their_ends_on_request() -> None:
    chunks = split(LineSplitter("f", 10, 100, strip=True), b"a\r\nb\n\nc\r", [3])
    assert [event for chunk in chunks for event in chunk.events] == [b"a", b"b", b"", b"c\r"]
    assert chunks[-1].offset == 8


def test_csv_rows_that_are_short_or_long_or_empty() -> None:
    chunks = split(CSVSplitter("f", 10, 100, "utf-8", DIALECT, None), b"\xef\xbb\xbfa,b\n1\n\n1,2,3\n", [])
    assert chunks[-1].events == [{"a": "1", "b": None}, {"a": "1", "b": "2", None: ["3"]}]
