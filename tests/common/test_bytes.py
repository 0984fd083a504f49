from __future__ import annotations

import pytest

from bspump_like.common import BytesToStringParser, HexlifyProcessor, StringToBytesParser


def test_text_becomes_bytes_and_back_in_the_declared_encoding(make):
    assert make(StringToBytesParser).process({}, "č") == b"\xc4\x8d"
    assert make(BytesToStringParser, {"encoding": "iso-8859-2"}).process({}, b"\xe8") == "č"


def test_what_does_not_fit_fails_unless_told_otherwise(make):
    with pytest.raises(UnicodeDecodeError):
        make(BytesToStringParser).process({}, b"\xff")
    assert make(BytesToStringParser, {"errors": "replace"}).process({}, b"a\xff") == "a�"
    assert make(StringToBytesParser, {"encoding": "ascii", "errors": "ignore"}).process({}, "ač") == b"a"


def test_hexlify_gives_digits(make):
    assert make(HexlifyProcessor).process({}, b"\x00\xff") == b"00ff"
