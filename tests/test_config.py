from __future__ import annotations

from typing import Any, Literal

import asab
import pytest

from bspump_like import ConfigError, Options, Pipeline, Processor, Seconds, Size, option
from bspump_like.abc.processor import ProcessorOptions
from bspump_like.config import Configurable, collect_problems, nearest
from bspump_like.testing import fresh_application


class Everything(Options):
    text: str = option("x")
    whole: int = option(3, "pieces", ge=1, le=10)
    real: float = option(0.5, gt=0, lt=1)
    flag: bool = option(False)
    wait: Seconds = option(1.0)
    size: Size = option(10)
    names: list[str] = option([])
    pair: tuple[int, ...] = option(())
    kind: Literal["a", "b"] = option("a")
    maybe: int | None = option(None)
    either: int | str = option(1)
    table: dict[str, Any] = option({})
    chosen: str = option("one", choices=("one", "two"))
    free: Any = option(None)
    shout: str = option("", parse=str.upper)


@pytest.mark.parametrize(
    ("name", "raw", "value"),
    [
        ("text", "y", "y"), ("text", 5, "5"), ("whole", "7", 7), ("whole", 7.0, 7), ("real", "0.25", 0.25), ("flag", "yes", True),
        ("flag", "off", False), ("flag", True, True), ("flag", "", False), ("wait", "500ms", 0.5), ("wait", "10 s", 10),
        ("wait", "2h", 7200),
        ("wait", "1d", 86400), ("wait", 3, 3), ("wait", "2.5", 2.5), ("size", "64k", 64_000), ("size", "10MB", 10_000_000),
        ("size", "1KiB", 1024), ("size", "1GiB", 2**30), ("size", 5, 5), ("names", "a, b c", ["a", "b", "c"]),
        ("names", ("a",), ["a"]),
        ("pair", "1 2", (1, 2)), ("kind", "b", "b"), ("maybe", "", None), ("maybe", "4", 4), ("maybe", None, None),
        ("either", "5", 5),
        ("either", "five", "five"), ("table", {"a": 1}, {"a": 1}), ("chosen", "two", "two"), ("free", object, object),
        ("shout", "loud", "LOUD"),
    ],
)  # fmt: skip
def test_values_become_what_was_declared(name, raw, value):
    found = getattr(Everything.parse({name: raw}), name)
    assert found == value
    assert type(found) is type(value) or isinstance(value, int | float)


@pytest.mark.parametrize(
    ("name", "raw", "told"),
    [
        ("whole", "x", "expected a whole number"), ("whole", 2.5, "expected a whole number"),
        ("whole", 0, "expected a number >= 1"),
        ("whole", 11, "expected a number <= 10"), ("whole", True, "expected a number"), ("real", 0, "expected a number > 0"),
        ("real", 1, "expected a number < 1"), ("flag", "maybe", "expected yes or no"),
        ("wait", "5 parsecs", "unknown unit 'parsecs', known: ms, s, m, h, d, w"),
        ("size", "5 xB", "unknown unit 'xB', known: B, kB, mB, gB"),
        ("names", 5, "expected a list"), ("names", {"a": 1}, "expected a list"),
        ("kind", "c", "expected one of 'a', 'b'"), ("table", "x", "expected keys with values"),
        ("chosen", "three", "expected one of 'one', 'two'"),
        ("text", [], "expected text"), ("maybe", "x", "expected a whole number"),
    ],
)  # fmt: skip
def test_a_value_that_does_not_fit_is_told_with_what_was_expected(name, raw, told):
    with pytest.raises(ConfigError, match=f"option '{name}' has .*{told}"):
        Everything.parse({name: raw})


def test_defaults_stand_where_nothing_is_set():
    options = Everything.parse({})
    assert (options.text, options.whole, options.maybe, options.wait) == ("x", 3, None, 1.0)


def test_all_mistakes_are_told_at_once():
    class Two(Options):
        must: str = option(help="the address")
        number: int = option(1)

    with pytest.raises(ConfigError) as raised:
        Two.parse({"number": "x"})
    assert [problem.path for problem in raised.value.problems] == [("must",), ("number",)]
    assert "option 'must' must be set (the address)" in str(raised.value)


def test_a_secret_is_never_shown():
    class Secret(Options):
        password: str = option("", secret=True)
        pin: int = option(0, secret=True)

    assert "hunter2" not in repr(Secret.parse({"password": "hunter2"}))
    with pytest.raises(ConfigError, match="a secret value") as raised:
        Secret.parse({"pin": "hunter2"})
    assert "hunter2" not in str(raised.value)


def test_nearest_names_what_was_probably_meant():
    assert nearest("sink", ["link", "source"]) == "did you mean 'link'?"
    assert nearest("zzz", ["b", "a"]) == "known: a, b"
    assert nearest("zzz", []) == ""


# components


class ParentOptions(ProcessorOptions):
    colour: str = option("red")
    count: int = option(1, aliases=("number",))


class Parent(Processor):
    class Options(ParentOptions):
        pass


class Child(Parent):
    class Options(ParentOptions):
        colour: str = option("blue")


class Contract(Processor):
    """A class of the contract: a dict of defaults, read as text."""

    ConfigDefaults = {"url": "http://localhost", "limit": 5}


@pytest.fixture
def make():
    with fresh_application() as app:
        pipeline = Pipeline(app, "P")
        yield lambda part, **config: part(app, pipeline, config=config or None)


def test_code_wins_over_the_file_and_the_file_over_defaults(make):
    asab.Config.read_dict({"pipeline:P:Parent": {"colour": "green", "count": "2"}})
    part = make(Parent, count=3)
    assert (part.options.colour, part.options.count) == ("green", 3)
    assert part.Config["colour"] == "green"


def test_a_subclass_inherits_options_and_may_change_their_defaults(make):
    part = make(Child)
    assert (part.options.colour, part.options.count, part.options.on_error) == ("blue", 1, None)
    assert make(Parent).options.colour == "red"
    assert part.Config["colour"] == "blue"


def test_the_contracts_config_defaults_work(make):
    asab.Config.read_dict({"pipeline:P:Contract": {"limit": "7"}})
    part = make(Contract, url="http://example.org")
    assert part.Config["url"] == "http://example.org"
    assert part.Config.getint("limit") == 7


def test_an_older_name_of_an_option_is_understood(make):
    assert make(Parent, number=5).options.count == 5
    assert make(Parent, number=5, count=6).options.count == 6


def test_an_unknown_key_is_an_error_in_code_with_the_nearest_name(make):
    with pytest.raises(ConfigError, match="pipeline P, Parent: unknown option 'color' .*did you mean 'colour'"):
        make(Parent, color="x")
    with pytest.raises(ConfigError, match="unknown option 'ulr'"):
        make(Contract, ulr="x")


def test_an_unknown_key_is_a_warning_in_a_file(make, caplog):
    asab.Config.read_dict({"pipeline:P:Parent": {"color": "green"}})
    assert make(Parent).options.colour == "red"
    assert "[pipeline:P:Parent]" in caplog.text
    assert "did you mean 'colour'" in caplog.text


def test_a_class_that_declares_nothing_reads_config_freely(make):
    class Free(Processor):
        pass

    assert make(Free, anything="5").Config["anything"] == "5"


def test_an_option_that_must_be_set_is_told_by_name(make):
    class MustOptions(ProcessorOptions):
        path: str = option(help="the file to write")

    class Must(Processor):
        class Options(MustOptions):
            pass

    with pytest.raises(ConfigError, match=r"pipeline P, Must: option 'path' must be set \(the file to write\)"):
        make(Must)
    assert make(Must, path="x").options.path == "x"


def test_problems_are_collected_within_a_block(make):
    with collect_problems() as problems:
        part = make(Parent, colr="x", count="many")
        make(Contract, ulr="x")
    assert part.options.count == 1
    assert len(problems) == 3
    with pytest.raises(ConfigError):
        make(Parent, colr="x")


def test_the_section_of_a_pipeline_sets_its_options():
    with fresh_application({"pipeline:P": {"commit_interval": "2s", "on_error": "drop", "max_in_flight": "10"}}) as app:
        options = Pipeline(app, "P").options
        assert (options.commit_interval, options.on_error, options.max_in_flight) == (2.0, "drop", 10)
        assert Pipeline(app, "P", {"on_error": "stop"}).options.on_error == "stop"
        assert Pipeline(app, "Q").options.async_concurency_limit == 1000


def test_every_configurable_has_typed_options_and_a_dict():
    class Alone(Configurable):
        ConfigDefaults = {"a": "1"}

    with fresh_application():
        assert Alone("alone").Config["a"] == "1"
        with pytest.raises(ConfigError):
            Alone("alone", {"b": 1})
