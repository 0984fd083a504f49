"""The page about the command line says what its parsers say."""

from __future__ import annotations

import pytest

from bspump_like import cli
from tools import commands


def test_the_page_is_what_the_parsers_say():
    assert commands.main(["--check"]) == 0, "run `make docs`"


@pytest.mark.parametrize("verb", cli.VERBS)
def test_every_argument_has_a_help(verb):
    silent = [action.dest for action in cli.parser_of(verb)._actions if not action.help]
    assert silent == []
