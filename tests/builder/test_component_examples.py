"""The example in the docstring of each component is a definition that can be built as it stands."""

from __future__ import annotations

import re

import pytest

from bspump_like.builder.catalogue import Entry, entries

from .conftest import Mistakes

EXAMPLES = [one for one in entries() if re.match(r"[a-z]+:\n", one.example)]


@pytest.mark.parametrize("one", EXAMPLES, ids=lambda one: one.name)
def test_the_example_of_a_component_has_no_mistakes(mistakes: Mistakes, one: Entry) -> None:
    assert one.name in one.example
    assert mistakes(one.example, allow=["bspump_like.subprocess"]) == []
