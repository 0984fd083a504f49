"""The documents of a bulk, as lists of lines and as one text. No server is needed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as some

from bspump_like.elasticsearch.bulk import Document, Documents


def made(numbers: range, raw: bool = False) -> Documents:
    documents = Documents()
    for number in numbers:
        documents.append(
            Document(
                b'{"index":{"_id":"%d"}}\n' % number, b'{"n":%d}\n' % number, {"n": number}, number if raw else None
            )
        )
    return documents


@given(count=some.integers(0, 6), more=some.integers(0, 6), seal=some.booleans(), raw=some.booleans())
def test_sealed_documents_are_those_that_were_put_in(count: int, more: int, seal: bool, raw: bool) -> None:
    first, second = made(range(count), raw), made(range(count, count + more), raw)
    expected = list(second)
    if seal:
        second.seal()
    assert second.text() == b"".join(one.action + one.body for one in expected)
    assert len(second) == more
    first.extend(second)
    whole = made(range(count + more), raw)
    assert list(first) == list(whole)
    assert first.text() == whole.text()
    assert list(second) == expected


def test_a_part_of_sealed_documents() -> None:
    documents = made(range(10), raw=True)
    expected = list(documents)
    documents.seal()
    part = documents.part(3, 7)
    assert list(part) == expected[3:7]
    assert part.text() == b"".join(one.action + one.body for one in expected[3:7])


def test_sealed_documents_take_no_room_for_their_lines() -> None:
    documents = made(range(10))
    documents.seal()
    assert documents.lines == []
    assert documents.text().count(b"\n") == 20


@pytest.mark.parametrize("body", [b'{"a":\r1}\n', b'{"a":"\xe2\x80\xa8"}\n'])
def test_only_line_ends_tell_lines_apart(body: bytes) -> None:
    documents = Documents()
    documents.append(Document(b"{}\n", body, {}))
    documents.seal()
    assert documents[0].body == body


def test_documents_of_several_lines_stay_as_they_are() -> None:
    documents = Documents()
    documents.append(Document(b"{}\n", b"1\n2\n", {}))
    documents.append(Document(b"{}\n", b"3\n", {}))
    documents.seal()
    assert [one.body for one in documents] == [b"1\n2\n", b"3\n"]
    assert documents.text() == b"{}\n1\n2\n{}\n3\n"
