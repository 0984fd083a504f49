from __future__ import annotations

import pytest

from bspump_like import (
    BackOff,
    BSPumpError,
    ConfigError,
    ConnectionLost,
    DeliveryError,
    Drop,
    EndOfInput,
    MissingDependency,
    ProcessingError,
    Reject,
)
from bspump_like.errors import Problem, needs


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (BSPumpError("it broke"), "it broke"),
        (BSPumpError("it broke", detail="x = 5"), "it broke: x = 5"),
        (BSPumpError("it broke", hint="mend it"), "it broke (mend it)"),
        (
            DeliveryError("cannot write f", detail="disk full", hint="free space"),
            "cannot write f: disk full (free space)",
        ),
        (EndOfInput(), "end of input"),
        (BackOff(2.5), "the server asked to wait"),
        (
            MissingDependency("zstandard", "zstd"),
            "the package 'zstandard' is not installed (pip install 'bspump_like[zstd]')",
        ),
    ],
)
def test_an_error_reads_as_one_sentence(error, text):
    assert str(error) == text


def test_errors_carry_what_a_caller_branches_on():
    assert DeliveryError("x").retriable
    assert not DeliveryError("x", retriable=False).retriable
    assert BackOff(2.5).wait == 2.5


@pytest.mark.parametrize(
    "error",
    [ConfigError("x"), ConnectionLost("x"), DeliveryError("x"), EndOfInput(), BackOff(1), Drop("x"), Reject("x")],
)
def test_every_error_is_a_bspump_error(error):
    assert isinstance(error, BSPumpError)


def test_errors_of_processing_are_runtime_errors_as_in_the_contract():
    assert issubclass(ProcessingError, RuntimeError)
    assert issubclass(Drop, ProcessingError)
    assert issubclass(Reject, ProcessingError)
    assert issubclass(MissingDependency, ConfigError)


@pytest.mark.parametrize(
    ("problem", "text"),
    [
        (Problem("is wrong"), "is wrong"),
        (Problem("is wrong", where="pipeline P"), "pipeline P: is wrong"),
        (Problem("is wrong", hint="write it right"), "is wrong (write it right)"),
        (Problem("is wrong", file="p.json"), "p.json: is wrong"),
        (Problem("is wrong", where="sink S", hint="h", file="p.json", line=7), "p.json:7: sink S: is wrong (h)"),
    ],
)
def test_a_problem_says_where_and_what_and_how(problem, text):
    assert str(problem) == text


def test_a_config_error_lists_every_problem():
    error = ConfigError([Problem("one"), Problem("two")])
    assert str(error) == "one\ntwo"
    assert ConfigError("one", hint="h").problems == (Problem("one", hint="h"),)


@pytest.mark.parametrize(("arguments", "named"), [(("zstd",), "no_such_package"), (("zstd", "Nice Name"), "Nice Name")])
def test_an_import_that_needs_an_extra_says_which(arguments, named):
    with (
        pytest.raises(MissingDependency, match=rf"'{named}' is not installed .*bspump_like\[zstd\]"),
        needs(*arguments),
    ):
        import no_such_package.below  # noqa: F401


def test_a_package_that_is_there_but_broken_is_not_called_missing(tmp_path, monkeypatch):
    (tmp_path / "broken_package.py").write_text("from os import no_such_name")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ImportError, match="no_such_name"), needs("zstd"):
        import broken_package  # noqa: F401
