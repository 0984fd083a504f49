"""The page of the language shows every function and tag that there is."""

from __future__ import annotations

from tools.functions import PAGE, page


def test_the_tables_are_those_of_the_code():
    text = PAGE.read_text(encoding="utf-8")
    assert page(text) == text, "run: python tools/functions.py"


def test_the_page_has_its_tables():
    text = PAGE.read_text(encoding="utf-8")
    assert "| `lower(text)` | the text in small letters |" in text
    assert "`!LOOKUP.CONTAINS`" in text
