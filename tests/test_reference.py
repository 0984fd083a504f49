"""What the reference is made from: every component, option and argument says what it is."""

from __future__ import annotations

import importlib

import pytest

from bspump_like.builder import catalogue
from bspump_like.builder.registry import own_components
from tools import reference

COMPONENTS = own_components()


@pytest.mark.parametrize("name", sorted(COMPONENTS))
def test_component_is_described(name):
    component = getattr(importlib.import_module(COMPONENTS[name]), name)
    assert catalogue.first_line(component), f"{name} has no docstring"
    if not isinstance(component, type) or not catalogue.kind_of(component):
        return
    options = getattr(component, "Options", None)
    silent = [one.name for one in options.declarations().values() if not one.help] if options else []
    assert not silent, f"options without help: {silent}"
    unexplained = [one.name for one in catalogue.arguments_of(component) if not one.help]
    assert not unexplained, f"arguments that the docstring of __init__ does not explain: {unexplained}"


def test_arguments_are_read_from_a_docstring():
    docstring = "Do it.\n\nArgs:\n    one: The first,\n        in two lines.\n    two: The second.\n\nRaises:\n    E: No.\n"
    assert catalogue.described_arguments(docstring) == {"one": "The first, in two lines.", "two": "The second."}


def test_type_of_an_option_is_said_in_words():
    fields = reference.COMMON["Sources"].Options.declarations()
    assert catalogue.type_name(fields["reconnect_delay"]) == "seconds, > 0"


def test_sections_of_a_docstring_become_lists():
    assert reference.markdown("Do it.\n\nRaises:\n    KeyError: No.\n") == "Do it.\n\nRaises:\n\n- `KeyError`: No.\n"
